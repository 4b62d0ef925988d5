"""Wiring: the one file that sees every room. What has a lifetime is opened and closed here."""

import asyncio
import contextlib
import logging
import os
import socket
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import asyncpg
from prometheus_client import CollectorRegistry

from rocksync import failures
from rocksync.domain.errors import SettingsError
from rocksync.domain.tenancy import Kind, TenantId
from rocksync.mapping.mapper import Mappers, open_mappers
from rocksync.mapping.runs import MapperRun, unseen
from rocksync.pluggto.facts import BreakerMoved, Exchange, Fact, Login
from rocksync.pluggto.hub import PluggtoHub, open_hub
from rocksync.pluggto.transport import LATE
from rocksync.postgres import opening
from rocksync.postgres.credentials import CredentialStore
from rocksync.postgres.fleet import FleetReader
from rocksync.postgres.hints import hint_orders
from rocksync.postgres.items import Items
from rocksync.postgres.listener import News, listening
from rocksync.postgres.migrate import folder, pending
from rocksync.postgres.opening import Database
from rocksync.postgres.schedules import Schedules
from rocksync.postgres.tenants import Tenants
from rocksync.postgres.vault import Vault, keys_of
from rocksync.settings import Settings
from rocksync.store.catalog import StoreCatalog
from rocksync.store.orders import StoreOrders
from rocksync.store.troubles import Troubles
from rocksync.sync.deps import Deps
from rocksync.sync.housekeeping import Housekeeper
from rocksync.sync.worker import PassEnd, Scope, Worker, WorkerSettings
from rocksync.telemetry.metrics import Metrics
from rocksync.telemetry.notifications import Notice
from rocksync.telemetry.server import Watch, serving
from rocksync.version import VERSION

log = logging.getLogger(__name__)

_MAPPER_HOSTS = 32
_KEEP_UNINTERESTING_ORDERS_DAYS = 30
_LATE_WRITES = timedelta(minutes=1)
"""How late a write that was not answered may still be carried out, at least (assumed)."""


def database_server(settings: Settings) -> AbstractAsyncContextManager[str]:
    """The DSN of the database: the one in the settings, else that of the embedded server, kept running meanwhile."""
    return opening.database_server(settings.database.dsn, settings.data_dir)


def open_database(settings: Settings) -> AbstractAsyncContextManager[Database]:
    """The database, ready to work with. An embedded one is migrated; another one must have been.

    What a suspended worker has locked is free before its leases end, which are extended each quarter of their time: so
    whoever takes over waits for nothing.

    Raises: SettingsError.
    """
    return opening.open_database(
        settings.database.dsn,
        settings.data_dir,
        pool_size=settings.database.pool_size,
        abandoned_s=settings.worker.lease_s / 2,
    )


