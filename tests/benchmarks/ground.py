"""The ground a scenario stands on: an embedded Postgres as it comes, the sandbox, workers, and tenants by SQL."""

import asyncio
import base64
import contextlib
import json
import os
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from rocksync.postgres import embedded
from rocksync.postgres.credentials import CredentialStore
from rocksync.postgres.migrate import folder, migrate
from rocksync.postgres.pool import open_pool
from rocksync.postgres.vault import Vault
from rocksync.sandbox.hub import FIRST_USER_ID
from tests.benchmarks import machine, stores

ROOT = Path(__file__).parents[2]
KEY = base64.b64encode(bytes(range(32))).decode()
UNLIMITED = 1e6
"""Requests per second and tenant where the limit is not what is measured."""
_START_S = 60.0
_STOP_S = 60.0


class Child:
    """A process that says it is ready by a line of standard output, and ends when its standard input does."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @classmethod
    async def started(cls, *arguments: str) -> tuple["Child", str]:
        """Start ``python`` with *arguments*; returns the process and its first line."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=ROOT,
            limit=2**22,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        child = cls(process)
        return child, await child.line(_START_S)

    @property
    def pid(self) -> int:
        """Its id."""
        return self.process.pid

    def cpu_s(self) -> float:
        """Seconds of CPU it and its children used."""
        return machine.cpu_s(machine.family(self.pid))

    async def line(self, deadline_s: float) -> str:
        """The next line it says."""
        assert self.process.stdout is not None
        line = await asyncio.wait_for(self.process.stdout.readline(), deadline_s)
        if not line:
            raise RuntimeError(f"a process ended with {await self.process.wait()} instead of answering")
        return line.decode().strip()

    async def say(self, text: str) -> None:
        """Write a line to it."""
        assert self.process.stdin is not None
        self.process.stdin.write(text.encode() + b"\n")
        await self.process.stdin.drain()

    async def stop(self) -> None:
        """End it, and wait until it has."""
        if self.process.returncode is None and self.process.stdin is not None:
            self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), _STOP_S)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it as a power cut would."""
        for pid in reversed(machine.family(self.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, 9)
        await self.process.wait()


class Hub:
    """The sandbox's process."""

    def __init__(self, child: Child, url: str, files: Path) -> None:
        self.child = child
        self.url = url
        self._files = files

    async def do(self, what: str, **with_: Any) -> Any:
        """Have it obey one command."""
        await self.child.say(json.dumps({"do": what, **with_}))
        return json.loads(await self.child.line(600))

    async def journal(self) -> list["Request"]:
        """Every request since the last ``mark``."""
        file = self._files / f"journal-{uuid.uuid4().hex}"
        await self.do("journal", file=str(file))
        with file.open(encoding="utf-8") as lines:
            found = [Request(*json.loads(line)) for line in lines]
        file.unlink()
        return found

    async def offers(self) -> dict[int, dict[str, tuple[float, int]]]:
        """Price and quantity of every simple product, by account and SKU."""
        file = self._files / f"offers-{uuid.uuid4().hex}"
        await self.do("offers", file=str(file))
        found = json.loads(file.read_text(encoding="utf-8"))
        file.unlink()
        return {int(user): {sku: (row[0], row[1]) for sku, row in rows.items()} for user, rows in found.items()}


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the hub logged it, at an epoch."""

    at: float
    account: int | None
    method: str
    route: str
    path: str
    status: int
    body: str

    @property
    def writes(self) -> bool:
        """Whether it is about a product and no mere question."""
        return self.method in {"PUT", "POST"} and self.route != "/oauth/token"


@dataclass(slots=True)
class Worker:
    """A worker's process, and the file for its notes."""

    child: Child
    notes_file: Path
    url: str

    def notes(self) -> list[list[Any]]:
        """Its passes, once it has stopped: tenant, kind, late, started, seconds, outcome."""
        found: list[list[Any]] = json.loads(self.notes_file.read_text(encoding="utf-8"))
        return found


