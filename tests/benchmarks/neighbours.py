"""neighbours: a tenant's lag beside another whose mapper is bad, for each kind of bad."""

import asyncio
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import stores
from tests.benchmarks.changes import Platform, percentile
from tests.benchmarks.ground import UNLIMITED, Ground, ground
from tests.benchmarks.idle import all_seen
from tests.benchmarks.mapping import BAD, BAD_MAPPER
from tests.benchmarks.plan import Plan

GOAL = 1.1
SKUS, PER_S, LATENCY_S = 100, 25.0, 0.02
_EVERY_S = 0.25
_TAKEN_UP_S = 2.0
_REPRICE = "UPDATE store.price SET price = price + 1 WHERE tenant_id = $1 AND sku LIKE '%7'"


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """Percentiles of the lag alone and beside, by turns; all changes of the one that watches are single rows."""
    seconds = plan.seconds(quick=4, full=8)
    kinds = {}
    async with ground(at, latency_s=LATENCY_S) as place:
        good, bad = await place.add_tenants(2)
        await stores.load_synced(place.dsn, [good, bad], SKUS)
        await place.hub.do("seed", accounts=2, skus=SKUS)
        await stores.be_immediate(place.pool)
        file = place.files / "mappers" / f"{await place.pool.fetchval(_SLUG, bad)}.py"
        file.parent.mkdir(exist_ok=True)
        async with place.worker(pluggto={"requests_per_second_per_tenant": UNLIMITED}) as worker:
            await all_seen(place, worker)
            for kind, body in BAD.items():
                runs = [await _in_turn(place, good, bad, file, body, seconds) for _ in range(plan.repeats)]
                kinds[kind] = {name: median(run[name] for run in runs) for name in runs[0]}
    ratio = max(one["ratio"] for one in kinds.values())
    return {"seconds": seconds, "kinds": kinds, "ratio": ratio, "goal": GOAL, "met": ratio <= GOAL}


_SLUG = "SELECT slug FROM rocksync.tenant WHERE id = $1"


async def _in_turn(place: Ground, good: int, bad: int, file: Path, body: str, seconds: float) -> dict[str, float]:
    await asyncio.to_thread(file.unlink, missing_ok=True)
    await asyncio.sleep(_TAKEN_UP_S)
    alone = await _lags(place, good, seconds)
    await asyncio.to_thread(file.write_text, BAD_MAPPER.format(body=body), encoding="utf-8")
    await asyncio.sleep(_TAKEN_UP_S)
    busy = asyncio.create_task(_reprice(place, bad))
    try:
        beside = await _lags(place, good, seconds)
    finally:
        busy.cancel()
        await asyncio.wait([busy])
    p50s = percentile(alone, 0.5), percentile(beside, 0.5)
    p99s = percentile(alone, 0.99), percentile(beside, 0.99)
    return {
        "alone_p50_ms": p50s[0],
        "beside_p50_ms": p50s[1],
        "alone_p99_ms": p99s[0],
        "beside_p99_ms": p99s[1],
        "ratio": p50s[1] / p50s[0],
    }


async def _reprice(place: Ground, tenant: int) -> None:
    """Change the prices that a tenant's mapper is bad at, again and again."""
    while True:
        await place.pool.execute(_REPRICE, tenant)
        await asyncio.sleep(_EVERY_S)


async def _lags(place: Ground, tenant: int, seconds: float) -> list[float]:
    await place.hub.do("mark")
    platform = Platform(place, [tenant], SKUS)
    await platform.write(PER_S, seconds)
    await asyncio.sleep(2)
    return platform.lags_ms(await place.hub.journal())
