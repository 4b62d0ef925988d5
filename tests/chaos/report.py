"""The table of docs/reliability.md, from what was measured and nothing else."""

import json
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

from tests.chaos.storm import HUB_FAULTS, Outcome

_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"


def add(file: Path, outcome: Outcome) -> None:
    """Append the figures of a round; what went wrong as counts and the first words."""
    line = {**vars(outcome), "attacks": dict(outcome.attacks)}
    with file.open("a") as results:
        results.write(json.dumps(line, ensure_ascii=False) + "\n")


def write(results: Path, document: Path) -> None:
    """Put the table of all rounds in *results* between the marks of *document*."""
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    text = document.read_text()
    before, after = text.partition(_BEGIN)[0], text.partition(_END)[2]
    document.write_text(f"{before}{_BEGIN}\n\n{_table(lines)}\n{_END}{after}")


def _group(line: dict[str, Any]) -> str:
    name = str(line["name"])
    if " + " in name:
        return "hub faults in pairs"
    return "hub faults, each alone" if name in HUB_FAULTS else name


def _table(lines: list[dict[str, Any]]) -> str:
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in lines:
        groups.setdefault(_group(line), []).append(line)
    rows = [
        (
            "| round | seeds or points | rounds | harm done | changes | orders | lost | doubled | otherwise wrong |"
            " told | recovery |"
        ),
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    rows += [_row(name, of_group) for name, of_group in groups.items()]
    harm = Counter[str]()
    for line in lines:
        harm.update(line["attacks"])
    done = "\n".join(f"| {name} | {times} |" for name, times in sorted(harm.items()) if times)
    figures = "\n".join(
        f"| {line['name']} (seed {line['seed']}) | "
        + ", ".join(f"{name} {value:.2f}" for name, value in line["figures"].items() if name not in _NO_FIGURES)
        + " |"
        for line in lines
        if set(line["figures"]) - _NO_FIGURES
    )
    return "\n".join(
        [*rows, "", "| harm | times |", "|---|---:|", done, "", "| round | measured |", "|---|---|", figures, ""]
    )


_NO_FIGURES = frozenset({"imported"})


def _row(name: str, lines: list[dict[str, Any]]) -> str:
    def total(key: str) -> int:
        return sum(len(line[key]) if isinstance(line[key], list) else line[key] for line in lines)

    recovery = [line["recover_s"] for line in lines]
    harm = sum(sum(line["attacks"].values()) for line in lines)
    counts = " | ".join(str(total(key)) for key in ("changes", "orders", "lost", "doubled", "wrong", "told"))
    median, worst = statistics.median(recovery), max(recovery)
    return f"| {name} | {_seeds(lines)} | {len(lines)} | {harm} | {counts} | {median:.1f} s, at worst {worst:.1f} s |"


def _seeds(lines: list[dict[str, Any]]) -> str:
    """``1-3, 7``."""
    ranges = list[list[int]]()
    for seed in sorted({int(line["seed"]) for line in lines}):
        if ranges and ranges[-1][-1] == seed - 1:
            ranges[-1].append(seed)
        else:
            ranges.append([seed])
    return ", ".join(f"{one[0]}-{one[-1]}" if len(one) > 1 else str(one[0]) for one in ranges)
