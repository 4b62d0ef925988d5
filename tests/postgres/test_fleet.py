import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from rocksync import sql
from rocksync.domain.errors import SettingsError
from rocksync.domain.tenancy import Kind, TenantId, TenantStatus
from rocksync.postgres.fleet import Fleet, FleetReader
from rocksync.postgres.hints import hint_orders
from rocksync.postgres.plans import Plan, Plans


@pytest.fixture
async def reader(database: str) -> AsyncIterator[FleetReader]:
    reader = FleetReader(database)
    yield reader
    await reader.close()


async def tenant(pool: asyncpg.Pool, slug: str, *, active: bool = True) -> int:
    number = await pool.fetchval("SELECT rocksync.add_tenant($1, 'A', 'a.b', 'i', 's', 'u', 't')", slug)
    if active:
        await pool.execute("SELECT rocksync.activate_tenant($1)", slug)
    return int(number)


async def changed(pool: asyncpg.Pool, number: int, kind: str, ago: timedelta) -> None:
    await pool.execute(
        "INSERT INTO rocksync.change (tenant_id, kind, key, changed_at)"
        " VALUES ($1, $2, 'K', clock_timestamp() - $3::interval)",
        *(number, kind, ago),
    )


async def pending(pool: asyncpg.Pool, number: int, kind: str, ago: timedelta) -> None:
    await pool.execute(
        "INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, changed_at)"
        " VALUES ($1, $2, 'I', 'pending', 'pending', clock_timestamp() - $3::interval)",
        *(number, kind, ago),
    )


async def test_an_empty_database_has_a_standing(reader: FleetReader):
    standing = await reader.read(10)

    assert (standing.tenants, standing.workers, standing.leases) == ((), 0, 0)


async def test_the_oldest_of_folded_and_unfolded_changes_is_the_lag(pool: asyncpg.Pool, reader: FleetReader):
    number = await tenant(pool, "acme")
    await changed(pool, number, "stock", timedelta(minutes=1))
    await pending(pool, number, "stock", timedelta(hours=1))

    standing = await reader.read(10)

    (acme,) = standing.tenants
    stock = next(each for each in acme.kinds if each.kind is Kind.STOCK)
    assert stock.oldest_at is not None
    assert timedelta(hours=1) <= standing.taken_at - stock.oldest_at < timedelta(hours=1, minutes=1)
    assert standing.oldest_at[Kind.STOCK] == stock.oldest_at
    assert standing.oldest_at[Kind.PRICE] is None
    due = datetime.fromtimestamp(standing.behind_at[Kind.STOCK][0], UTC)
    assert abs(due - (stock.oldest_at + timedelta(minutes=10))) < timedelta(milliseconds=1)


async def test_drafts_have_no_lag_and_every_status_is_counted(pool: asyncpg.Pool, reader: FleetReader):
    number = await tenant(pool, "draft", active=False)
    await changed(pool, number, "price", timedelta(hours=1))
    await tenant(pool, "acme")

    standing = await reader.read(10)

    assert standing.statuses == {TenantStatus.DRAFT: 1, TenantStatus.ACTIVE: 1}
    assert standing.slugs == {"draft", "acme"}
    assert standing.oldest_at[Kind.PRICE] is None


async def test_beyond_the_ceiling_the_worst_are_told_and_all_are_counted(pool: asyncpg.Pool, reader: FleetReader):
    for minutes in range(1, 6):
        await changed(pool, await tenant(pool, f"t{minutes}"), "price", timedelta(minutes=minutes * 10))

    standing = await reader.read(2)

    assert [each.slug for each in standing.tenants] == ["t4", "t5"]
    assert len(standing.behind_at[Kind.PRICE]) == 5


async def test_only_what_runs_at_its_interval_is_scheduled(pool: asyncpg.Pool, reader: FleetReader):
    await tenant(pool, "acme")
    await pool.execute("SELECT rocksync.set_schedule('acme', 'price', 'manual', NULL)")
    await tenant(pool, "resting")
    await pool.execute("SELECT rocksync.pause_tenant('resting', 'holidays')")

    standing = await reader.read(10)

    scheduled = {(each.slug, kind.kind): kind.scheduled for each in standing.tenants for kind in each.kinds}
    assert scheduled["acme", Kind.STOCK]
    assert not scheduled["acme", Kind.PRICE]
    assert not any(is_scheduled for (slug, _), is_scheduled in scheduled.items() if slug == "resting")


async def test_due_passes_wait_until_they_are_claimed_and_leases_may_outlive_their_worker(
    pool: asyncpg.Pool, reader: FleetReader
):
    await tenant(pool, "acme")
    await pool.execute(
        "UPDATE rocksync.schedule SET due_at = clock_timestamp() - interval '1 hour' WHERE kind = 'price'"
    )
    before = await reader.read(10)

    await pool.execute("UPDATE rocksync.schedule SET lease_worker = 'gone', leased_until = clock_timestamp()")
    after = await reader.read(10)

    assert before.waiting == 4
    assert before.waiting_since is not None
    assert before.taken_at - before.waiting_since >= timedelta(hours=1)
    assert (before.expired, after.expired) == (0, 4)


