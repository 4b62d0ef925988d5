"""The report: Markdown and plots, of nothing but what was measured."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks import plots

NOTES: dict[str, dict[str, Any]] = tomllib.loads((Path(__file__).parent / "notes.toml").read_text(encoding="utf-8"))

Result = dict[str, Any]
Row = tuple[str, str, str]
"""What was measured, the figure, and the goal."""


_WIDE = 1.5
"""Where the runs of a ratio differ by more than this, on both sides of the goal, their median decides nothing."""


def _ratios(result: Result) -> list[float]:
    return [run.get("ratio") or run["beside_p99_ms"] / run["alone_p99_ms"] for run in result["runs"]]


def _span(ratios: list[float]) -> str:
    return f"{min(ratios):.2f} – {max(ratios):.2f}"


def _export(r: Result) -> list[Row]:
    def cpu(name: str) -> str:
        return f"{median(run[name] for run in r['runs']):.2f} ms"

    return [
        ("ratio, run by run", _span(_ratios(r)), ""),
        (
            "CPU for each product: worker, database; bare loop",
            f"{cpu('worker_cpu_ms')}, {cpu('postgres_cpu_ms')}; {cpu('bare_cpu_ms')}",
            "",
        ),
        (
            f"first export of {r['products']:,} products against the bare loop",
            f"{r['ratio']:.2f} ({r['rocksync_per_s']:.0f}/s against {r['bare_per_s']:.0f}/s)",
            f"≥ {r['goal']}",
        ),
    ]


def _steady(r: Result) -> list[Row]:
    rows = [("share of what latency and concurrency allow", f"{r['of_limit']:.2f}", f"≥ {r['goal_of_limit']}")]
    for name, ratio in r["ratios"].items():
        of_writes = r["ratios_of_writes"][name]
        rows.append((f"against {name}", f"{ratio:.2f} × (writes alone {of_writes:.2f} ×)", f"≥ {r['goals'][name]} ×"))
    rows.append(("a bare loop, of the same limit", f"{r['bare_of_limit']:.2f}", ""))
    for name, kill in r["kills"].items():
        rows.append(
            (
                f"{name} after a kill half way",
                f"{kill['lost']} lost, {kill['doubled']} of {kill['changes']:,} doubled",
                "",
            )
        )
    return rows


def _idle(r: Result) -> list[Row]:
    return [
        (
            f"{r['tenants']:,} tenants × {r['skus_each']:,} SKUs: requests for the catalogue",
            f"{r['catalogue_requests']}",
            "0",
        ),
        (
            "worker and database together",
            f"{r['cores']:.1%} of a core ({r['worker_cores']:.1%} + {r['postgres_cores']:.1%})",
            f"< {r['goal']:.0%}",
        ),
    ]


def _lag(r: Result) -> list[Row]:
    return [
        ("p50", f"{r['p50_ms']:.0f} ms", f"< {r['goal_p50_ms']:.0f} ms"),
        ("p99", f"{r['p99_ms']:.0f} ms", f"< {r['goal_p99_ms']:.0f} ms"),
    ]


def _schedule(r: Result) -> list[Row]:
    return [
        (
            f"{r['tenants']:,} tenants, {r['passes_per_s']:.0f} passes a second: late, p99",
            f"{r['late_p99_s']:.2f} s",
            "< 1 s",
        ),
        ("the worker", f"{r['worker_cores']:.2f} of a core", f"< {r['goal_cores']}"),
        ("the database beside it", f"{r['postgres_cores']:.2f} of a core", ""),
        ("a scrape of its metrics meanwhile", f"{r['scrape_s']:.2f} s", f"< {r['goal_scrape_s']:g} s"),
    ]


def _isolation(r: Result) -> list[Row]:
    return [
        (
            f"p99 lag of {r['quiet_tenants']} quiet tenants beside {r['busy_changes']:,} changes of one",
            f"{r['ratio']:.2f} × ({r['beside_p99_ms']:.0f} ms, alone {r['alone_p99_ms']:.0f} ms)",
            f"≤ {r['goal']} ×",
        ),
        ("run by run", _span(_ratios(r)), ""),
    ]


def _growth(r: Result) -> list[Row]:
    rows = [
        (
            f"CPU per changed item at {row['skus']:,} SKUs",
            f"{row['cpu_ms']:.2f} ms; worker {row['worker_mb']:.0f} MB",
            "",
        )
        for row in r["sizes"]
    ]
    return [
        *rows,
        ("largest over smallest catalogue", f"{r['spread']:+.0%}", f"≤ +{r['goal_spread']:.0%}"),
        ("memory", f"{r['worker_mb']:.0f} MB", f"< {r['goal_mb']:.0f} MB"),
    ]


def _outbox(r: Result) -> list[Row]:
    return [
        (f"UPDATE of {r['rows']:,} rows", f"{r['update_ratio']:.2f} ×", f"≤ {r['goal']} ×"),
        (f"INSERT of {r['rows']:,} rows", f"{r['insert_ratio']:.2f} ×", f"≤ {r['goal']} ×"),
    ]


def _scale_out(r: Result) -> list[Row]:
    return [
        ("2 workers", f"{r['ratio_2']:.2f} ×", f"≥ {r['goal_2']} ×"),
        ("4 workers", f"{r['ratio_4']:.2f} ×", f"≥ {r['goal_4']} ×"),
    ]


def _memory(r: Result) -> list[Row]:
    return [
        (f"{row['tenants']:,} tenants", f"{row['worker_mb']:.0f} MB", f"< {row['goal_mb']:.0f} MB")
        for row in r["sizes"]
    ]


def _commands(r: Result) -> list[Row]:
    return [
        ("`--help`, the slowest of three", f"{r['help_s']:.2f} s", f"< {r['goal_help_s']:g} s"),
        (
            f"`status` and `tenant list` of {r['tenants']:,} tenants, the slowest of five",
            f"{r['look_s']:.2f} s",
            f"< {r['goal_s']:g} s",
        ),
    ]


def _neighbours(r: Result) -> list[Row]:
    kinds = r["kinds"]
    worst = max(kinds, key=lambda kind: float(kinds[kind]["ratio"]))
    each = ", ".join(f"{kind} {one['ratio']:.2f}" for kind, one in kinds.items())
    tails = ", ".join(f"{kind} {one['beside_p99_ms'] / one['alone_p99_ms']:.2f}" for kind, one in kinds.items())
    return [
        (f"p50 lag beside the worst, one that {worst}", f"{r['ratio']:.2f} ×", f"≤ {r['goal']} ×"),
        ("p50 beside one that", each, ""),
        ("p99 beside one that", tails, ""),
    ]


def _mapping(r: Result) -> list[Row]:
    added = [
        (f"one mapper adds, per {kind}", f"{cost['added_us']:.1f} µs", "≤ 20 µs")
        for kind, cost in r["cost_per_item"].items()
    ]
    runs = ", ".join(f"{us:.1f}" for us in r["added_us_of_runs"])
    pages = ", ".join(f"{kind} {one['ratio']:.2f}" for kind, one in r["neighbour"].items())
    return [
        *added,
        ("per product, run by run", f"{runs} µs", ""),
        ("event loop delay at most, 50,000 items mapped", f"{r['loop_delay_ms']['with_one_mapper']:.1f} ms", "< 20 ms"),
        ("a neighbour's pages take, beside one that", f"{pages} ×", ""),
    ]


ROWS: dict[str, Callable[[Result], list[Row]]] = {
    "export": _export,
    "steady": _steady,
    "idle": _idle,
    "lag": _lag,
    "schedule": _schedule,
    "isolation": _isolation,
    "growth": _growth,
    "outbox": _outbox,
    "scale-out": _scale_out,
    "memory": _memory,
    "commands": _commands,
    "mapping": _mapping,
    "neighbours": _neighbours,
}


def draw(results: dict[str, Result], folder: Path) -> None:
    """Write the plots there are figures for."""
    drawn = {}
    if (lag := results.get("lag")) and lag.get("samples"):
        drawn["lag"] = plots.distribution("From commit to the hub", lag["samples"], unit="milliseconds")
    if growth := results.get("growth"):
        rows = growth["sizes"]
        drawn["growth"] = plots.lines(
            "CPU per changed item",
            [row["skus"] for row in rows],
            {name: [row[f"{name}_ms"] for row in rows] for name in ("worker", "postgres")},
            label_x="SKUs of the tenant",
            label_y="milliseconds",
        )
    if steady := results.get("steady"):
        drawn["steady"] = plots.bars(
            "Changes delivered per second", steady["rate"], limit=steady["limit_per_s"], unit="changes per second"
        )
    for name, svg in drawn.items():
        (folder / f"{name}.svg").write_text(svg, encoding="utf-8")


def markdown(document: Result, folder: Path) -> str:
    """The report as it stands in the documentation; plots are in *folder*."""
    machine = document["machine"]
    text = (
        "# Benchmarks\n\nWritten by `make bench` from its own measurements; do not edit. `make bench-quick` takes a"
        " smaller measure of the same, in less than three minutes.\n\n"
        f"Machine: {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']},"
        f" Python {machine['python']}. Written {document['at']}. The sandbox has a core"
        " of its own, the worker the other, Postgres (embedded, its default settings, durable) both.\n\n"
        f"{_others(document)} One virtual machine, or one hour of it, takes up to three times the CPU of another for"
        " the same work: what a loop of a million multiplications took tells on which a scenario was measured.\n"
    )
    for name, rows in ROWS.items():
        text += f"\n## {name}\n\n"
        if (error := document["errors"].get(name)) is not None:
            text += f"Not measured: {error}\n"
            continue
        result = document["results"].get(name)
        if result is None:
            text += "Not measured in this run.\n"
            continue
        text += f"{NOTES[name]['what']}\n\n| | measured | goal |\n|---|---|---|\n"
        text += "".join(f"| {what} | {figure} | {goal} |\n" for what, figure, goal in rows(result))
        text += f"\n{verdict(name, result)}{_others_in(document, name)}\n"
        if (folder / f"{name}.svg").exists():
            text += f"\n![{name}](benchmarks/{name}.svg)\n"
        if tried := NOTES[name].get("tried"):
            text += "\nTried:\n\n" + "".join(f"- {line}\n" for line in tried)
    return text


def verdict(name: str, result: Result) -> str:
    """Whether the goal is reached, in words; undecided where the runs differ too much on both sides of it."""
    if name in {"export", "isolation"}:
        ratios = _ratios(result)
        if max(ratios) > _WIDE * min(ratios) and min(ratios) <= result["goal"] < max(ratios):
            return "**Undecided:** its runs differ too much."
    return "Reached." if result["met"] else "**Short of its goal.**"


def _others(document: Result) -> str:
    busy = max(document["cores_busy_others"].values(), default=0.0)
    if busy < 0.3:
        return "Nothing else ran on the machine."
    return (
        f"**The machine was shared:** between scenarios, others kept up to {busy:.1f} of its cores busy. Absolute"
        " figures and percentiles suffer from that; ratios are of runs made in turn, and suffer less."
    )


def _others_in(document: Result, name: str) -> str:
    busy = document["cores_busy_others"].get(name)
    result = document["results"][name]
    when = f" Measured {result['at']}, median of {result['repeats']}." if "at" in result else ""
    if "cpu" in result:
        when += f" Processor: {result['cpu']}."
    if "loop_ms" in result:
        before_ms, after_ms = result["loop_ms"]
        when += f" The loop took {before_ms:.0f} ms before it and {after_ms:.0f} after."
    if result.get("quick"):
        when += " **A smaller measure than the goal is set for.**"
    return when + ("" if busy is None else f" Others used {busy:.1f} cores right before.")
