"""The ring: one Postgres, and for each round a database, a hub, tenants, and worker processes behind proxies."""

import asyncio
import base64
import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from rocksync.postgres import embedded
from rocksync.postgres.migrate import folder, migrate
from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.server import serve
from tests.chaos.proxy import Proxy, proxying

KEY = base64.b64encode(bytes(range(32, 64))).decode()
LEASE_S = 3.0
_TEMPLATE = "chaos_template"
_RETRIED = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.DeadlockDetectedError,  # the rounds write to tables that only workers should
    asyncpg.InternalClientError,  # what the driver says of a connection that was cut in the middle
)

# What the rounds note for themselves, beside the schemas under attack.
_NOTES = """
CREATE SCHEMA chaos;
CREATE TABLE chaos.done (op text PRIMARY KEY);
CREATE TABLE chaos.delta (tenant_id bigint, sku text, units int);
CREATE INDEX ON chaos.delta (sku, tenant_id);
CREATE TABLE chaos.lease (at timestamptz NOT NULL, tenant_id bigint, kind text, worker text, token bigint);
CREATE FUNCTION chaos.leased() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO chaos.lease VALUES (clock_timestamp(), NEW.tenant_id, NEW.kind, NEW.lease_worker, NEW.lease_token);
    RETURN NULL;
END $$;
CREATE TRIGGER leased AFTER UPDATE OF lease_token ON rocksync.schedule FOR EACH ROW EXECUTE FUNCTION chaos.leased();
"""


def named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


def through(dsn: str, port: int) -> str:
    """*dsn* by way of a proxy."""
    parts = urlsplit(dsn)
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{port}"))


@dataclass(frozen=True)
class Server:
    """One Postgres for all rounds. Its kernel survives, so fsync proves nothing here and is off; commits are kept."""

    dsn: str
    folder: Path

    def pid(self) -> int:
        return int((self.folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])


@contextlib.asynccontextmanager
async def server() -> AsyncIterator[Server]:
    with tempfile.TemporaryDirectory(prefix="rocksync-chaos-") as name:
        options = {"fsync": "off", "max_connections": "300"}
        async with embedded.running(Path(name), options=options) as dsn:
            connection = await asyncpg.connect(dsn)
            await connection.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
            await migrate(named(dsn, _TEMPLATE), folder())
            await connection.close()
            connection = await asyncpg.connect(named(dsn, _TEMPLATE))
            await connection.execute(_NOTES)
            await connection.close()
            yield Server(dsn, Path(name))


@dataclass
class Worker:
    """One ``rocksync worker`` process with proxies of its own, so that what it does can be told from what others do."""

    environment: dict[str, str]
    log: Path
    hub: Proxy
    postgres: Proxy
    http_port: int
    process: asyncio.subprocess.Process | None = None
    paused: bool = False
    starts: int = 0
    pids: set[int] = field(default_factory=set)
    died: dict[int, float] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    _starting: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    async def start(self, *arguments: str) -> None:
        """Start the process unless it runs."""
        async with self._starting:
            if self.pid is None:
                await self._start(arguments)

    async def _start(self, arguments: tuple[str, ...]) -> None:
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "rocksync", "worker", *arguments),
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.starts += 1
        self.pids.add(self.process.pid)
        self.arguments.append(_command_line(self.process.pid))
        self.paused = False

    def signal(self, number: int) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def pause(self) -> None:
        self.signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        self.signal(signal.SIGCONT)
        self.paused = False

    async def kill(self) -> None:
        self.signal(signal.SIGKILL)
        await self.ended(10)

    async def stop(self, within_s: float = 30.0) -> int:
        """SIGTERM, and wait; returns the exit code."""
        self.resume()
        self.signal(signal.SIGTERM)
        return await self.ended(within_s)

    def found_no_database(self) -> bool:
        """Whether it ended with the one line that says so: whoever runs it starts it again."""
        said = "\n" + self.log.read_text(errors="replace")
        return said.rpartition("\nrocksync: ")[2].startswith("the database")

    async def ended(self, within_s: float) -> int:
        assert self.process is not None
        async with asyncio.timeout(within_s):
            code = await self.process.wait()
        self.died.setdefault(self.process.pid, time.time())
        return code

    def sent_at(self, pids: Collection[int], seen_at: float) -> float:
        """When one of *pids* sent something at the latest: a proxy that swallows it for a while sees it later."""
        return min(seen_at, max((self.died.get(pid, seen_at) for pid in pids), default=seen_at))


