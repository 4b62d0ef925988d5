"""Processes that use an embedded server, and a look at what runs, for the tests that kill them."""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg

from rocksync.postgres.embedded_home import Home, try_lock

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")
QUICK = {"fsync": "off", "synchronous_commit": "local"}
DEADLINE_S = 30.0
SHA256_DIGITS = 64
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


def all_ended(data_dir: Path) -> bool:
    """Whether no supervisor and no Postgres of *data_dir* is left.

    The lock comes first: a look through the processes misses a supervisor that moves to a child while it lasts.
    """
    lock = Home(folder=data_dir).open_lock("supervisor")
    try:
        return try_lock(lock, shared=True) and processes_of(data_dir) == []
    finally:
        os.close(lock)


def postmaster(data_dir: Path) -> int:
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def supervisors(data_dir: Path) -> list[int]:
    return processes_of(data_dir, named="rocksync.postgres.supervisor")


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
