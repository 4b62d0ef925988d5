import re

import asyncpg
import pytest

from rocksync.domain.errors import LeaseLostError, PassError
from rocksync.domain.reasons import Reason
from rocksync.failures import explained, explanation

READ_ONLY = "the database takes no writes: let database.dsn lead to the primary, or end default_transaction_read_only"
LACKS = "the database's user lacks a privilege"
LOST = "the connection to the database was lost"


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (ConnectionRefusedError(), LOST),
        (asyncpg.AdminShutdownError("terminating connection"), LOST),
        (asyncpg.ConnectionDoesNotExistError("closed"), LOST),
        (asyncpg.InterfaceError("connection is closed"), LOST),
        (asyncpg.InternalClientError("cannot switch to state 12"), LOST),
        (asyncpg.QueryCanceledError("statement timeout"), "the database took too long"),
        (TimeoutError(), "the database took too long"),
        (asyncpg.LockNotAvailableError("lock timeout"), "tables are locked by another transaction"),
        (asyncpg.DeadlockDetectedError("deadlock"), "tables are locked by another transaction"),
        (asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT"), READ_ONLY),
        (asyncpg.DiskFullError("could not extend file"), "the database's disk is full: free or enlarge it"),
        (
            asyncpg.InsufficientPrivilegeError("permission denied for table item"),
            f"{LACKS} (permission denied for table item): GRANT it, or correct database.dsn",
        ),
        (ExceptionGroup("", [OSError(), ExceptionGroup("", [asyncpg.AdminShutdownError("")])]), LOST),
    ],
)
def test_what_the_database_caused_is_no_items_fault_and_tried_again_soon(error: Exception, detail: str) -> None:
    meant = explanation(error)

    assert meant is not None
    assert (meant.detail, meant.reason, meant.retry_after_s) == (detail, Reason.PENDING, 5.0)
    with pytest.raises(PassError, match=re.escape(detail)), explained():
        raise error


@pytest.mark.parametrize(
    "error",
    [
        KeyError("x"),
        asyncpg.UndefinedColumnError("no such column"),
        asyncpg.exceptions._base.DataError("an integer is required"),
        ExceptionGroup("", [OSError(), KeyError("x")]),
    ],
)
def test_a_mistake_of_ours_is_not_laid_to_the_database(error: Exception) -> None:
    assert explanation(error) is None
    with pytest.raises(type(error)), explained():
        raise error


def test_what_is_known_already_stays_what_it_is() -> None:
    lost = LeaseLostError("taken over")

    with pytest.raises(LeaseLostError), explained():
        raise lost
    assert explanation(ExceptionGroup("", [lost])) is lost
