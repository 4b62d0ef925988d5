"""Rounds of size and change: a million changes at once, a new schema under load, a long day."""

import asyncio
import shutil
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from rocksync.postgres.migrate import folder, migrate
from tests.chaos import bloat
from tests.chaos.arena import Arena, Server, arena
from tests.chaos.crowds import add_small, serve_one
from tests.chaos.shopkeeper import Shopkeeper, busy
from tests.chaos.storm import Outcome, conclude, settle

_MOST_LEFT = 500
"""Changes, items and orders that the worker may be behind with while the platform goes on."""
_NEXT = """
ALTER TABLE rocksync.item ADD COLUMN of_the_next_release text;
ALTER TABLE rocksync.schedule ADD COLUMN of_the_next_release text NOT NULL DEFAULT '';
CREATE TABLE rocksync.of_the_next_release (tenant_id bigint PRIMARY KEY REFERENCES rocksync.tenant ON DELETE CASCADE);
"""
"""What a release may add before its workers run."""
_HISTORY_KEPT_S = 300.0
_SWEPT_WITHIN_S = 400.0
"""Between two sweeps, and for one."""
_MAY_GROW = {"kb": (1.5, 4096.0), "s": (1.0, float("inf"))}
"""By unit, how much: a factor, and what is on top. What is older than it may be is looked for by itself."""
_FULL = "history_full_kb"
"""What history's rows take: as much may be free where a sweep has just been, and twice as much is allowed for."""
_WORTH_TELLING = {"kb": 256.0}


async def million(server: Server, seed: int, *, changes: int = 1_000_000) -> Outcome:
    """So many changes by one statement: another tenant is served all the same, memory stays bounded, and it ends."""
    outcome = Outcome(name=f"{changes} changes at once", seed=seed, workers=1)
    began = time.monotonic()
    async with arena(server, seed=seed) as ring:
        big, small = await ring.add_tenant("cheia"), await add_small(ring)
        worker = ring.workers[0]
        await worker.start()
        await settle(ring, outcome)
        await ring.sql(
            "SELECT rocksync.mark_changed($1, 'stock', ARRAY(SELECT 'X' || n FROM generate_series(1, $2::int) n))",
            *(big.id, changes),
        )
        outcome.figures["served_s"] = await serve_one(ring, small)
        assert worker.pid is not None
        most = 0.0

        async def done() -> bool:
            nonlocal most
            most = max(most, (await asyncio.to_thread(_of_process, worker.pid or 0))["rss_mb"])
            return not await ring.sql(
                "SELECT EXISTS (SELECT FROM rocksync.change WHERE tenant_id = $1) OR EXISTS"
                " (SELECT FROM rocksync.item WHERE tenant_id = $1 AND state = 'pending')",
                big.id,
            )

        outcome.recover_s = await ring.until(done, within_s=1800, what="all changes are looked at")
        outcome.figures["most_rss_mb"] = most
        if outcome.figures["served_s"] > 10 or most > 400:
            outcome.wrong.append(
                f"the other tenant waited {outcome.figures['served_s']:.0f} s, {most:.0f} MB were used"
            )
        await settle(ring, outcome)
        await conclude(ring, outcome, [])
        outcome.changes, outcome.orders = changes, 1
    outcome.took_s = time.monotonic() - began
    return outcome


async def upgrade(server: Server, seed: int) -> Outcome:
    """The next release's schema comes while this release's workers are at work, and they are restarted upon it."""
    outcome = Outcome(name="migration under load", seed=seed, workers=2)
    began = time.monotonic()
    async with arena(server, seed=seed, workers=2) as ring:
        keeper = Shopkeeper(ring, await ring.add_tenant("loja-0"), f"upgrade {seed}")
        await keeper.open_shop(12)
        for worker in ring.workers:
            await worker.start()
        await busy([keeper], 3)
        migrating = asyncio.create_task(_migrate(ring))
        await busy([keeper], 2)
        await migrating
        for worker in ring.workers:
            await worker.stop()
            await worker.start()
            await busy([keeper], 1)
        outcome.attacks |= {"migration": 1, "rolling restart": 2}
        outcome.recover_s = await settle(ring, outcome)
        await conclude(ring, outcome, [keeper])
    outcome.took_s = time.monotonic() - began
    return outcome


