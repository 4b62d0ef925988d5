"""Plots as SVG, drawn by hand: few, small, and readable on light and dark ground."""

import math
from collections.abc import Sequence
from html import escape

_WIDTH, _HEIGHT, _LEFT, _BOTTOM, _TOP = 640, 300, 70, 50, 30
_INK, _MAIN, _OTHER = "#6b7280", "#2563eb", "#d97706"


def _frame(title: str, body: str) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
        ' font-family="sans-serif"'
        f' font-size="12" fill="{_INK}">\n'
        f'<text x="{_LEFT}" y="18" font-size="14">{escape(title)}</text>\n{body}</svg>\n'
    )


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - 20)


def _y(share: float) -> float:
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _BOTTOM - _TOP)


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}">{escape(text)}</text>\n'


def _axes(label_x: str, label_y: str) -> str:
    return (
        f'<path d="M{_LEFT} {_TOP}V{_HEIGHT - _BOTTOM}H{_WIDTH - 20}" stroke="{_INK}" fill="none"/>\n'
        + _text((_LEFT + _WIDTH) / 2, _HEIGHT - 10, label_x)
        + f'<text transform="translate(16 {_HEIGHT / 2}) rotate(-90)" text-anchor="middle">{escape(label_y)}</text>\n'
    )


def distribution(title: str, values: Sequence[float], *, unit: str) -> str:
    """How large a share of *values* lies below each, on a logarithmic axis. *values* are sorted."""
    low, high = math.floor(math.log10(max(values[0], 0.1))), math.ceil(math.log10(values[-1]))
    body = _axes(unit, "share of changes")
    for power in range(low, high + 1):
        body += _text(_x((power - low) / (high - low)), _HEIGHT - _BOTTOM + 16, f"{10**power:g}")
    for share in (0.0, 0.5, 0.9, 0.99, 1.0):
        body += _text(_LEFT - 6, _y(share) + (4 if share != 0.99 else 12), f"{share:.0%}", "end")
    step = max(len(values) // 400, 1)
    points = " ".join(
        f"{_x((math.log10(max(value, 0.1)) - low) / (high - low)):.1f},{_y((number + 1) / len(values)):.1f}"
        for number, value in list(enumerate(values))[::step]
    )
    return _frame(title, body + f'<polyline points="{points}" fill="none" stroke="{_MAIN}" stroke-width="2"/>\n')


def lines(title: str, xs: Sequence[float], series: dict[str, Sequence[float]], *, label_x: str, label_y: str) -> str:
    """Lines over a logarithmic axis of sizes."""
    top = max(max(ys) for ys in series.values()) * 1.15
    low, high = math.log10(xs[0]), math.log10(xs[-1])
    body = _axes(label_x, label_y)
    for x in xs:
        body += _text(_x((math.log10(x) - low) / (high - low)), _HEIGHT - _BOTTOM + 16, f"{x:,.0f}")
    for share in (0.0, 0.5, 1.0):
        body += _text(_LEFT - 6, _y(share) + 4, f"{top * share:.2f}", "end")
    for (name, ys), colour, row in zip(series.items(), (_MAIN, _OTHER, _INK), (0, 1, 2), strict=False):
        points = " ".join(
            f"{_x((math.log10(x) - low) / (high - low)):.1f},{_y(y / top):.1f}" for x, y in zip(xs, ys, strict=True)
        )
        body += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>\n'
        body += (
            f'<text x="{_WIDTH - 30}" y="{_TOP + 14 * row}" text-anchor="end" fill="{colour}">{escape(name)}</text>\n'
        )
    return _frame(title, body)


def bars(title: str, values: dict[str, float], *, limit: float, unit: str) -> str:
    """Bars, with a line at a limit."""
    top = max(limit, *values.values()) * 1.1
    body = _axes("", unit)
    width = 1 / len(values)
    for number, (name, value) in enumerate(values.items()):
        left, y = _x(width * (number + 0.2)), _y(value / top)
        colour = _MAIN if name == "rocksync" else _OTHER
        body += (
            f'<rect x="{left:.0f}" y="{y:.0f}" width="{_x(width * 0.6) - _LEFT:.0f}"'
            f' height="{_y(0) - y:.0f}" fill="{colour}"/>\n'
        )
        for row, words in enumerate(name.split(" ", 1)):
            body += _text(_x(width * (number + 0.5)), _HEIGHT - _BOTTOM + 16 + 13 * row, words)
        body += _text(_x(width * (number + 0.5)), y - 4, f"{value:,.0f}")
    y = _y(limit / top)
    body += f'<path d="M{_LEFT} {y:.0f}H{_WIDTH - 20}" stroke="{_INK}" stroke-dasharray="4 4"/>\n'
    return _frame(title, body + _text(_WIDTH - 24, y - 4, f"limit {limit:,.0f}", "end"))
