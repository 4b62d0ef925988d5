"""One Postgres for the whole run, whatever the number of test processes; a database and a hub of its own per test.

``ROCKSYNC_TEST_DSN`` names a server to use instead (as a role that may create databases),
``ROCKSYNC_TEST_BINARIES`` the folder of another PostgreSQL's programs.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import hypothesis
import pytest

from rocksync.postgres import embedded
from rocksync.postgres.migrate import folder, migrate
from rocksync.postgres.pool import open_pool
from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.server import serve

# Repeatable, and no judge of how busy the machine is; campaigns choose other examples.
hypothesis.settings.register_profile(
    "repeatable", derandomize=True, deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("repeatable")

SERVER_DIR = pytest.StashKey[Path]()
THROW_AWAY = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_wal_size": "2GB"}


_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder with a random name is made in it
_ROOM = 4 * 2**30


def _memory() -> Path | None:
    """Where files are in memory, if there is room: a database a test is too much for many a disk. None: anywhere."""
    with contextlib.suppress(OSError):
        if os.access(_IN_MEMORY, os.W_OK) and shutil.disk_usage(_IN_MEMORY).free > _ROOM:
            return _IN_MEMORY
    return None


def pytest_configure(config: pytest.Config) -> None:
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    folder_name = worker["server_dir"] if worker else tempfile.mkdtemp(prefix="rocksync-test-", dir=_memory())
    config.stash[SERVER_DIR] = Path(folder_name)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["server_dir"] = str(node.config.stash[SERVER_DIR])


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        shutil.rmtree(config.stash[SERVER_DIR], ignore_errors=True)


def _named(dsn: str, database: str) -> str:
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{database}"))


@pytest.fixture(scope="session")
async def server_dsn(pytestconfig: pytest.Config) -> AsyncIterator[str]:
    """DSN of the run's server, at a database that no test uses."""
    given = os.environ.get("ROCKSYNC_TEST_DSN")
    if given:
        yield given
        return
    binaries = os.environ.get("ROCKSYNC_TEST_BINARIES")
    async with embedded.running(
        pytestconfig.stash[SERVER_DIR], binaries=Path(binaries) if binaries else None, options=THROW_AWAY
    ) as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def server(server_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of this test process to make and drop databases by."""
    connection = await asyncpg.connect(server_dsn)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def template(server: asyncpg.Connection, server_dsn: str) -> str:
    """Name of the migrated database that others are cloned from; made once for a state of the migrations."""
    digest = hashlib.sha256()
    for path in sorted(folder().glob("*.sql")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    name = f"rocksync_template_{digest.hexdigest()[:12]}"
    await server.execute("SELECT pg_advisory_lock(hashtext($1))", name)
    try:
        if not await server.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            await server.execute(f"DROP DATABASE IF EXISTS {name}_half WITH (FORCE)")
            await server.execute(f"CREATE DATABASE {name}_half TEMPLATE template0")
            await migrate(_named(server_dsn, f"{name}_half"), folder())
            await server.execute(f"ALTER DATABASE {name}_half RENAME TO {name}")
    finally:
        await server.execute("SELECT pg_advisory_unlock(hashtext($1))", name)
    return name


@contextlib.asynccontextmanager
async def cloned(server: asyncpg.Connection, server_dsn: str, source: str) -> AsyncIterator[str]:
    name = f"test_{uuid.uuid4().hex}"
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY file_copy")
    try:
        yield _named(server_dsn, name)
    finally:
        await server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture
async def database(server: asyncpg.Connection, server_dsn: str, template: str) -> AsyncIterator[str]:
    """DSN of a migrated database that is this test's alone."""
    async with cloned(server, server_dsn, template) as dsn:
        yield dsn


@pytest.fixture
async def empty_database(server: asyncpg.Connection, server_dsn: str) -> AsyncIterator[str]:
    """DSN of a database without any migration that is this test's alone."""
    async with cloned(server, server_dsn, "template0") as dsn:
        yield dsn


@pytest.fixture
async def pool(database: str) -> AsyncIterator[asyncpg.Pool]:
    """A pool on this test's database."""
    opened = await open_pool(database, size=10, application_name="test")
    yield opened
    await opened.close()


@pytest.fixture
async def connection(database: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection to this test's database."""
    opened = await asyncpg.connect(database)
    yield opened
    await opened.close()


@pytest.fixture
async def hub() -> AsyncIterator[Sandbox]:
    """A strict sandbox of this test's own."""
    async with serve() as sandbox:
        yield sandbox
