"""Tables that operators write by SQL: what calls and commands do and refuse, these do and refuse."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from tests.migrations.operating import add, schedule

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
