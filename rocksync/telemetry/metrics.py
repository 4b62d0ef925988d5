"""What is counted: of passes, requests, logins, mappers and the event loop.

Labels hold no SKU, order, URL or message.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from rocksync.domain.outcomes import PassReport
from rocksync.domain.tenancy import Kind
from rocksync.version import VERSION

OTHERS = "_others"
OUTCOMES = ("complete", "slice", "failed", "stopped", "lost", "cancelled")
ORDER_ACTIONS = {
    "import": "imported",
    "approve": "approved",
    "cancel": "canceled",
    "invoice": "invoiced",
    "ship": "shipped",
}
BREAKER_STATES = ("closed", "open", "half_open")

_PASS_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
_REQUEST_BUCKETS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_DELAY_WINDOW_S = 30.0


class TenantCounters(Collector):
    """Counters by tenant, for at most so many tenants; those that come later are counted together as ``_others``.

    A tenant that is removed loses its series.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._known: set[str] = set()
        self._delivered: dict[tuple[str, str], float] = {}
        self._refused: dict[tuple[str, str, str], float] = {}
        self._orders: dict[tuple[str, str], float] = {}

    def know(self, tenants: Iterable[str]) -> None:
        """Show series of *tenants*, from 0 on, as far as there is room."""
        with self._lock:
            for tenant in tenants:
                self._label(tenant)

    def keep_only(self, tenants: Iterable[str]) -> None:
        """Forget all but *tenants*."""
        kept = {*tenants, OTHERS}
        with self._lock:
            self._known &= kept
            self._delivered = {key: value for key, value in self._delivered.items() if key[0] in kept}
            self._refused = {key: value for key, value in self._refused.items() if key[0] in kept}
            self._orders = {key: value for key, value in self._orders.items() if key[0] in kept}

    def count(self, tenant: str, kind: Kind, report: PassReport) -> None:
        """Add what a pass did."""
        with self._lock:
            label = self._label(tenant)
            self._delivered[label, kind] = self._delivered.get((label, kind), 0) + report.sent
            for reason, number in report.refused_by.items():
                key = (label, str(kind), str(reason))
                self._refused[key] = self._refused.get(key, 0) + number
            for done, number in report.actions.items() if kind is Kind.ORDER else ():
                if action := ORDER_ACTIONS.get(done):
                    self._orders[label, action] = self._orders.get((label, action), 0) + number

    def collect(self) -> Iterable[Metric]:
        """Yield the counters as they are now."""
        delivered = CounterMetricFamily(
            "rocksync_items_delivered", "Items that were sent to Plugg.to and accepted.", labels=("tenant", "kind")
        )
        refused = CounterMetricFamily(
            "rocksync_items_refused", "Attempts that were refused, by reason code.", labels=("tenant", "kind", "reason")
        )
        orders = CounterMetricFamily(
            "rocksync_orders", "Orders that were imported or moved on.", labels=("tenant", "action")
        )
        with self._lock:
            for delivered_key, value in self._delivered.items():
                delivered.add_metric(delivered_key, value)
            for refused_key, value in self._refused.items():
                refused.add_metric(refused_key, value)
            for order_key, value in self._orders.items():
                orders.add_metric(order_key, value)
        yield from (delivered, refused, orders)

    def _label(self, tenant: str) -> str:
        if tenant not in self._known:
            if len(self._known) >= self._limit:
                tenant = OTHERS
            else:
                self._known.add(tenant)
            for kind in Kind:
                self._delivered.setdefault((tenant, kind), 0)
            for action in ORDER_ACTIONS.values():
                self._orders.setdefault((tenant, action), 0)
        return tenant


class LoopDelay(Collector):
    """How late the worker's event loop is: the worst of the last half minute, or how long it has been stuck by now."""

    def __init__(self, *, every_s: float = 0.25, now: Callable[[], float] = time.monotonic) -> None:
        self._every_s = every_s
        self._now = now
        self._beat_at = now()
        self._delays: deque[tuple[float, float]] = deque(maxlen=int(_DELAY_WINDOW_S / every_s) + 1)

    @property
    def every_s(self) -> float:
        """Seconds between two beats."""
        return self._every_s

    def beat(self) -> None:
        """Note that the loop is running: to be called by it, every `every_s` seconds."""
        now = self._now()
        self._delays.append((now, max(now - self._beat_at - self._every_s, 0.0)))
        self._beat_at = now

    def stuck_s(self) -> float:
        """Seconds by which the next beat is late by now."""
        return max(self._now() - self._beat_at - self._every_s, 0.0)

    def delay_s(self) -> float:
        """The worst delay lately."""
        since = self._now() - _DELAY_WINDOW_S
        return max([delay for at, delay in list(self._delays) if at >= since] + [self.stuck_s()])

    def collect(self) -> Iterable[Metric]:
        """Yield the delay as it is now."""
        yield GaugeMetricFamily(
            "rocksync_event_loop_delay_seconds",
            "How late the worker's event loop ran, at worst, in the last half minute.",
            value=self.delay_s(),
        )


