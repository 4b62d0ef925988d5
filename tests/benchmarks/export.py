"""export: the first export of a catalogue, against a bare aiohttp loop that sends the same bytes."""

import asyncio
import json
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import stores
from tests.benchmarks.ground import UNLIMITED, Child, Ground, Request, ground
from tests.benchmarks.plan import Plan

GOAL = 0.75


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """Rates of both, in turn."""
    products = plan.size(quick=1_500, full=10_000)
    runs = [await _in_turn(at, products) for _ in range(plan.repeats)]
    ratio = median(run["ratio"] for run in runs)
    return {
        "products": products,
        "runs": runs,
        "rocksync_per_s": median(run["rocksync_per_s"] for run in runs),
        "bare_per_s": median(run["bare_per_s"] for run in runs),
        "ratio": ratio,
        "goal": GOAL,
        "met": ratio >= GOAL,
    }


async def _in_turn(at: tuple[str, Path], products: int) -> dict[str, Any]:
    async with ground(at) as place:
        sent, run = await _exported(place, products)
        await place.hub.do("reset")
        await place.hub.do("accounts", count=1)
        bare = await replayed(place, groups_of(sent), at_once=5)
    bare_per_s = products / bare["seconds"]
    return {
        **run,
        "bare_per_s": bare_per_s,
        "bare_cpu_ms": bare["cpu_s"] / products * 1000,
        "ratio": run["rocksync_per_s"] / bare_per_s,
    }


async def _exported(place: Ground, products: int) -> tuple[list[Request], dict[str, Any]]:
    """From the activation of a tenant to its last product at the hub."""
    [tenant] = await place.add_tenants(1)
    await place.pool.execute("UPDATE rocksync.tenant SET status = 'draft', activated_at = NULL WHERE id = $1", tenant)
    await stores.load_export(place.pool, tenant, products)
    await place.pool.execute("DELETE FROM rocksync.change")
    async with place.worker(pluggto={"requests_per_second_per_tenant": UNLIMITED}) as worker:
        worker_cpu, postgres_cpu = worker.child.cpu_s(), place.postgres_cpu_s()
        await place.hub.do("mark")
        began = await place.pool.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
        await place.pool.execute("SELECT rocksync.activate_tenant(slug) FROM rocksync.tenant WHERE id = $1", tenant)
        await place.settled()
        journal = await place.hub.journal()
        writes = [one for one in journal if one.writes]
        run = {
            "rocksync_per_s": products / (max(one.at for one in writes) - began),
            "requests": len(writes),
            "worker_cpu_ms": (worker.child.cpu_s() - worker_cpu) / products * 1000,
            "postgres_cpu_ms": (place.postgres_cpu_s() - postgres_cpu) / products * 1000,
        }
    created = sum(1 for one in writes if one.status == 201)
    if created != products:
        raise AssertionError(f"{created} products were created, not {products}")
    return writes, run


def groups_of(requests: list[Request]) -> dict[str, list[list[tuple[str, str, str]]]]:
    """Requests by account, those about one product together and in their order."""
    groups: dict[str, dict[str, list[tuple[str, str, str]]]] = {}
    for one in requests:
        key = json.loads(one.body)["sku"] if one.route == "/products" else one.path.split("/")[2]
        groups.setdefault(str(one.account), {}).setdefault(key, []).append((one.method, one.path, one.body))
    return {account: list(by_key.values()) for account, by_key in groups.items()}


async def replayed(
    place: Ground,
    groups: dict[str, list[list[tuple[str, str, str]]]],
    *,
    at_once: int,
    kill: asyncio.Event | None = None,
) -> dict[str, Any]:
    """Send the same by a bare loop, killed when *kill* is set; returns when it began, seconds and CPU."""
    file = place.files / "bare"
    file.write_text(json.dumps({"hub": place.hub.url, "groups": groups, "at_once": at_once}), encoding="utf-8")
    child, _ = await Child.started("-m", "tests.benchmarks.bare", str(file))
    if kill is not None:
        await kill.wait()
        await child.kill()
        return {}
    result: dict[str, Any] = json.loads(await child.line(1800))
    await child.stop()
    return result
