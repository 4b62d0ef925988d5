"""What grows is seen: in what a round has looked at, and in tables as they are."""

from collections.abc import AsyncIterator

import pytest

from rocksync.postgres.schedules import Schedules
from tests.chaos import bloat
from tests.chaos.arena import Arena, arena, server
from tests.chaos.growth import judge_growth
from tests.chaos.storm import Outcome

LEVEL = {
    "rss_mb": 80.0,
    "descriptors": 35.0,
    "change_kb": 1200.0,
    "item_kb": 2000.0,
    "history_kb": 9000.0,
    "history_full_kb": 20_000.0,
    "history_s": 300.0,
}


@pytest.fixture(scope="module")
async def ring() -> AsyncIterator[Arena]:
    async with server() as opened, arena(opened) as ring:
        await ring.add_tenant("loja-0")
        yield ring


def judged(**late: float) -> list[str]:
    outcome = Outcome(name="endurance", seed=1)
    judge_growth(outcome, [LEVEL] * 5 + [LEVEL | late] * 5, kept_s=300.0)
    return outcome.wrong


def test_a_day_on_which_nothing_grows_is_well() -> None:
    assert judged() == []
    assert judged(history_kb=30_000.0) == []  # a sweep has just been


@pytest.mark.parametrize(
    "late",
    [
        {"rss_mb": 120.0},
        {"descriptors": 60.0},
        {"change_kb": 9000.0},
        {"item_kb": 9000.0},
        {"history_kb": 90_000.0},
        {"history_s": 900.0},
    ],
    ids=lambda late: next(iter(late)),
)
def test_a_day_on_which_something_grows_is_not(late: dict[str, float]) -> None:
    assert len(judged(**late)) == 1


async def test_rows_that_are_gone_and_take_room_are_seen_and_those_that_are_there_are_not_counted(ring: Arena) -> None:
    await ring.sql("ALTER TABLE rocksync.item SET (autovacuum_enabled = false)")
    await ring.sql(
        "INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, detail)"
        " SELECT $1, 'stock', n::text, 'synced', 'in_sync', repeat('x', 500) FROM generate_series(1, 10000) n",
        ring.tenants[0].id,
    )
    tight = (await bloat.slack(ring))["item_kb"]

    await ring.sql("UPDATE rocksync.item SET detail = repeat('y', 500)")

    assert tight < 2_000  # of six megabytes, with the room that each page keeps free
    assert (await bloat.slack(ring))["item_kb"] > tight + 5_000


async def test_history_that_is_as_old_as_it_may_be_is_swept_and_what_was_blamed_stays(ring: Arena) -> None:
    await bloat.keep_history_for(ring, 0)
    for action in ("update", "refuse"):
        await ring.sql(
            "INSERT INTO rocksync.history (tenant_id, kind, key, action, reason)"
            " VALUES ($1, 'stock', 'A', $2, 'in_sync')",
            *(ring.tenants[0].id, action),
        )
    age_s = await bloat.oldest_history_s(ring, 0)

    await Schedules(ring.pool, lease_s=60).sweep(keep_history_days=1, keep_orders_days=30)

    assert 0 < age_s < 60
    assert [row["action"] for row in await ring.rows("SELECT action FROM rocksync.history")] == ["refuse"]
