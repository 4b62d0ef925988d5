"""Panels of a dashboard as SVG, from what Prometheus answers. No library: rectangles, lines and text."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

BRASILIA = timezone(timedelta(hours=-3))
INK, FAINT, GRID, PAPER, BOARD = "#d8d9da", "#8e8e95", "#2c3235", "#181b1f", "#111217"
COLORS = ("#73bf69", "#f2cc0c", "#5794f2", "#ff780a", "#f2495c", "#b877d9", "#8ab8ff", "#c0d8ff")
FONT = "font-family='Inter, Helvetica, Arial, sans-serif'"
STEPS = (1, 1.2, 1.6, 2, 4, 6, 8, 10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One series: its name and its points, in seconds since 1970 and the panel's unit."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A place on the picture, in pixels."""

    x: float
    y: float
    w: float
    h: float


def number(value: float, unit: str) -> str:
    """Write *value* for people."""
    if unit == "percentunit":
        return f"{value * 100:.0f} %"
    if unit == "s":
        if value >= 90:
            return f"{value / 60:.1f} min"
        return f"{value:.0f} s" if value >= 10 else f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"
    suffix = {"cps": "/s", "reqps": " req/s"}.get(unit, "")
    return f"{value:.0f}{suffix}" if value >= 10 or value == round(value) else f"{value:.1f}{suffix}"


def text(x: float, y: float, words: str, *, size: float = 12, color: str = INK, anchor: str = "start") -> str:
    """Words whose baseline begins, ends or has its middle at a point."""
    place = f"x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{color}' text-anchor='{anchor}'"
    return f"<text {place} {FONT}>{html.escape(words)}</text>"


def panel(box: Box, title: str) -> list[str]:
    """An empty panel."""
    return [
        f"<rect x='{box.x}' y='{box.y}' width='{box.w}' height='{box.h}' rx='3' fill='{PAPER}' stroke='{GRID}'/>",
        text(box.x + 10, box.y + 20, title, size=13),
    ]


def stats(box: Box, title: str, values: Sequence[tuple[str, float, str]], unit: str) -> list[str]:
    """Present values: name, value and colour of each."""
    drawn = panel(box, title)
    width = (box.w - 20) / max(len(values), 1)
    for place, (name, value, color) in enumerate(values):
        middle = box.x + 10 + width * (place + 0.5)
        drawn.append(text(middle, box.y + 58, number(value, unit), size=24, color=color, anchor="middle"))
        drawn.append(text(middle, box.y + 78, name, size=11, color=FAINT, anchor="middle"))
    return drawn


def lines(box: Box, title: str, series: Sequence[Line], unit: str, span: tuple[float, float]) -> list[str]:
    """Series over time, the largest last value first in the legend."""
    shown = sorted(series, key=lambda line: -line.points[-1][1])[: len(COLORS)]
    legend_rows = math.ceil(len(shown) / 3)
    plot = Box(x=box.x + 58, y=box.y + 34, w=box.w - 72, h=box.h - 62 - 15 * legend_rows)
    highest = max((value for line in shown for _, value in line.points), default=0.0) or 1.0
    top = _round_up(highest / 60) * 60 if unit == "s" and highest >= 90 else _round_up(highest)
    drawn = panel(box, title)
    for step in range(5):
        y = plot.y + plot.h * (1 - step / 4)
        drawn.append(f"<line x1='{plot.x}' x2='{plot.x + plot.w}' y1='{y:.1f}' y2='{y:.1f}' stroke='{GRID}'/>")
        drawn.append(text(plot.x - 6, y + 4, number(top * step / 4, unit), size=10, color=FAINT, anchor="end"))
    for at in _minutes(*span):
        x = plot.x + plot.w * (at - span[0]) / (span[1] - span[0])
        clock = datetime.fromtimestamp(at, UTC).astimezone(BRASILIA).strftime("%H:%M")
        drawn.append(text(x, plot.y + plot.h + 14, clock, size=10, color=FAINT, anchor="middle"))
    for place, (line, color) in enumerate(zip(shown, COLORS, strict=False)):
        points = " ".join(
            f"{plot.x + plot.w * (at - span[0]) / (span[1] - span[0]):.1f},{plot.y + plot.h * (1 - value / top):.1f}"
            for at, value in line.points
        )
        drawn.append(f"<polyline points='{points}' fill='none' stroke='{color}' stroke-width='1.6'/>")
        x = box.x + 14 + (place % 3) * (box.w - 20) / 3
        y = plot.y + plot.h + 34 + 15 * (place // 3)
        drawn.append(f"<rect x='{x:.1f}' y='{y - 7:.1f}' width='12' height='3' fill='{color}'/>")
        label = f"{line.name} {number(line.points[-1][1], unit)}"
        drawn.append(text(x + 17, y, label if len(label) < 32 else label[:31] + "…", size=10.5))
    return drawn


def picture(width: int, height: int, title: str, drawn: Sequence[str]) -> str:
    """The whole picture."""
    size = f"width='{width}' height='{height}' viewBox='0 0 {width} {height}'"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' {size} role='img'><title>{html.escape(title)}</title>"
    return "\n".join([head, f"<rect width='{width}' height='{height}' fill='{BOARD}'/>", *drawn, "</svg>"]) + "\n"


def _round_up(value: float) -> float:
    scale = 10 ** math.floor(math.log10(value))
    return next(step * scale for step in STEPS if step * scale >= value * 0.999)


def _minutes(begin: float, end: float) -> list[float]:
    return [at * 60.0 for at in range(math.ceil(begin / 60), math.floor(end / 60) + 1)]