def open_vault(settings: Settings) -> Vault:
    """The keys that credentials are sealed with. Raises: SettingsError when there is none."""
    return Vault(keys_of(settings.secrets.keys, settings.data_dir, embedded=settings.database.dsn is None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Observers:
    """Who is told of what happens: ends of passes, requests to the hub, mappers, and a worker that begins.

    ``refused``: the mappers that cannot be loaded as they are now, at every look. ``beaten``: what the database had
    against a beat, or None, at every beat.
    """

    passes: Callable[[PassEnd], None] = lambda _end: None
    hub: Callable[[Fact], None] = lambda _fact: None
    at_work: Callable[[Worker], None] = lambda _worker: None
    mappers: Callable[[MapperRun], None] = unseen
    refused: Callable[[Sequence[str]], None] = lambda _names: None
    beaten: Callable[[str | None], None] = lambda _why: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What ``worker --once`` did: passes by outcome, tenants that were stopped, and how many items were refused."""

    passes: Mapping[str, int]
    refused: int
    postponed: int
    stopped: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """Everything open and wired."""

    settings: Settings
    database: Database
    tenants: Tenants
    credentials: CredentialStore
    schedules: Schedules
    items: Items
    catalog: StoreCatalog
    orders: StoreOrders
    mappers: Mappers
    hub: PluggtoHub
    observers: Observers
    name: str

    async def run(self, stop: asyncio.Event, scope: Scope | None = None) -> None:
        """The worker over all tenants, or those in *scope*, until *stop* is set."""
        worker = self._worker(self.observers.passes)
        self.observers.at_work(worker)
        keeper = self._housekeeper(worker)

        def tell(news: News) -> None:
            if news.tenant is not None and news.topic == "credentials":
                self.hub.forget(news.tenant)
            elif news.tenant is not None and news.topic == "tenant":
                self.hub.pardon(news.tenant)
            keeper.hear(news.topic, news.tenant)

        self.mappers.on_change(partial(self._mappers_changed, worker))
        async with self._at_work(), listening(self.database.dsn, tell):
            await self.schedules.wake_differing(self.mappers.version)  # changed while no worker ran
            keeping = asyncio.create_task(keeper.run())
            try:
                await worker.run(stop, scope)
            finally:
                keeping.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await keeping

    async def run_once(
        self,
        *,
        tenants: Sequence[TenantId] | None = None,
        kinds: Sequence[Kind] | None = None,
        stop: asyncio.Event | None = None,
    ) -> Summary:
        """Run what is due, or everything selected, until nothing is deliverable; waits for no backoff."""
        passes: dict[str, int] = {}
        refused = postponed = 0
        stopped: set[str] = set()

        def observe(end: PassEnd) -> None:
            nonlocal refused, postponed
            passes[end.outcome] = passes.get(end.outcome, 0) + 1
            if end.report is not None:
                refused, postponed = refused + end.report.refused, postponed + end.report.postponed
            if end.outcome == "stopped":
                stopped.add(end.lease.tenant.slug)
            self.observers.passes(end)

        async def more() -> bool:
            return (
                await self.schedules.request_deliverable(tenants=tenants, kinds=kinds) > 0
                or await self.schedules.held_elsewhere(tenants=tenants, kinds=kinds) > 0
            )

        worker = self._worker(observe)
        await self.credentials.seal_inbox()
        if tenants is not None or kinds is not None:
            await self.schedules.request(tenants=tenants, kinds=kinds, manual=kinds is not None)
        async with self._at_work():
            await worker.run_until_idle(Scope(tenants=tenants, kinds=kinds), more, stop or asyncio.Event())
        return Summary(passes=passes, refused=refused, postponed=postponed, stopped=tuple(sorted(stopped)))

    @contextlib.asynccontextmanager
    async def _at_work(self) -> AsyncIterator[None]:
        """Be known as a worker; what is still held at the end is set free at once instead of after its lease.

        Raises: SettingsError if the database goes away just then.
        """
        every = self.settings.schedule
        try:
            await self.schedules.set_default_intervals({kind: every.of(kind) for kind in Kind})
            await self.schedules.beat(self.name, VERSION)
        except failures.AWAY as error:
            raise SettingsError(f"the database went away while the worker started ({type(error).__name__})") from None
        try:
            yield
        finally:
            with contextlib.suppress(*failures.AWAY, asyncpg.PostgresError):
                await self.schedules.leave(self.name)

    def _worker(self, observe: Callable[[PassEnd], None]) -> Worker:
        settings = self.settings
        return Worker(
            settings=WorkerSettings(
                name=self.name,
                concurrency=settings.worker.concurrency,
                lease_s=settings.worker.lease_s,
                slice_s=settings.worker.slice_s,
                senders=settings.pluggto.concurrency_per_tenant,
                drain_s=settings.worker.drain_s,
            ),
            schedules=self.schedules,
            deps=self.deps(),
            stop_tenant=self.tenants.stop,
            observe=observe,
            count=self.items.count,
            explain=failures.explanation,
        )

    def deps(self) -> Deps:
        """The rooms by their ports, for passes and for those who ask what passes would do."""
        return Deps(
            items=self.items,
            catalog=self.catalog,
            orders=self.orders,
            troubles=Troubles(self.database.pool),
            mapper=self.mappers,
            hub=self.hub,
            now=lambda: datetime.now(UTC),
            order_overlap=timedelta(seconds=self.settings.worker.order_overlap_s),
            reconcile_days=self.settings.worker.order_reconcile_days,
            late_writes=max(_LATE_WRITES, timedelta(seconds=LATE * self.settings.pluggto.timeout_s)),
        )

    def _housekeeper(self, worker: Worker) -> Housekeeper:
        return Housekeeper(
            worker=self.name,
            version=VERSION,
            upkeep=self.schedules,
            seal=self.credentials.seal_inbox,
            wake=worker.wake.set,
            faults=self._mapper_faults,
            beaten=self.observers.beaten,
            explain=failures.explanation,
            poll_s=self.settings.worker.poll_s,
            keep_history_days=self.settings.history.keep_days,
            keep_orders_days=_KEEP_UNINTERESTING_ORDERS_DAYS,
        )

    def _mapper_faults(self) -> dict[str, str]:
        """What is wrong with mappers, by name; those that cannot be used as they are, are counted as well."""
        faults = [fault for fault in self.mappers.faults() if fault.name]
        self.observers.refused([fault.name for fault in faults if fault.refused])
        return {fault.name: str(fault) for fault in reversed(faults)}

    async def _mappers_changed(self, worker: Worker, names: Sequence[str]) -> None:
        await self.schedules.wake_mapped(names)
        worker.wake.set()


@contextlib.asynccontextmanager
async def open_app(settings: Settings, observers: Observers | None = None) -> AsyncIterator[App]:
    """Everything that the worker and the commands around it need. Raises: SettingsError."""
    observers = observers or Observers()
    async with contextlib.AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(settings))
        credentials = CredentialStore(database.pool, open_vault(settings))
        await credentials.check_keys()
        mappers = await stack.enter_async_context(
            open_mappers(
                settings.mappers.dir,
                deadline_s=settings.mappers.deadline_s,
                hosts=max(_MAPPER_HOSTS, settings.worker.concurrency),
                observe=observers.mappers,
            )
        )
        hub = await stack.enter_async_context(
            open_hub(
                settings.pluggto.base_url,
                credentials=credentials.get,
                timeout_s=settings.pluggto.timeout_s,
                requests_per_second=settings.pluggto.requests_per_second_per_tenant,
                concurrency=settings.pluggto.concurrency_per_tenant,
                observe=observers.hub,
            )
        )
        yield App(
            settings=settings,
            database=database,
            tenants=Tenants(database.pool),
            credentials=credentials,
            schedules=Schedules(database.pool, lease_s=settings.worker.lease_s),
            items=Items(database.pool),
            catalog=StoreCatalog(database.pool),
            orders=StoreOrders(database.pool),
            mappers=mappers,
            hub=hub,
            observers=observers,
            name=f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}",
        )


def new_metrics(settings: Settings) -> Metrics:
    """The metrics of one worker, in a registry of their own."""
    return Metrics(CollectorRegistry(), tenant_series=settings.metrics.tenant_series)


def counting(metrics: Metrics) -> Observers:
    """Observers that count what they see."""

    def count_pass(end: PassEnd) -> None:
        metrics.pass_ended(end.lease.tenant.slug, end.lease.kind, end.outcome, end.took_s, end.report)

    def count_fact(fact: Fact) -> None:
        match fact:
            case Exchange():
                metrics.exchanged(fact.method, fact.route, fact.status, fact.took_s)
            case Login():
                metrics.logged_in(fact.grant, fact.outcome)
            case BreakerMoved():
                metrics.breaker_moved(fact.state)

    def show_worker(worker: Worker) -> None:
        metrics.show_passes(lambda: worker.running, worker.settings.concurrency)

    def count_run(run: MapperRun) -> None:
        for mapper in run.mappers:
            metrics.mapped(mapper, run.items, run.took_s / len(run.mappers))
            metrics.mapper_failed(mapper, run.failed.get(mapper, 0))

    return Observers(
        passes=count_pass,
        hub=count_fact,
        at_work=show_worker,
        mappers=count_run,
        refused=metrics.mappers_refused,
        beaten=metrics.beaten,
    )


@contextlib.asynccontextmanager
async def watched(settings: Settings, database: Database, metrics: Metrics) -> AsyncIterator[str]:
    """Serve metrics, health and notifications of this process; yields the URL. Raises: SettingsError."""
    reader, pool = FleetReader(database.dsn), database.pool
    metrics.show_pool(pool.get_size, pool.get_idle_size, pool.get_max_size())

    async def why_not_ready() -> str | None:
        missing = await pending(database.dsn, folder())
        if missing:
            return f"the database lacks migration {missing[0]}: run `rocksync migrate`"
        return metrics.refusal

    async def act(notices: Sequence[Notice]) -> None:
        await hint_orders(database.pool, [(each.order_id, each.user) for each in notices])

    watch = Watch(
        host=settings.http.host,
        port=settings.http.port,
        metrics=metrics,
        look=partial(reader.read, settings.metrics.tenant_series),
        ready=why_not_ready,
        act=act,
        refresh_s=settings.metrics.refresh_s,
    )
    async with serving(watch) as url:
        yield url