def _command_line(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


@dataclass(frozen=True)
class Tenant:
    """One tenant: its store, and its account at the hub."""

    id: int
    slug: str
    user: int


@dataclass(frozen=True, slots=True)
class Write:
    """A write that a worker sent to the hub."""

    at: float
    pids: frozenset[int]
    user: int | None
    method: str
    path: str


@dataclass
class Arena:
    """Everything of one round. Statements of the test itself survive what is done to the database."""

    server: Server
    database: str
    hub: Sandbox
    pool: asyncpg.Pool
    folder: Path
    workers: list[Worker] = field(default_factory=list)
    tenants: list[Tenant] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)

    async def sql(self, statement: str, *arguments: object) -> Any:
        return await self.patiently(lambda: self.pool.fetchval(statement, *arguments))

    async def rows(self, statement: str, *arguments: object) -> list[asyncpg.Record]:
        return await self.patiently(lambda: self.pool.fetch(statement, *arguments))

    async def patiently(self, act: Callable[[], Awaitable[Any]], within_s: float = 60.0) -> Any:
        deadline = time.monotonic() + within_s
        while True:
            try:
                return await act()
            except _RETRIED:
                if time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)

    async def once(self, op: str, *statements: tuple[str, tuple[object, ...]]) -> None:
        """Commit *statements* together, once, even if the answer to a commit gets lost."""

        async def act() -> None:
            async with self.pool.acquire() as connection, connection.transaction():
                fresh = await connection.fetchval(
                    "INSERT INTO chaos.done VALUES ($1) ON CONFLICT DO NOTHING RETURNING true", op
                )
                for statement, arguments in statements if fresh else ():
                    await connection.execute(statement, *arguments)

        await self.patiently(act)

    async def add_tenant(self, slug: str, *, every: str = "10 seconds", mode: str = "immediate") -> Tenant:
        """An active tenant with an account at the hub."""
        account = self.hub.add_account()
        secrets = account.credentials
        tenant_id = await self.sql(
            "SELECT rocksync.add_tenant($1, $2, $3, $4, $5, $6, $7)",
            *(slug, f"Loja {slug}", f"{slug}.example"),
            *(secrets.client_id, secrets.client_secret, secrets.api_user, secrets.api_secret),
        )
        for kind in ("product", "price", "stock", "order"):
            await self.sql("SELECT rocksync.set_schedule($1, $2, $3, $4::text::interval)", slug, kind, mode, every)
        await self.sql("UPDATE rocksync.tenant SET orders_since = now() - interval '1 day' WHERE id = $1", tenant_id)
        await self.sql("SELECT rocksync.activate_tenant($1)", slug)
        tenant = Tenant(id=tenant_id, slug=slug, user=account.user_id)
        self.tenants.append(tenant)
        return tenant

    async def until(self, condition: Callable[[], Awaitable[object]], *, within_s: float, what: str) -> float:
        """Wait until *condition* holds; seconds it took. Raises: TimeoutError naming *what*."""
        began = time.monotonic()
        while not await condition():
            if time.monotonic() - began > within_s:
                raise TimeoutError(f"{what}: not so within {within_s:.0f} s")
            await asyncio.sleep(0.05)
        return time.monotonic() - began


async def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def arena(
    server: Server,
    *,
    seed: int = 0,
    workers: int = 1,
    settings: dict[str, object] | None = None,
    profile: str = "strict",
) -> AsyncIterator[Arena]:
    """A fresh round: nothing runs yet. *settings* by their dotted names."""
    async with contextlib.AsyncExitStack() as stack:
        name = f"chaos_{uuid.uuid4().hex[:12]}"
        owner = await asyncpg.connect(server.dsn)
        await owner.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY file_copy")
        await owner.close()
        stack.push_async_callback(_dropped, server, name)
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rocksync-round-")))
        (place / "mappers").mkdir()
        database = named(server.dsn, name)
        hub = await stack.enter_async_context(serve(profile=profile, seed=seed))
        hub.journal._size = 200_000
        pool = await asyncpg.create_pool(database, min_size=1, max_size=4, command_timeout=60)
        ring = Arena(server=server, database=database, hub=hub, pool=pool, folder=place)
        stack.push_async_callback(_closed, pool)
        for number in range(workers):
            ring.workers.append(await _worker(stack, ring, number, settings or {}))
        stack.push_async_callback(_killed, ring)
        yield ring


async def _worker(stack: contextlib.AsyncExitStack, ring: Arena, number: int, settings: dict[str, object]) -> Worker:
    hub_port = urlsplit(ring.hub.url).port
    assert hub_port is not None
    hub = await stack.enter_async_context(proxying(hub_port, "http"))
    database_port = urlsplit(ring.database).port
    assert database_port is not None
    postgres = await stack.enter_async_context(proxying(database_port, "postgres"))
    http_port = await free_port()
    given = {
        "database.dsn": through(ring.database, postgres.port),
        "database.pool_size": 6,
        "data_dir": ring.folder / f"data-{number}",
        "pluggto.base_url": f"http://127.0.0.1:{hub.port}",
        "pluggto.requests_per_second_per_tenant": 200,
        "pluggto.timeout_s": 3,
        "worker.lease_s": LEASE_S,
        "worker.slice_s": 2,
        "worker.poll_s": 0.5,
        "worker.drain_s": 5,
        "secrets.keys": KEY,
        "mappers.dir": ring.folder / "mappers",
        "http.port": http_port,
        "metrics.refresh_s": 1,
        **settings,
    }
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ROCKSYNC_")}
    environment |= {f"ROCKSYNC_{name.replace('.', '__').upper()}": str(value) for name, value in given.items()}
    worker = Worker(
        environment=environment,
        log=ring.folder / f"worker-{number}.log",
        hub=hub,
        postgres=postgres,
        http_port=http_port,
    )

    def note(_number: int, what: str, pids: frozenset[int]) -> None:
        method, path, token = what.split(" ", 2)
        if method != "GET" and path != "/oauth/token":
            grant = ring.hub.tokens._access.get(token)
            user = None if grant is None else grant.account.user_id
            ring.writes.append(Write(worker.sent_at(pids, time.time()), pids, user, method, path))

    hub.before = note
    hub.owner = lambda: frozenset({worker.pid} if worker.pid else worker.pids)
    return worker


async def _killed(ring: Arena) -> None:
    for worker in ring.workers:
        if worker.pid is not None:
            await worker.kill()


async def _closed(pool: asyncpg.Pool) -> None:
    pool.terminate()


async def _dropped(server: Server, name: str) -> None:
    for _ in range(100):
        with contextlib.suppress(*_RETRIED):
            owner = await asyncpg.connect(server.dsn)
            await owner.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            return await owner.close()
        await asyncio.sleep(0.2)
    raise TimeoutError(f"database {name} cannot be dropped")
