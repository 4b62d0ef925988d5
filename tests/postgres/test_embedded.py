import asyncio
import contextlib
import os
import signal
import stat
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from rocksync.postgres import embedded
from tests.postgres.embedded_users import (
    QUICK,
    all_ended,
    answers,
    postmaster,
    processes_of,
    said,
    supervisors,
    user,
)
from tests.worker.waiting import eventually

KEPT = "SELECT sum(number) FROM kept"
SUM = 5000 * 5001 // 2


async def fill(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept AS SELECT g AS number FROM generate_series(1, 5000) AS g")
    await connection.close()


def seen_of(process_id: int, file: str) -> str:
    return Path(f"/proc/{process_id}/{file}").read_text(errors="replace")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_what_was_committed_is_there_at_the_next_start(data_dir: Path, binaries: Path | None):
    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        await fill(dsn)
    await eventually(lambda: all_ended(data_dir))

    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        assert await answers(dsn, KEPT) == SUM
    await eventually(lambda: all_ended(data_dir))


async def test_the_server_speaks_utf8_and_needs_its_password(data_dir: Path, binaries: Path | None):
    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        password = (data_dir / "postgres.password").read_text()

        assert await answers(dsn, "SHOW server_encoding") == "UTF8"
        assert await answers(dsn, "SELECT lower('ÇÃO')") == "ção"
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(dsn.replace(password, "guessed"))
        by_socket = {"host": str(data_dir / "postgres"), "port": urlsplit(dsn).port, "user": "rocksync"}
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(**by_socket, password="guessed", database="rocksync")


async def test_a_killed_postgres_comes_back_at_the_same_address_with_its_data(data_dir: Path, binaries: Path | None):
    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        await fill(dsn)
        before = postmaster(data_dir)
        os.kill(before, signal.SIGKILL)

        assert await answers(dsn, KEPT) == SUM
        assert postmaster(data_dir) != before


async def test_a_killed_postgres_comes_back_although_a_query_still_runs(data_dir: Path, binaries: Path | None):
    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        busy = await asyncpg.connect(dsn)
        query = asyncio.create_task(busy.fetchval("SELECT count(*) FROM generate_series(1, 1000000000000)"))
        await eventually(lambda: processes_of(data_dir, named="SELECT") != [])
        os.kill(postmaster(data_dir), signal.SIGKILL)

        assert await answers(dsn) == 1
        with pytest.raises((asyncpg.PostgresError, OSError)):
            await query


async def test_a_killed_supervisor_takes_the_server_along_and_a_user_brings_both_back(
    data_dir: Path, binaries: Path | None
):
    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        await fill(dsn)
        old_server, (old_supervisor,) = postmaster(data_dir), supervisors(data_dir)
        os.kill(old_supervisor, signal.SIGKILL)
        await eventually(lambda: old_server not in processes_of(data_dir))

        assert await answers(dsn, KEPT) == SUM
    await eventually(lambda: all_ended(data_dir))


async def test_nothing_stays_behind_a_killed_user(data_dir: Path, binaries: Path | None):
    async with user(data_dir, binaries) as only:
        await said(only)
        only.kill()
        await only.wait()

    await eventually(lambda: all_ended(data_dir))
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()


async def test_nothing_stays_behind_a_user_killed_while_the_server_starts(data_dir: Path):
    async with user(data_dir) as only:
        await eventually(lambda: processes_of(data_dir) != [])
        only.kill()
        await only.wait()

    await eventually(lambda: all_ended(data_dir))


async def test_four_processes_that_start_at_once_share_one_server(data_dir: Path, binaries: Path | None):
    async with contextlib.AsyncExitStack() as stack:
        users = [await stack.enter_async_context(user(data_dir, binaries)) for _ in range(4)]

        assert len({await said(each) for each in users}) == 1
        assert len(supervisors(data_dir)) == 1
    await eventually(lambda: all_ended(data_dir))


async def test_the_others_keep_the_server_when_its_starter_is_killed(data_dir: Path):
    async with user(data_dir) as starter:
        await said(starter)
        async with embedded.running(data_dir) as dsn:
            server = postmaster(data_dir)
            connection = await asyncpg.connect(dsn)
            starter.kill()
            await starter.wait()

            assert await connection.fetchval("SELECT 1") == 1
            assert postmaster(data_dir) == server
            await connection.close()
    await eventually(lambda: all_ended(data_dir))


async def test_a_start_after_everything_was_killed_at_once_recovers(data_dir: Path, binaries: Path | None):
    async with user(data_dir, binaries) as only:
        await said(only)
        await fill((data_dir / "postgres.dsn").read_text())
        for process_id in (*supervisors(data_dir), postmaster(data_dir), only.pid):
            os.kill(process_id, signal.SIGKILL)
        await only.wait()

    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        assert await answers(dsn, KEPT) == SUM


async def test_a_pid_file_that_names_a_living_stranger_does_not_stop_the_start(data_dir: Path):
    async with embedded.running(data_dir, options=QUICK):
        pid_file = (data_dir / "postgres" / "postmaster.pid").read_text()
    _, _, rest = pid_file.partition("\n")
    (data_dir / "postgres" / "postmaster.pid").write_text(f"{os.getpid()}\n{rest}")

    async with embedded.running(data_dir, options=QUICK) as dsn:
        assert await answers(dsn) == 1


async def test_signals_for_a_whole_group_leave_the_server_to_its_users(data_dir: Path):
    async with embedded.running(data_dir, options=QUICK) as dsn:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(supervisors(data_dir)[0], number)
        server = postmaster(data_dir)

        assert await answers(dsn) == 1
        assert postmaster(data_dir) == server


async def test_no_secret_is_in_arguments_environment_log_or_a_file_others_read(data_dir: Path):
    async with user(data_dir, env={"ROCKSYNC_SECRETS__KEYS": "a-key-of-the-user"}) as only:
        await said(only)
        password = (data_dir / "postgres.password").read_text()

        for process_id in processes_of(data_dir):
            told = seen_of(process_id, "cmdline") + seen_of(process_id, "environ")
            assert password not in told
            assert "a-key-of-the-user" not in told
        assert password not in (data_dir / "postgres.log").read_text()
        assert [mode(data_dir / name) for name in ("", "postgres.dsn", "postgres.password")] == [0o700, 0o600, 0o600]


async def test_the_log_holds_no_statement_and_no_row(data_dir: Path):
    async with embedded.running(data_dir, options=QUICK) as dsn:
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE TABLE buyer (document text PRIMARY KEY)")
        await connection.execute("INSERT INTO buyer VALUES ('11122233344')")
        with pytest.raises(asyncpg.UniqueViolationError):
            await connection.execute("INSERT INTO buyer VALUES ('11122233344')")
        await connection.close()

    log = (data_dir / "postgres.log").read_text()
    assert "duplicate key" in log
    assert "11122233344" not in log
