"""isolation: quiet tenants beside one that has 50,000 changes to deliver."""

import asyncio
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import stores
from tests.benchmarks.changes import Platform, percentile
from tests.benchmarks.ground import Ground, ground
from tests.benchmarks.idle import all_seen
from tests.benchmarks.plan import Plan

GOAL = 1.5
QUIET, PER_S, LATENCY_S = 50, 25.0, 0.02
QUIET_SKUS = 100


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """The quiet tenants' p99 alone, and beside the busy one, in turn."""
    seconds = plan.seconds(quick=10, full=60)
    busy_skus = plan.size(quick=5_000, full=50_000)
    runs = []
    async with ground(at, latency_s=LATENCY_S) as place:
        tenants = await place.add_tenants(QUIET + 1)
        quiet, busy = tenants[:QUIET], tenants[QUIET]
        await stores.load_synced(place.dsn, quiet, QUIET_SKUS)
        await stores.load_synced(place.dsn, [busy], busy_skus)
        await place.hub.do("seed", accounts=QUIET, skus=QUIET_SKUS)
        await place.hub.do("seed", accounts=1, skus=busy_skus, first=QUIET)
        await stores.be_immediate(place.pool)
        async with place.worker() as worker:  # with the rate limits that every tenant has
            await all_seen(place, worker)
            for number in range(plan.repeats):
                alone = await _lags(place, quiet, seconds)
                await stores.change_stock(place.pool, busy, 100 + number)
                await asyncio.sleep(2)
                beside = await _lags(place, quiet, seconds)
                left = await stores.pending(place.pool, busy)
                runs.append({**_percentiles("alone", alone), **_percentiles("beside", beside), "busy_left": left})
    ratio = median(run["beside_p99_ms"] / run["alone_p99_ms"] for run in runs)
    return {
        "quiet_tenants": QUIET,
        "changes_per_s": PER_S,
        "busy_changes": busy_skus,
        "seconds": seconds,
        "runs": runs,
        "alone_p99_ms": median(run["alone_p99_ms"] for run in runs),
        "beside_p99_ms": median(run["beside_p99_ms"] for run in runs),
        "ratio": ratio,
        "goal": GOAL,
        "met": ratio <= GOAL and all(run["busy_left"] > 0 for run in runs),
    }


async def _lags(place: Ground, quiet: list[int], seconds: float) -> list[float]:
    await place.hub.do("mark")
    platform = Platform(place, quiet, QUIET_SKUS)
    await platform.write(PER_S, seconds)
    await asyncio.sleep(3)
    return platform.lags_ms(await place.hub.journal())


def _percentiles(name: str, lags: list[float]) -> dict[str, float]:
    return {f"{name}_{p}_ms": percentile(lags, share) for p, share in (("p50", 0.5), ("p99", 0.99))} | {
        f"{name}_changes": len(lags)
    }
