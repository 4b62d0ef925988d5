import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from rocksync import sql
from tests.migrations.operating import add, schedule

# Claims


async def claim(
    pool: asyncpg.Pool,
    worker: str = "w1",
    slots: int = 10,
    *,
    tenants: list[int] | None = None,
    kinds: list[str] | None = None,
    lease_s: int = 60,
) -> set[tuple[int, str]]:
    rows = await pool.fetch(
        "SELECT * FROM rocksync.claim($1, $2, $3, $4, $5)", worker, slots, timedelta(seconds=lease_s), tenants, kinds
    )
    return {(row["tenant_id"], row["kind"]) for row in rows}


def all_of(tenant_id: int) -> set[tuple[int, str]]:
    return {(tenant_id, kind) for kind in ("product", "price", "stock", "order")}


async def test_a_claim_leases_what_is_due_and_raises_the_token(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    before = (await schedule(pool, tenant_id))["lease_token"]

    assert await claim(pool) == all_of(tenant_id)
    assert await claim(pool) == set()

    row = await schedule(pool, tenant_id)
    assert (row["lease_worker"], row["lease_token"]) == ("w1", before + 1)
    assert row["leased_until"] > datetime.now(UTC)
    assert await pool.fetchval("SELECT rocksync.hold_lease($1, 'stock', $2)", tenant_id, before + 1)
    assert not await pool.fetchval("SELECT rocksync.hold_lease($1, 'stock', $2)", tenant_id, before)


async def test_a_tenant_is_served_by_one_worker_at_a_time(pool: asyncpg.Pool) -> None:
    first, second = await add(pool, "first"), await add(pool, "second")

    assert await claim(pool, "w1", tenants=[first], kinds=["stock"]) == {(first, "stock")}
    assert await claim(pool, "w2") == all_of(second)
    assert await claim(pool, "w1") == all_of(first) - {(first, "stock")}


async def test_workers_that_claim_at_once_never_share_a_tenant(pool: asyncpg.Pool) -> None:
    for n in range(6):
        await add(pool, f"tenant-{n}")

    at_once = await asyncio.gather(*(claim(pool, f"w{n % 3}", 2) for n in range(12)))
    rest = [await claim(pool, f"w{n}") for n in range(3)]

    assert sum(len(each) for each in [*at_once, *rest]) == 24
    owners = await pool.fetch("SELECT count(DISTINCT lease_worker) FROM rocksync.schedule GROUP BY tenant_id")
    assert {row["count"] for row in owners} == {1}


async def test_an_expired_lease_is_taken_over_and_its_token_is_worth_nothing(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    await claim(pool, "w1", kinds=["stock"], lease_s=-1)
    token = (await schedule(pool, tenant_id))["lease_token"]

    assert await claim(pool, "w2", kinds=["stock"]) == {(tenant_id, "stock")}
    assert not await pool.fetchval("SELECT rocksync.hold_lease($1, 'stock', $2)", tenant_id, token)


async def test_a_lease_that_is_held_in_a_transaction_is_not_taken_over_before_it_ends(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    await claim(pool, "w1", kinds=["stock"], lease_s=-1)
    token = (await schedule(pool, tenant_id))["lease_token"]
    async with pool.acquire() as connection, connection.transaction():
        assert await connection.fetchval("SELECT rocksync.hold_lease($1, 'stock', $2)", tenant_id, token)
        assert await connection.fetchval("SHOW lock_timeout") == "5s"

        assert await claim(pool, "w2", kinds=["stock"]) == set()

    assert await claim(pool, "w2", kinds=["stock"]) == {(tenant_id, "stock")}


@pytest.mark.parametrize(
    "change",
    [
        "rocksync.schedule SET due_at = now() + interval '1 minute'",
        "rocksync.schedule SET due_at = NULL",
        "rocksync.schedule SET paused_until = 'infinity'",
        "rocksync.schedule SET backoff_until = now() + interval '1 minute'",
        "rocksync.tenant SET status = 'paused'",
        "rocksync.tenant SET status = 'needs_credentials'",
    ],
)
async def test_what_is_not_due_paused_or_backing_off_is_not_claimed(pool: asyncpg.Pool, change: str) -> None:
    await add(pool)
    await pool.execute(f"UPDATE {change}")

    assert await claim(pool) == set()


async def test_a_pause_or_backoff_that_is_over_holds_nothing_up(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    await pool.execute("UPDATE rocksync.schedule SET paused_until = now(), backoff_until = now()")

    assert await claim(pool) == all_of(tenant_id)


async def test_a_tenant_whose_credentials_are_not_sealed_yet_is_not_claimed(pool: asyncpg.Pool) -> None:
    await add(pool)
    await pool.execute("DELETE FROM rocksync.credential")

    assert await claim(pool) == set()


async def test_a_manual_kind_is_claimed_only_when_requested(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    await pool.execute("SELECT rocksync.set_schedule('casa', 'stock', 'manual')")
    assert await claim(pool, kinds=["stock"]) == set()

    await pool.execute("SELECT rocksync.request_sync('casa', 'stock')")

    assert await claim(pool, kinds=["stock"]) == {(tenant_id, "stock")}


async def test_what_is_due_longest_comes_first_and_orders_and_stock_have_a_head_start(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    due_minutes_ago = {"order": 10, "stock": 20, "price": 60, "product": 125}
    for kind, minutes in due_minutes_ago.items():
        await pool.execute(
            "UPDATE rocksync.schedule SET due_at = now() - $2 * interval '1 minute' WHERE kind = $1",
            kind,
            float(minutes),
        )

    order = [await claim(pool, slots=1) for _ in due_minutes_ago]

    assert order == [{(tenant_id, kind)} for kind in ("product", "order", "stock", "price")]


# Lag


async def lag(pool: asyncpg.Pool, kind: str = "stock") -> dict[str, Any]:
    row = await pool.fetchrow("SELECT * FROM rocksync.lag WHERE tenant = 'casa' AND kind = $1", kind)
    assert row is not None
    return dict(row)


@pytest.mark.parametrize(("longer", "first"), [(-1, "small"), (1, "busy")], ids=["not for long", "for long"])
@pytest.mark.parametrize(("kind", "minutes"), [("order", 10), ("stock", 60), ("price", 20), ("product", 10)])
async def test_a_pass_that_goes_on_lets_others_begin_first(
    pool: asyncpg.Pool, kind: str, minutes: int, longer: int, first: str
) -> None:
    tenants = {slug: await add(pool, slug) for slug in ("busy", "small")}
    await claim(pool, kinds=[kind])
    for slug, complete in (("busy", False), ("small", True)):
        token = (await schedule(pool, tenants[slug], kind))["lease_token"]
        assert await pool.fetchval("SELECT rocksync.finish($1, $2, $3, $4, true)", tenants[slug], kind, token, complete)
    await pool.execute(
        "UPDATE rocksync.schedule SET due_at = now() - CASE WHEN tenant_id = $1 THEN $2::interval ELSE '1 s' END",
        tenants["busy"],
        timedelta(minutes=minutes + longer),
    )

    assert await claim(pool, slots=1, kinds=[kind]) == {(tenants[first], kind)}


async def test_a_pass_whose_worker_died_begins_anew(pool: asyncpg.Pool) -> None:
    busy, dead = await add(pool, "busy"), await add(pool, "dead")
    await claim(pool, kinds=["stock"])
    token = (await schedule(pool, busy))["lease_token"]
    await pool.fetchval("SELECT rocksync.finish($1, 'stock', $2, false, true)", busy, token)
    await pool.execute("UPDATE rocksync.schedule SET leased_until = now() WHERE tenant_id = $1", dead)

    assert await claim(pool, "w2", slots=1, kinds=["stock"]) == {(dead, "stock")}


@pytest.mark.parametrize(
    "ask",
    [
        "UPDATE rocksync.tenant SET settings = '{\"x\": 1}' WHERE id = $1",
        "SELECT rocksync.hurry($1, '{stock}')",
        "UPDATE rocksync.schedule SET due_at = clock_timestamp() WHERE tenant_id = $1 AND kind = 'stock'",
    ],
    ids=["settings", "released", "mapper"],
)
async def test_what_is_asked_for_while_a_pass_runs_is_not_lost_when_it_ends(pool: asyncpg.Pool, ask: str) -> None:
    tenant_id = await add(pool)
    await claim(pool, kinds=["stock"])
    token = (await schedule(pool, tenant_id))["lease_token"]

    await pool.execute(ask, tenant_id)
    await pool.execute("SELECT rocksync.finish($1, 'stock', $2, true, true)", tenant_id, token)
    assert await claim(pool, kinds=["stock"]) == {(tenant_id, "stock")}

    await pool.execute("SELECT rocksync.finish($1, 'stock', $2, true, true)", tenant_id, token + 1)
    assert await claim(pool, kinds=["stock"]) == set()


@pytest.mark.parametrize("mode", ["manual", "automatic"])
@pytest.mark.parametrize(
    ("state", "creating", "lasts"),
    [("skipped", True, True), ("skipped", False, False), ("pending", False, True), ("synced", True, False)],
    ids=["product being created", "product not created", "product recorded meanwhile", "sent"],
)
async def test_a_request_lasts_while_what_it_found_is_being_created(
    pool: asyncpg.Pool, mode: str, state: str, creating: bool, lasts: bool
) -> None:
    tenant_id = await add(pool)
    await pool.execute("SELECT rocksync.set_schedule('casa', 'stock', $1)", mode)
    await pool.execute("SELECT rocksync.request_sync('casa', 'stock')")
    await claim(pool, kinds=["product", "stock"] if creating else ["stock"])
    token = (await schedule(pool, tenant_id))["lease_token"]
    await pool.execute(
        "INSERT INTO rocksync.item (tenant_id, kind, key, state, reason) VALUES ($1, 'stock', 'A', $2, 'pending')",
        tenant_id,
        state,
    )

    await pool.execute("SELECT rocksync.finish($1, 'stock', $2, true, true)", tenant_id, token)

    row = await schedule(pool, tenant_id)
    assert (row["requested_at"] is not None) == lasts
    if lasts:
        assert row["due_at"] - row["last_started_at"] < timedelta(seconds=60)


@pytest.mark.parametrize(
    ("left", "ends"),
    [
        ("SELECT $1::bigint", True),
        ("INSERT INTO rocksync.change VALUES ($1, 'order', 'A', now())", False),
        (
            """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, next_attempt_at)
               VALUES ($1, 'order', 'A', 'pending', 'pending', now() + interval '1 hour')""",
            True,
        ),
        ("INSERT INTO rocksync.reservation VALUES ($1, 1, 'A', 1, 'none', 'reserved')", False),
        ("INSERT INTO rocksync.reservation VALUES ($1, 1, 'A', 1, 'reserved', 'reserved')", True),
        (
            """INSERT INTO rocksync.hub_order (tenant_id, id, status, digest, missing_skus)
               VALUES ($1, 'A', 'approved', '', '{X}')""",
            False,
        ),
    ],
    ids=["nothing", "a change", "an item not due", "a stock row was locked", "settled", "an order waits for a SKU"],
)
async def test_an_order_pass_is_given_back_when_nothing_is_left_to_do(
    pool: asyncpg.Pool, left: str, ends: bool
) -> None:
    tenant_id = await add(pool)
    await claim(pool, kinds=["order"])
    token = (await schedule(pool, tenant_id, "order"))["lease_token"]
    await pool.execute("UPDATE rocksync.schedule SET failures = 3 WHERE kind = 'order'")
    await pool.execute(left, tenant_id)

    ended = await pool.fetch("SELECT rocksync.give_back($1, '{order}', $2)", [tenant_id], [token])

    row = await schedule(pool, tenant_id, "order")
    assert len(ended) == ends
    assert (row["lease_worker"] is None, row["failures"]) == ((True, 0) if ends else (False, 3))


async def test_passes_end_together_but_for_those_that_somebody_has_in_hand(pool: asyncpg.Pool) -> None:
    free, held, lost = [await add(pool, slug) for slug in ("free", "held", "lost")]
    await claim(pool, kinds=["stock"])
    tokens = [(await schedule(pool, each))["lease_token"] for each in (held, free, lost)]
    async with pool.acquire() as other, other.transaction():
        await other.execute("SELECT rocksync.request_sync('held', 'stock')")

        ended = await pool.fetch(
            "SELECT rocksync.give_back($1, '{stock,stock,stock}', $2)",
            [held, free, lost],
            [*tokens[:2], tokens[2] - 1],
            timeout=20,
        )

    assert [row[0] for row in ended] == [2]
    held_by = {each: (await schedule(pool, each))["lease_worker"] for each in (held, free, lost)}
    assert held_by == {held: "w1", free: None, lost: "w1"}


async def test_lag_is_the_age_of_the_oldest_change_whether_folded_or_not(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    assert (await lag(pool))["lag_s"] == 0
    assert (await lag(pool))["cause"] == "in_sync"

    await pool.execute(
        "INSERT INTO rocksync.change VALUES ($1, 'stock', 'A', now() - interval '100 s'), ($1, 'stock', 'A', now())",
        tenant_id,
    )
    unfolded = await lag(pool)
    await pool.execute(
        """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, changed_at)
           VALUES ($1, 'stock', 'B', 'pending', 'rate_limited', now() - interval '200 s'),
                  ($1, 'stock', 'C', 'quarantined', 'rejected', now() - interval '900 s'),
                  ($1, 'stock', 'D', 'synced', 'in_sync', NULL)""",
        tenant_id,
    )
    folded = await lag(pool)

    assert unfolded["lag_s"] == pytest.approx(100, abs=20)
    assert (unfolded["pending"], unfolded["quarantined"], unfolded["cause"]) == (1, 0, "pending")
    assert folded["lag_s"] == pytest.approx(200, abs=20)
    assert (folded["pending"], folded["quarantined"], folded["cause"]) == (2, 1, "rate_limited")
    assert (await lag(pool, "price"))["lag_s"] == 0


async def test_staleness_counts_from_the_last_complete_pass_or_from_activation(pool: asyncpg.Pool) -> None:
    await add(pool)
    await pool.execute("UPDATE rocksync.tenant SET activated_at = now() - interval '500 s'")
    never = await lag(pool)
    await pool.execute("UPDATE rocksync.schedule SET last_completed_at = now() - interval '50 s'")

    assert never["staleness_s"] == pytest.approx(500, abs=20)
    assert (await lag(pool))["staleness_s"] == pytest.approx(50, abs=20)


async def test_the_cause_of_a_lag_is_what_stops_it(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    await pool.execute("INSERT INTO rocksync.change VALUES ($1, 'stock', 'A', now())", tenant_id)
    steps = {
        "UPDATE rocksync.schedule SET mode = 'manual'": "kind_manual",
        "UPDATE rocksync.schedule SET failure_reason = 'hub_unavailable'": "hub_unavailable",
        "UPDATE rocksync.schedule SET paused_until = 'infinity'": "tenant_paused",
        "UPDATE rocksync.tenant SET status = 'needs_credentials'": "needs_credentials",
        "UPDATE rocksync.tenant SET status = 'paused'": "tenant_paused",
    }
    for step, cause in steps.items():
        await pool.execute(step)

        assert (await lag(pool))["cause"] == cause, step


async def test_a_draft_has_no_lag_though_its_store_is_filled(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool, active=False)
    await pool.execute("INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES ($1, 'A', 1)", tenant_id)

    assert ((await lag(pool))["lag_s"], (await lag(pool))["staleness_s"]) == (0, None)


async def test_a_removed_tenant_leaves_nothing_but_its_store(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    await pool.execute("INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES ($1, 'A', 1)", tenant_id)

    await pool.execute("DELETE FROM rocksync.tenant WHERE id = $1", tenant_id)

    for table in ("schedule", "credential", "item", "hub_order", "reservation"):
        assert await pool.fetchval(f"SELECT count(*) FROM rocksync.{table}") == 0, table
    assert await pool.fetchval("SELECT count(*) FROM store.stock") == 1


# Backlogs

SCHEDULES = sql.load("rocksync.postgres", "schedules.sql")
ASKED = {
    "wake_changed": SCHEDULES.wake_changed.replace("$1", "ARRAY[{tenant}]::bigint[]"),
    "request_deliverable": SCHEDULES.request_deliverable.replace("$1", "ARRAY[{tenant}]::bigint[]").replace(
        "$2", "NULL"
    ),
    "fold": "SELECT rocksync.fold({tenant}, 'stock', {token}, 20000)",
    "finish": "SELECT rocksync.finish({tenant}, 'stock', {token}, true, true)",
    "give_back": "SELECT rocksync.give_back(ARRAY[{tenant}], '{{stock}}', ARRAY[{token}])",
}


@pytest.mark.parametrize("asked", ASKED)
async def test_what_waits_for_one_tenant_is_not_read_for_another(pool: asyncpg.Pool, asked: str) -> None:
    busy, quiet = await add(pool, "busy"), await add(pool, "quiet")
    await pool.execute("UPDATE rocksync.schedule SET mode = 'immediate'")
    await pool.execute("UPDATE rocksync.schedule SET due_at = now() + interval '1 hour', lease_worker = 'w'")
    await pool.execute(
        """INSERT INTO rocksync.change (tenant_id, kind, key)
           SELECT $1, 'stock', n::text FROM generate_series(1, 20000) n""",
        busy,
    )
    await pool.execute("ANALYZE rocksync.change")
    token = (await schedule(pool, quiet))["lease_token"]

    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL plan_cache_mode = force_generic_plan")
        await connection.execute(ASKED[asked].format(tenant=quiet, token=token))
        read = await connection.fetchval(
            """SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables
                WHERE relid = 'rocksync.change'::regclass"""
        )

    assert read == 0
