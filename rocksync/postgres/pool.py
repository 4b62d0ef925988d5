"""Connections to Postgres: one way to open them, and errors that say what to do and never the password."""

import asyncio
import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rocksync.domain.errors import SettingsError

_CONNECT_TIMEOUT_S = 10.0
_COMMAND_TIMEOUT_S = 60.0
_QUERIES_A_CONNECTION = 50_000
_IDLE_S = 300.0
ABANDONED_S = 60.0
_ANY_SESSION = {
    "timezone": "UTC",
    "default_transaction_isolation": "read committed",  # nothing here is tried again as stricter ones ask for
    "jit": "off",
}
_SERVER_SETTINGS = _ANY_SESSION | {
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "client_connection_check_interval": "10s",
}


class _Pool(asyncpg.Pool):
    """A pool in which a cancellation stays one.

    Where the connection is lost while a cancelled task rolls back, the driver's error takes the place of the
    cancellation: the task would take it for an ordinary failure and go on, and whoever waits for its end wait for ever.
    """

    async def release(self, connection: PoolConnectionProxy, *, timeout: float | None = None) -> None:
        """Take *connection* back. Raises: CancelledError in a task that is being cancelled, whatever it raises."""
        try:
            await super().release(connection, timeout=timeout)
        finally:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise asyncio.CancelledError


async def open_pool(dsn: str, *, size: int, application_name: str, abandoned_s: float = ABANDONED_S) -> asyncpg.Pool:
    """Return a pool of up to *size* connections: times in UTC, numeric as Decimal, jsonb as its text.

    A transaction whose process says nothing for *abandoned_s* is rolled back: what it has locked keeps others waiting.

    Raises: SettingsError if the database cannot be used.
    """
    with _explained(dsn):
        return await _Pool(
            dsn,
            connection_class=asyncpg.Connection,
            record_class=asyncpg.Record,
            init_size=1,
            min_size=1,
            max_size=size,
            max_queries=_QUERIES_A_CONNECTION,
            max_inactive_connection_lifetime=_IDLE_S,
            loop=None,
            connect=None,
            setup=None,
            init=None,
            timeout=_CONNECT_TIMEOUT_S,
            command_timeout=_COMMAND_TIMEOUT_S,
            reset=_keep,
            server_settings={
                **_SERVER_SETTINGS,
                "application_name": application_name,
                "idle_in_transaction_session_timeout": f"{abandoned_s * 1000:.0f}ms",
            },
        )


async def connect(dsn: str, *, application_name: str) -> asyncpg.Connection:
    """Return one connection without time limits, for what may take long or must not go through a pooler.

    Raises: SettingsError if the database cannot be used.
    """
    with _explained(dsn):
        return await asyncpg.connect(
            dsn,
            timeout=_CONNECT_TIMEOUT_S,
            server_settings=_ANY_SESSION | {"application_name": application_name},
        )


async def _keep(_connection: asyncpg.Connection) -> None:
    """Leave a connection that comes back as it is, but for an open transaction, which is rolled back.

    Nothing sets anything for longer than its transaction; unsetting it all the same is a round trip for each query.
    """


@contextlib.contextmanager
def _explained(dsn: str) -> Iterator[None]:
    """Turn what goes wrong on connecting into a SettingsError; the cause is cut off, since it may quote the DSN."""
    try:
        yield
    except asyncpg.InvalidAuthorizationSpecificationError:
        message = f"{_place(dsn)} refuses the user or password: correct database.dsn"
    except asyncpg.InvalidCatalogNameError:
        message = f"{_place(dsn)} has no such database: create it, or correct database.dsn"
    except asyncpg.TooManyConnectionsError:
        message = f"{_place(dsn)} has no free connection: raise its max_connections, or lower database.pool_size"
    except asyncpg.CannotConnectNowError:
        message = f"{_place(dsn)} is starting or stopping: try again"
    except TimeoutError:
        message = f"{_place(dsn)} does not answer within {_CONNECT_TIMEOUT_S:.0f} s: check database.dsn and the network"
    except OSError as error:
        message = f"{_place(dsn)} cannot be reached ({error.strerror or type(error).__name__}): check database.dsn"
    except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, ValueError) as error:
        message = f"{_place(dsn)} cannot be used ({type(error).__name__}): correct database.dsn"
    else:
        return
    raise SettingsError(message) from None


def _place(dsn: str) -> str:
    """Name host, port and database of *dsn*, and nothing else of it."""
    try:
        parts = urlsplit(dsn)
        host, port = parts.hostname, parts.port or 5432
    except ValueError:
        return "the database of database.dsn"
    if parts.scheme not in {"postgresql", "postgres"} or not host:
        return "the database of database.dsn"
    return f"the database {parts.path.lstrip('/') or '(default)'} at {host}:{port}"
