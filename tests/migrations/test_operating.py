import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

ADD = "SELECT rocksync.add_tenant($1, $2, $3, $4, $5, $6, $7)"
CASA = ("casa", "Casa da Panela", "casa.example", "client", "secret", "user", "pass")


async def add(pool: asyncpg.Pool, slug: str = "casa", *, active: bool = True) -> int:
    """A tenant with sealed credentials."""
    tenant_id: int = await pool.fetchval(ADD, slug, *CASA[1:])
    await pool.execute("DELETE FROM rocksync.credential_inbox")
    await pool.execute("INSERT INTO rocksync.credential (tenant_id, sealed) VALUES ($1, 'sealed')", tenant_id)
    if active:
        await pool.execute("SELECT rocksync.activate_tenant($1)", slug)
    return tenant_id


async def schedule(pool: asyncpg.Pool, tenant_id: int, kind: str = "stock") -> asyncpg.Record:
    row = await pool.fetchrow("SELECT * FROM rocksync.schedule WHERE tenant_id = $1 AND kind = $2", tenant_id, kind)
    assert row is not None
    return row


async def tenant(pool: asyncpg.Pool, tenant_id: int) -> asyncpg.Record:
    row = await pool.fetchrow("SELECT * FROM rocksync.tenant WHERE id = $1", tenant_id)
    assert row is not None
    return row


async def refusal(pool: asyncpg.Pool, query: str, *arguments: object) -> tuple[str, str | None]:
    """Message and hint of the error that *query* raises."""
    with pytest.raises(asyncpg.PostgresError) as refused:
        await pool.execute(query, *arguments)
    return refused.value.args[0], refused.value.hint


# Onboarding


async def test_a_tenant_is_added_as_a_draft_with_nothing_due(pool: asyncpg.Pool) -> None:
    tenant_id = await pool.fetchval(ADD, *CASA)

    row = await tenant(pool, tenant_id)
    assert (row["slug"], row["name"], row["domain"], row["status"]) == (*CASA[:3], "draft")
    kinds = await pool.fetch("SELECT kind, mode, every, due_at FROM rocksync.schedule ORDER BY kind")
    assert [tuple(kind) for kind in kinds] == [
        (k, "automatic", None, None) for k in ("order", "price", "product", "stock")
    ]
    inbox = await pool.fetchrow("SELECT * FROM rocksync.credential_inbox")
    assert (inbox["tenant_id"], inbox["client_secret"]) == (tenant_id, "secret")


async def test_mappers_and_settings_can_be_given_when_a_tenant_is_added(pool: asyncpg.Pool) -> None:
    tenant_id = await pool.fetchval(
        """SELECT rocksync.add_tenant('casa', 'Casa', 'casa.example', 'a', 'b', 'c', 'd',
                                      mappers => '{kits,precos}', settings => '{"reserve_stock": false}')"""
    )

    row = await tenant(pool, tenant_id)
    assert (row["mappers"], row["settings"]) == (["kits", "precos"], '{"reserve_stock": false}')


@pytest.mark.parametrize(
    ("place", "value", "rule"),
    [
        (0, "Casa da Panela", "tenant_slug_is_lower_case_letters_digits_hyphens"),
        (0, "-casa", "tenant_slug_is_lower_case_letters_digits_hyphens"),
        (0, "", "tenant_slug_is_lower_case_letters_digits_hyphens"),
        (0, "casa\n", "tenant_slug_is_lower_case_letters_digits_hyphens"),
        (1, " ", "tenant_name_is_not_blank"),
        (2, "https://casa.example", "tenant_domain_is_a_host_name"),
        (2, "casa.example/loja", "tenant_domain_is_a_host_name"),
        (3, "", "credential_client_id_is_not_blank"),
        (4, " ", "credential_client_secret_is_not_blank"),
        (5, "", "credential_api_user_is_not_blank"),
        (6, "", "credential_api_secret_is_not_blank"),
    ],
)
async def test_what_is_wrong_with_a_new_tenant_is_named_and_nothing_of_it_stays(
    pool: asyncpg.Pool, place: int, value: str, rule: str
) -> None:
    given = list(CASA)
    given[place] = value

    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await pool.fetchval(ADD, *given)

    assert refused.value.constraint_name == rule
    assert await pool.fetchval("SELECT count(*) FROM rocksync.tenant") == 0
    assert await pool.fetchval("SELECT count(*) FROM rocksync.audit") == 0


async def test_a_slug_is_taken_once(pool: asyncpg.Pool) -> None:
    await add(pool)

    with pytest.raises(asyncpg.UniqueViolationError):
        await pool.fetchval(ADD, *CASA)


