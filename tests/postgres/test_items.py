"""Items are written under a lease that is held, or not at all."""

from collections.abc import Sequence
from dataclasses import replace

import asyncpg
import pytest

from rocksync.domain.documents import OfferRevisions
from rocksync.domain.errors import LeaseLostError
from rocksync.domain.outcomes import Accepted, Created, Delivery, Outcome, Skipped
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind, Lease
from rocksync.postgres.items import Items
from rocksync.postgres.schedules import Schedules

CREATED = Accepted(
    key="A",
    revision=1,
    payload={"sku": "A"},
    delivery=Delivery(action="create", created=(Created(sku="A", price={"price": 1}, stock={"quantity": 2}),)),
)
SKIPPED = Skipped(key="A", revision=1, reason=Reason.INACTIVE, detail="off")


@pytest.fixture
async def lease(pool: asyncpg.Pool) -> Lease:
    """A pass over the products of a tenant that has one, A, pending."""
    tenant = await pool.fetchval("SELECT rocksync.add_tenant('acme', 'A', 'a.b', 'i', 's', 'u', 't')")
    await pool.execute("INSERT INTO rocksync.credential (tenant_id, sealed) VALUES ($1, '')", tenant)
    await pool.execute("SELECT rocksync.activate_tenant('acme')")
    await pool.execute("INSERT INTO store.product (tenant_id, sku, name) VALUES ($1, 'A', 'A')", tenant)
    [claimed] = await Schedules(pool, lease_s=60).claim("w", 1, kinds=[Kind.PRODUCT])
    await Items(pool).fold(claimed)
    return claimed


async def row(pool: asyncpg.Pool) -> tuple[object, ...]:
    found = await pool.fetchrow("SELECT state, accepted, sending FROM rocksync.item WHERE kind = 'product'")
    assert found is not None
    return tuple(found)


async def test_what_is_about_to_be_sent_is_noted_down_and_withdrawn(pool: asyncpg.Pool, lease: Lease) -> None:
    await Items(pool).announce(lease, {"A": {"sku": "A"}})
    announced = await row(pool)
    await Items(pool).announce(lease, {"A": None})

    assert announced == ("pending", None, '{"sku": "A"}')
    assert await row(pool) == ("pending", None, None)


async def test_what_was_accepted_is_recorded_with_what_was_created(pool: asyncpg.Pool, lease: Lease) -> None:
    await Items(pool).announce(lease, {"A": {"sku": "A"}})

    await Items(pool).record(lease, [CREATED])

    assert await row(pool) == ("synced", '{"sku": "A"}', None)
    offers = await pool.fetch("SELECT kind, accepted FROM rocksync.item WHERE kind <> 'product' ORDER BY kind")
    assert [tuple(each) for each in offers] == [("price", '{"price": 1}'), ("stock", '{"quantity": 2}')]


@pytest.mark.parametrize(
    ("sent", "present", "waits"),
    [(1, 1, True), (1, None, True), (1, 2, False), (None, 1, False), (None, None, False)],
)
async def test_only_what_did_not_change_waits_for_a_creation_that_may_come_late(
    pool: asyncpg.Pool, lease: Lease, sent: int | None, present: int | None, waits: bool
) -> None:
    await pool.execute("UPDATE rocksync.item SET late_until = now() + interval '1 hour'")
    await pool.execute(
        """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, changed_at, revision)
           SELECT $1, 'stock', 'A', 'pending', 'pending', now(), $2::bigint WHERE $2::bigint IS NOT NULL""",
        lease.tenant.id,
        present,
    )
    created = Created(sku="A", price={"price": 1}, stock={"quantity": 2}, revisions=OfferRevisions(stock=sent))

    await Items(pool).record(lease, [replace(CREATED, delivery=Delivery(action="create", created=(created,)))])

    row = await pool.fetchrow(
        """SELECT state, resend, late_until > now(), next_attempt_at = late_until, next_attempt_at <= now()
             FROM rocksync.item WHERE kind = 'stock'"""
    )
    assert row is not None
    assert tuple(row) == ("pending", True, True, waits, not waits)


async def test_a_creation_shortens_no_doubt_about_the_stock_itself(pool: asyncpg.Pool, lease: Lease) -> None:
    await pool.execute("UPDATE rocksync.item SET late_until = now() + interval '1 hour'")
    await pool.execute(
        """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, changed_at, late_until)
           VALUES ($1, 'stock', 'A', 'pending', 'pending', now(), now() + interval '2 hours')""",
        lease.tenant.id,
    )

    await Items(pool).record(lease, [CREATED])

    assert await pool.fetchval(
        "SELECT late_until > now() + interval '90 minutes' FROM rocksync.item WHERE kind = 'stock'"
    )


@pytest.mark.parametrize("outcomes", [[CREATED], [replace(CREATED, delivery=None)], [SKIPPED], [CREATED, SKIPPED]])
async def test_nothing_is_recorded_under_a_lost_lease(
    pool: asyncpg.Pool, lease: Lease, outcomes: Sequence[Outcome]
) -> None:
    await pool.execute("UPDATE rocksync.schedule SET lease_token = lease_token + 1")

    for write in (Items(pool).announce(lease, {"A": {"sku": "A"}}), Items(pool).record(lease, outcomes)):
        with pytest.raises(LeaseLostError, match="acme product"):
            await write

    assert await row(pool) == ("pending", None, None)
    assert await pool.fetchval("SELECT count(*) FROM rocksync.item WHERE kind <> 'product'") == 0
    assert await pool.fetchval("SELECT count(*) FROM rocksync.history") == 0


async def test_what_is_to_be_sent_again_while_it_is_on_its_way_is_sent_again(pool: asyncpg.Pool, lease: Lease) -> None:
    await pool.execute("UPDATE rocksync.item SET resend = true, revision = 2 WHERE kind = 'product'")

    await Items(pool).record(lease, [CREATED])

    row = await pool.fetchrow("SELECT state, resend FROM rocksync.item WHERE kind = 'product'")
    assert row is not None
    assert tuple(row) == ("pending", True)


async def test_orders_that_are_done_with_are_not_mapped_again(pool: asyncpg.Pool, lease: Lease) -> None:
    await pool.execute("UPDATE rocksync.schedule SET lease_token = 1, mapper_version = 'a' WHERE kind = 'order'")
    await pool.execute(
        """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason) SELECT $1, 'order', state, state, 'in_sync'
             FROM unnest('{pending,synced,skipped,quarantined}'::text[]) AS state""",
        lease.tenant.id,
    )

    marked = await Items(pool).reconsider(replace(lease, kind=Kind.ORDER, token=1, mapper_version="a"), "b")

    assert marked == 2
    rows = await pool.fetch("SELECT key FROM rocksync.item WHERE kind = 'order' AND state = 'pending' ORDER BY key")
    assert [key for (key,) in rows] == ["pending", "quarantined"]
