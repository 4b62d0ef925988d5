"""Tables that operators write by SQL: what calls and commands do and refuse, these do and refuse."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.migrations.operating import add, schedule, tenant

MANUAL = "UPDATE rocksync.schedule SET mode = 'manual'"
AUTOMATIC = "UPDATE rocksync.schedule SET mode = 'automatic', every = '10 seconds'"


@pytest.mark.parametrize(
    ("before", "statement"),
    [
        ("SELECT rocksync.set_schedule('casa', 'stock', 'manual')", AUTOMATIC),
        ("UPDATE rocksync.schedule SET due_at = now() + interval '1 day'", AUTOMATIC),
        (f"{AUTOMATIC}; UPDATE rocksync.schedule SET due_at = 'infinity'", "UPDATE rocksync.schedule SET every = NULL"),
        ("SELECT rocksync.set_schedule('casa', 'stock', 'manual')", "UPDATE rocksync.schedule SET mode = 'immediate'"),
        ("UPDATE rocksync.schedule SET requested_at = now(), due_at = NULL", MANUAL),
    ],
)
async def test_a_schedule_that_is_written_is_due_at_once_as_one_that_is_set(
    pool: asyncpg.Pool, before: str, statement: str
) -> None:
    tenant_id = await add(pool)
    await pool.execute(before)

    await pool.execute(statement)

    assert (await schedule(pool, tenant_id))["due_at"] == pytest.approx(datetime.now(UTC), abs=timedelta(minutes=1))


async def test_a_kind_that_is_made_manual_and_any_of_a_tenant_that_is_not_served_are_not_due(
    pool: asyncpg.Pool,
) -> None:
    served = await add(pool)
    paused = await add(pool, "paused")
    await pool.execute("SELECT rocksync.pause_tenant('paused', 'stocktaking')")

    await pool.execute(MANUAL)
    manual = await schedule(pool, served)
    await pool.execute(AUTOMATIC)

    assert manual["due_at"] is None
    assert (await schedule(pool, paused))["due_at"] is None


async def test_a_schedule_that_is_written_as_it_is_runs_when_it_would_have(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    await pool.execute("UPDATE rocksync.schedule SET due_at = '2040-01-01Z'")

    await pool.execute("UPDATE rocksync.schedule SET mode = 'automatic', every = NULL")

    assert (await schedule(pool, tenant_id))["due_at"] == datetime(2040, 1, 1, tzinfo=UTC)


async def test_workers_are_told_of_schedules_that_are_written_and_of_no_other_write_to_them(
    pool: asyncpg.Pool, connection: asyncpg.Connection
) -> None:
    tenant_id = await add(pool)
    told: asyncio.Queue[str] = asyncio.Queue()
    await connection.add_listener("rocksync", lambda *heard: told.put_nowait(heard[3]))

    await pool.execute("UPDATE rocksync.schedule SET due_at = now() WHERE kind = 'price'")
    await pool.execute(f"{AUTOMATIC} WHERE kind = 'stock'")

    assert await asyncio.wait_for(told.get(), 10) == f"schedule {tenant_id} stock"


KNOWN = "tenant_gate_has_max_zero_percent_or_max_price_change_percent"
NUMBERS = "tenant_setting_gate_limits_are_numbers_from_0"


@pytest.mark.parametrize(
    ("settings", "rule"),
    [
        ('{"tell_orders": "yes"}', "tenant_setting_tell_orders_is_true_or_false"),
        ('{"tell_orders": null}', "tenant_setting_tell_orders_is_true_or_false"),
        ('{"gate": {"max_zero_prcent": 5}}', KNOWN),
        ('{"gate": {"max_zero_percent": 5, "": 0}}', KNOWN),
        ('{"gate": 30}', KNOWN),
        ('{"gate": []}', KNOWN),
        ('{"gate": "{}"}', KNOWN),
        ('{"gate": {"max_zero_percent": -1}}', NUMBERS),
        ('{"gate": {"max_zero_percent": 5, "max_price_change_percent": "30"}}', NUMBERS),
        ('{"gate": {"max_price_change_percent": [30]}}', NUMBERS),
        ('{"gate": {"max_price_change_percent": true}}', NUMBERS),
    ],
)
async def test_settings_that_cannot_be_meant_are_refused_by_name(pool: asyncpg.Pool, settings: str, rule: str) -> None:
    tenant_id = await add(pool)

    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await pool.execute("UPDATE rocksync.tenant SET settings = $1", settings)

    assert refused.value.constraint_name == rule
    assert (await tenant(pool, tenant_id))["settings"] == "{}"


@pytest.mark.parametrize(
    "settings",
    [
        '{"tell_orders": true}',
        '{"gate": null}',
        '{"gate": {}}',
        '{"gate": {"max_zero_percent": 0}, "buffer": "2"}',
        '{"gate": {"max_zero_percent": null, "max_price_change_percent": 12.5}}',
    ],
)
async def test_settings_that_commands_take_sql_takes(pool: asyncpg.Pool, settings: str) -> None:
    tenant_id = await add(pool)

    await pool.execute("UPDATE rocksync.tenant SET settings = $1", settings)

    assert json.loads((await tenant(pool, tenant_id))["settings"]) == json.loads(settings)


@pytest.mark.parametrize("name", ["", " ", "../x", "mappers/kits", "kits\n", "kits precos", "kits,precos"])
async def test_what_can_be_no_name_of_a_mapper_is_refused(pool: asyncpg.Pool, name: str) -> None:
    tenant_id = await add(pool)

    with pytest.raises(asyncpg.CheckViolationError) as refused:
        await pool.execute("UPDATE rocksync.tenant SET mappers = $1", ["kits", name])

    assert refused.value.constraint_name == "tenant_mappers_are_of_letters_digits_underscores_dots_hyphens"
    assert (await tenant(pool, tenant_id))["mappers"] == []


async def test_whatever_a_file_or_an_installed_mapper_may_be_named_is_taken(pool: asyncpg.Pool) -> None:
    tenant_id = await add(pool)
    names = ["2-kits", "price_markup", "Acme.Kits", "_kits"]

    await pool.execute("UPDATE rocksync.tenant SET mappers = $1", names)

    assert (await tenant(pool, tenant_id))["mappers"] == names
