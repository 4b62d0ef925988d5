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
async def listening(dsn: str, tell: Callable[[News], None]) -> AsyncIterator[None]:
    """Call *tell* with all news until left; reconnects, and tells of a ``reconnected`` each time it had to."""
    task = asyncio.create_task(_listen(dsn, tell))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _listen(dsn: str, tell: Callable[[News], None]) -> None:
    first = True
    while True:
        lost = asyncio.Event()
        try:
            connection = await connect(dsn, application_name="rocksync listener")
        except Exception as error:  # noqa: BLE001 - whatever it is, the poll goes on and this tries again
            log.debug("listener_not_connected", extra={"error": type(error).__name__})
            await asyncio.sleep(_RECONNECT_S)
            continue
        try:
            connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
            await connection.add_listener(_CHANNEL, lambda _c, _pid, _channel, payload: tell(read_news(str(payload))))
            if not first:
                tell(News(topic="reconnected"))
            first = False
            await lost.wait()
            log.warning("listener_lost")
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            log.warning("listener_lost")
            await asyncio.sleep(_RECONNECT_S)
        finally:
            with contextlib.suppress(OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
                await connection.close(timeout=1)
