"""growth: the same number of changes in one tenant whose catalogue is ever larger."""

from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import machine, stores
from tests.benchmarks.ground import UNLIMITED, Ground, Worker, ground
from tests.benchmarks.idle import all_seen
from tests.benchmarks.plan import Plan

GOAL_SPREAD, GOAL_MB = 0.2, 250.0


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """CPU per changed item, the worker's and the database's, and the worker's memory, by size of the catalogue."""
    sizes = [1_000, 10_000, 100_000] if plan.quick else [1_000, 10_000, 100_000, 1_000_000]
    changes = 1_000
    rows = [await _at_size(at, plan, size, changes) for size in sizes]
    costs = [row["cpu_ms"] for row in rows]
    spread = max(costs) / costs[0] - 1
    return {
        "changes": changes,
        "sizes": rows,
        "spread": spread,
        "worker_mb": max(row["worker_mb"] for row in rows),
        "goal_spread": GOAL_SPREAD,
        "goal_mb": GOAL_MB,
        "met": spread <= GOAL_SPREAD and all(row["worker_mb"] < GOAL_MB for row in rows),
    }


async def _at_size(at: tuple[str, Path], plan: Plan, size: int, changes: int) -> dict[str, Any]:
    async with ground(at) as place:
        [tenant] = await place.add_tenants(1)
        await stores.load_synced(place.dsn, [tenant], size)
        await place.hub.do("seed", accounts=1, skus=changes)
        await stores.be_immediate(place.pool)
        async with place.worker(pluggto={"requests_per_second_per_tenant": UNLIMITED}) as worker:
            await all_seen(place, worker)
            await _delivered(place, worker, tenant, changes, 99)  # warms caches and connections
            runs = [await _delivered(place, worker, tenant, changes, 100 + n) for n in range(2 * plan.repeats + 1)]
            return {
                "skus": size,
                "runs": runs,
                "cpu_ms": median(run["worker_ms"] + run["postgres_ms"] for run in runs),
                "worker_ms": median(run["worker_ms"] for run in runs),
                "postgres_ms": median(run["postgres_ms"] for run in runs),
                "worker_mb": machine.peak_mb(worker.child.pid),
            }


async def _delivered(place: Ground, worker: Worker, tenant: int, changes: int, value: int) -> dict[str, float]:
    """CPU from a statement that changes that many stocks, spread over the catalogue's first SKUs, to their delivery."""
    before = worker.child.cpu_s(), place.postgres_cpu_s()
    await stores.change_stock(place.pool, tenant, value, most=changes)
    await place.settled()
    return {
        "worker_ms": (worker.child.cpu_s() - before[0]) / changes * 1000,
        "postgres_ms": (place.postgres_cpu_s() - before[1]) / changes * 1000,
    }
