"""The picture of the fleet's dashboard, as it is committed."""

import json
import xml.etree.ElementTree as ET

from tests.deploy.tools import DEPLOY, ROOT

PICTURE = ROOT / "docs" / "images" / "fleet.svg"
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_shows_panels_that_the_dashboard_has_with_lines_in_them() -> None:
    drawn = ET.parse(PICTURE).getroot()  # noqa: S314 # our own
    words = {each.text for each in drawn.iter(f"{SVG}text")}
    board = json.loads((DEPLOY / "grafana" / "dashboards" / "fleet.json").read_text())
    titles = {panel["title"] for panel in board["panels"] if panel["type"] in {"stat", "timeseries"}}

    assert len(words & titles) >= 11
    assert len(list(drawn.iter(f"{SVG}polyline"))) >= 20
