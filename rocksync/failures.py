"""What failures of the database mean for a pass: it goes on later, and no item is to blame."""

import contextlib
from collections.abc import Iterator

import asyncpg

from rocksync.domain.errors import PassError
from rocksync.domain.reasons import Reason

READ_ONLY = "the database takes no writes: let database.dsn lead to the primary, or end default_transaction_read_only"
AWAY = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what the driver says of a connection that was cut in the middle of something
)
"""What is raised where the database cannot be reached, or not any more."""
_RETRY_AFTER_S = 5.0


def explanation(error: BaseException) -> PassError | None:
    """What *error* means for a pass if the database caused it, and each part of it; None: something else did."""
    match error:
        case BaseExceptionGroup():
            parts = [explanation(each) for each in error.exceptions]
            return parts[0] if all(parts) else None
        case PassError():
            return error
        case asyncpg.LockNotAvailableError() | asyncpg.DeadlockDetectedError():
            return _pass_error("tables are locked by another transaction")
        case asyncpg.QueryCanceledError() | TimeoutError():
            return _pass_error("the database took too long")
        case ValueError():  # the driver's word for arguments that make no sense
            return None
    said = "the connection to the database was lost" if isinstance(error, AWAY) else refusal(error)
    return _pass_error(said) if said else None


def refusal(error: BaseException) -> str | None:
    """What keeps the database from taking a write, and what to do about it; None: *error* says something else."""
    match error:
        case asyncpg.ReadOnlySQLTransactionError():
            return READ_ONLY
        case asyncpg.DiskFullError():
            return "the database's disk is full: free or enlarge it"
        case asyncpg.InsufficientPrivilegeError():
            return f"the database's user lacks a privilege ({error.args[0]}): GRANT it, or correct database.dsn"
    return None


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turn what the database caused into a PassError."""
    try:
        yield
    except Exception as error:
        meant = explanation(error)
        if meant is None or meant is error:
            raise
        raise meant from error


def _pass_error(detail: str) -> PassError:
    return PassError(detail, reason=Reason.PENDING, retry_after_s=_RETRY_AFTER_S)
