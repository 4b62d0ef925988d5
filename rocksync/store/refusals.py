"""What the store refuses of an order: by its rules, or by the platform's own triggers."""

import contextlib
import re
from collections.abc import Iterator

import asyncpg

from rocksync.domain.errors import ItemError

_FUNCTION = re.compile(r'function "?([\w.]+)')
"""The function that an error comes from, as its context names it in English; else only what is raised counts."""


@contextlib.contextmanager
def blamed(order_id: str) -> Iterator[None]:
    """Turn what the store refuses of an order into an ItemError, without the values, which may be a buyer's.

    A trigger may raise for another reason tomorrow, or none: what it refuses is tried again.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        place = (error.context or "").partition("\n")[0]
        function = _FUNCTION.search(place)
        if isinstance(error, asyncpg.PLPGSQLError) or (function and not function[1].startswith("rocksync.")):
            detail = f"a trigger of the store refuses the order{f' ({place:.200})' if place else ''}"
            raise ItemError(order_id, detail, final=False) from error
        if isinstance(error, asyncpg.IntegrityConstraintViolationError | asyncpg.DataError):
            raise ItemError(order_id, _said(error)) from error
        raise


def _said(error: asyncpg.PostgresError) -> str:
    if type(error) is asyncpg.DataError:  # the driver could not even send it
        return "a value of the order does not fit its column"
    place = error.constraint_name or error.column_name
    return f"the store refuses the order ({type(error).__name__.removesuffix('Error')}{f': {place}' if place else ''})"
