"""Migrations: ``NNNN_name.sql``, applied in order, each once, and never edited once applied.

A file whose first line is ``-- no-transaction`` runs outside one (``CREATE INDEX CONCURRENTLY``). It holds a single
statement that can be repeated, since a crash may come between it and its record.
"""

import asyncio
import contextlib
import hashlib
import itertools
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import asyncpg

from rocksync.domain.errors import PassError, SettingsError
from rocksync.domain.reasons import Reason
from rocksync.postgres.pool import connect
from rocksync.sql import load

_sql = load("rocksync.postgres", "migrate.sql")
_log = logging.getLogger(__name__)

_FILE = re.compile(r"^(?P<version>[0-9]{4})_[a-z0-9_]+\.sql$")
_NO_TRANSACTION = "-- no-transaction"
_TURN_DEADLINE_S = 300.0
_TURN_POLL_S = 0.1
_TRIES = 20
_LONGEST_PAUSE_S = 15.0
_TABLES_TOLD = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class _Migration:
    version: int
    name: str
    text: str
    sha256: str

    @property
    def in_transaction(self) -> bool:
        return self.text.partition("\n")[0].strip() != _NO_TRANSACTION


@dataclass(frozen=True, slots=True, kw_only=True)
class _Applied:
    version: int
    name: str
    sha256: str


def folder() -> Path:
    """Return the migrations that came with this code: inside the package, or beside it in a checkout.

    Raises: SettingsError if they are in neither place.
    """
    package = Path(str(resources.files("rocksync")))
    for place in (package / "migrations", package.parent / "migrations"):
        if place.is_dir():
            return place
    raise SettingsError(f"no migrations beside {package}: install rocksync again")