@dataclass(slots=True)
class Ground:
    """A database of its own, and a sandbox."""

    dsn: str
    pool: asyncpg.Pool
    hub: Hub
    files: Path
    postgres: Path
    tenants: list[int] = field(default_factory=list)

    def account(self, tenant: int) -> int:
        """The hub's number of a tenant's account."""
        return FIRST_USER_ID + self.tenants.index(tenant)

    async def add_tenants(self, count: int) -> list[int]:
        """Onboard *count* tenants by SQL, with accounts at the hub, active, due evenly over the interval."""
        first = len(self.tenants)
        await self.hub.do("accounts", count=count)
        added = await stores.add_tenants(self.pool, FIRST_USER_ID + first, count)
        await CredentialStore(self.pool, Vault([KEY])).seal_inbox()
        await stores.activate(self.pool, added)
        self.tenants += added
        return added

    def postgres_cpu_s(self) -> float:
        """Seconds of CPU that the database server used."""
        return machine.cpu_s(machine.family(self._postmaster()))

    def _postmaster(self) -> int:
        """The server may see itself in a namespace of its own, so that its file of the id is of no use here."""
        mark = str(self.postgres)
        for path in Path("/proc").iterdir():
            if path.name.isdecimal():
                with contextlib.suppress(OSError):
                    line = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
                    if line[0].endswith("postgres") and any(word.startswith(mark) for word in line[1:]):
                        return int(path.name)
        raise RuntimeError("the database server is not among the processes")

    @contextlib.asynccontextmanager
    async def worker(self, **config: Any) -> AsyncIterator[Worker]:
        """A worker over all tenants; *config* is settings by section."""
        name = uuid.uuid4().hex
        notes = self.files / f"notes-{name}"
        file = self.files / f"worker-{name}"
        config = {"dsn": self.dsn, "hub": self.hub.url, "key": KEY, "folder": str(self.files), **config}
        file.write_text(json.dumps({**config, "notes": str(notes)}), encoding="utf-8")
        child, url = await Child.started("-m", "tests.benchmarks.worker", str(file))
        try:
            yield Worker(child, notes, url)
        finally:
            await child.stop()

    async def settled(self, *, deadline_s: float = 900) -> None:
        """Wait until nothing is pending."""
        await until(lambda: stores.is_settled(self.pool), deadline_s=deadline_s)


async def until(true: Callable[[], Awaitable[bool]], *, deadline_s: float, every_s: float = 0.1) -> None:
    """Wait until *true* says so. Raises: TimeoutError."""
    deadline = time.monotonic() + deadline_s
    while not await true():
        if time.monotonic() > deadline:
            raise TimeoutError("the scenario did not come to its end")
        await asyncio.sleep(every_s)


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[tuple[str, Path]]:
    """A Postgres for the whole run, as the embedded one comes: durable, with its small caches."""
    with tempfile.TemporaryDirectory(prefix="rocksync-bench-", ignore_cleanup_errors=True) as name:
        place = Path(name) / "postgres"
        async with embedded.running(place) as dsn:
            yield dsn, place


@contextlib.asynccontextmanager
async def ground(at: tuple[str, Path], *, latency_s: float = 0.0) -> AsyncIterator[Ground]:
    """A new database on the server *at*, and a new sandbox."""
    dsn, place = at
    name = f"bench_{uuid.uuid4().hex[:12]}"
    admin = await asyncpg.connect(dsn)
    files = Path(tempfile.mkdtemp(prefix="ground-", dir=place.parent))
    (files / "mappers").mkdir()
    await admin.execute(f"CREATE DATABASE {name}")
    own = urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))
    await migrate(own, folder())
    pool = await open_pool(own, size=4, application_name="bench")
    child, url = await Child.started("-m", "tests.benchmarks.hub", str(machine.HUB_CORE))
    hub = Hub(child, url, files)
    try:
        await hub.do("latency", seconds=latency_s)
        yield Ground(dsn=own, pool=pool, hub=hub, files=files, postgres=place)
    finally:
        await child.stop()
        await pool.close()
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await admin.close()
