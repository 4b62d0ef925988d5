import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from rocksync.postgres.migrate import folder, migrate
from tests.migrations.operating import ADD, CASA, add, refusal, schedule, tenant

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


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("paused", ('tenant "casa" is paused (counting)', "rocksync tenant resume casa")),
        ("needs_credentials", ('tenant "casa" needs credentials', "rocksync tenant credentials casa")),
    ],
)
async def test_activating_does_not_overrule_what_stopped_a_tenant(
    pool: asyncpg.Pool, status: str, told: tuple[str, str]
) -> None:
    tenant_id = await add(pool)
    await pool.execute("UPDATE rocksync.tenant SET status = $1, status_reason = 'counting'", status)

    refused = await refusal(pool, "SELECT rocksync.activate_tenant('casa')")

    assert refused == told
    assert (await tenant(pool, tenant_id))["status"] == status


async def test_a_tenant_that_is_active_may_be_activated_again(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)

    await pool.execute("SELECT rocksync.activate_tenant('casa')")

    assert (await tenant(pool, tenant_id))["status"] == "active"


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


@pytest.mark.parametrize("status", ["paused", "needs_credentials"])
async def test_resuming_a_stopped_tenant_leaves_kinds_that_were_paused_apart_and_says_so(
    pool: asyncpg.Pool, connection: asyncpg.Connection, status: str
) -> None:
    tenant_id = await add(pool)
    said: list[str] = []
    connection.add_log_listener(lambda *heard: said.append(heard[1].message))
    await pool.execute("UPDATE rocksync.schedule SET paused_until = 'infinity' WHERE kind = 'price'")
    await pool.execute("UPDATE rocksync.tenant SET status = $1", status)

    await connection.execute("SELECT rocksync.resume_tenant('casa')")
    stays = await schedule(pool, tenant_id, "price")
    await connection.execute("SELECT rocksync.resume_tenant('casa')")

    assert stays["paused_until"] is not None
    assert (await schedule(pool, tenant_id, "price"))["paused_until"] is None
    audit = await pool.fetch("SELECT what FROM rocksync.audit WHERE action = 'tenant resume' ORDER BY id")
    assert [row["what"] for row in audit] == ["{}", '{"kinds": ["price"]}']
    assert said == ["paused apart, and still so: price"]


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


@pytest.mark.parametrize("value", ['"false"', "null", "0", "[]"])
async def test_whether_stock_is_reserved_is_true_or_false_and_nothing_else(pool: asyncpg.Pool, value: str) -> None:
    tenant_id = await add(pool)

    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await pool.execute("UPDATE rocksync.tenant SET settings = $1", f'{{"reserve_stock": {value}}}')
    await pool.execute("""UPDATE rocksync.tenant SET settings = '{"reserve_stock": false}'""")

    assert refused.value.constraint_name == "tenant_setting_reserve_stock_is_true_or_false"
    assert (await tenant(pool, tenant_id))["settings"] == '{"reserve_stock": false}'


async def test_what_is_no_switch_goes_when_the_rule_comes_as_it_meant_nothing(
    empty_database: str, tmp_path: Path
) -> None:
    for file in sorted(folder().glob("*.sql")):
        if file.name < "0023":
            shutil.copy(file, tmp_path)
    await migrate(empty_database, tmp_path)
    opened = await asyncpg.connect(empty_database)
    for slug, value in (("a", '"false"'), ("b", "false"), ("c", "null")):
        await opened.execute(
            "INSERT INTO rocksync.tenant (slug, name, domain, settings) VALUES ($1, 'A', 'a.b', $2)",
            *(slug, f'{{"reserve_stock": {value}, "buffer": 2}}'),
        )

    await migrate(empty_database, folder())

    rows = await opened.fetch("SELECT slug, settings - 'buffer' AS rest FROM rocksync.tenant ORDER BY slug")
    assert [tuple(row) for row in rows] == [("a", "{}"), ("b", '{"reserve_stock": false}'), ("c", "{}")]
    assert await opened.fetchval("SELECT array_agg(slug ORDER BY slug) FROM rocksync.audit") == ["a", "c"]
    await opened.close()


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