async def test_activating_marks_the_catalogue_and_makes_all_due_but_what_is_manual(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool, active=False)
    await pool.execute("INSERT INTO store.product (tenant_id, sku) VALUES ($1, 'A')", tenant_id)
    await pool.execute("INSERT INTO store.price (tenant_id, sku, price) VALUES ($1, 'A', 1)", tenant_id)
    await pool.execute("INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES ($1, 'A', 1)", tenant_id)
    await pool.execute("DELETE FROM rocksync.change")
    await pool.execute("SELECT rocksync.set_schedule('casa', 'price', 'manual')")

    await pool.execute("SELECT rocksync.activate_tenant('casa')")

    row = await tenant(pool, tenant_id)
    assert row["status"] == "active"
    assert row["activated_at"] == pytest.approx(datetime.now(UTC), abs=timedelta(minutes=1))
    assert row["orders_since"] is not None
    changes = await pool.fetch("SELECT DISTINCT kind, key FROM rocksync.change ORDER BY kind")
    assert [tuple(change) for change in changes] == [("price", "A"), ("product", "A"), ("stock", "A")]
    due = await pool.fetch("SELECT kind FROM rocksync.schedule WHERE due_at <= now() ORDER BY kind")
    assert [kind for (kind,) in due] == ["order", "product", "stock"]


async def test_a_tenant_without_credentials_is_not_activated(pool: asyncpg.Pool) -> None:
    await pool.fetchval(ADD, *CASA)
    await pool.execute("DELETE FROM rocksync.credential_inbox")

    message, hint = await refusal(pool, "SELECT rocksync.activate_tenant('casa')")

    assert message == 'tenant "casa" has no credentials'
    assert hint == "rocksync tenant credentials casa"


async def test_activation_keeps_a_date_that_was_chosen(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool, active=False)
    await pool.execute("UPDATE rocksync.tenant SET orders_since = '2026-01-01'")

    await pool.execute("SELECT rocksync.activate_tenant('casa')")

    assert (await tenant(pool, tenant_id))["orders_since"] == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "call",
    [
        "activate_tenant('nobody')",
        "pause_tenant('nobody', 'x')",
        "resume_tenant('nobody')",
        "set_schedule('nobody', 'stock', 'manual')",
        "request_sync('nobody', 'stock')",
    ],
)
async def test_every_call_says_when_there_is_no_such_tenant(pool: asyncpg.Pool, call: str) -> None:
    message, hint = await refusal(pool, f"SELECT rocksync.{call}")

    assert message == 'there is no tenant "nobody"'
    assert hint == "SELECT slug FROM rocksync.tenant lists them"


# Pausing and schedules


async def test_a_paused_tenant_has_nothing_due_until_it_is_resumed(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)

    await pool.execute("SELECT rocksync.pause_tenant('casa', 'stocktaking')")
    paused, stopped = await tenant(pool, tenant_id), await schedule(pool, tenant_id)
    await pool.execute("SELECT rocksync.resume_tenant('casa')")

    assert (paused["status"], paused["status_reason"], stopped["due_at"]) == ("paused", "stocktaking", None)
    resumed = await tenant(pool, tenant_id)
    assert (resumed["status"], resumed["status_reason"]) == ("active", None)
    assert (await schedule(pool, tenant_id))["due_at"] is not None


async def test_a_draft_is_neither_paused_nor_resumed(pool: asyncpg.Pool) -> None:
    await add(pool, active=False)

    assert (await refusal(pool, "SELECT rocksync.pause_tenant('casa', 'x')"))[0].startswith('tenant "casa" is a draft')
    assert (await refusal(pool, "SELECT rocksync.resume_tenant('casa')"))[0] == 'tenant "casa" is a draft'


async def test_resuming_lifts_the_pause_of_a_kind_and_a_backoff(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    await pool.execute(
        "UPDATE rocksync.schedule SET paused_until = 'infinity', backoff_until = 'infinity', due_at = NULL"
    )

    await pool.execute("SELECT rocksync.resume_tenant('casa')")

    row = await schedule(pool, tenant_id)
    assert (row["paused_until"], row["backoff_until"]) == (None, None)
    assert row["due_at"] is not None


async def test_a_schedule_is_set_and_set_back(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)

    await pool.execute("SELECT rocksync.set_schedule('casa', 'stock', 'immediate', interval '30 seconds')")
    own = await schedule(pool, tenant_id)
    await pool.execute("SELECT rocksync.set_schedule('casa', 'stock', 'manual')")
    manual = await schedule(pool, tenant_id)

    assert (own["mode"], own["every"]) == ("immediate", timedelta(seconds=30))
    assert own["due_at"] is not None
    assert (manual["mode"], manual["every"], manual["due_at"]) == ("manual", None, None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("'colour', 'manual'", 'unknown kind "colour"'),
        ("'stock', 'sometimes'", "schedule_mode_is_known"),
        ("'stock', 'automatic', interval '9 seconds'", "schedule_every_is_between_10_seconds_and_30_days"),
        ("'stock', 'automatic', interval '31 days'", "schedule_every_is_between_10_seconds_and_30_days"),
    ],
)
async def test_a_wrong_schedule_is_refused_by_name(pool: asyncpg.Pool, arguments: str, says: str) -> None:
    await add(pool)

    assert says in (await refusal(pool, f"SELECT rocksync.set_schedule('casa', {arguments})"))[0]


