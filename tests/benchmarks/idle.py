"""idle: many tenants of whom nothing changes, and what it costs to watch over them."""

import asyncio
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import machine, stores
from tests.benchmarks.ground import Ground, Worker, ground
from tests.benchmarks.plan import Plan

GOAL_CORES = 0.03
SKUS = 1_000


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """CPU and requests of a worker over tenants that are in sync, after each tenant has logged in once."""
    tenants = plan.size(quick=200, full=1_000)
    seconds = plan.seconds(quick=12, full=30)
    async with ground(at) as place:
        added = await place.add_tenants(tenants)
        await stores.load_synced(place.dsn, added, plan.size(quick=100, full=SKUS))
        async with place.worker() as worker:
            await all_seen(place, worker)
            await place.hub.do("mark")
            runs = [await watched(place, worker, seconds) for _ in range(plan.repeats)]
            requests = await place.hub.do("counts")
            memory_mb = machine.rss_mb(worker.child.pid)
            family_mb = sum(machine.rss_mb(pid) for pid in machine.family(worker.child.pid))
    cores = median(run["worker_cores"] + run["postgres_cores"] for run in runs)
    catalogue = sum(row["count"] for row in requests if row["route"] not in {"/orders", "/oauth/token"})
    return {
        "tenants": tenants,
        "skus_each": plan.size(quick=100, full=SKUS),
        "seconds": seconds,
        "runs": runs,
        "worker_cores": median(run["worker_cores"] for run in runs),
        "postgres_cores": median(run["postgres_cores"] for run in runs),
        "cores": cores,
        "catalogue_requests": catalogue,
        "order_polls": sum(row["count"] for row in requests if row["route"] == "/orders"),
        "worker_mb": memory_mb,
        "family_mb": family_mb,
        "goal": GOAL_CORES,
        "met": cores < GOAL_CORES and catalogue == 0,
    }


async def all_seen(place: Ground, worker: Worker) -> None:
    """Let every pass run once, as fast as they go, and then fall due evenly: the start is not measured."""
    await place.pool.execute("UPDATE rocksync.schedule SET due_at = clock_timestamp(), last_completed_at = NULL")

    async def done() -> bool:
        return not await place.pool.fetchval(
            "SELECT EXISTS (SELECT FROM rocksync.schedule WHERE last_completed_at IS NULL)"
        )

    deadline = time.monotonic() + 1_200
    while not await done():
        if time.monotonic() > deadline:
            raise TimeoutError("not every pass ran once")
        await asyncio.sleep(0.5)
    await stores.spread(place.pool)
    await asyncio.sleep(3)


async def watched(place: Ground, worker: Worker, seconds: float) -> dict[str, float]:
    """Cores in use by the worker and the database while nothing happens."""
    before = worker.child.cpu_s(), place.postgres_cpu_s(), time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - before[2]
    return {
        "worker_cores": (worker.child.cpu_s() - before[0]) / took,
        "postgres_cores": (place.postgres_cpu_s() - before[1]) / took,
    }
