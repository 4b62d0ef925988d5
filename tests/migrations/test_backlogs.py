"""Who is served first where far more is due than workers come to."""

from datetime import timedelta

import asyncpg
import pytest

from tests.migrations.operating import add, schedule

BACKLOG = """
SELECT rocksync.add_tenant('t-' || n, 'T', 't' || n || '.example', 'client', 'secret', 'user', 'pass')
  FROM generate_series(1, 100) n;
INSERT INTO rocksync.credential (tenant_id, sealed) SELECT id, 'sealed' FROM rocksync.tenant ON CONFLICT DO NOTHING;
SELECT rocksync.activate_tenant(slug) FROM rocksync.tenant WHERE status = 'draft';
UPDATE rocksync.schedule SET due_at = now() + interval '1 minute';
"""


async def overdue(pool: asyncpg.Pool, *kinds: str) -> int:
    """A hundred tenants of which *kinds* wait for half an hour; returns another one, of which nothing is due."""
    tenant_id = await add(pool)
    await pool.execute(BACKLOG)
    await pool.execute(
        "UPDATE rocksync.schedule SET due_at = now() - interval '30 minutes' WHERE kind = ANY ($1) AND tenant_id <> $2",
        list(kinds),
        tenant_id,
    )
    return tenant_id


async def served(pool: asyncpg.Pool, slots: int = 1) -> list[tuple[int, str]]:
    rows = await pool.fetch("SELECT * FROM rocksync.claim('w', $1, interval '1 minute', NULL, NULL)", slots)
    return [(row["tenant_id"], row["kind"]) for row in rows]


async def go_on(pool: asyncpg.Pool, kind: str) -> None:
    """The passes of all that is due of *kind* have had one slice, and wait for nine minutes since."""
    leases = await pool.fetch("SELECT * FROM rocksync.claim('w', 1000, interval '1 minute', NULL, $1)", [kind])
    for lease in leases:
        await pool.execute(
            "SELECT rocksync.finish($1, $2, $3, false, true)", lease["tenant_id"], kind, lease["lease_token"]
        )
    await pool.execute(
        "UPDATE rocksync.schedule SET due_at = now() - interval '9 minutes' WHERE kind = $1 AND tenant_id = ANY ($2)",
        kind,
        [lease["tenant_id"] for lease in leases],
    )


async def due_now(pool: asyncpg.Pool, tenant_id: int, kind: str, ago: timedelta = timedelta()) -> None:
    await pool.execute(
        "UPDATE rocksync.schedule SET due_at = clock_timestamp() - $3::interval WHERE tenant_id = $1 AND kind = $2",
        tenant_id,
        kind,
        ago,
    )


@pytest.mark.parametrize(
    ("kind", "backlog"),
    [("order", ("product", "price")), ("order", ("stock",)), ("stock", ("product", "price"))],
    ids=["order beside products and prices", "order beside stock", "stock beside products and prices"],
)
async def test_orders_and_then_stock_do_not_wait_for_a_backlog_of_all_tenants(
    pool: asyncpg.Pool, kind: str, backlog: tuple[str, ...]
) -> None:
    tenant_id = await overdue(pool, *backlog)
    await due_now(pool, tenant_id, kind)

    assert await served(pool) == [(tenant_id, kind)]


@pytest.mark.parametrize("kind", ["stock", "price"])
async def test_what_is_to_be_sent_at_once_does_not_wait_for_what_others_have_by_the_interval(
    pool: asyncpg.Pool, kind: str
) -> None:
    tenant_id = await overdue(pool, kind)
    await pool.execute("SELECT rocksync.set_schedule('casa', $1, 'immediate')", kind)
    await due_now(pool, tenant_id, kind)

    assert await served(pool) == [(tenant_id, kind)]


@pytest.mark.parametrize(
    ("busy", "first"), [("product", "price"), ("stock", "price"), ("order", "stock")], ids=["product", "stock", "order"]
)
async def test_a_tenant_with_one_change_does_not_wait_for_passes_that_go_on(
    pool: asyncpg.Pool, busy: str, first: str
) -> None:
    """But for those over orders: these come before, so that none is read late."""
    tenant_id = await overdue(pool, busy)
    await go_on(pool, busy)
    await due_now(pool, tenant_id, first)

    assert ((tenant_id, first) in await served(pool)) == (busy != "order")


@pytest.mark.parametrize(("kind", "minutes"), [("price", 111), ("product", 111), ("stock", 61)])
async def test_nothing_waits_for_ever(pool: asyncpg.Pool, kind: str, minutes: int) -> None:
    tenant_id = await overdue(pool)
    await pool.execute("UPDATE rocksync.schedule SET due_at = now() WHERE kind = 'order'")
    await due_now(pool, tenant_id, kind, timedelta(minutes=minutes))

    assert await served(pool) == [(tenant_id, kind)]
    assert (await schedule(pool, tenant_id, kind))["lease_worker"] == "w"


async def test_what_may_take_long_gets_no_more_slots_than_are_left_for_it(pool: asyncpg.Pool) -> None:
    tenant_id = await overdue(pool, "product", "price")
    await pool.execute("SELECT rocksync.set_schedule('casa', 'stock', 'immediate')")
    await due_now(pool, tenant_id, "stock")
    await due_now(pool, tenant_id, "order")

    claimed = await pool.fetch("SELECT * FROM rocksync.claim('w', 8, interval '1 minute', NULL, NULL, 3)")

    assert sorted(row["kind"] for row in claimed) == ["order", "price", "price", "price", "stock"]
    assert not await pool.fetch("SELECT * FROM rocksync.claim('w', 8, interval '1 minute', NULL, NULL, 0)")
