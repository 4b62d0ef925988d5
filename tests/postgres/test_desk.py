"""What operators decide while passes run."""

import asyncio
from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from rocksync.domain.desk import Filter
from rocksync.domain.tenancy import Kind, TenantId
from rocksync.postgres.desk import Desk, Keys
from tests.worker.waiting import until

TENANT = "SELECT rocksync.add_tenant($1, 'Loja', $1 || '.example', 'client', 'secret', 'user', 'pass')"
REFUSED = """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason)
             VALUES ($1, 'stock', 'A', 'quarantined', 'rejected'), ($1, 'price', 'A', 'quarantined', 'unconfirmed')"""
HELD = """INSERT INTO rocksync.hold (tenant_id, kind, key, revision, before, after, why)
          VALUES ($1, 'price', 'A', 1, '{}', '{}', '')"""
WAITING = "WHERE datname = current_database() AND wait_event_type = 'Lock'"
DECISIONS: dict[str, Callable[[Desk, TenantId], Awaitable[object]]] = {
    "release": lambda desk, _: desk.release(Filter(slug="a")),
    "resend": lambda desk, tenant: desk.resend(tenant, "a", Keys(name="A", by_kind={Kind.PRICE: "A"})),
    "approve": lambda desk, tenant: desk.approve(tenant, Filter(slug="a")),
}


async def served(pool: asyncpg.Pool, slug: str) -> TenantId:
    """A tenant whose passes run, with a stock and a price in quarantine, and a hold of the latter."""
    tenant = TenantId(await pool.fetchval(TENANT, slug))
    await pool.execute("SELECT rocksync.activate_tenant($1)", slug)
    await pool.execute("UPDATE rocksync.schedule SET lease_worker = 'w', lease_token = 7 WHERE tenant_id = $1", tenant)
    await pool.execute(REFUSED, tenant)
    await pool.execute(HELD, tenant)
    return tenant


@pytest.mark.parametrize("decision", DECISIONS)
async def test_a_decision_and_a_pass_lock_schedules_before_items(
    pool: asyncpg.Pool, connection: asyncpg.Connection, decision: str
) -> None:
    tenant = await served(pool, "a")
    async with connection.transaction():
        assert await connection.fetchval("SELECT rocksync.hold_lease($1, 'price', 7)", tenant)
        decided = asyncio.create_task(asyncio.wait_for(DECISIONS[decision](Desk(pool), tenant), 20))
        await until(lambda: pool.fetchval(f"SELECT true FROM pg_stat_activity {WAITING}"))

        await connection.execute(
            "UPDATE rocksync.item SET attempts = 1 WHERE tenant_id = $1 AND kind = 'price'", tenant
        )

    await decided
    row = await pool.fetchrow("SELECT state, attempts FROM rocksync.item WHERE kind = 'price'")
    assert tuple(row) == ("pending", 0)


async def test_a_release_that_fails_says_what_it_has_released_before(
    pool: asyncpg.Pool, connection: asyncpg.Connection
) -> None:
    first, second = [await served(pool, slug) for slug in ("a", "b")]
    await pool.execute(f"""CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                                 RAISE lock_not_available; END $$;
                             CREATE TRIGGER refuse BEFORE UPDATE ON rocksync.item FOR EACH ROW
                                 WHEN (OLD.tenant_id = {second}) EXECUTE FUNCTION refuse()""")

    with pytest.raises(asyncpg.LockNotAvailableError) as failed:
        await Desk(pool).release(Filter(kinds=[Kind.PRICE]))

    assert failed.value.__notes__ == ["(1 had been released, 0 that waited are tried at once)"]
    states = await pool.fetch("SELECT tenant_id, state FROM rocksync.item WHERE kind = 'price' ORDER BY tenant_id")
    assert [tuple(row) for row in states] == [(first, "pending"), (second, "quarantined")]
    audited = await pool.fetch("SELECT slug, what FROM rocksync.audit WHERE action = 'quarantine release'")
    assert [row["slug"] for row in audited] == ["a"]
