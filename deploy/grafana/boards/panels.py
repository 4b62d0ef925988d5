"""Dashboards as plain dicts: the parts that every board is made of."""

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

Json = dict[str, Any]
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
TIMEZONE = "America/Sao_Paulo"
WIDTH = 24
RATE = "$__rate_interval"

GREEN, YELLOW, RED = "green", "yellow", "red"


def query(expr: str, legend: str = "__auto", *, form: str = "time_series") -> Json:
    """One query; *form* is time_series, table (the present values only) or heatmap."""
    instant = form == "table"
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": expr,
        "format": form,
        "instant": instant,
        "legendFormat": legend,
        "range": not instant,
    }


def thresholds(*steps: tuple[float, str]) -> Json:
    """Green up to the first step, then the colour of each."""
    rest = [{"color": color, "value": value} for value, color in steps]
    return {"mode": "absolute", "steps": [{"color": GREEN, "value": None}, *rest]}


def time_series(title: str, description: str, unit: str, *queries: Json, stack: bool = False, **size: int) -> Json:
    """Lines over time; stacked when they make up a whole."""
    custom = {
        "drawStyle": "line",
        "fillOpacity": 30 if stack else 8,
        "lineWidth": 1,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stack else "none"},
    }
    options = {
        "legend": {"calcs": ["lastNotNull", "max"], "displayMode": "table", "placement": "bottom", "showLegend": True},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    defaults = {"custom": custom, "min": 0, "unit": unit}
    return _panel("timeseries", title, description, queries, defaults, options, **size)


def stat(
    title: str, description: str, unit: str, *queries: Json, steps: Sequence[tuple[float, str]] = (), **size: int
) -> Json:
    """Present values, large, coloured by *steps*."""
    options = {
        "colorMode": "background" if steps else "value",
        "graphMode": "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
    }
    defaults = {"thresholds": thresholds(*steps), "unit": unit}
    return _panel("stat", title, description, queries, defaults, options, **{"w": 4, "h": 4, **size})


def table(
    title: str, description: str, unit: str, asked: Json, *, link: Json, steps: Sequence[tuple[float, str]], **size: int
) -> Json:
    """Present values with their labels, the largest first; *link* leads on from a row."""
    defaults = {"custom": {"align": "auto"}, "links": [link], "thresholds": thresholds(*steps), "unit": unit}
    options = {"showHeader": True, "sortBy": [{"desc": True, "displayName": "Value"}]}
    panel = _panel("table", title, description, [asked], defaults, options, **size)
    panel["fieldConfig"]["overrides"] = [
        {
            "matcher": {"id": "byName", "options": "Value"},
            "properties": [{"id": "custom.cellOptions", "value": {"type": "color-background"}}],
        }
    ]
    panel["transformations"] = [{"id": "organize", "options": {"excludeByName": {"Time": True}}}]
    return panel


def heatmap(title: str, description: str, unit: str, asked: Json, **size: int) -> Json:
    """The buckets of a histogram over time."""
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Oranges", "steps": 64},
        "tooltip": {"mode": "single", "yHistogram": True},
        "yAxis": {"axisPlacement": "left", "unit": unit},
    }
    return _panel("heatmap", title, description, [asked], {"unit": unit}, options, **size)


def row(title: str, *panels: Json) -> list[Json]:
    """A heading, and the panels under it."""
    heading = {"collapsed": False, "panels": [], "title": title, "type": "row", "gridPos": {"h": 1, "w": WIDTH}}
    return [heading, *panels]


def variable(name: str, label: str, expr: str, *, multi: bool = False) -> Json:
    """A choice among the values of a label; *multi*: several, or all."""
    choice: Json = {
        "datasource": DATASOURCE,
        "definition": expr,
        "includeAll": multi,
        "label": label,
        "multi": multi,
        "name": name,
        "query": {"query": expr, "refId": "Variable"},
        "refresh": 2,
        "sort": 1,
        "type": "query",
    }
    if multi:
        choice |= {"allValue": ".*", "current": {"selected": True, "text": ["All"], "value": ["$__all"]}}
    return choice


def dashboard(uid: str, title: str, description: str, variables: Sequence[Json], *rows: list[Json]) -> Json:
    """One board: its panels laid out left to right in the order given, with ids and refIds of their own."""
    source = {"label": "Data source", "name": "datasource", "query": "prometheus", "type": "datasource"}
    link = {
        "asDropdown": False,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "tags": ["rocksync"],
        "title": "rocksync",
        "type": "dashboards",
    }
    return {
        "annotations": {"list": [_alerts()]},
        "description": description,
        "editable": False,
        "graphTooltip": 1,
        "links": [link],
        "panels": list(_laid_out(itertools.chain.from_iterable(rows))),
        "refresh": "30s",
        "schemaVersion": 39,
        "tags": ["rocksync"],
        "templating": {"list": [source, *variables]},
        "time": {"from": "now-3h", "to": "now"},
        "timezone": TIMEZONE,
        "title": title,
        "uid": uid,
        "version": 1,
    }


def _alerts() -> Json:
    return {
        "datasource": DATASOURCE,
        "enable": True,
        "expr": 'ALERTS{alertname=~"Rocksync.*", alertstate="firing"}',
        "iconColor": RED,
        "name": "Alerts",
        "titleFormat": "{{alertname}} {{tenant}} {{kind}}",
    }


def _panel(
    kind: str,
    title: str,
    description: str,
    queries: Sequence[Json],
    defaults: Json,
    options: Json,
    *,
    w: int = 8,
    h: int = 8,
) -> Json:
    targets = [{**each, "refId": letter} for each, letter in zip(queries, "ABCDEFGH", strict=False)]
    return {
        "datasource": DATASOURCE,
        "description": description,
        "fieldConfig": {"defaults": defaults, "overrides": []},
        "gridPos": {"h": h, "w": w},
        "options": options,
        "targets": targets,
        "title": title,
        "type": kind,
    }


def _laid_out(panels: Iterator[Json]) -> Iterator[Json]:
    x = y = below = 0
    for number, panel in enumerate(panels, start=1):
        size = panel["gridPos"]
        if x + size["w"] > WIDTH or panel["type"] == "row":
            x, y = 0, below
        yield {**panel, "gridPos": {**size, "x": x, "y": y}, "id": number}
        x += size["w"]
        below = max(below, y + size["h"])
