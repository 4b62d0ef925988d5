"""commands: what an operator of ten thousand tenants waits for, from the command to its last line."""

import asyncio
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.ground import ROOT, Ground, ground
from tests.benchmarks.plan import Plan

HELP = ("--help", "tenant --help", "tenant add --help")
LOOKS = ("status", "status --json", "status loja-10", "tenant list", "tenant list --json")
GOAL_HELP_S, GOAL_S = 0.2, 2.0


async def measured(at: tuple[str, Path], plan: Plan) -> dict[str, Any]:
    """Seconds of each command, in turn."""
    tenants = plan.size(quick=1_000, full=10_000)
    took: dict[str, list[float]] = {line: [] for line in (*HELP, *LOOKS)}
    async with ground(at) as place:
        await _many(place, tenants)
        for _ in range(max(plan.repeats, 3)):
            for line, found in took.items():
                found.append(await _took_s(place, line))
    seconds = {line: median(found) for line, found in took.items()}
    help_s, look_s = max(seconds[line] for line in HELP), max(seconds[line] for line in LOOKS)
    return {
        "tenants": tenants,
        "seconds": seconds,
        "help_s": help_s,
        "look_s": look_s,
        "goal_help_s": GOAL_HELP_S,
        "goal_s": GOAL_S,
        "met": help_s < GOAL_HELP_S and look_s < GOAL_S,
    }


async def _many(place: Ground, tenants: int) -> None:
    """Active tenants, of whom every tenth is late with five stocks."""
    await place.pool.execute(
        "INSERT INTO rocksync.tenant (slug, name, domain)"
        " SELECT 'loja-' || n, 'Loja ' || n, 'loja' || n || '.example' FROM generate_series(1, $1) n",
        tenants,
    )
    await place.pool.execute("UPDATE rocksync.tenant SET status = 'active'")
    await place.pool.execute(
        "INSERT INTO rocksync.item (tenant_id, kind, key, state, reason, changed_at)"
        " SELECT id, 'stock', 'S' || n, 'pending', 'pending', now() - interval '1 hour'"
        "   FROM rocksync.tenant, generate_series(1, 5) n WHERE id % 10 = 0"
    )
    await place.pool.execute("ANALYZE")


async def _took_s(place: Ground, line: str) -> float:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ROCKSYNC_")}
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rocksync", *line.split()),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=place.files,
        env={**environment, "PYTHONPATH": str(ROOT), "ROCKSYNC_DATABASE__DSN": place.dsn},
    )
    out, _ = await process.communicate()
    took_s = time.perf_counter() - began
    if process.returncode or not out:
        raise RuntimeError(f"rocksync {line} ended with {process.returncode}")
    return took_s
