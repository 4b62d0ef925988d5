"""Hints of the hub that an order may have changed: they make a pass come sooner, and no more."""

from collections.abc import Sequence

import asyncpg

from rocksync import sql

_QUERIES = sql.load("rocksync.postgres", "hints.sql")


async def hint_orders(pool: asyncpg.Pool, orders: Sequence[tuple[str, str]]) -> int:
    """Let orders, each by its id and its owner's number at the hub, be read now; returns for how many tenants.

    An owner whom no order of an active tenant has named yet is ignored: the next poll finds the order.
    """
    ids, users = [order_id for order_id, _ in orders], [user for _, user in orders]
    return len(await pool.fetch(_QUERIES.order_hints, ids, users))
