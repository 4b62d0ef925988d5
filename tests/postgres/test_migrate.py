import asyncio
import json
import logging
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from rocksync.domain.errors import PassError, SettingsError
from rocksync.postgres.migrate import ahead, folder, migrate, pending

MIGRATE = """
import asyncio, json, sys
from pathlib import Path
from rocksync.postgres.migrate import migrate

print(json.dumps(asyncio.run(migrate(sys.stdin.readline().strip(), Path(sys.argv[1])))))
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    put(tmp_path, "0001_boxes.sql", "CREATE TABLE box (id bigint PRIMARY KEY);")
    put(tmp_path, "0002_lids.sql", "CREATE TABLE lid (id bigint PRIMARY KEY);")
    return tmp_path


def put(files: Path, name: str, text: str) -> None:
    (files / name).write_text(text, encoding="utf-8")


async def has(dsn: str, relation: str) -> bool:
    connection = await asyncpg.connect(dsn)
    try:
        return bool(await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", relation))
    finally:
        await connection.close()


async def at_once(_pause_s: float) -> None:
    """Pause for no time."""


async def sleeper(connection: asyncpg.Connection) -> int:
    """Id of the session that sleeps in this database, once there is one."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    async with asyncio.timeout(30):
        while True:
            found = await connection.fetchval(query)
            if found is not None:
                return int(found)
            await asyncio.sleep(0.02)


async def test_files_are_applied_in_order_and_once(empty_database: str, files: Path):
    assert await pending(empty_database, files) == ["0001_boxes.sql", "0002_lids.sql"]

    assert await migrate(empty_database, files) == ["0001_boxes.sql", "0002_lids.sql"]
    assert await migrate(empty_database, files) == []
    assert await pending(empty_database, files) == []


async def test_looking_for_what_is_pending_changes_nothing(empty_database: str, files: Path):
    await pending(empty_database, files)

    assert not await has(empty_database, "rocksync.migration")


async def test_a_record_tells_what_was_applied_and_how_long_it_took(empty_database: str, files: Path):
    await migrate(empty_database, files)

    connection = await asyncpg.connect(empty_database)
    record = await connection.fetchrow("SELECT * FROM rocksync.migration WHERE version = 2")
    await connection.close()
    assert record["name"] == "0002_lids.sql"
    assert len(record["sha256"]) == 64
    assert record["took_s"] > 0
    assert record["applied_at"].tzinfo is not None


async def test_a_connection_serves_as_well_as_a_dsn_and_gets_its_limits_back(empty_database: str, files: Path):
    connection = await asyncpg.connect(empty_database, server_settings={"statement_timeout": "7s"})
    try:
        assert await migrate(connection, files) == ["0001_boxes.sql", "0002_lids.sql"]
        assert await connection.fetchval("SHOW statement_timeout") == "7s"
        assert (
            await connection.fetchval(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            )
            == 0
        )
    finally:
        await connection.close()


async def test_a_file_that_fails_leaves_nothing_and_those_before_it_stay(empty_database: str, files: Path):
    put(files, "0003_broken.sql", "CREATE TABLE half (id bigint);\n\nSELECT no_such_column\n  FROM box;")

    with pytest.raises(SettingsError, match=r"0003_broken\.sql failed at line 3: column .* does not exist"):
        await migrate(empty_database, files)

    assert await has(empty_database, "lid")
    assert not await has(empty_database, "half")
    put(files, "0003_broken.sql", "CREATE TABLE whole (id bigint);")
    assert await migrate(empty_database, files) == ["0003_broken.sql"]


async def test_a_file_edited_after_it_was_applied_is_refused(empty_database: str, files: Path):
    await migrate(empty_database, files)
    put(files, "0001_boxes.sql", "CREATE TABLE box (id bigint PRIMARY KEY, colour text);")
    put(files, "0003_more.sql", "CREATE TABLE more (id bigint);")

    with pytest.raises(SettingsError, match=r"0001_boxes\.sql changed after it was applied"):
        await migrate(empty_database, files)
    with pytest.raises(SettingsError, match=r"0001_boxes\.sql changed after it was applied"):
        await pending(empty_database, files)
    assert not await has(empty_database, "more")


async def test_a_renamed_file_is_refused(empty_database: str, files: Path):
    await migrate(empty_database, files)
    (files / "0001_boxes.sql").rename(files / "0001_cartons.sql")

    with pytest.raises(SettingsError, match=r"0001_cartons\.sql was applied as 0001_boxes\.sql"):
        await migrate(empty_database, files)


