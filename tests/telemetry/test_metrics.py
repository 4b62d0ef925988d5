import re
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest

from rocksync.domain.fleet import FleetStanding, KindStanding, TenantStanding
from rocksync.domain.outcomes import PassReport
from rocksync.domain.tenancy import Kind, TenantStatus
from rocksync.telemetry.gauges import FleetGauges
from rocksync.telemetry.metrics import OTHERS, LoopDelay, Metrics, TenantCounters

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Clock:
    """Time that moves when it is told."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry(), tenant_series=3)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def tenant(slug: str, *, oldest_s: float | None = None, status: TenantStatus = TenantStatus.ACTIVE) -> TenantStanding:
    oldest = None if oldest_s is None else NOW - timedelta(seconds=oldest_s)
    kinds = tuple(
        KindStanding(
            kind=kind,
            oldest_at=oldest,
            completed_at=NOW - timedelta(seconds=7),
            every=timedelta(minutes=5),
            items={"synced": 3},
        )
        for kind in Kind
    )
    return TenantStanding(slug=slug, status=status, kinds=kinds)


def standing(*tenants: TenantStanding, **over_all: object) -> FleetStanding:
    slugs = frozenset(each.slug for each in tenants)
    return FleetStanding(**{"taken_at": NOW, "slugs": slugs, "tenants": tenants, **over_all})  # type: ignore[arg-type]


@pytest.fixture
def gauges(metrics: Metrics, clock: Clock) -> FleetGauges:
    gauges = FleetGauges(metrics.tenants, now=clock)
    metrics.registry.register(gauges)
    return gauges


def test_lag_is_worked_out_at_scrape_time_and_grows_while_nobody_looks(
    metrics: Metrics, gauges: FleetGauges, clock: Clock
):
    gauges.show(standing(tenant("acme", oldest_s=30), tenant("calm")))

    clock.now_s += 100

    registry = metrics.registry
    assert value(registry, "rocksync_sync_lag_seconds", tenant="acme", kind="stock") == 130
    assert value(registry, "rocksync_sync_lag_seconds", tenant="calm", kind="stock") == 0
    assert value(registry, "rocksync_sync_staleness_seconds", tenant="calm", kind="stock") == 107
    assert value(registry, "rocksync_snapshot_age_seconds") == 100


def test_a_lost_database_is_told_and_lag_goes_on_growing(metrics: Metrics, gauges: FleetGauges, clock: Clock):
    gauges.show(standing(tenant("acme", oldest_s=30)))
    assert value(metrics.registry, "rocksync_database_up") == 1

    gauges.lost()
    clock.now_s += 5

    assert value(metrics.registry, "rocksync_database_up") == 0
    assert value(metrics.registry, "rocksync_sync_lag_seconds", tenant="acme", kind="order") == 35


def test_tenants_behind_are_counted_at_scrape_time(metrics: Metrics, gauges: FleetGauges, clock: Clock):
    soon, later = (NOW + timedelta(seconds=10)).timestamp(), (NOW + timedelta(seconds=60)).timestamp()
    gauges.show(standing(behind_at={Kind.STOCK: (soon, later)}, oldest_at={Kind.STOCK: NOW - timedelta(seconds=1)}))

    counted = []
    for step in (0, 20, 60):
        clock.now_s += step
        counted.append(value(metrics.registry, "rocksync_tenants_behind", kind="stock"))

    assert counted == [0, 1, 2]
    assert value(metrics.registry, "rocksync_sync_lag_max_seconds", kind="stock") == 81
    assert value(metrics.registry, "rocksync_sync_lag_max_seconds", kind="price") == 0


def test_the_present_status_is_one_and_the_others_zero(metrics: Metrics, gauges: FleetGauges):
    gauges.show(standing(tenant("acme", status=TenantStatus.PAUSED)))

    shown = {
        each: value(metrics.registry, "rocksync_tenant_status", tenant="acme", status=each) for each in TenantStatus
    }
    assert shown == {"draft": 0, "active": 0, "paused": 1, "needs_credentials": 0}


def test_series_of_a_known_tenant_start_at_zero_and_those_of_a_removed_one_vanish(
    metrics: Metrics, gauges: FleetGauges
):
    gauges.show(standing(tenant("acme"), tenant("gone")))
    assert value(metrics.registry, "rocksync_items_delivered_total", tenant="acme", kind="price") == 0
    assert value(metrics.registry, "rocksync_orders_total", tenant="gone", action="imported") == 0
    metrics.pass_ended("gone", Kind.ORDER, "complete", 1.0, PassReport(complete=True, sent=2))

    gauges.show(standing(tenant("acme")))

    assert b'"gone"' not in generate_latest(metrics.registry)


def test_a_pass_is_counted_by_what_it_did(metrics: Metrics):
    report = PassReport(
        complete=True,
        sent=5,
        refused=2,
        refused_by={"rejected": 2},
        actions={"import": 2, "acknowledge": 2, "invoice": 1, "ship": 1, "approve": 3, "unchanged": 9},
    )

    metrics.pass_ended("acme", Kind.ORDER, "complete", 0.3, report)
    metrics.pass_ended("acme", Kind.ORDER, "failed", 0.1, None)

    registry = metrics.registry
    assert value(registry, "rocksync_items_delivered_total", tenant="acme", kind="order") == 5
    assert value(registry, "rocksync_items_refused_total", tenant="acme", kind="order", reason="rejected") == 2
    orders = {
        a: value(registry, "rocksync_orders_total", tenant="acme", action=a)
        for a in ("imported", "approved", "canceled", "invoiced", "shipped")
    }
    assert orders == {"imported": 2, "approved": 3, "canceled": 0, "invoiced": 1, "shipped": 1}
    assert value(registry, "rocksync_passes_total", kind="order", outcome="complete") == 1
    assert value(registry, "rocksync_passes_total", kind="order", outcome="failed") == 1
    assert value(registry, "rocksync_passes_total", kind="price", outcome="failed") == 0
    assert value(registry, "rocksync_pass_duration_seconds_count", kind="order") == 2


def test_requests_logins_breaker_and_mappers_are_counted(metrics: Metrics):
    metrics.exchanged("PUT", "/skus/{sku}", 200, 0.2)
    metrics.logged_in("password", "refused")
    metrics.breaker_moved("open")
    metrics.mapped("kits", 20, 0.5)
    metrics.mapper_failed("kits")
    metrics.mappers_refused(["gone", "kits"])
    metrics.mappers_refused(["kits"])

    registry = metrics.registry
    assert value(registry, "rocksync_pluggto_requests_total", method="PUT", route="/skus/{sku}", code="200") == 1
    assert value(registry, "rocksync_pluggto_logins_total", grant="password", outcome="refused") == 1
    assert value(registry, "rocksync_pluggto_breaker", state="open") == 1
    assert value(registry, "rocksync_pluggto_breaker", state="closed") == 0
    assert value(registry, "rocksync_mapper_duration_seconds_count", mapper="kits") == 20
    assert value(registry, "rocksync_mapper_duration_seconds_sum", mapper="kits") == pytest.approx(0.5)
    assert value(registry, "rocksync_mapper_errors_total", mapper="kits") == 1
    assert value(registry, "rocksync_mappers_refused", mapper="kits") == 1
    assert value(registry, "rocksync_mappers_refused", mapper="gone") is None


def test_beyond_the_ceiling_tenants_and_mappers_are_counted_together(metrics: Metrics):
    for number in range(10):
        metrics.pass_ended(f"t{number}", Kind.PRICE, "complete", 0.1, PassReport(complete=True, sent=1))
        metrics.mapped(f"m{number}", 1, 0.1)

    registry = metrics.registry
    assert value(registry, "rocksync_items_delivered_total", tenant="t2", kind="price") == 1
    assert value(registry, "rocksync_items_delivered_total", tenant="t3", kind="price") is None
    assert value(registry, "rocksync_items_delivered_total", tenant=OTHERS, kind="price") == 7
    assert value(registry, "rocksync_mapper_duration_seconds_count", mapper=OTHERS) == 7


def test_a_tenant_that_is_not_among_the_worst_keeps_its_counters():
    counters = TenantCounters(5)
    counters.count("calm", Kind.PRICE, PassReport(complete=True, sent=3))
    gauges = FleetGauges(counters)

    gauges.show(FleetStanding(taken_at=NOW, slugs=frozenset({"calm", "bad"}), tenants=(tenant("bad"),)))

    samples = {
        tuple(s.labels.values()): s.value for m in counters.collect() for s in m.samples if "delivered" in s.name
    }
    assert samples["calm", "price"] == 3
    assert samples["bad", "price"] == 0


def test_the_delay_of_the_loop_is_the_worst_lately_and_grows_while_it_is_stuck(clock: Clock):
    delay = LoopDelay(every_s=0.25, now=clock)
    for step in (0.25, 1.25, 0.25):
        clock.now_s += step
        delay.beat()
    assert delay.delay_s() == pytest.approx(1.0)

    clock.now_s += 10.25
    assert delay.delay_s() == pytest.approx(10.0)
    assert delay.stuck_s() == pytest.approx(10.0)

    delay.beat()
    clock.now_s += 31
    delay.beat()
    clock.now_s += 31
    delay.beat()
    assert delay.delay_s() == pytest.approx(30.75)


def test_every_metric_has_help_and_a_unit_and_no_label_of_an_item(metrics: Metrics, gauges: FleetGauges):
    gauges.show(standing(tenant("acme", oldest_s=1)))
    metrics.exchanged("GET", "/orders", 200, 0.1)

    families = [each for each in metrics.registry.collect() if each.name.startswith("rocksync_")]

    assert len(families) > 20
    for family in families:
        assert family.documentation.endswith("."), family.name
        for sample in family.samples:
            assert not {"sku", "order", "url", "message", "key", "id"} & set(sample.labels), sample


def test_the_text_is_what_prometheus_reads(metrics: Metrics, gauges: FleetGauges):
    gauges.show(standing(tenant("acme", oldest_s=1)))

    for line in generate_latest(metrics.registry).decode().splitlines():
        assert re.fullmatch(
            r'# (HELP|TYPE) \w+ .+|\w+(\{(\w+="[^"]*",?)+\})? [\d.e+-]+|\w+(\{.*\})? (\+Inf|NaN)', line
        ), line


def test_what_runs_at_no_interval_is_held_against_none(metrics: Metrics, gauges: FleetGauges):
    on_request = KindStanding(
        kind=Kind.PRICE, oldest_at=NOW, completed_at=None, every=timedelta(minutes=5), scheduled=False
    )
    gauges.show(standing(TenantStanding(slug="acme", status=TenantStatus.ACTIVE, kinds=(on_request,))))

    assert value(metrics.registry, "rocksync_schedule_interval_seconds", tenant="acme", kind="price") is None
    assert value(metrics.registry, "rocksync_sync_lag_seconds", tenant="acme", kind="price") is not None


def test_quarantine_is_counted_by_reason_and_orders_that_do_not_read_back_by_tenant(
    metrics: Metrics, gauges: FleetGauges
):
    orders = KindStanding(
        kind=Kind.ORDER,
        oldest_at=NOW,
        completed_at=NOW,
        every=timedelta(minutes=2),
        quarantined={"unknown_sku": 2},
        unconfirmed=3,
    )
    gauges.show(standing(TenantStanding(slug="acme", status=TenantStatus.ACTIVE, kinds=(orders,))))

    assert value(metrics.registry, "rocksync_quarantined_items", tenant="acme", kind="order", reason="unknown_sku") == 2
    assert value(metrics.registry, "rocksync_orders_unconfirmed", tenant="acme") == 3


def test_the_queue_shows_how_long_the_oldest_due_pass_waits(metrics: Metrics, gauges: FleetGauges, clock: Clock):
    gauges.show(standing(waiting=4, waiting_since=NOW - timedelta(seconds=10), expired=1))

    clock.now_s += 5

    assert value(metrics.registry, "rocksync_passes_waiting") == 4
    assert value(metrics.registry, "rocksync_pass_wait_max_seconds") == 15
    assert value(metrics.registry, "rocksync_leases_expired") == 1


def test_what_the_worker_uses_is_asked_at_every_scrape(metrics: Metrics):
    running = [1]
    metrics.show_passes(lambda: running[0], 16)
    metrics.show_pool(lambda: 5, lambda: 2, 10)

    running[0] = 7

    assert value(metrics.registry, "rocksync_passes_running") == 7
    assert value(metrics.registry, "rocksync_pass_slots") == 16
    assert value(metrics.registry, "rocksync_pool_connections", state="used") == 3
    assert value(metrics.registry, "rocksync_pool_limit") == 10