async def test_quarantine_is_told_by_reason_and_orders_that_do_not_read_back_are_counted(
    pool: asyncpg.Pool, reader: FleetReader
):
    number = await tenant(pool, "acme")
    await pool.execute(
        "INSERT INTO rocksync.item (tenant_id, kind, key, state, reason) VALUES"
        " ($1, 'order', 'a', 'quarantined', 'unknown_sku'), ($1, 'order', 'b', 'quarantined', 'unknown_sku'),"
        " ($1, 'order', 'c', 'pending', 'unconfirmed'), ($1, 'price', 'd', 'quarantined', 'rejected')",
        number,
    )

    (acme,) = (await reader.read(10)).tenants

    told = {each.kind: (dict(each.quarantined), each.unconfirmed) for each in acme.kinds}
    assert told[Kind.ORDER] == ({"unknown_sku": 2}, 1)
    assert told[Kind.PRICE] == ({"rejected": 1}, 0)
    assert told[Kind.STOCK] == ({}, 0)


async def test_a_refused_item_that_changes_again_is_one_that_waits(pool: asyncpg.Pool):
    number = await tenant(pool, "acme")
    await pool.execute("DELETE FROM rocksync.change")
    await pool.execute(
        "INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, changed_at)"
        " VALUES ($1, 'stock', 'A', 'pending', 'rejected', now() - interval '10 minutes'),"
        " ($1, 'stock', 'B', 'synced', 'in_sync', NULL)",
        number,
    )
    for key in ("A", "A", "B"):
        await pool.execute("INSERT INTO rocksync.change (tenant_id, kind, key) VALUES ($1, 'stock', $2)", number, key)

    (stock,) = [each for each in await Fleet(pool).lag("acme") if each.kind is Kind.STOCK]
    seen = await pool.fetchrow("SELECT pending, lag_s, cause FROM rocksync.lag WHERE kind = 'stock'")

    assert seen is not None
    assert (stock.pending, seen["pending"], (await Plans(pool).waiting(TenantId(number))).pending) == (2, 2, 2)
    assert (stock.cause, seen["cause"]) == ("rejected", "rejected")
    assert min(stock.lag_s, seen["lag_s"]) >= 600


async def test_a_reader_comes_back_after_its_connection_was_cut(pool: asyncpg.Pool, reader: FleetReader):
    await reader.read(1)
    await pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name = 'rocksync metrics' AND datname = current_database()"
    )

    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
        await reader.read(1)

    assert (await reader.read(1)).tenants == ()


async def test_a_database_that_is_not_there_is_an_error_of_settings():
    with pytest.raises(SettingsError, match="cannot be reached"):
        await FleetReader("postgresql://u:p@127.0.0.1:1/d").read(1)


async def test_lag_comes_worst_first_with_its_cause_and_those_behind_alone(pool: asyncpg.Pool):
    calm, late = await tenant(pool, "calm"), await tenant(pool, "late")
    await changed(pool, calm, "stock", timedelta(minutes=1))
    await pending(pool, late, "stock", timedelta(hours=1))
    fleet = Fleet(pool)

    everybody = await fleet.lag()
    behind = await fleet.lag(behind=True)
    only = await fleet.lag("calm")

    assert len(everybody) == 8
    assert (everybody[0].slug, everybody[0].kind, everybody[0].cause) == ("late", Kind.STOCK, "pending")
    assert [(each.slug, each.kind) for each in behind] == [("late", Kind.STOCK)]
    assert {each.slug for each in only} == {"calm"}


async def test_a_hint_makes_the_order_pending_and_its_pass_due_for_its_owner_only(pool: asyncpg.Pool):
    ours, other = await tenant(pool, "ours"), await tenant(pool, "other")
    await pool.execute("UPDATE rocksync.tenant SET hub_user = CASE WHEN id = $1 THEN '129' ELSE '130' END", ours)
    await pool.execute("UPDATE rocksync.schedule SET due_at = now() + interval '1 hour'")

    assert await hint_orders(pool, [("60a66dfbe3f2ab416d669e38", "129"), ("60a66dfbe3f2ab416d669e39", "7")]) == 1

    keys = await pool.fetch("SELECT tenant_id, key FROM rocksync.change WHERE kind = 'order'")
    assert [tuple(row) for row in keys] == [(ours, "60a66dfbe3f2ab416d669e38")]
    due = await pool.fetch("SELECT tenant_id, kind FROM rocksync.schedule WHERE due_at <= clock_timestamp()")
    assert [tuple(row) for row in due] == [(ours, "order")]
    assert other


