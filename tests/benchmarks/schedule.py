"""schedule and memory: thousands of tenants whose passes fall due all the time and have nothing to do."""

import time
from pathlib import Path
from statistics import median
from typing import Any

import aiohttp

from tests.benchmarks import machine
from tests.benchmarks.changes import percentile
from tests.benchmarks.ground import Worker, ground
from tests.benchmarks.idle import all_seen, watched
from tests.benchmarks.plan import Plan

GOAL_P99_S, GOAL_CORES, GOAL_SCRAPE_S = 1.0, 0.5, 1.0


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """How late passes start, and what running them takes. The worker's memory at the end is the memory scenario."""
    tenants = plan.size(quick=1_000, full=10_000)
    seconds = plan.seconds(quick=10, full=30)
    async with ground(at) as place:
        await place.add_tenants(tenants)
        await place.pool.execute("ANALYZE")
        async with place.worker() as worker:
            await all_seen(place, worker)
            began = time.time()
            runs = [await watched(place, worker, seconds) for _ in range(plan.repeats)]
            scrape_s = median([await _scraped_s(worker) for _ in range(5)])
            memory_mb, peak_mb = machine.rss_mb(worker.child.pid), machine.peak_mb(worker.child.pid)
        passes = [row for row in worker.notes() if row[3] >= began]
    late = sorted(row[2] for row in passes)
    cores = median(run["worker_cores"] for run in runs)
    p99 = percentile(late, 0.99)
    return {
        "tenants": tenants,
        "seconds": seconds,
        "runs": runs,
        "passes": len(passes),
        "passes_per_s": len(passes) / (seconds * plan.repeats),
        "late_p50_s": percentile(late, 0.5),
        "late_p99_s": p99,
        "worker_cores": cores,
        "postgres_cores": median(run["postgres_cores"] for run in runs),
        "scrape_s": scrape_s,
        "worker_mb": memory_mb,
        "worker_peak_mb": peak_mb,
        "goal_p99_s": GOAL_P99_S,
        "goal_cores": GOAL_CORES,
        "goal_scrape_s": GOAL_SCRAPE_S,
        "met": p99 < GOAL_P99_S and cores < GOAL_CORES and scrape_s < GOAL_SCRAPE_S,
    }


async def _scraped_s(worker: Worker) -> float:
    """Seconds until all metrics have come, while passes go on."""
    began = time.perf_counter()
    async with aiohttp.request("GET", f"{worker.url}/metrics") as reply:
        reply.raise_for_status()
        await reply.read()
    return time.perf_counter() - began