async def test_a_lost_file_is_refused(empty_database: str, files: Path):
    await migrate(empty_database, files)
    (files / "0001_boxes.sql").unlink()

    with pytest.raises(SettingsError, match=r"0001_boxes\.sql was applied, and its file is gone"):
        await migrate(empty_database, files)


async def test_a_file_that_comes_before_an_applied_one_is_refused(empty_database: str, files: Path):
    put(files, "0009_late.sql", "CREATE TABLE late (id bigint);")
    await migrate(empty_database, files)
    put(files, "0005_forgotten.sql", "CREATE TABLE forgotten (id bigint);")

    with pytest.raises(SettingsError, match=r"0005_forgotten\.sql comes before 0009_late\.sql.*: renumber it"):
        await migrate(empty_database, files)


@pytest.mark.parametrize("name", ["1_short.sql", "0003-dash.sql", "0003_Upper.sql", "note.sql", "0003_.sql"])
async def test_a_malformed_name_is_refused(empty_database: str, files: Path, name: str):
    put(files, name, "SELECT 1;")

    with pytest.raises(SettingsError, match=f"migration {name}: the name is not like"):
        await migrate(empty_database, files)


async def test_two_files_of_one_number_are_refused(empty_database: str, files: Path):
    put(files, "0002_other.sql", "SELECT 1;")

    with pytest.raises(SettingsError, match=r"0002_lids\.sql and 0002_other\.sql have the same number"):
        await migrate(empty_database, files)


async def test_a_database_ahead_of_the_code_is_told_and_not_fatal(
    empty_database: str, files: Path, caplog: pytest.LogCaptureFixture
):
    put(files, "0003_newer.sql", "CREATE TABLE newer (id bigint);")
    await migrate(empty_database, files)
    (files / "0003_newer.sql").unlink()

    with caplog.at_level(logging.WARNING):
        assert await migrate(empty_database, files) == []
    assert await pending(empty_database, files) == []
    assert await ahead(empty_database, files) == ["0003_newer.sql"]
    assert "database_ahead" in caplog.messages


async def test_an_index_is_made_concurrently_while_another_migrator_waits(empty_database: str, files: Path):
    put(files, "0003_slow.sql", "SELECT pg_sleep(0.3);")
    put(files, "0004_index.sql", "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS box_by_id ON box (id);")

    first, second = await asyncio.gather(migrate(empty_database, files), migrate(empty_database, files))

    assert sorted([len(first), len(second)]) == [0, 4]
    assert await has(empty_database, "box_by_id")


async def test_three_processes_that_start_at_once_apply_each_file_once(empty_database: str, files: Path):
    put(files, "0003_slow.sql", "SELECT pg_sleep(0.3);")
    processes = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", MIGRATE, str(files)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]

    told = await asyncio.gather(*(process.communicate(empty_database.encode() + b"\n") for process in processes))

    assert sorted(len(json.loads(out)) for out, _ in told) == [0, 0, 3]


async def test_a_migrator_that_is_killed_leaves_nothing_half_done(empty_database: str, files: Path):
    put(files, "0003_endless.sql", "CREATE TABLE half (id bigint);\nSELECT pg_sleep(600);")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", MIGRATE, str(files)), stdin=asyncio.subprocess.PIPE
    )
    process.stdin.write(empty_database.encode() + b"\n")
    connection = await asyncpg.connect(empty_database)
    backend = await sleeper(connection)
    process.kill()
    await process.wait()
    await connection.execute("SELECT pg_terminate_backend($1)", backend)
    await connection.close()

    put(files, "0003_endless.sql", "CREATE TABLE whole (id bigint);")
    assert await migrate(empty_database, files) == ["0003_endless.sql"]
    assert not await has(empty_database, "half")


async def test_a_database_that_is_not_in_utf_8_is_told_before_anything_is_applied(
    server: asyncpg.Connection, empty_database: str
):
    at = urlsplit(empty_database)
    name = f"{at.path.lstrip('/')}_latin1"
    await server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
    latin1 = at._replace(path=f"/{name}").geturl()
    try:
        for command in (migrate, pending):
            with pytest.raises(SettingsError, match=r"the database is in LATIN1: make one in UTF-8"):
                await command(latin1, folder())
        assert not await has(latin1, "rocksync.migration")
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_database_that_takes_bytes_as_they_come_is_migrated(server: asyncpg.Connection, empty_database: str):
    at = urlsplit(empty_database)
    name = f"{at.path.lstrip('/')}_bytes"
    await server.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
    try:
        assert await migrate(at._replace(path=f"/{name}").geturl(), folder())
    finally:
        await server.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_the_migrations_that_come_with_the_code_apply(empty_database: str):
    names = await pending(empty_database, folder())

    assert names[0].startswith("0001_")
    assert await migrate(empty_database, folder()) == names