@pytest.mark.parametrize(
    ("status", "hint"),
    [
        ("draft", "rocksync tenant activate casa"),
        ("paused", "rocksync tenant resume casa"),
        ("needs_credentials", "rocksync tenant credentials casa"),
    ],
)
async def test_a_pass_of_a_tenant_that_is_not_served_cannot_be_requested(
    pool: asyncpg.Pool, status: str, hint: str
) -> None:
    await add(pool)
    await pool.execute("UPDATE rocksync.tenant SET status = $1", status)

    message = await refusal(pool, "SELECT rocksync.request_sync('casa', 'stock')")

    assert message == (f'tenant "casa" is not active but {status}', hint)


async def test_an_unknown_kind_cannot_be_requested(pool: asyncpg.Pool) -> None:
    await add(pool)

    assert await refusal(pool, "SELECT rocksync.request_sync('casa', 'colour')") == (
        'unknown kind "colour"',
        "product, price, stock or order",
    )


async def test_new_settings_raise_the_revision_and_make_the_tenant_due(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    await pool.execute("UPDATE rocksync.schedule SET due_at = now() + interval '1 hour'")

    await pool.execute("UPDATE rocksync.tenant SET hub_user = '7'")
    same = await tenant(pool, tenant_id)
    await pool.execute("""UPDATE rocksync.tenant SET settings = '{"buffer": 2}'""")

    assert same["revision"] == 1
    assert (await tenant(pool, tenant_id))["revision"] == 2
    assert await pool.fetchval("SELECT bool_and(due_at <= clock_timestamp()) FROM rocksync.schedule")


async def test_every_change_by_an_operator_is_audited_without_secrets(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT set_config('rocksync.operator', 'ana', true)")
        await connection.fetchval(ADD, *CASA)
        for call in (
            "activate_tenant('casa')",
            "pause_tenant('casa', 'stocktaking')",
            "resume_tenant('casa')",
            "set_schedule('casa', 'stock', 'manual')",
            "request_sync('casa', 'stock')",
        ):
            await connection.execute(f"SELECT rocksync.{call}")

    audit = await pool.fetch("SELECT who, action, slug FROM rocksync.audit ORDER BY id")
    assert [row["action"] for row in audit] == [
        "tenant add", "tenant activate", "tenant pause", "tenant resume", "schedule set", "sync",
    ]  # fmt: skip
    assert {(row["who"], row["slug"]) for row in audit} == {("ana", "casa")}
    assert "secret" not in await pool.fetchval("SELECT string_agg(a::text, ' ') FROM rocksync.audit a")


# What is told


async def test_workers_are_told_of_operators_and_of_changes_of_immediate_kinds_at_commit(
    pool: asyncpg.Pool, connection: asyncpg.Connection
) -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    await connection.add_listener("rocksync", lambda *heard: told.put_nowait(heard[3]))

    async def heard(count: int) -> set[str]:
        return {await asyncio.wait_for(told.get(), 10) for _ in range(count)}

    tenant_id = await pool.fetchval(ADD, *CASA)
    assert await heard(2) == {f"tenant {tenant_id}", "credentials"}
    await pool.execute("SELECT rocksync.activate_tenant('casa')")
    assert await heard(1) == {f"tenant {tenant_id}"}
    await pool.execute("SELECT rocksync.set_schedule('casa', 'stock', 'immediate')")
    assert await heard(1) == {f"schedule {tenant_id} stock"}
    await pool.execute("SELECT rocksync.request_sync('casa', 'price')")
    assert await heard(1) == {f"schedule {tenant_id} price"}
    async with pool.acquire() as platform, platform.transaction():
        await platform.execute("INSERT INTO store.price (tenant_id, sku, price) VALUES ($1, 'A', 1)", tenant_id)
        await platform.execute("INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES ($1, 'A', 1)", tenant_id)
        await platform.execute("UPDATE store.stock SET on_hand = 2")
        assert told.empty()
    assert await heard(1) == {f"change {tenant_id} stock"}
    await pool.execute("SELECT rocksync.pause_tenant('casa', 'x')")
    assert await heard(1) == {f"tenant {tenant_id}"}


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
    due_s_ago = {"order": 10, "stock": 20, "price": 34, "product": 41}
    for kind, seconds in due_s_ago.items():
        await pool.execute(
            "UPDATE rocksync.schedule SET due_at = now() - $2 * interval '1 second' WHERE kind = $1",
            kind,
            float(seconds),
        )

    order = [await claim(pool, slots=1) for _ in due_s_ago]

    assert order == [{(tenant_id, kind)} for kind in ("product", "order", "stock", "price")]


# Lag


async def lag(pool: asyncpg.Pool, kind: str = "stock") -> dict[str, Any]:
    row = await pool.fetchrow("SELECT * FROM rocksync.lag WHERE tenant = 'casa' AND kind = $1", kind)
    assert row is not None
    return dict(row)


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