async def test_a_hint_of_an_owner_nobody_knows_has_the_newest_few_who_saw_no_order_look(pool: asyncpg.Pool):
    known, gone = await tenant(pool, "known"), await tenant(pool, "gone")
    await pool.execute("UPDATE rocksync.tenant SET hub_user = CASE WHEN id = $1 THEN '129' ELSE '130' END", known)
    await pool.execute("UPDATE rocksync.tenant SET status = 'paused', status_reason = 'x' WHERE id = $1", gone)
    new = [await tenant(pool, f"new-{n}") for n in range(7)]
    await pool.execute("SELECT rocksync.set_schedule('new-6', 'order', 'manual')")
    await pool.execute("UPDATE rocksync.schedule SET due_at = now() + interval '1 hour'")
    await pool.execute(
        """UPDATE rocksync.schedule
              SET last_started_at = now() - CASE WHEN tenant_id = $1 THEN interval '1 second' ELSE '1 minute' END
            WHERE tenant_id = ANY ($2)""",
        new[5],
        new[4:6],
    )

    assert await hint_orders(pool, [("60a66dfbe3f2ab416d669e38", "130")]) == 0
    assert await hint_orders(pool, [("60a66dfbe3f2ab416d669e39", "7"), ("60a66dfbe3f2ab416d669e38", "129")]) == 4

    due = await pool.fetch("SELECT tenant_id, kind FROM rocksync.schedule WHERE due_at <= clock_timestamp()")
    assert {tuple(row) for row in due} == {(number, "order") for number in (known, *new[2:5])}
    assert await pool.fetchval("SELECT array_agg(tenant_id) FROM rocksync.change WHERE kind = 'order'") == [known]


@pytest.mark.parametrize(
    ("writes", "fate"),
    [
        ("", {"missing_price": 1}),
        ("INSERT INTO store.price VALUES ($1, 'P', 10)", {"missing_stock": 1}),
        ("INSERT INTO store.stock VALUES ($1, 'P', 3)", {"missing_price": 1}),
        ("UPDATE store.product SET active = false WHERE tenant_id = $1", {"inactive": 1}),
        ("UPDATE store.product SET name = ' ' WHERE tenant_id = $1", {"invalid_item": 1}),
        ("UPDATE store.product SET sku = ' P' WHERE tenant_id = $1", {"invalid_item": 1}),
        ("INSERT INTO store.variation (tenant_id, sku, product_sku) VALUES ($1, 'P', 'Q')", {"sku_conflict": 1}),
    ],
)
async def test_what_an_export_would_block_is_counted_by_reason(pool: asyncpg.Pool, writes: str, fate: dict[str, int]):
    number = await tenant(pool, "acme", active=False)
    await pool.execute("INSERT INTO store.product (tenant_id, sku, name) VALUES ($1, 'P', 'Panela')", number)
    if writes:
        await pool.execute(writes, number)

    assert await Plans(pool).plan(number) == Plan(create=0, update=0, blocked=fate)


async def test_an_export_creates_what_has_both_offers_and_updates_what_was_accepted(pool: asyncpg.Pool):
    number = await tenant(pool, "acme", active=False)
    await pool.execute(
        "INSERT INTO store.product (tenant_id, sku, name) SELECT $1, 'P' || n, 'X' FROM generate_series(1, 3) n", number
    )
    await pool.execute(
        "INSERT INTO store.variation (tenant_id, sku, product_sku) VALUES ($1, 'V1', 'P1'), ($1, 'V2', 'P1')", number
    )
    await pool.execute(
        "INSERT INTO store.price VALUES ($1, 'V2', 10, NULL), ($1, 'P2', 5, 4), ($1, 'P3', 0, NULL)", number
    )
    await pool.execute("INSERT INTO store.stock VALUES ($1, 'V2', 3), ($1, 'P2', 0), ($1, 'P3', 0)", number)
    plans = Plans(pool)

    assert await plans.plan(number) == Plan(create=2, update=0, blocked={"invalid_item": 1})

    await pool.execute(
        "INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, accepted)"
        " VALUES ($1, 'product', 'P1', 'synced', 'in_sync', '{}')",
        number,
    )
    assert (await plans.plan(number)).update == 1


async def test_how_fast_items_go_is_told_without_reading_all_history(pool: asyncpg.Pool):
    await tenant(pool, "acme")
    await pool.execute(
        """INSERT INTO rocksync.history (tenant_id, kind, key, at, action, reason)
           SELECT 1, 'stock', n::text, now() - (100000 - n) * interval '10 seconds', 'stock', 'in_sync'
             FROM generate_series(1, 100000) n"""
    )
    await pool.execute("VACUUM ANALYZE rocksync.history")

    plan = await pool.fetch("EXPLAIN " + sql.load("rocksync.postgres", "fleet.sql").lag, None, False)

    read = [row[0].strip() for row in plan if "history" in row[0]]
    assert read[0].startswith("->  Bitmap Heap Scan on history")
    assert "Index Scan on history_at" in read[1]
