"""LISTEN: what operators and the platform change reaches a running worker at once. A poll covers what gets lost."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import asyncpg

from rocksync.domain.tenancy import TenantId
from rocksync.postgres.pool import connect

log = logging.getLogger(__name__)

_CHANNEL = "rocksync"
_RECONNECT_S = 1.0
_CHECK_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """What a notification says: topic is change, schedule, tenant or credentials; tenant is None if it names none."""

    topic: str
    tenant: TenantId | None = None


def read_news(payload: str) -> News:
    """The news in *payload*; what nobody sends is news of an unknown topic, and harmless."""
    words = payload.split()
    tenant = TenantId(int(words[1])) if len(words) > 1 and words[1].isdigit() else None
    return News(topic=words[0] if words else "", tenant=tenant)


@contextlib.asynccontextmanager
async def listening(dsn: str, tell: Callable[[News], None], *, check_s: float = _CHECK_S) -> AsyncIterator[None]:
    """Call *tell* with all news until left; reconnects, and tells of a ``reconnected`` each time it had to.

    A connection that has been silent for *check_s* seconds is asked whether it lives, and given up after as long.
    """
    task = asyncio.create_task(_listen(dsn, tell, check_s))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _listen(dsn: str, tell: Callable[[News], None], check_s: float) -> None:
    listened = False
    while True:
        try:
            async with _connection(dsn) as connection:
                await connection.add_listener(_CHANNEL, lambda _c, _pid, _channel, text: tell(read_news(str(text))))
                if listened:
                    log.info("listener_reconnected")
                    tell(News(topic="reconnected"))
                listened = True
                await _until_lost(connection, check_s)
        except Exception as error:  # noqa: BLE001 - whatever it is, the poll goes on and this tries again
            log.log(
                logging.WARNING if listened else logging.DEBUG, "listener_lost", extra={"error": type(error).__name__}
            )
            await asyncio.sleep(_RECONNECT_S)


@contextlib.asynccontextmanager
async def _connection(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await connect(dsn, application_name="rocksync listener")
    try:
        yield connection
    finally:
        with contextlib.suppress(Exception):  # it is lost, whatever the driver says about that
            await connection.close(timeout=1)


async def _until_lost(connection: asyncpg.Connection, check_s: float) -> None:
    """Return when the connection has ended. Raises: what the driver says of one that does not answer any more."""
    lost = asyncio.Event()
    connection.add_termination_listener(lambda _connection: lost.set())
    while not lost.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(check_s):  # unlike wait_for, it never takes a cancellation for its own end
                await lost.wait()
        if not lost.is_set():
            await connection.execute("SELECT 1", timeout=check_s)
    raise ConnectionError
