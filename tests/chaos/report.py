"""The table of docs/reliability.md, from what was measured and nothing else."""

import json
import statistics
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.chaos.attacker import HUB_FAULTS
from tests.chaos.storm import Outcome

_HEAD = (
    "| round | seeds or points | rounds | harm done | changes | orders | lost | doubled | otherwise wrong |"
    " told | recovery | measured |"
)
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"


def add(file: Path, outcome: Outcome) -> None:
    """Append the figures of a round; what went wrong as counts and the first words."""
    line = {**vars(outcome), "attacks": dict(outcome.attacks)}
    with file.open("a") as results:
        results.write(json.dumps(line, ensure_ascii=False) + "\n")


def write(results: Path, document: Path) -> None:
    """Put the table of all rounds between the marks of *document*; rounds not in *results* stay as they were measured.

    What the table is made of is kept beside the document, as JSON.
    """
    groups: dict[str, list[dict[str, Any]]] = {}
    for line in results.read_text().splitlines():
        each = json.loads(line)
        groups.setdefault(_group(each), []).append(each)
    kept = document.with_suffix(".json")
    known: dict[str, dict[str, Any]] = json.loads(kept.read_text()) if kept.exists() else {}
    known |= {name: _summary(lines) for name, lines in groups.items()}
    kept.write_text(json.dumps(known, ensure_ascii=False, indent=1) + "\n")
    text = document.read_text()
    before, after = text.partition(_BEGIN)[0], text.partition(_END)[2]
    document.write_text(f"{before}{_BEGIN}\n\n{_table(known)}\n{_END}{after}")


def _group(line: dict[str, Any]) -> str:
    name = str(line["name"])
    if " + " in name:
        return "hub faults in pairs"
    return "hub faults, each alone" if name in HUB_FAULTS else name


def _summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """What is kept of the rounds of a group."""
    harm = Counter[str]()
    for line in lines:
        harm.update(line["attacks"])
    recovery = [line["recover_s"] for line in lines]
    return {
        "measured": f"{datetime.now(UTC):%Y-%m-%d}",
        "seeds": _seeds(lines),
        "rounds": len(lines),
        "harm": dict(harm),
        **{key: sum(line[key] for line in lines) for key in ("changes", "orders")},
        **{key: sum(len(line[key]) for line in lines) for key in ("lost", "doubled", "wrong", "told")},
        "recover_s": {"median": round(statistics.median(recovery), 1), "worst": round(max(recovery), 1)},
        "figures": {
            str(line["seed"]): {name: round(value, 2) for name, value in line["figures"].items() if name != "imported"}
            for line in lines
        },
    }


def _table(known: dict[str, dict[str, Any]]) -> str:
    harm = Counter[str]()
    for of_group in known.values():
        harm.update(of_group["harm"])
    figures = [
        f"| {name} (seed {seed}) | {', '.join(f'{what} {value:.2f}' for what, value in of_seed.items())} |"
        for name, of_group in known.items()
        for seed, of_seed in of_group["figures"].items()
        if of_seed
    ]
    return "\n".join(
        [
            _HEAD,
            "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
            *(_row(name, of_group) for name, of_group in known.items()),
            "",
            "| harm | times |",
            "|---|---:|",
            *(f"| {name} | {times} |" for name, times in sorted(harm.items()) if times),
            "",
            "| round | measured |",
            "|---|---|",
            *figures,
            "",
        ]
    )


def _row(name: str, group: dict[str, Any]) -> str:
    counts = " | ".join(str(group[key]) for key in ("changes", "orders", "lost", "doubled", "wrong", "told"))
    recovery = f"{group['recover_s']['median']:.1f} s, at worst {group['recover_s']['worst']:.1f} s"
    harm = sum(group["harm"].values())
    return f"| {name} | {group['seeds']} | {group['rounds']} | {harm} | {counts} | {recovery} | {group['measured']} |"


def _seeds(lines: list[dict[str, Any]]) -> str:
    """``1-3, 7``."""
    ranges = list[list[int]]()
    for seed in sorted({int(line["seed"]) for line in lines}):
        if ranges and ranges[-1][-1] == seed - 1:
            ranges[-1].append(seed)
        else:
            ranges.append([seed])
    return ", ".join(f"{one[0]}-{one[-1]}" if len(one) > 1 else str(one[0]) for one in ranges)
