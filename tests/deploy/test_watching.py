"""What dashboards and alerts say of a real worker under load, by a real Prometheus and a real Alertmanager."""

import json
import re
import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from tests.deploy.stage import LOCKED_OUT, STORES, Stage, eventually, staged
from tests.deploy.tools import DEPLOY, needs_debian, program, run

pytestmark = needs_debian
CHOICES = {
    "$__rate_interval": "20s",
    "$tenant": STORES[0],
    "$kind": ".*",
    "$route": ".*",
    "$instance": ".*",
}


def _queries() -> list[Any]:
    """Every query of every panel, and those of variables, with choices made as Grafana makes them."""
    found = []
    for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json")):
        board = json.loads(path.read_text())
        for panel in board["panels"]:
            for target in panel.get("targets", ()):
                name = f"{path.stem}-{panel['title']}-{target['refId']}".replace(" ", "_")
                found.append(pytest.param(_chosen(target["expr"]), id=name))
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                labels = re.fullmatch(r"label_values\((.+), \w+\)", variable["definition"])
                assert labels is not None
                found.append(pytest.param(_chosen(labels[1]), id=f"{path.stem}-variable-{variable['name']}"))
    return found


def _chosen(expr: str) -> str:
    for name, value in CHOICES.items():
        expr = expr.replace(name, value)
    assert "$" not in expr
    return expr


@pytest.fixture(scope="session")
async def stage(
    server: asyncpg.Connection, server_dsn: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    name = f"watched_{uuid.uuid4().hex}"
    await server.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    dsn = urlunsplit(urlsplit(server_dsn)._replace(path=f"/{name}"))
    async with staged(dsn, tmp_path_factory.mktemp("stage")) as stage:
        yield stage
    await server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("expr", _queries())
async def test_every_query_of_every_dashboard_returns_data(stage: Stage, expr: str) -> None:
    async def has_data() -> bool:
        return bool(await stage.samples(expr))

    await eventually(has_data, within_s=60, what=f"data for {expr}")


async def test_an_alert_travels_to_the_pager_with_its_tenant_and_its_runbook(stage: Stage) -> None:
    def arrived() -> list[dict[str, Any]]:
        return [
            alert
            for message in stage.received
            if message["receiver"] == "pager"
            for alert in message["alerts"]
            if alert["labels"]["alertname"] == "RocksyncTenantStopped"
        ]

    async def has_arrived() -> bool:
        return bool(arrived())

    await eventually(has_arrived, within_s=60, what="the alert")

    alert = arrived()[0]
    assert alert["labels"]["tenant"] == LOCKED_OUT
    assert alert["annotations"]["command"] == f"rocksync tenant credentials {LOCKED_OUT}"
    assert alert["annotations"]["runbook_url"] == "deploy/RUNBOOK.md#rocksynctenantstopped"


async def test_rules_are_all_evaluated_without_an_error(stage: Stage) -> None:
    async def evaluated() -> bool:
        groups = (await stage.ask("rules"))["groups"]
        return all(rule["health"] == "ok" for group in groups for rule in group["rules"])

    await eventually(evaluated, within_s=30, what="every rule is evaluated")


async def test_metrics_have_no_lint(stage: Stage) -> None:
    async with stage.http.get(f"{stage.worker}/metrics") as reply:
        text = await reply.text()

    run(program("promtool"), "check", "metrics", input=text)


async def test_no_label_holds_a_sku_an_order_or_an_address(stage: Stage) -> None:
    async with stage.http.get(f"{stage.worker}/metrics") as reply:
        values = {value for line in (await reply.text()).splitlines() for value in re.findall(r'="([^"]*)"', line)}

    orders = {order["id"] for shop in stage.shops.values() for order in stage.hub.orders(shop.user)}
    assert orders
    assert not values & orders
    assert not [value for value in values if "SKU" in value or "://" in value]
