"""The database in use: the one of the settings, or an embedded one; opened, and known to be migrated."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from rocksync.domain.errors import SettingsError
from rocksync.postgres import embedded
from rocksync.postgres.migrate import ahead, folder, migrate, pending
from rocksync.postgres.pool import ABANDONED_S, open_pool

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """The database in use, open and migrated. ``dsn`` holds a password."""

    dsn: str = field(repr=False)
    pool: asyncpg.Pool


@contextlib.asynccontextmanager
async def database_server(dsn: str | None, data_dir: Path) -> AsyncIterator[str]:
    """The DSN of the database: *dsn*, else that of the server embedded in *data_dir*, kept running meanwhile."""
    if dsn is not None:
        yield dsn
        return
    async with embedded.running(data_dir / "postgres") as own:
        yield own


@contextlib.asynccontextmanager
async def open_database(
    given: str | None, data_dir: Path, *, pool_size: int, abandoned_s: float = ABANDONED_S
) -> AsyncIterator[Database]:
    """The database, ready to work with. An embedded one is migrated; a *given* one must have been.

    A transaction of a process that says nothing for *abandoned_s* is rolled back.

    Raises: SettingsError.
    """
    async with database_server(given, data_dir) as dsn:
        if given is None:
            await migrate(dsn, folder())
        elif missing := await pending(dsn, folder()):
            raise SettingsError(f"the database lacks migration {missing[0]}: run `rocksync migrate` first")
        elif newer := await ahead(dsn, folder()):
            log.info("database_is_ahead", extra={"migrations": newer})
        pool = await open_pool(dsn, size=pool_size, application_name="rocksync", abandoned_s=abandoned_s)
        try:
            yield Database(dsn=dsn, pool=pool)
        finally:
            await _close(pool)


async def _close(pool: asyncpg.Pool) -> None:
    try:
        async with asyncio.timeout(5):
            await pool.close()
    except Exception:  # noqa: BLE001 - it is lost or does not answer, whatever the driver says about that
        pool.terminate()