class Metrics:
    """All that is counted in this process, in *registry*. Methods may be called from any thread."""

    def __init__(self, registry: CollectorRegistry, *, tenant_series: int) -> None:
        self.registry = registry
        self.tenants = TenantCounters(tenant_series)
        self.loop = LoopDelay()
        self.refusal: str | None = None
        self._mapper_limit = max(tenant_series, 1)
        self._mappers: set[str] = set()
        registry.register(self.tenants)
        registry.register(self.loop)
        ProcessCollector(registry=registry)
        info = Gauge("rocksync_build_info", "1, by version.", ("version",), registry=registry)
        info.labels(VERSION).set(1)
        self._passes = Counter(
            "rocksync_passes_total",
            "Passes, or slices of them, by how they ended.",
            ("kind", "outcome"),
            registry=registry,
        )
        self._pass_duration = Histogram(
            "rocksync_pass_duration_seconds",
            "Time of one pass or slice.",
            ("kind",),
            buckets=_PASS_BUCKETS,
            registry=registry,
        )
        self._requests = Counter(
            "rocksync_pluggto_requests_total",
            "Requests to Plugg.to by status code; 0: no whole reply.",
            ("method", "route", "code"),
            registry=registry,
        )
        self._request_duration = Histogram(
            "rocksync_pluggto_request_duration_seconds",
            "Time of one request to Plugg.to, answer included.",
            ("method", "route"),
            buckets=_REQUEST_BUCKETS,
            registry=registry,
        )
        self._exchanges: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._logins = Counter(
            "rocksync_pluggto_logins_total",
            "Requests for a token, by how they ended.",
            ("grant", "outcome"),
            registry=registry,
        )
        self._breaker = Gauge(
            "rocksync_pluggto_breaker", "1 for the state the breaker of the hub is in.", ("state",), registry=registry
        )
        self._mapper_duration = Summary(
            "rocksync_mapper_duration_seconds",
            "Time of one item in a mapper; mappers of one tenant share it evenly.",
            ("mapper",),
            registry=registry,
        )
        self._mapper_errors = Counter(
            "rocksync_mapper_errors_total",
            "Items with which a mapper raised, hung or gave rubbish.",
            ("mapper",),
            registry=registry,
        )
        self._mappers_refused = Gauge(
            "rocksync_mappers_refused",
            "1 for a mapper whose newest version cannot be loaded; an earlier one may be in use.",
            ("mapper",),
            registry=registry,
        )
        self._notifications = Counter(
            "rocksync_notifications_total",
            "Notifications of Plugg.to, by what became of them.",
            ("outcome",),
            registry=registry,
        )
        self._running = Gauge("rocksync_passes_running", "Passes that run in this worker.", registry=registry)
        self._slots = Gauge("rocksync_pass_slots", "Passes that may run at once in this worker.", registry=registry)
        self._connections = Gauge(
            "rocksync_pool_connections", "Connections of the pool to Postgres.", ("state",), registry=registry
        )
        self._connections_limit = Gauge("rocksync_pool_limit", "Connections that the pool may have.", registry=registry)
        self._start_at_zero()

    def _start_at_zero(self) -> None:
        for kind in Kind:
            self._pass_duration.labels(kind)
            for outcome in OUTCOMES:
                self._passes.labels(kind, outcome)
        for outcome in ("granted", "refused", "failed"):
            self._logins.labels("password", outcome)
        for outcome in ("taken", "dropped", "invalid"):
            self._notifications.labels(outcome)
        self.breaker_moved("closed")

    def pass_ended(self, tenant: str, kind: Kind, outcome: str, took_s: float, report: PassReport | None) -> None:
        """Count one pass, or slice of one."""
        self._passes.labels(kind, outcome).inc()
        self._pass_duration.labels(kind).observe(took_s)
        if report is not None:
            self.tenants.count(tenant, kind, report)

    def exchanged(self, method: str, route: str, status: int, took_s: float) -> None:
        """Count one request; *route* is the template."""
        series = self._exchanges.get((method, route, status))
        if series is None:
            series = self._requests.labels(method, route, str(status)), self._request_duration.labels(method, route)
            self._exchanges[method, route, status] = series
        requests, duration = series
        requests.inc()
        duration.observe(took_s)

    def logged_in(self, grant: str, outcome: str) -> None:
        """Count one request for a token."""
        self._logins.labels(grant, outcome).inc()

    def breaker_moved(self, state: str) -> None:
        """Show the state of the breaker."""
        for each in BREAKER_STATES:
            self._breaker.labels(each).set(each == state)

    def mapped(self, mapper: str, items: int, took_s: float) -> None:
        """Count *items* that a mapper was given, and the time of them all."""
        duration = self._mapper_duration.labels(self._mapper(mapper))
        for _ in range(items):
            duration.observe(took_s / items)

    def mapper_failed(self, mapper: str, items: int = 1) -> None:
        """Count *items* with which a mapper went wrong."""
        self._mapper_errors.labels(self._mapper(mapper)).inc(items)

    def mappers_refused(self, mappers: Iterable[str]) -> None:
        """Show which mappers cannot be loaded as they are now."""
        self._mappers_refused.clear()
        for mapper in mappers:
            self._mappers_refused.labels(self._mapper(mapper)).set(1)

    def beaten(self, refusal: str | None) -> None:
        """Note what the database had against the worker's last beat; None: nothing."""
        self.refusal = refusal

    def show_passes(self, running: Callable[[], int], slots: int) -> None:
        """Show at every scrape how many passes run, of *slots* that may."""
        self._running.set_function(running)
        self._slots.set(slots)

    def show_pool(self, size: Callable[[], int], idle: Callable[[], int], limit: int) -> None:
        """Show at every scrape how many connections there are, of *limit* that may be."""
        self._connections.labels("used").set_function(lambda: size() - idle())
        self._connections.labels("idle").set_function(idle)
        self._connections_limit.set(limit)

    def notified(self, outcome: str) -> None:
        """Count one notification: taken, dropped or invalid."""
        self._notifications.labels(outcome).inc()

    def _mapper(self, mapper: str) -> str:
        if mapper not in self._mappers:
            if len(self._mappers) >= self._mapper_limit:
                return OTHERS
            self._mappers.add(mapper)
        return mapper
