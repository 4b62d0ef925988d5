"""Draws ``fleet.svg``: the main panels of the fleet's dashboard from a worker under load. ``make picture``; minutes.

Real throughout: an embedded Postgres, the sandbox, a worker, and a Prometheus that scrapes it and answers the queries
of the dashboard as it is committed. In the middle of it Plugg.to does not answer for a minute.
"""

import asyncio
import json
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chart import Box, Line, lines, picture, stats, text

from rocksync.postgres import embedded
from rocksync.postgres.migrate import folder, migrate
from tests.deploy.stage import Stage, staged

HERE = Path(__file__).parent
BOARD = HERE.parents[1] / "deploy" / "grafana" / "dashboards" / "fleet.json"
WIDTH, MARGIN, HEAD, STAT, PLOT = 1200, 8, 40, 92, 250
STATS = ("Active tenants", "Stopped tenants", "Tenants behind", "Worst lag")
PLOTS = (
    *("Worst lag by kind", "Tenants behind", "Items delivered"),
    *("Requests by status code", "Latency", "Errors: attempts refused"),
    *("Passes by outcome", "Orders", "Leases"),
)
CALM_S, OUTAGE_S, AFTER_S = 60.0, 60.0, 120.0
COLORS = {"green": "#73bf69", "yellow": "#f2cc0c", "red": "#f2495c"}


async def drawn_fleet() -> str:
    """Run it, and return the picture."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        async with embedded.running(place / "postgres") as dsn:
            await migrate(dsn, folder())
            async with staged(dsn, place, alerts_after="1m") as stage:
                began = time.time()
                await asyncio.sleep(CALM_S)
                stage.hub.add_fault("outage")
                await asyncio.sleep(OUTAGE_S)
                stage.hub.remove_faults("outage")
                await asyncio.sleep(AFTER_S)
                drawn = await _drawn(stage, (began + 5, time.time()))
    height = HEAD + STAT + MARGIN + 3 * (PLOT + MARGIN) + MARGIN
    return picture(WIDTH, height, "rocksync: fleet", drawn)


async def _drawn(stage: Stage, span: tuple[float, float]) -> list[str]:
    panels = {(panel["title"], panel["type"]): panel for panel in json.loads(BOARD.read_text())["panels"]}
    drawn = [text(MARGIN + 4, 26, "rocksync: fleet", size=17)]
    x, y = float(MARGIN), float(HEAD)
    for title in STATS:
        panel = panels[title, "stat"]
        width = (WIDTH - 2 * MARGIN) * panel["gridPos"]["w"] / 24 - MARGIN
        values = [each for target in panel["targets"] for each in await _now(stage, panel, target)]
        box = Box(x=x, y=y, w=width, h=STAT)
        drawn += stats(box, title, values, panel["fieldConfig"]["defaults"]["unit"])
        x += width + MARGIN
    width = (WIDTH - 2 * MARGIN) / 3 - MARGIN
    for place, title in enumerate(PLOTS):
        panel = panels[title, "timeseries"]
        series = [line for target in panel["targets"] for line in await _over_time(stage, target, span)]
        box = Box(
            x=MARGIN + (place % 3) * (width + MARGIN),
            y=HEAD + STAT + MARGIN + (place // 3) * (PLOT + MARGIN),
            w=width,
            h=PLOT,
        )
        drawn += lines(box, title, series, panel["fieldConfig"]["defaults"]["unit"], span)
    return drawn


def _chosen(expr: str) -> str:
    return expr.replace("$__rate_interval", "15s").replace("$kind", ".*")


def _named(target: dict[str, Any], labels: dict[str, str]) -> str:
    legend = "" if target["legendFormat"] == "__auto" else target["legendFormat"]
    return re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend)


async def _now(stage: Stage, panel: dict[str, Any], target: dict[str, Any]) -> list[tuple[str, float, str]]:
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    found = (await stage.ask("query", query=_chosen(target["expr"])))["result"]
    values = [(_named(target, each["metric"]), float(each["value"][1])) for each in found]
    return [(name, value, COLORS[_color(value, steps)]) for name, value in values]


def _color(value: float, steps: Sequence[dict[str, Any]]) -> str:
    return next(str(step["color"]) for step in reversed(steps) if step["value"] is None or value >= step["value"])


async def _over_time(stage: Stage, target: dict[str, Any], span: tuple[float, float]) -> list[Line]:
    found = await stage.ask(
        "query_range", query=_chosen(target["expr"]), start=str(span[0]), end=str(span[1]), step="3"
    )
    made = []
    for each in found["result"]:
        points = [(float(at), float(value)) for at, value in each["values"] if value != "NaN"]
        if points:
            made.append(Line(name=_named(target, each["metric"]), points=points))
    return made


if __name__ == "__main__":
    made = asyncio.run(drawn_fleet())
    (Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "fleet.svg").write_text(made, encoding="utf-8")
