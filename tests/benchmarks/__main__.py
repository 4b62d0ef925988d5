"""``python -m tests.benchmarks [--quick] [SCENARIO]...``: measure, and write docs/benchmarks.md, JSON and plots."""

import argparse
import asyncio
import json
import sys
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import (
    commands,
    export,
    growth,
    idle,
    isolation,
    lag,
    machine,
    memory,
    neighbours,
    outbox,
    report,
    scale_out,
    schedule,
    steady,
)
from tests.benchmarks.ground import ROOT, server
from tests.benchmarks.plan import Plan

SCENARIOS: dict[str, Callable[[tuple[str, Path], Plan], Awaitable[dict[str, Any]]]] = {
    "export": export.measured,
    "idle": idle.measured,
    "lag": lag.measured,
    "steady": steady.measured,
    "schedule": schedule.measured,
    "isolation": isolation.measured,
    "growth": growth.measured,
    "outbox": outbox.measured,
    "scale-out": scale_out.measured,
    "commands": commands.measured,
    "neighbours": neighbours.measured,
}
QUICK = ("export", "idle", "lag", "outbox")
_DOCS = ROOT / "docs"
_LISTEN_S = 2.0


async def _mapping(plan: Plan) -> dict[str, Any]:
    """The run with the median cost of a product, and what it was in each."""
    runs: list[dict[str, Any]] = []
    for _ in range(plan.repeats):
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(ROOT / "tests/benchmarks/mapping.py"), cwd=ROOT, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
        runs.append(json.loads(said))
    runs.sort(key=_added_us)
    return runs[len(runs) // 2] | {"added_us_of_runs": [_added_us(run) for run in runs]}


def _added_us(run: dict[str, Any]) -> float:
    added: float = run["cost_per_item"]["product"]["added_us"]
    return added


async def _busy() -> float:
    """Cores that others use just now."""
    before = machine.Jiffies.now()
    await asyncio.sleep(_LISTEN_S)
    return machine.Jiffies.now().busy_cores(before)


async def _run(names: list[str], plan: Plan, document: dict[str, Any], write: Callable[[], None]) -> None:
    async with server() as at:
        for name in names:
            sys.stdout.write(f"{name} … ")
            sys.stdout.flush()
            document["cores_busy_others"][name] = await _busy()
            began, loop_ms = time.monotonic(), machine.loop_ms()
            document["errors"].pop(name, None)
            try:
                result = await (_mapping(plan) if name == "mapping" else SCENARIOS[name](at, plan))
            except Exception as error:  # noqa: BLE001 - the others are measured all the same, and the report says so
                traceback.print_exc()
                document["errors"][name] = f"{type(error).__name__}: {error}"
                document["results"].pop(name, None)
                continue
            document["results"][name] = {
                **result,
                "at": _now(),
                "repeats": plan.repeats,
                "quick": plan.quick,
                "cpu": document["machine"]["cpu"],
                "loop_ms": [loop_ms, machine.loop_ms()],
            }
            memory.gather(document["results"])
            write()
            sys.stdout.write(f"{'reached' if result['met'] else 'short'}, {time.monotonic() - began:.0f} s\n")


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def _write(document: dict[str, Any], folder: Path, page: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    report.draw(document["results"], folder)
    page.write_text(report.markdown(document, folder), encoding="utf-8")
    for name, result in document["results"].items():
        result.pop("samples", None)
        result["verdict"] = report.verdict(name, result)
    text = json.dumps(document, indent=2, default=float)
    (folder / "results.json").write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Measure what is asked for and write it down; 1 if something could not be measured."""
    parser = argparse.ArgumentParser(prog="make bench", description="Measure rocksync.")
    parser.add_argument("--quick", action="store_true", help="a smaller measure, in less than three minutes")
    parser.add_argument("--repeats", type=int, help="runs of which the median counts")
    parser.add_argument("--out", type=Path, default=_DOCS, help="folder of the report")
    parser.add_argument("--render", action="store_true", help="measure nothing, write the page again")
    parser.add_argument("scenarios", nargs="*", help=f"of {', '.join([*SCENARIOS, 'mapping'])}; none: all")
    asked = parser.parse_args()
    if unknown := set(asked.scenarios) - {*SCENARIOS, "mapping"}:
        parser.error(f"no scenario {', '.join(sorted(unknown))}")
    names = asked.scenarios or (list(QUICK) if asked.quick else [*SCENARIOS, "mapping"])
    plan = Plan(quick=asked.quick, repeats=asked.repeats or (1 if asked.quick else 3))
    document: dict[str, Any] = {
        "at": _now(),
        "machine": machine.described(),
        "cores_busy_others": {},
        "errors": {},
        "results": {},
    }
    earlier = asked.out / "benchmarks" / "results.json"
    if (
        asked.scenarios or asked.render
    ) and earlier.exists():  # some scenarios anew; the report says when each was measured
        kept = json.loads(earlier.read_text(encoding="utf-8"))
        for part in ("cores_busy_others", "errors", "results"):
            document[part] = kept[part]
    write = partial(_write, document, asked.out / "benchmarks", asked.out / "benchmarks.md")
    if not asked.render:
        asyncio.run(_run(names, plan, document, write))
    write()
    sys.stdout.write(f"written to {asked.out / 'benchmarks.md'}\n")
    return 1 if document["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
