import asyncio
import os
import sys
from pathlib import Path

import asyncpg
import click
import pytest

from rocksync.cli.lazy import LazyGroup
from rocksync.cli.main import cli
from rocksync.cli.running import guarded

from .conftest import Command, clean_environment, run_command


def every_command(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], click.Command]]:
    found: list[tuple[tuple[str, ...], click.Command]] = []
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append(((*path, name), command))
        if isinstance(command, LazyGroup):
            found += every_command(command, (*path, name))
    return found


@pytest.mark.parametrize(
    ("path", "command"), every_command(cli), ids=lambda each: " ".join(each) if isinstance(each, tuple) else ""
)
def test_every_command_is_there_with_help_of_its_own(path: tuple[str, ...], command: click.Command):
    assert command.name == path[-1]
    assert command.help


@pytest.mark.parametrize("arguments", [["--help"], ["status", "--help"], ["tenant", "add", "--help"]])
async def test_help_imports_no_driver(tmp_path: Path, arguments: list[str]):
    ended = await run_command(*arguments, environment={"PYTHONPROFILEIMPORTTIME": "1"}, folder=tmp_path)

    imported = {line.rpartition("|")[2].strip() for line in ended.err.splitlines()}
    assert "click" in imported
    assert not imported & {"asyncpg", "aiohttp", "dynaconf", "prometheus_client", "rich", "cryptography", "msgspec"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["tenannt"], "No such command 'tenannt'"),
        (["tenant", "add"], "Missing argument 'SLUG'"),
        (["tenant", "pause", "x"], "Missing option '--reason'"),
        (["schedule", "set", "x", "stok", "--manual"], "'stok' is no kind: product, price, stock or order"),
        (["schedule", "set", "x", "stock", "--every", "5"], "'5' must be a duration such as 90s"),
        (["schedule", "set", "x", "stock"], "give one of --every DURATION, --manual, --immediate or --default"),
        (["tenant", "pause", "x", "--reason", "y", "--until", "2001-01-01"], "'2001-01-01' is past already"),
        (["tenant", "set", "x"], "say what to change"),
        (["tenant", "set", "x", "--setting", "novalue"], "'novalue' must be like reserve_stock=false"),
    ],
)
async def test_misuse_is_one_line_and_exit_2(tmp_path: Path, arguments: list[str], told: str):
    ended = await run_command(*arguments, environment={}, folder=tmp_path)

    assert ended.code == 2
    assert told in ended.err
    assert len(ended.err.splitlines()) == 1
    assert ended.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["tenant", "add", "acme", "--name", "A", "--domain", "a.b"],
        ["tenant", "credentials", "acme"],
        ["secrets", "seal"],
        ["tenant", "remove", "acme"],
    ],
)
async def test_a_closed_standard_input_is_misuse_where_something_is_to_be_read(
    environment: dict[str, str], connection: asyncpg.Connection, tmp_path: Path, arguments: list[str]
):
    await connection.execute("SELECT rocksync.add_tenant('acme', 'A', 'a.b', 'i', 's', 'u', 't')")
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", 'exec "$0" -m rocksync "$@" <&-', sys.executable, *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean_environment(), **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
    )
    out, err = await process.communicate()

    assert (process.returncode, out) == (2, b"")
    assert b"standard input" in err.lower()
    assert len(err.splitlines()) == 1


async def test_text_that_cannot_be_stored_is_misuse(rocksync: Command, connection: asyncpg.Connection):
    await connection.execute("SELECT rocksync.add_tenant('acme', 'A', 'a.b', 'i', 's', 'u', 't')")

    for arguments in (
        ("explain", "acme", "sku", os.fsdecode(b"\xff")),
        ("tenant", "set", "acme", "--setting", r'a="\u0000"'),
        ("tenant", "set", "acme", "--setting", r'a="\ud800"'),
    ):
        ended = await rocksync(*arguments)

        assert ended.code == 2, ended.err
        assert "unexpected" not in ended.err
        assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("group", [[], ["tenant"], ["schedule"], ["quarantine"], ["mapper"]])
async def test_a_group_alone_prints_its_help_as_help_does(tmp_path: Path, group: list[str]):
    ended = await run_command(*group, environment={}, folder=tmp_path)
    helped = await run_command(*group, "--help", environment={}, folder=tmp_path)

    assert (ended.code, helped.code) == (2, 0)
    assert ended.err.rstrip("\n") == helped.out.rstrip("\n")
    assert ended.out == ""


async def test_wrong_settings_are_one_line_and_exit_2(rocksync: Command):
    ended = await rocksync("tenant", "list", ROCKSYNC_WORKER__CONCURENCY="3", ROCKSYNC_HTTP__PORT="x")

    assert ended.code == 2
    assert "did you mean ROCKSYNC_WORKER__CONCURRENCY?" in ended.err
    assert "http.port must be a whole number" in ended.err
    assert len(ended.err.splitlines()) == 1


