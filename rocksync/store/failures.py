"""What the store's database refuses, told as errors of ours."""

import contextlib
from collections.abc import Iterator

import asyncpg

from rocksync.domain.errors import PassError
from rocksync.domain.reasons import Reason

_RETRY_AFTER_S = 5.0


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn a store that cannot be read or written now into a PassError; no item is to blame for it."""
    try:
        yield
    except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
        raise _pass_error("tables of the store are locked by another transaction") from error
    except (asyncpg.QueryCanceledError, TimeoutError) as error:
        raise _pass_error("the database took too long") from error
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,  # what the driver says of a connection that was cut in the middle of something
        ConnectionError,
    ) as error:
        raise _pass_error("the connection to the database was lost") from error


def _pass_error(detail: str) -> PassError:
    return PassError(detail, reason=Reason.PENDING, retry_after_s=_RETRY_AFTER_S)
