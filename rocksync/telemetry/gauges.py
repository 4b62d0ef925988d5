"""How all tenants stand, for whoever scrapes.

Ages are worked out at scrape time, so they grow while a worker is stuck or the database is lost.
"""

import asyncio
import logging
import time
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rocksync.domain.fleet import FleetStanding, TenantStanding
from rocksync.domain.tenancy import Kind, TenantStatus
from rocksync.telemetry.metrics import TenantCounters

ITEM_STATES = ("pending", "synced", "skipped", "quarantined")
_log = logging.getLogger(__name__)


class FleetGauges(Collector):
    """The last look at the fleet, and how long ago it was.

    Time goes on by this process' monotonic clock from the database's time of the look: clocks may differ.
    """

    def __init__(
        self,
        counters: TenantCounters,
        *,
        refusal: Callable[[], str | None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """*refusal*: what the database has against being written."""
        self._counters = counters
        self._refusal = refusal
        self._now = now
        self._standing: FleetStanding | None = None
        self._looked_at = now()
        self._is_up = False

    def show(self, standing: FleetStanding) -> None:
        """Show *standing* from now on."""
        self._standing, self._looked_at, self._is_up = standing, self._now(), True
        self._counters.keep_only(standing.slugs)
        self._counters.know(each.slug for each in standing.tenants)

    def lost(self) -> None:
        """Note that the database could not be asked."""
        self._is_up = False

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges as they are at this moment."""
        up = GaugeMetricFamily(
            "rocksync_database_up", "1 if the database could be asked, and written, at the last look."
        )
        up.add_metric((), float(self._is_up and self._refusal() is None))
        age = GaugeMetricFamily("rocksync_snapshot_age_seconds", "Time since the fleet was last looked at.")
        age.add_metric((), self._now() - self._looked_at)
        yield from (up, age)
        standing = self._standing
        if standing is None:
            return
        now = standing.taken_at + timedelta(seconds=self._now() - self._looked_at)
        yield from _over_all(standing, now)
        yield from _of_tenants(standing.tenants, now)


async def keep_looking(gauges: FleetGauges, look: Callable[[], Awaitable[FleetStanding]], *, every_s: float) -> None:
    """Look at the fleet again and again until cancelled. A look that fails is logged when that begins and ends."""
    failing_since: float | None = None
    while True:
        began = time.monotonic()
        try:
            gauges.show(await look())
        except Exception as error:  # noqa: BLE001 # whatever it is, the next look may succeed
            gauges.lost()
            if failing_since is None:
                failing_since = began
                _log.warning("fleet_not_read", extra={"error": type(error).__name__, "detail": str(error)})
        else:
            if failing_since is not None:
                _log.info("fleet_read_again", extra={"after_s": round(began - failing_since, 1)})
            failing_since = None
        await asyncio.sleep(max(every_s, 2 * (time.monotonic() - began)))


def _over_all(standing: FleetStanding, now: datetime) -> Iterable[Metric]:
    worst = GaugeMetricFamily("rocksync_sync_lag_max_seconds", "The largest lag of any tenant.", labels=("kind",))
    behind = GaugeMetricFamily(
        "rocksync_tenants_behind", "Tenants whose lag is over twice their interval.", labels=("kind",)
    )
    for kind in Kind:
        worst.add_metric((kind,), _age_s(standing.oldest_at.get(kind), now))
        behind.add_metric((kind,), bisect_right(standing.behind_at.get(kind, ()), now.timestamp()))
    tenants = GaugeMetricFamily("rocksync_tenants", "Tenants by status.", labels=("status",))
    for status in TenantStatus:
        tenants.add_metric((status,), standing.statuses.get(status, 0))
    workers = GaugeMetricFamily("rocksync_workers", "Workers that were alive at the last look.")
    workers.add_metric((), standing.workers)
    leases = GaugeMetricFamily("rocksync_leases", "Passes that ran at the last look, in all workers.")
    leases.add_metric((), standing.leases)
    return (worst, behind, tenants, workers, leases, *_of_queue(standing, now))


def _of_queue(standing: FleetStanding, now: datetime) -> Iterable[Metric]:
    expired = GaugeMetricFamily(
        "rocksync_leases_expired", "Passes leased by workers that no longer extend them, and not taken over."
    )
    expired.add_metric((), standing.expired)
    waiting = GaugeMetricFamily("rocksync_passes_waiting", "Passes that were due and not claimed, at the last look.")
    waiting.add_metric((), standing.waiting)
    wait = GaugeMetricFamily(
        "rocksync_pass_wait_max_seconds", "How long the pass that waits the longest has been due; 0 without."
    )
    wait.add_metric((), _age_s(standing.waiting_since, now))
    return (expired, waiting, wait)


def _of_tenants(tenants: Iterable[TenantStanding], now: datetime) -> Iterable[Metric]:
    by_kind = ("tenant", "kind")
    lag = GaugeMetricFamily(
        "rocksync_sync_lag_seconds", "Age of the oldest change not yet delivered; 0 when there is none.", labels=by_kind
    )
    staleness = GaugeMetricFamily(
        "rocksync_sync_staleness_seconds", "Time since the last complete pass.", labels=by_kind
    )
    interval = GaugeMetricFamily(
        "rocksync_schedule_interval_seconds",
        "The interval that passes run at; none while nothing runs at it.",
        labels=by_kind,
    )
    quarantined = GaugeMetricFamily(
        "rocksync_quarantined_items", "Items that are set aside, by reason code.", labels=(*by_kind, "reason")
    )
    unconfirmed = GaugeMetricFamily(
        "rocksync_orders_unconfirmed", "Orders whose last write to Plugg.to does not read back yet.", labels=("tenant",)
    )
    items = GaugeMetricFamily(
        "rocksync_items",
        "Items by state, as of the last pass that changed any; changes that no pass has taken up yet only lag shows.",
        labels=("tenant", "kind", "state"),
    )
    status = GaugeMetricFamily("rocksync_tenant_status", "1 for the present status.", labels=("tenant", "status"))
    for tenant in tenants:
        for each in TenantStatus:
            status.add_metric((tenant.slug, each), float(each is tenant.status))
        for kind in tenant.kinds:
            labels = (tenant.slug, kind.kind)
            lag.add_metric(labels, _age_s(kind.oldest_at, now))
            if kind.completed_at is not None:
                staleness.add_metric(labels, _age_s(kind.completed_at, now))
            if kind.scheduled:
                interval.add_metric(labels, kind.every.total_seconds())
            if kind.kind is Kind.ORDER:
                unconfirmed.add_metric((tenant.slug,), kind.unconfirmed)
            for reason, number in kind.quarantined.items():
                quarantined.add_metric((*labels, reason), number)
            for state in ITEM_STATES:
                items.add_metric((*labels, state), kind.items.get(state, 0))
    return (lag, staleness, interval, items, status, quarantined, unconfirmed)


def _age_s(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)
