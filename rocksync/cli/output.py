"""What commands print: tables for people, at most 100 columns wide, and JSON for machines."""

import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from rocksync.domain.durations import format_duration

_WIDTH = 100
_GAP = "  "
_NARROWEST = 6
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400
F = TypeVar("F", bound=Callable[..., object])


def json_option(command: F) -> F:
    """Give a command ``--json``, as the argument ``as_json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for machines.")(command)


def print_json(value: object) -> None:
    """Print *value* as JSON: times in UTC, durations in seconds."""
    click.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def print_done(told: str, facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print *told* for people, or *facts* as JSON."""
    if as_json:
        print_json(facts)
    else:
        click.echo(told)


def print_table(
    headers: Sequence[str], rows: Sequence[Sequence[object]], *, none: str, whole: Sequence[str] = ()
) -> None:
    """Print *rows* under *headers*, numbers to the right, or *none* if there are no rows.

    Long cells are cut, those under the headers *whole* only where nothing else helps.
    """
    if not rows:
        click.echo(none)
        return
    cells = [[_cell(each) for each in row] for row in rows]
    numeric = [all(isinstance(row[place], (int, float, type(None))) for row in rows) for place in range(len(headers))]
    widths = _widths([len(each) for each in headers], cells, [header not in whole for header in headers])
    lines = (
        _GAP.join(
            _cut(text, width).rjust(width) if right else _cut(text, width).ljust(width)
            for text, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in [list(headers), *cells]
    )
    click.echo("\n".join(lines))


def print_facts(facts: Mapping[str, object]) -> None:
    """Print one fact a line, those that are None left out."""
    shown = {name: _cell(value) for name, value in facts.items() if value is not None}
    width = max((len(name) for name in shown), default=0)
    for name, text in shown.items():
        click.echo(f"{name.ljust(width)}{_GAP}{text}")


def print_text(text: str, *, err: bool = False) -> None:
    """Print one line, whatever is in it, to standard output or error."""
    click.echo(printable(text), err=err)


def print_lines(lines: Iterable[str], *, indent: str = "") -> None:
    """Print each line, long ones wrapped."""
    for line in lines:
        click.echo("\n".join(_wrapped(line, indent)))


def print_verdict(word: str, rest: str, *, good: bool, indent: str = "") -> None:
    """Print *word* and *rest* as one line, wrapped, *word* in green or red where colours are wanted."""
    first, *further = _wrapped(f"{word}{rest}", indent)
    if has_colours():
        first = first.replace(word, click.style(word, fg="green" if good else "red", bold=True), 1)
    click.echo("\n".join([first, *further]))


def _wrapped(line: str, indent: str) -> list[str]:
    return textwrap.wrap(
        printable(line), _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ", break_on_hyphens=False
    )


def has_colours() -> bool:
    """Whether standard output takes colours. Source: https://no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def ago(moment: datetime | None) -> str:
    """Return how long ago *moment* was, or in how long it will be: ``5m ago``, ``in 2h``; ``never`` for None."""
    if moment is None:
        return "never"
    seconds = (datetime.now(UTC) - moment).total_seconds()
    return f"{rough(seconds)} ago" if seconds >= 0 else f"in {rough(-seconds)}"


def rough(seconds: float) -> str:
    """Return a duration in at most two units: ``45s``, ``3m20s``, ``2h5m``, ``4d3h``."""
    for limit, unit in ((_MINUTE_S, 1), (_HOUR_S, 1), (_DAY_S, _MINUTE_S)):
        if seconds < limit:
            return format_duration(seconds // unit * unit)
    return format_duration(seconds // _HOUR_S * _HOUR_S)


def printable(text: str) -> str:
    """Return *text* without characters that would steer a terminal."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)


def _cell(value: object) -> str:
    match value:
        case None | bool():
            return {None: "-", True: "yes", False: "no"}[value]
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        case timedelta():
            return format_duration(value)
        case list() | tuple():
            return printable(", ".join(str(each) for each in value)) or "-"
        case dict():
            return printable(json.dumps(value, ensure_ascii=False, default=_plain))
        case _:
            return printable(str(value))


def _widths(headers: Sequence[int], cells: Sequence[Sequence[str]], elastic: Sequence[bool]) -> list[int]:
    widths = [max(header, *(len(row[place]) for row in cells)) for place, header in enumerate(headers)]
    for may_cut in (elastic, [True] * len(widths)):
        while sum(widths) + len(_GAP) * (len(widths) - 1) > _WIDTH:
            widest = max((width for width, cut in zip(widths, may_cut, strict=True) if cut), default=0)
            if widest <= _NARROWEST:
                break
            widths[next(n for n, cut in enumerate(may_cut) if cut and widths[n] == widest)] -= 1
    return widths


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _plain(value: Any) -> object:  # noqa: ANN401 # json's
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)
