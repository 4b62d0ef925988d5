import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest

from rocksync.domain.tenancy import Kind, Mode
from rocksync.postgres.schedules import Schedules
from rocksync.postgres.tenants import Tenants

TENANT = "SELECT rocksync.add_tenant($1, 'Loja', $1 || '.example', 'client', 'secret', 'user', 'pass')"
OVER = "UPDATE rocksync.tenant SET status = 'paused', paused_until = now()"


async def test_pauses_that_are_over_end_beside_a_tenant_and_a_kind_that_somebody_has_locked(
    pool: asyncpg.Pool, connection: asyncpg.Connection
) -> None:
    locked, free = [await pool.fetchval(TENANT, slug) for slug in ("a", "b")]
    await pool.execute(OVER)
    await pool.execute("UPDATE rocksync.schedule SET paused_until = now()")
    async with connection.transaction():
        await connection.execute("SELECT FROM rocksync.tenant WHERE id = $1 FOR UPDATE", locked)
        await connection.execute("SELECT FROM rocksync.schedule WHERE tenant_id = $1 FOR UPDATE", locked)

        async with asyncio.timeout(2):
            await Schedules(pool, lease_s=60).resume_paused()

    rows = await pool.fetch("SELECT id, status FROM rocksync.tenant ORDER BY id")
    assert [tuple(row) for row in rows] == [(locked, "paused"), (free, "active")]
    still = await pool.fetch("SELECT DISTINCT tenant_id FROM rocksync.schedule WHERE paused_until IS NOT NULL")
    assert [row["tenant_id"] for row in still] == [locked]


ASKED: dict[str, Callable[[Schedules, Tenants], Awaitable[object]]] = {
    "run now": lambda _, tenants: tenants.request_sync("a", [Kind.STOCK]),
    "interval": lambda _, tenants: tenants.set_schedule("a", Kind.STOCK, Mode.AUTOMATIC, timedelta(minutes=7)),
    "resumed": lambda _, tenants: tenants.resume("a"),
    "kind resumed": lambda _, tenants: tenants.resume("a", kinds=[Kind.STOCK]),
    "mapper": lambda schedules, _: schedules.wake_mapped(["a"]),
    "version": lambda schedules, _: schedules.wake_differing(lambda _: "another"),
    "once": lambda schedules, _: schedules.request(tenants=None, kinds=None, manual=False),
    "deliverable": lambda schedules, _: schedules.request_deliverable(tenants=None, kinds=None),
}
STOCK = "SELECT * FROM rocksync.schedule WHERE kind = 'stock'"


@pytest.fixture
async def overdue(pool: asyncpg.Pool) -> int:
    """A tenant whose stock has been due for an hour, with a change to send."""
    tenant_id: int = await pool.fetchval(TENANT, "a")
    await pool.execute("SELECT rocksync.activate_tenant('a')")
    await pool.execute("UPDATE rocksync.schedule SET due_at = now() - interval '1 hour', mapper_version = 'one'")
    await pool.execute("INSERT INTO rocksync.change (tenant_id, kind, key) VALUES ($1, 'stock', 'A')", tenant_id)
    return tenant_id


@pytest.mark.parametrize("ask", ASKED)
async def test_what_is_asked_for_again_keeps_its_place_in_the_queue(pool: asyncpg.Pool, overdue: int, ask: str) -> None:
    before = await pool.fetchrow(STOCK)

    await ASKED[ask](Schedules(pool, lease_s=60), Tenants(pool))

    assert (await pool.fetchrow(STOCK))["due_at"] == before["due_at"]


@pytest.mark.parametrize("ask", [ask for ask in ASKED if ask != "deliverable"])
async def test_what_is_asked_for_while_it_runs_is_due_again_afterwards(
    pool: asyncpg.Pool, overdue: int, ask: str
) -> None:
    await pool.execute(
        "UPDATE rocksync.schedule SET lease_worker = 'w', leased_until = now() + '1 h', last_started_at = now()"
    )

    await ASKED[ask](Schedules(pool, lease_s=60), Tenants(pool))

    row = await pool.fetchrow(STOCK)
    assert row["due_at"] > row["last_started_at"]


@pytest.mark.parametrize("end", ["resumed", "kind resumed", "over"])
async def test_the_time_of_a_pause_is_no_time_waited(pool: asyncpg.Pool, overdue: int, end: str) -> None:
    await pool.execute("UPDATE rocksync.schedule SET paused_until = now() - interval '1 second'")

    if end == "over":
        await Schedules(pool, lease_s=60).resume_paused()
    else:
        await ASKED[end](Schedules(pool, lease_s=60), Tenants(pool))

    row = await pool.fetchrow(STOCK + " AND due_at > now() - interval '1 minute'")
    assert row is not None
    assert row["paused_until"] is None


async def test_orders_of_no_interest_are_swept_with_their_items(pool: asyncpg.Pool) -> None:
    await pool.fetchval(TENANT, "a")
    await pool.execute(
        """INSERT INTO rocksync.hub_order (tenant_id, id, status, digest, seen_at, imported_at)
           SELECT t.id, o.id, 'picking', '', now() - o.days * interval '1 day', o.imported_at
             FROM rocksync.tenant t,
                  (VALUES ('old', 31, NULL), ('new', 29, NULL), ('imported', 31, now()), ('waits', 31, NULL),
                          ('told', 31, NULL)) o (id, days, imported_at)"""
    )
    await pool.execute(
        """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, accepted_at)
           SELECT o.tenant_id, 'order', o.id, CASE o.id WHEN 'waits' THEN 'quarantined' ELSE 'skipped' END,
                  'not_selected', CASE o.id WHEN 'told' THEN now() END
             FROM rocksync.hub_order o"""
    )

    await Schedules(pool, lease_s=60).sweep(keep_history_days=30, keep_orders_days=30)

    orders = await pool.fetch("SELECT id FROM rocksync.hub_order ORDER BY id")
    items = await pool.fetch("SELECT key FROM rocksync.item ORDER BY key")
    assert [row["id"] for row in orders] == ["imported", "new", "waits"]
    assert [row["key"] for row in items] == ["imported", "new", "told", "waits"]
