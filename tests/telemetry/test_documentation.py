"""Every metric is documented, has help and a unit, and holds nothing that grows without bound."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from rocksync.domain.fleet import FleetStanding, KindStanding, TenantStanding
from rocksync.domain.outcomes import PassReport
from rocksync.domain.tenancy import Kind, TenantStatus
from rocksync.telemetry.gauges import FleetGauges
from rocksync.telemetry.metrics import Metrics

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"
LABELS = {"tenant", "kind", "state", "status", "reason", "outcome", "action"} | {
    *("method", "route", "code", "grant", "mapper", "version"),
}
UNITS = {
    "seconds",
    "bytes",
    "items",
    "attempts",
    "orders",
    "tenants",
    "workers",
    "passes",
    "connections",
    "requests",
} | {
    *("logins", "notifications", "files", "0 or 1", "1"),
}
TYPES = {"_seconds": "seconds", "_bytes": "bytes", "_seconds_total": "seconds"}


@dataclass(frozen=True)
class Told:
    """A metric as it is exposed or documented."""

    name: str
    type: str
    labels: tuple[str, ...]
    help: str


def everything() -> CollectorRegistry:
    """A registry in which every metric has a series."""
    metrics = Metrics(CollectorRegistry(), tenant_series=3)
    report = PassReport(complete=True, sent=1, refused_by={"rejected": 1}, actions={"import": 1})
    metrics.pass_ended("acme", Kind.ORDER, "complete", 0.1, report)
    metrics.exchanged("PUT", "/skus/{sku}", 200, 0.1)
    metrics.logged_in("password", "granted")
    metrics.mapped("acme", 1, 0.1)
    metrics.mapper_failed("acme")
    metrics.mappers_refused(["acme"])
    metrics.notified("taken")
    metrics.show_passes(lambda: 1, 16)
    metrics.show_pool(lambda: 2, lambda: 1, 10)
    gauges = FleetGauges(metrics.tenants)
    now = datetime.now(UTC)
    kind = KindStanding(
        kind=Kind.ORDER,
        oldest_at=now,
        completed_at=now,
        every=timedelta(minutes=2),
        items={"pending": 1},
        quarantined={"unknown_sku": 1},
    )
    acme = TenantStanding(slug="acme", status=TenantStatus.ACTIVE, kinds=(kind,))
    gauges.show(FleetStanding(taken_at=now, slugs=frozenset(("acme",)), tenants=(acme,)))
    metrics.registry.register(gauges)
    return metrics.registry


def told(registry: CollectorRegistry) -> list[Told]:
    """Return what a registry exposes."""
    found = []
    for family in registry.collect():
        labels: dict[str, None] = {}
        for sample in family.samples:
            labels |= dict.fromkeys(name for name in sample.labels if name not in {"le", "quantile"})
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.append(Told(name=name, type=family.type, labels=tuple(labels), help=family.documentation))
    return found


METRICS = told(everything())


def documented() -> dict[str, tuple[Told, str]]:
    """Return the rows of the page, each with its unit."""
    rows = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[0].startswith("`"):
            name = cells[0].strip("`")
            labels = tuple(re.findall(r"`(\w+)`", cells[2]))
            rows[name] = (Told(name=name, type=cells[1], labels=labels, help=cells[4]), cells[3])
    return rows


def test_the_page_tells_every_metric_as_it_is_and_no_other():
    assert {name: row for name, (row, _) in documented().items()} == {metric.name: metric for metric in METRICS}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_metric_has_a_sentence_of_help_and_a_unit_that_its_name_agrees_with(metric: Told):
    unit = documented()[metric.name][1]

    assert metric.help.endswith(".")
    assert unit in UNITS
    for ending, meant in TYPES.items():
        assert not metric.name.endswith(ending) or unit == meant
    assert metric.name.endswith("_total") == (metric.type == "counter")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_labels_have_few_values_and_none_is_a_sku_an_order_or_an_address(metric: Told):
    assert set(metric.labels) <= LABELS
