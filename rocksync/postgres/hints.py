"""Hints of the hub that an order may have changed: they make a pass come sooner, and no more."""

from collections.abc import Sequence

import asyncpg

from rocksync import sql

_QUERIES = sql.load("rocksync.postgres", "hints.sql")


async def hint_orders(pool: asyncpg.Pool, orders: Sequence[tuple[str, str]]) -> int:
    """Let orders, each by its id and its owner's number at the hub, be read now; returns for how many tenants.

    Of an owner whom no order has named yet the orders are not named to anybody: the newest of the active tenants that
    have seen none look what is new for them, each with its own token, so that a tenant's first order need not wait.
    """
    ids, users = [order_id for order_id, _ in orders], [user for _, user in orders]
    return len(await pool.fetch(_QUERIES.order_hints, ids, users))
