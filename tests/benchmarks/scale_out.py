"""scale-out: one, two and four workers over the same backlog, where nothing but each worker's own limits binds."""

import contextlib
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import stores
from tests.benchmarks.ground import UNLIMITED, Ground, ground
from tests.benchmarks.idle import all_seen
from tests.benchmarks.plan import Plan

GOALS = {2: 1.8, 4: 3.2}
LATENCY_S, TENANTS, PASSES_AT_ONCE = 0.1, 64, 4
"""Every worker may run so few passes at once that latency, not the machine's two cores, is what it waits for."""


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """Changes per second by number of workers, in turn."""
    changes = plan.size(quick=20, full=120)
    rates: dict[int, list[float]] = {1: [], 2: [], 4: []}
    async with ground(at, latency_s=LATENCY_S) as place:
        tenants = await place.add_tenants(TENANTS)
        await stores.load_synced(place.dsn, tenants, changes)
        await place.hub.do("seed", accounts=TENANTS, skus=changes)
        value = 100
        for _ in range(plan.repeats):
            for workers, found in rates.items():
                value += 1
                found.append(await _rate(place, workers, changes, value))
    ratios = {n: median(many / one for many, one in zip(rates[n], rates[1], strict=True)) for n in GOALS}
    return {
        "tenants": TENANTS,
        "changes": TENANTS * changes,
        "passes_at_once": PASSES_AT_ONCE,
        "latency_ms": LATENCY_S * 1000,
        "rates": {str(n): found for n, found in rates.items()},
        "ratio_2": ratios[2],
        "ratio_4": ratios[4],
        "goal_2": GOALS[2],
        "goal_4": GOALS[4],
        "met": all(ratios[n] >= goal for n, goal in GOALS.items()),
    }


async def _rate(place: Ground, workers: int, changes: int, value: int) -> float:
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(workers):
            worker = await stack.enter_async_context(
                place.worker(
                    worker={"concurrency": PASSES_AT_ONCE},
                    pluggto={"requests_per_second_per_tenant": UNLIMITED},
                )
            )
        await all_seen(place, worker)
        await place.hub.do("mark")
        await stores.change_all_stock(place.pool, value)
        await place.pool.execute("UPDATE rocksync.schedule SET due_at = clock_timestamp() WHERE kind = 'stock'")
        await place.settled()
        writes = [one.at for one in await place.hub.journal() if one.writes]
    if len(writes) < TENANTS * changes:
        raise AssertionError(f"{len(writes)} of {TENANTS * changes} changes were delivered")
    return len(writes) / (max(writes) - min(writes))