async def test_a_database_that_is_not_there_is_one_line_without_the_password(rocksync: Command):
    ended = await rocksync("status", ROCKSYNC_DATABASE__DSN="postgresql://u:hunter2@127.0.0.1:1/d")

    assert ended.code == 2
    assert "127.0.0.1:1 cannot be reached" in ended.err
    assert "hunter2" not in ended.err
    assert len(ended.err.splitlines()) == 1


async def test_debug_adds_the_traceback(rocksync: Command):
    ended = await rocksync("--debug", "status", ROCKSYNC_DATABASE__DSN="postgresql://u:hunter2@127.0.0.1:1/d")

    assert ended.code == 2
    assert "Traceback" in ended.err
    assert "hunter2" not in ended.err


async def test_a_database_without_our_tables_is_told_to_be_migrated(rocksync: Command, empty_database: str):
    refused = await rocksync("tenant", "list", ROCKSYNC_DATABASE__DSN=empty_database)
    missing = await rocksync("migrate", "--check", ROCKSYNC_DATABASE__DSN=empty_database)
    applied = await rocksync("migrate", ROCKSYNC_DATABASE__DSN=empty_database)
    again = await rocksync("migrate", "--check", ROCKSYNC_DATABASE__DSN=empty_database)

    assert (refused.code, missing.code, applied.code, again.code) == (2, 1, 0, 0)
    assert "run `rocksync migrate` first" in refused.err
    assert "0001_tenants.sql is to be applied" in missing.out
    assert "0001_tenants.sql is applied" in applied.out


async def until_somebody_waits(observer: asyncpg.Connection, waits: bool) -> None:
    query = """SELECT EXISTS (SELECT FROM pg_stat_activity
                               WHERE datname = current_database() AND wait_event_type = 'Lock')"""
    while True:
        if await observer.fetchval(query) is waits:
            break
        await asyncio.sleep(0.01)


async def test_a_migration_tells_while_it_waits_for_locks(rocksync: Command, empty_database: str):
    platform, observer = await asyncpg.connect(empty_database), await asyncpg.connect(empty_database)

    async with asyncio.timeout(60):
        transaction = platform.transaction()
        await transaction.start()
        await platform.execute("CREATE SCHEMA store")
        migration = asyncio.create_task(rocksync("migrate", ROCKSYNC_DATABASE__DSN=empty_database))
        await until_somebody_waits(observer, True)
        await until_somebody_waits(observer, False)
        await transaction.rollback()
        ended = await migration

    assert ended.code == 0
    assert ended.err.startswith("rocksync: migration 0002_store.sql waits for locks, tried 1 times: ")
    assert "0002_store.sql is applied" in ended.out
    await platform.close()
    await observer.close()


async def test_a_database_that_takes_no_writes_is_not_said_to_be_well(rocksync: Command, database: str):
    read_only = f"{database}{'&' if '?' in database else '?'}default_transaction_read_only=on"

    checked = await rocksync("migrate", "--check", ROCKSYNC_DATABASE__DSN=read_only)
    as_json = await rocksync("migrate", "--check", "--json", ROCKSYNC_DATABASE__DSN=read_only)

    assert (checked.code, checked.out) == (1, "the database is up to date\n")
    assert (as_json.code, as_json.json) == (1, {"missing": []})
    for ended in (checked, as_json):
        assert ended.err.startswith("rocksync: the database takes no writes: let database.dsn lead to the primary")
        assert len(ended.err.splitlines()) == 1


async def test_without_a_dsn_commands_share_an_embedded_postgres_and_its_key_file(tmp_path: Path):
    secrets = {f"ROCKSYNC_{name}": "x" for name in ("CLIENT_ID", "CLIENT_SECRET", "API_USER", "API_SECRET")}

    added = await run_command(
        *("tenant", "add", "acme", "--name", "Acme", "--domain", "acme.test"), environment=secrets, folder=tmp_path
    )
    listed = await run_command("tenant", "list", "--json", environment={}, folder=tmp_path)

    assert added.code == 0, added.err
    assert [each["slug"] for each in listed.json] == ["acme"]
    assert (tmp_path / ".rocksync" / "secrets.keys").is_file()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (asyncpg.LockNotAvailableError("lock timeout"), "tables are locked by another transaction"),
        (asyncpg.QueryCanceledError("statement timeout"), "the database took too long"),
        (asyncpg.DiskFullError("no space"), "the database's disk is full: free or enlarge it"),
        (FileNotFoundError("mappers"), "unexpected FileNotFoundError: mappers (`rocksync --debug …` shows where)"),
    ],
)
def test_what_the_database_has_against_a_command_is_told_in_its_own_words(
    capsys: pytest.CaptureFixture[str], error: Exception, told: str
):
    def command() -> None:
        raise error

    assert guarded(command, debug=False) == 1
    assert capsys.readouterr().err == f"rocksync: {told}\n"