async def migrate(
    target: asyncpg.Connection | str,
    files: Path,
    *,
    tell: Callable[[str], None] = lambda _: None,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[str]:
    """Apply what *target*, a direct connection or its DSN, lacks of *files*; return the names applied, in order.

    Safe to start several times at once: they take turns. A file that fails leaves nothing, those before it stay. One
    that does not get its locks at once tries again for minutes, and tells who has them; between two tries, in *pause*,
    it holds none.

    Raises: SettingsError, naming the file, if one fails, is malformed, out of order, or changed after it was applied;
    PassError if it gets no locks.
    """
    migrations = _read(files)
    async with _connection(target) as connection, _turn(connection):
        await _require_utf8(connection)
        await connection.execute(_sql.make_table)
        applied = await _applied(connection)
        for name in _beyond(migrations, applied):
            _log.warning("database_ahead", extra={"migration": name})
        names = []
        for migration in _missing(migrations, applied):
            await _apply(connection, migration, tell, pause)
            names.append(migration.name)
        return names


async def pending(target: asyncpg.Connection | str, files: Path) -> list[str]:
    """Return the names of *files* that *target* lacks, in order; changes nothing.

    Raises: SettingsError as `migrate` does.
    """
    migrations = _read(files)
    async with _connection(target) as connection:
        await _require_utf8(connection)
        return [migration.name for migration in _missing(migrations, await _applied(connection))]


async def takes_writes(target: asyncpg.Connection | str) -> bool:
    """Whether transactions of *target* may write: not on a standby, nor where they are read-only by default."""
    async with _connection(target) as connection:
        return not await connection.fetchval(_sql.is_read_only)


async def ahead(target: asyncpg.Connection | str, files: Path) -> list[str]:
    """Return the names of migrations that *target* has from newer code; older code goes on working with it."""
    migrations = _read(files)
    async with _connection(target) as connection:
        return _beyond(migrations, await _applied(connection))


def _read(files: Path) -> list[_Migration]:
    found: dict[int, _Migration] = {}
    for path in sorted(files.glob("*.sql")):
        name = _FILE.match(path.name)
        if name is None:
            raise SettingsError(f"migration {path.name}: the name is not like 0001_lower_case_words.sql")
        version = int(name["version"])
        if version in found:
            raise SettingsError(f"migrations {found[version].name} and {path.name} have the same number")
        content = path.read_bytes()
        found[version] = _Migration(
            version=version,
            name=path.name,
            text=content.decode("utf-8"),
            sha256=hashlib.sha256(content).hexdigest(),
        )
    return list(found.values())


async def _require_utf8(connection: asyncpg.Connection) -> None:
    encoding = await connection.fetchval(_sql.encoding)
    if encoding not in {"UTF8", "SQL_ASCII"}:  # the latter takes bytes as they come
        raise SettingsError(
            f"the database is in {encoding}: make one in UTF-8"
            " (CREATE DATABASE … TEMPLATE template0 ENCODING 'UTF8'), and let database.dsn lead to it"
        )


async def _applied(connection: asyncpg.Connection) -> list[_Applied]:
    if not await connection.fetchval(_sql.has_table):
        return []
    rows = await connection.fetch(_sql.applied)
    return [_Applied(version=row["version"], name=row["name"], sha256=row["sha256"]) for row in rows]


def _missing(migrations: Sequence[_Migration], applied: Sequence[_Applied]) -> list[_Migration]:
    """Return what is to be applied, having compared what was applied with the files."""
    done = {each.version: each for each in applied}
    files = {each.version: each for each in migrations}
    newest_file, newest_done = max(files, default=0), max(done, default=0)
    for version, before in done.items():
        now = files.get(version)
        if now is None and version < newest_file:
            raise SettingsError(f"migration {before.name} was applied, and its file is gone: put it back")
        if now is not None and now.name != before.name:
            raise SettingsError(f"migration {now.name} was applied as {before.name}: name it so again")
        if now is not None and now.sha256 != before.sha256:
            raise SettingsError(f"migration {now.name} changed after it was applied: restore it, and add a new file")
    missing = [each for each in migrations if each.version not in done]
    for each in missing:
        if each.version < newest_done:
            raise SettingsError(
                f"migration {each.name} comes before {done[newest_done].name}, which was applied already: renumber it"
            )
    return missing


def _beyond(migrations: Sequence[_Migration], applied: Sequence[_Applied]) -> list[str]:
    newest_file = max((each.version for each in migrations), default=0)
    return [each.name for each in applied if each.version > newest_file]


async def _apply(
    connection: asyncpg.Connection,
    migration: _Migration,
    tell: Callable[[str], None],
    pause: Callable[[float], Awaitable[None]],
) -> None:
    """Apply it. Locks that it does not get at once undo all of it, so that others go on until it begins again."""
    began = time.monotonic()
    for tries in itertools.count(1):
        try:
            if migration.in_transaction:
                async with connection.transaction():
                    await connection.execute(_sql.wait_briefly)
                    await connection.execute(migration.text)
                    await _record(connection, migration, began)
            else:
                await connection.execute(migration.text)
                await _record(connection, migration, began)
            break
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            waits = f"migration {migration.name} waits for locks, tried {tries} times: {await _holders(connection)}"
            if tries == _TRIES or not migration.in_transaction:
                raise PassError(
                    f"{waits}: let what holds them end, or end it by SELECT pg_terminate_backend(…),"
                    " then start `rocksync migrate` again",
                    reason=Reason.PENDING,
                ) from error
            _log.warning("migration_waits", extra={"migration": migration.name, "times": tries})
            tell(waits)
            await pause(min(2.0 ** (tries - 1), _LONGEST_PAUSE_S))
        except asyncpg.PostgresError as error:
            raise SettingsError(f"migration {migration.name} failed{_line(migration, error)}: {error}") from error
    _log.info("migration_applied", extra={"migration": migration.name, "took_s": round(time.monotonic() - began, 3)})


async def _holders(connection: asyncpg.Connection) -> str:
    """Say who has locks on our tables and the store's, the longest transaction first."""
    told = []
    for row in await connection.fetch(_sql.holders):
        who = "a prepared transaction" if row["pid"] is None else f"session {row['pid']} ({row['application']})"
        since = f", in a transaction since {row['xact_start']:%Y-%m-%d %H:%M:%S %Z}," if row["xact_start"] else ""
        tables = ", ".join(row["tables"][:_TABLES_TOLD]) + (", …" if len(row["tables"]) > _TABLES_TOLD else "")
        told.append(f"{who}{since} has locks on {tables}")
    return "; ".join(told) or "no session has any on the tables now"


async def _record(connection: asyncpg.Connection, migration: _Migration, began: float) -> None:
    took_s = time.monotonic() - began
    await connection.execute(_sql.record, migration.version, migration.name, migration.sha256, took_s)


def _line(migration: _Migration, error: asyncpg.PostgresError) -> str:
    position = getattr(error, "position", None)
    return "" if position is None else f" at line {migration.text.count(chr(10), 0, int(position) - 1) + 1}"


@contextlib.asynccontextmanager
async def _connection(target: asyncpg.Connection | str) -> AsyncIterator[asyncpg.Connection]:
    if not isinstance(target, str):
        yield target
        return
    connection = await connect(target, application_name="rocksync migrate")
    try:
        yield connection
    finally:
        await connection.close()


@contextlib.asynccontextmanager
async def _turn(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Hold the one lock of all migrators, with time limits fit for migrations.

    It is asked for again and again: a session that waits inside Postgres holds a snapshot, and CREATE INDEX
    CONCURRENTLY under the lock would wait for that snapshot for ever.
    """
    deadline = asyncio.get_running_loop().time() + _TURN_DEADLINE_S
    while not await connection.fetchval(_sql.take_turn):
        if asyncio.get_running_loop().time() > deadline:
            raise PassError(
                f"another migration has been running for {_TURN_DEADLINE_S:.0f} s: see what it waits for",
                reason=Reason.PENDING,
            )
        await asyncio.sleep(_TURN_POLL_S)
    try:
        await connection.execute(_sql.set_limits)
        yield
    finally:
        if not connection.is_closed():
            await connection.execute(_sql.end_turn)
