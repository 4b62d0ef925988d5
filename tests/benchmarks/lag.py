"""lag: from a commit in Postgres to its application at the hub, with immediate schedules."""

import asyncio
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import stores
from tests.benchmarks.changes import Platform, percentile
from tests.benchmarks.ground import Ground, ground
from tests.benchmarks.idle import all_seen
from tests.benchmarks.plan import Plan

GOAL_P50_MS, GOAL_P99_MS = 150.0, 1_000.0
PER_S = 50.0
TENANTS = 100


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """Percentiles of the lag; the distribution is drawn from all runs."""
    seconds = plan.seconds(quick=10, full=30)
    skus = plan.size(quick=100, full=500)
    async with ground(at) as place:
        tenants = await place.add_tenants(TENANTS)
        await stores.load_synced(place.dsn, tenants, skus)
        await place.hub.do("seed", accounts=TENANTS, skus=skus)
        await stores.be_immediate(place.pool)
        async with place.worker() as worker:
            await all_seen(place, worker)
            lags = [await lags_of(place, tenants, skus, seconds) for _ in range(plan.repeats)]
        late = [row for row in worker.notes() if row[5] not in {"complete", "slice"}]
    p50, p99 = (median(percentile(run, share) for run in lags) for share in (0.5, 0.99))
    return {
        "tenants": TENANTS,
        "changes_per_s": PER_S,
        "seconds": seconds,
        "runs": [
            {"changes": len(run), "p50_ms": percentile(run, 0.5), "p90_ms": percentile(run, 0.9)}
            | {"p99_ms": percentile(run, 0.99), "max_ms": run[-1]}
            for run in lags
        ],
        "p50_ms": p50,
        "p99_ms": p99,
        "failed_passes": len(late),
        "goal_p50_ms": GOAL_P50_MS,
        "goal_p99_ms": GOAL_P99_MS,
        "met": p50 < GOAL_P50_MS and p99 < GOAL_P99_MS,
        "samples": sorted(lag for run in lags for lag in run),
    }


async def lags_of(place: Ground, tenants: list[int], skus: int, seconds: float) -> list[float]:
    """The lags of one run."""
    await place.hub.do("mark")
    platform = Platform(place, tenants, skus)
    await platform.write(PER_S, seconds)
    await place.settled(deadline_s=60)
    await asyncio.sleep(0.2)
    found = platform.lags_ms(await place.hub.journal())
    if len(platform.written) > 0.02 * len(found):
        raise AssertionError(f"{len(platform.written)} changes never came to the hub")
    return found
