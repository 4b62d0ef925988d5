"""outbox: what our triggers add to a statement of the platform that writes 100,000 stock rows."""

import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import stores
from tests.benchmarks.ground import Ground, ground
from tests.benchmarks.plan import Plan

GOAL = 2.5


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """Seconds of one UPDATE and one INSERT with and without triggers, in turn."""
    rows = plan.size(quick=50_000, full=100_000)
    runs: dict[str, list[dict[str, float]]] = {"update": [], "insert": []}
    async with ground(at) as place:
        [tenant] = await place.add_tenants(1)
        await stores.load_synced(place.dsn, [tenant], rows)
        for number in range(2 * plan.repeats + 1):
            for statement, found in runs.items():
                without = await _seconds(place, tenant, rows, statement, number, triggers=False)
                with_ours = await _seconds(place, tenant, rows, statement, number, triggers=True)
                found.append({"without_s": without, "with_s": with_ours, "ratio": with_ours / without})
    ratios = {statement: median(run["ratio"] for run in found) for statement, found in runs.items()}
    return {
        "rows": rows,
        "runs": runs,
        "update_ratio": ratios["update"],
        "insert_ratio": ratios["insert"],
        "update_with_s": median(run["with_s"] for run in runs["update"]),
        "insert_with_s": median(run["with_s"] for run in runs["insert"]),
        "goal": GOAL,
        "met": max(ratios.values()) <= GOAL,
    }


_STATEMENTS = {
    "update": "UPDATE store.stock SET on_hand = $2::int + $3::int WHERE tenant_id = $1",
    "insert": """
INSERT INTO store.stock (tenant_id, sku, on_hand)
SELECT $1, 'NEW-' || n, $3::int FROM generate_series(1, $2::int) AS n
""",
}


async def _seconds(place: Ground, tenant: int, rows: int, statement: str, number: int, *, triggers: bool) -> float:
    """One statement in one transaction, its commit included; what it leaves behind is cleared away afterwards."""
    switch = "ENABLE" if triggers else "DISABLE"
    await place.pool.execute(f"ALTER TABLE store.stock {switch} TRIGGER USER")
    value = 2 * number + int(triggers)
    async with place.pool.acquire() as connection:
        began = time.perf_counter()
        await connection.execute(_STATEMENTS[statement], tenant, rows, value)
        took = time.perf_counter() - began
        marked = await connection.fetchval("SELECT count(*) FROM rocksync.change")
        await connection.execute("ALTER TABLE store.stock DISABLE TRIGGER USER")
        await connection.execute("DELETE FROM store.stock WHERE sku LIKE 'NEW-%'")
        await connection.execute("TRUNCATE rocksync.change")
        for table in ("store.stock", "rocksync.change"):
            await connection.execute(f"VACUUM ANALYZE {table}")
        await connection.execute("CHECKPOINT")
    if marked != (rows if triggers else 0):
        raise AssertionError(f"{marked} changes were marked")
    return took
