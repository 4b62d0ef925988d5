import asyncio

import pytest

from rocksync.failures import explanation
from rocksync.postgres.pool import open_pool
from rocksync.postgres.schedules import Schedules
from rocksync.sync.housekeeping import Housekeeper


@pytest.mark.parametrize(("read_only", "told"), [("on", "the database takes no writes: "), ("off", "None")])
async def test_a_beat_tells_what_the_database_has_against_it(database: str, read_only: str, told: str) -> None:
    dsn = f"{database}{'&' if '?' in database else '?'}default_transaction_read_only={read_only}"
    pool = await open_pool(dsn, size=2, application_name="test")
    heard: asyncio.Queue[str | None] = asyncio.Queue()

    async def nothing() -> None:
        pass

    keeper = Housekeeper(
        worker="w",
        version="1",
        upkeep=Schedules(pool, lease_s=60),
        seal=nothing,
        wake=lambda: None,
        faults=dict,
        beaten=heard.put_nowait,
        explain=explanation,
        poll_s=60,
        keep_history_days=1,
        keep_orders_days=1,
    )
    keeping = asyncio.create_task(keeper.run())

    why = await asyncio.wait_for(heard.get(), 10)

    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    await pool.close()
    assert str(why).startswith(told)