async def test_a_migration_that_meets_a_deadlock_begins_again(empty_database: str, files: Path):
    await migrate(empty_database, files)
    put(files, "0003_more.sql", "ALTER TABLE lid ADD size integer; ALTER TABLE box ADD size integer;")
    busy = await asyncpg.connect(empty_database)
    await busy.execute("SET deadlock_timeout = '1h'")  # so that it is the migration that is given up

    async with busy.transaction():
        await busy.execute("SELECT FROM box")
        migration = asyncio.create_task(migrate(empty_database, files, pause=at_once))
        async with asyncio.timeout(30):
            while True:
                if await busy.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"):
                    break
                await asyncio.sleep(0.01)
        await busy.execute("SELECT FROM lid")

    assert await migration == ["0003_more.sql"]
    assert await pending(empty_database, files) == []
    await busy.close()


_WAITED_PAST_THE_LOOK_FOR_DEADLOCKS = """
    SELECT EXISTS (SELECT FROM pg_locks
                    WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
                      AND clock_timestamp() > waitstart + current_setting('deadlock_timeout')::interval)
"""


async def test_a_transaction_that_a_migration_would_meet_in_a_deadlock_goes_on(empty_database: str, files: Path):
    await migrate(empty_database, files)
    put(files, "0003_more.sql", "ALTER TABLE lid ADD size integer; ALTER TABLE box ADD size integer;")
    busy = await asyncpg.connect(empty_database)
    paused, committed = asyncio.Event(), asyncio.Event()

    async def pause(_pause_s: float) -> None:
        paused.set()
        await committed.wait()

    async with asyncio.timeout(30):
        async with busy.transaction():
            await busy.execute("INSERT INTO box VALUES (1)")
            migration = asyncio.create_task(migrate(empty_database, files, pause=pause))
            while True:
                if paused.is_set() or await busy.fetchval(_WAITED_PAST_THE_LOOK_FOR_DEADLOCKS):
                    break
                await asyncio.sleep(0.01)
            await busy.execute("INSERT INTO lid VALUES (1)")
        committed.set()

        assert await migration == ["0003_more.sql"]
    await busy.close()


async def test_a_migration_that_waits_lets_others_work_and_tells_for_whom(empty_database: str, files: Path):
    put(files, "0003_store.sql", "CREATE SCHEMA store; CREATE TABLE store.product (sku text);")
    await migrate(empty_database, files)
    put(files, "0004_more.sql", "ALTER TABLE lid ADD size integer; ALTER TABLE store.product ADD size integer;")
    reader = await asyncpg.connect(empty_database, server_settings={"application_name": "a report"})
    shop = await asyncpg.connect(empty_database, server_settings={"lock_timeout": "1ms"})
    report, pauses, told = reader.transaction(), [], []

    async def pause(pause_s: float) -> None:
        await shop.execute("INSERT INTO store.product VALUES ('A'); DELETE FROM lid")
        pauses.append(pause_s)
        if len(pauses) == 3:
            await report.rollback()

    await report.start()
    await reader.execute("SELECT 'a buyer' FROM store.product")

    assert await migrate(empty_database, files, tell=told.append, pause=pause) == ["0004_more.sql"]
    assert pauses == [1.0, 2.0, 4.0]
    assert [line[: line.index(" (")] for line in told] == [
        f"migration 0004_more.sql waits for locks, tried {n} times: session {reader.get_server_pid()}"
        for n in (1, 2, 3)
    ]
    assert all(
        re.search(r" \(a report\), in a transaction since 2.* UTC, has locks on store\.product$", line) for line in told
    )
    await reader.close()
    await shop.close()


async def test_a_migration_that_gets_no_locks_ends_with_whom_it_waited_for(empty_database: str, files: Path):
    put(files, "0003_store.sql", "CREATE SCHEMA store; CREATE TABLE store.product (sku text);")
    await migrate(empty_database, files)
    put(files, "0004_more.sql", "ALTER TABLE store.product ADD size integer;")
    reader = await asyncpg.connect(empty_database, server_settings={"application_name": "a report"})
    connection = await asyncpg.connect(empty_database, server_settings={"deadlock_timeout": "20ms"})
    pauses = []

    async def pause(pause_s: float) -> None:
        pauses.append(pause_s)

    async with reader.transaction():
        await reader.execute("SELECT FROM store.product")
        with pytest.raises(
            PassError, match=r"tried 20 times: session .* \(a report\).* store\.product: let what holds them end"
        ):
            await migrate(connection, files, pause=pause)

    assert 200 < sum(pauses) < 300
    assert await pending(connection, files) == ["0004_more.sql"]
    await reader.close()
    await connection.close()
