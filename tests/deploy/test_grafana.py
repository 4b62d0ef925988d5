"""Dashboards: written by their generator, and without the slips that Grafana lets pass."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.tools import DEPLOY, documents, run

FOLDER = DEPLOY / "grafana"
FILES = sorted((FOLDER / "dashboards").glob("*.json"))
BOARDS: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in FILES}
each_board = pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS.keys())
BUILT_IN = {"__rate_interval", "__url_time_range", "__data", "datasource"}


def _panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def _sources(node: Any) -> Iterator[Any]:
    if isinstance(node, dict):
        if "datasource" in node:
            yield node["datasource"]
        for value in node.values():
            yield from _sources(value)
    elif isinstance(node, list):
        for value in node:
            yield from _sources(value)


def test_there_are_four_boards_each_with_an_address_of_its_own() -> None:
    assert {board["uid"] for board in BOARDS.values()} == {
        "rocksync-fleet",
        "rocksync-tenant",
        "rocksync-hub",
        "rocksync-worker",
    }


def test_writing_the_boards_again_changes_nothing(tmp_path: Path) -> None:
    run(sys.executable, FOLDER / "generate.py", tmp_path)

    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {
        path.name: path.read_text() for path in FILES
    }


@each_board
def test_panels_and_their_queries_are_told_apart(board: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(ids) == len(set(ids))
    for panel in _panels(board):
        references = [target["refId"] for target in panel["targets"]]
        assert references
        assert all(references)
        assert len(references) == len(set(references)), panel["title"]


@each_board
def test_no_panel_lies_over_another_or_beside_the_board(board: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells


@each_board
def test_the_data_source_comes_by_the_variable_only(board: dict[str, Any]) -> None:
    assert board["templating"]["list"][0]["type"] == "datasource"
    assert all(each == {"type": "prometheus", "uid": "${datasource}"} for each in _sources(board))


@each_board
def test_every_panel_is_described_and_has_a_unit_and_a_title_of_its_own(board: dict[str, Any]) -> None:
    titles = [(panel["title"], panel["type"]) for panel in _panels(board)]

    assert len(titles) == len(set(titles))
    for panel in _panels(board):
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]


@each_board
def test_every_variable_is_defined_and_used(board: dict[str, Any]) -> None:
    defined = {each["name"] for each in board["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(board["panels"]) + json.dumps(board["annotations"])))

    assert used - BUILT_IN == defined - BUILT_IN


@each_board
def test_boards_are_in_brazilian_time_read_only_and_linked_to_each_other(board: dict[str, Any]) -> None:
    assert board["timezone"] == "America/Sao_Paulo"
    assert board["editable"] is False
    assert board["tags"] == board["links"][0]["tags"] == ["rocksync"]
    assert board["links"][0]["keepTime"]


def test_a_row_of_the_fleet_leads_to_its_tenant() -> None:
    table = next(panel for panel in _panels(BOARDS["fleet"]) if panel["type"] == "table")

    (link,) = table["fieldConfig"]["defaults"]["links"]
    assert link["url"].startswith(f"/d/{BOARDS['tenant']['uid']}?var-tenant=${{__data.fields.tenant}}")


def test_grafana_finds_the_boards_and_their_data_source() -> None:
    (provider,) = documents(FOLDER / "provisioning" / "dashboards" / "rocksync.yaml")[0]["providers"]
    (source,) = documents(FOLDER / "provisioning" / "datasources" / "prometheus.yaml")[0]["datasources"]
    mounts = documents(DEPLOY / "compose.yaml")[0]["services"]["grafana"]["volumes"]

    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts
    assert source["type"] == "prometheus"