async def _migrate(ring: Arena) -> None:
    await asyncio.to_thread(shutil.copytree, folder(), ring.folder / "next")
    await asyncio.to_thread((ring.folder / "next" / "9001_pre_next.sql").write_text, _NEXT)
    await migrate(ring.database, ring.folder / "next")


async def endurance(server: Server, seed: int, *, length_s: float) -> Outcome:
    """A long busy day without harm, as fast as the worker can follow: nothing grows but what is kept.

    A thousand orders of a store in an hour are many; what more of them do is the matter of the order storm.
    """
    outcome = Outcome(name=f"endurance, {length_s:.0f} s", seed=seed, workers=1)
    began, kept_s = time.monotonic(), min(_HISTORY_KEPT_S, length_s / 12)
    async with arena(server, seed=seed, settings={"history.keep_days": 1}) as ring:
        await bloat.keep_history_for(ring, kept_s)
        keepers = [Shopkeeper(ring, await ring.add_tenant(f"loja-{n}"), f"endure {seed}", buying=3) for n in range(2)]
        for keeper in keepers:
            await keeper.open_shop(12)
        await ring.workers[0].start()
        looks = list[dict[str, float]]()
        while time.monotonic() - began < length_s:
            for _ in range(25):
                for keeper in keepers:
                    await keeper.act()
                await asyncio.sleep(0.02)
            placed = sum(keeper.orders for keeper in keepers)
            await ring.until(partial(_follows, ring, placed), within_s=300, what="the worker follows")
            if time.monotonic() - began > length_s * (len(looks) + 1) / 10:
                looks.append(await _look(ring, kept_s))
        for tenant in ring.tenants:  # that all is quiet cannot be seen while the next poll of orders follows at once
            await ring.sql("SELECT rocksync.set_schedule($1, 'order', 'automatic', '10 minutes')", tenant.slug)
        outcome.recover_s = await settle(ring, outcome, within_s=600)
        await conclude(ring, outcome, keepers)
        judge_growth(outcome, looks, kept_s)
    outcome.took_s = time.monotonic() - began
    return outcome


def judge_growth(outcome: Outcome, looks: Sequence[Mapping[str, float]], kept_s: float) -> None:
    """Compare the first half of a day with its end, of what must not grow; the first fifth is for warming up."""
    for name in sorted(looks[0].keys() - {_FULL}):
        early = max(look[name] for look in looks[2:5])
        late = max(look[name] for look in looks[-3:])
        if max(early, late) >= _WORTH_TELLING.get(name.rpartition("_")[2], 0):
            outcome.figures |= {f"{name}_early": early, f"{name}_late": late}
        factor, more = _MAY_GROW.get(name.rpartition("_")[2], (1.25, 8))
        if name == "history_kb":  # half of it is free after a sweep, and nothing before the next
            early, factor = max(look[_FULL] for look in looks), 2.0
        if late > early * factor + more:
            outcome.wrong.append(f"{name} grew from {early:.0f} to {late:.0f}")
    oldest_s = max(look["history_s"] for look in looks)
    if oldest_s > kept_s + _SWEPT_WITHIN_S:
        outcome.wrong.append(f"history of {oldest_s:.0f} s is kept, and {kept_s:.0f} s were asked for")


async def _follows(ring: Arena, placed: int) -> bool:
    """Whether so little is left to do that the platform may go on."""
    left: int = await ring.sql(
        "SELECT (SELECT count(*) FROM rocksync.change) + (SELECT count(*) FROM rocksync.item WHERE state = 'pending')"
        " + $1 - (SELECT count(*) FROM rocksync.hub_order)",
        placed,
    )
    return left < _MOST_LEFT


async def _look(ring: Arena, kept_s: float) -> dict[str, float]:
    pid = ring.workers[0].pid
    assert pid is not None
    return {
        **await asyncio.to_thread(_of_process, pid),
        **await bloat.slack(ring),
        _FULL: await bloat.history_kb(ring),
        "history_s": await bloat.oldest_history_s(ring, kept_s),
    }


def _of_process(pid: int) -> dict[str, float]:
    return {"rss_mb": rss_mb(pid), "descriptors": float(len(list(Path(f"/proc/{pid}/fd").iterdir())))}


def rss_mb(pid: int | None) -> float:
    """Megabytes that a process has in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4 / 1024
