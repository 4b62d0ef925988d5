"""Store rows to documents, through each tenant's mappers. This is what passes call."""

import asyncio
import contextlib
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from rocksync.domain.catalog import Price, Stock
from rocksync.domain.documents import (
    OrderTask,
    PriceDocument,
    ProductDocument,
    Skip,
    StockDocument,
)
from rocksync.domain.errors import ItemError, PassError
from rocksync.domain.orders import CANCELED, IMPORTED_AS, HubOrder, StoreOrder
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Tenant
from rocksync.mapping import answers, conversion
from rocksync.mapping.conversion import DefaultRules
from rocksync.mapping.drafts import AcceptedListing, Drafts
from rocksync.mapping.folder import Found
from rocksync.mapping.hosts import Crew, Hosts, Version, open_hosts
from rocksync.mapping.registry import Fault, Listed, Listener, Registry, open_registry
from rocksync.mapping.runs import Observe, summed_up, unseen
from rocksync.mapping.wire import (
    ENCODER,
    ROW_ENCODER,
    Answer,
    Complaints,
    Failed,
    Op,
)

CHUNK = 64
_LOG = logging.getLogger("rocksync.mapping")
_OFFER_HOOKS = frozenset(("rocksync_map_price", "rocksync_map_stock"))
_PRODUCT_HOOKS = _OFFER_HOOKS | {"rocksync_select_product", "rocksync_map_product"}
_PARCEL_HOOKS = frozenset(("rocksync_map_invoice", "rocksync_map_shipment"))
_Row = TypeVar("_Row")
_Made = TypeVar("_Made")
_OrderPair = tuple[HubOrder, StoreOrder | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """How a tenant's rows are mapped. ``crew`` None: by default; ``fault``: not at all, and why."""

    tenant: Tenant
    generation: int
    version: str
    crew: Crew | None = None
    fault: str | None = None
    hooks: frozenset[str] = frozenset()
    arguments: frozenset[str] = frozenset()


class Lineup(Protocol):
    """Which mappers each tenant has. ``generation`` grows whenever that may have changed."""

    @property
    def generation(self) -> int:
        """A number that grows."""

    def resolve(self, tenant: Tenant) -> tuple[list[Version], str | None]:
        """Return the tenant's mappers in order, and why its items cannot be mapped now, if so."""


@dataclass(frozen=True, slots=True)
class _Fixed:
    versions: Sequence[Version]
    generation: int = 0

    def resolve(self, _tenant: Tenant) -> tuple[list[Version], str | None]:
        return list(self.versions), None


class Mappers:
    """The mapping of every tenant."""

    def __init__(
        self,
        registry: Registry,
        hosts: Hosts,
        *,
        lineup: Lineup | None = None,
        observe: Observe = unseen,
        samples: bool = False,
    ) -> None:
        self._registry = registry
        self._lineup = lineup or registry
        self._hosts = hosts
        self._observe = observe
        self._samples = samples
        self._default = DefaultRules()
        self._plans: dict[int, _Plan] = {}

    def on_change(self, listener: Listener) -> None:
        """Let *listener* know the names of mappers of which another version is in use from now on, or none."""
        self._registry.on_change(listener)

    def faults(self) -> list[Fault]:
        """Return what is wrong with mappers now, by name."""
        return self._registry.faults()

    def listing(self) -> list[Listed]:
        """Return every mapper, by name."""
        return self._registry.listing()

    def source(self, name: str) -> Found | None:
        """Return the text of a mapper as it is on disk, sound or not."""
        return self._registry.source(name)

    async def sound(self, found: Found) -> Version | Failed:
        """Return a mapper's text as a version that may be used, or what is wrong with it."""
        answer = await self._hosts.examine(found.source)
        return (
            answer
            if isinstance(answer, Failed)
            else Version(source=found.source, digest=found.digest, hooks=answer.hooks)
        )

    def only(self, versions: Sequence[Version], *, samples: bool = False) -> "Mappers":
        """Return the mapping of any tenant by exactly these mappers; errors over orders that are *samples* say all."""
        return Mappers(self._registry, self._hosts, lineup=_Fixed(versions), samples=samples)

    def used_by(self, tenant: Tenant) -> list[str]:
        """Return the names of the tenant's mappers, in the order they run."""
        crew = self._plan(tenant).crew
        return [member.source.name for member in crew.members] if crew else []

    def version(self, tenant: Tenant, last: str | None = None) -> str:
        """What the tenant's items are mapped with now; another value than *last*: they are to be mapped again.

        Raises: PassError if that were to be without mappers only because the folder of mappers is missing.
        """
        version = self._plan(tenant).version
        if last and not version and (missing := self._registry.missing_folder):
            raise PassError(
                f"{missing}, and what {tenant.slug} has was mapped with mappers: bring the folder back, set mappers.dir"
                " to it, or make an empty one if there are none any more",
                reason=Reason.MAPPER_ERROR,
            )
        if last and not version:
            detail = "its items were mapped with mappers, and it has none any more: they are sent as the store has them"
            _LOG.warning("mappers_gone", extra={"tenant": tenant.slug, "detail": detail})
        return version

    def maps_offers(self, tenant: Tenant) -> bool:
        """Whether a mapper may make something else of a price or stock once its SKU was created."""
        plan = self._plan(tenant)
        return plan.fault is not None or bool(plan.hooks & _OFFER_HOOKS)

    async def complaints(self, tenant: Tenant) -> list[str]:
        """Return what the tenant's mappers say of its settings, and why its items cannot be mapped, if so."""
        plan = self._plan(tenant)
        if plan.fault is not None:
            return [plan.fault]
        if plan.crew is None or "rocksync_check_settings" not in plan.hooks:
            return []
        [answer] = await self._hosts.run(
            plan.crew, Op.SETTINGS, [tenant.slug], ROW_ENCODER.encode, lambda _, answer: answer
        )
        match answer:
            case Complaints(texts=texts):
                return texts
            case Failed(detail=detail):
                return [detail]
            case _:
                raise answers.unexpected(answer)

    async def products(
        self, tenant: Tenant, listings: Sequence[AcceptedListing]
    ) -> list[ProductDocument | Skip | ItemError]:
        """Documents of products; with each listing the payload the hub last accepted of it, if any."""
        plan = self._plan(tenant)
        if plan.fault is None and not (plan.hooks & _PRODUCT_HOOKS):
            return await _in_chunks(listings, self._default_product)
        settled = await _in_chunks(listings, lambda row: conversion.settled(*row))
        open_rows = [row for row, answer in zip(listings, settled, strict=True) if answer is None]

        drafts = Drafts(hooks=plan.hooks, arguments=plan.arguments)
        mapped = await self._through(
            plan, Op.PRODUCTS, open_rows, drafts.encode, lambda pair: pair[0].product.sku, drafts.document
        )
        fresh = iter(mapped)
        return [next(fresh) if answer is None else answer for answer in settled]

    def _default_product(self, row: AcceptedListing) -> ProductDocument | Skip:
        listing, accepted = row
        answer = conversion.settled(listing, accepted)
        if isinstance(answer, ItemError):
            raise answer
        if answer is not None:
            return answer
        return conversion.convert_listing(listing, accepted, self._default)

    async def prices(self, tenant: Tenant, prices: Sequence[Price]) -> list[PriceDocument | Skip | ItemError]:
        """Documents of prices."""
        plan = self._plan(tenant)
        if plan.fault is None and "rocksync_map_price" not in plan.hooks:
            return await _in_chunks(prices, self._default_price)
        return await self._through(plan, Op.PRICES, prices, ROW_ENCODER.encode, lambda price: price.sku, answers.price)

    def _default_price(self, price: Price) -> PriceDocument | Skip:
        answers.check_sku(price.sku)
        return PriceDocument(key=price.sku, product_sku=price.product_sku, payload=self._default.price(price))

    async def stocks(self, tenant: Tenant, stocks: Sequence[Stock]) -> list[StockDocument | Skip | ItemError]:
        """Documents of stocks."""
        plan = self._plan(tenant)
        if plan.fault is None and "rocksync_map_stock" not in plan.hooks:
            return await _in_chunks(stocks, self._default_stock)
        # What is inactive goes to 0, whatever a mapper would say, and even if none can.
        off_sale = iter(await _in_chunks([stock for stock in stocks if not stock.active], self._default_stock))
        active = [stock for stock in stocks if stock.active]
        mapped = iter(
            await self._through(plan, Op.STOCKS, active, ROW_ENCODER.encode, lambda stock: stock.sku, answers.stock)
        )
        return [next(mapped if stock.active else off_sale) for stock in stocks]

    def _default_stock(self, stock: Stock) -> StockDocument | Skip:
        answers.check_sku(stock.sku)
        return StockDocument(key=stock.sku, product_sku=stock.product_sku, payload=self._default.stock(stock))

    async def orders(self, tenant: Tenant, orders: Sequence[_OrderPair]) -> list[OrderTask | ItemError]:
        """Tasks of orders: the order to import, and the invoice and shipment payloads that the store's rows give."""
        plan = self._plan(tenant)
        if plan.fault is None and not (plan.hooks & (_PARCEL_HOOKS | {"rocksync_map_order"})):
            return await _in_chunks(orders, self._default_order)
        fresh = [pair for pair in orders if pair[1] is None and pair[0].status in IMPORTED_AS]
        faults = {hub.id: fault for hub, _ in fresh if (fault := conversion.line_fault(hub)) is not None}
        parcels = [pair for pair in orders if _has_parcel(pair)]
        tasks = {
            pair[0].id: OrderTask(key=pair[0].id, hub=pair[0], store=pair[1]) for pair in orders
        } | await self._mapped_orders(plan, [pair for pair in fresh if pair[0].id not in faults], parcels)
        return [faults.get(hub.id) or tasks[hub.id] for hub, _ in orders]

    async def _mapped_orders(
        self, plan: _Plan, fresh: Sequence[_OrderPair], parcels: Sequence[_OrderPair]
    ) -> dict[str, OrderTask | ItemError]:
        tasks: list[OrderTask | ItemError] = []
        for op, pairs, hooks, encode, decode in (
            (
                Op.ORDERS,
                fresh,
                {"rocksync_map_order"},
                lambda rows: ENCODER.encode([hub for hub, _ in rows]),
                answers.order,
            ),
            (
                Op.PARCELS,
                parcels,
                _PARCEL_HOOKS,
                lambda rows: ROW_ENCODER.encode([own for _, own in rows]),
                answers.parcel,
            ),
        ):
            if plan.fault is None and not (plan.hooks & hooks):
                tasks += await _in_chunks(pairs, self._default_order)
            else:
                tasks += await self._through(plan, op, pairs, encode, lambda pair: pair[0].id, decode)
        return {task.key: task for task in tasks}

    def _default_order(self, row: _OrderPair) -> OrderTask:
        hub, store = row
        if store is None:
            return OrderTask(key=hub.id, hub=hub, store=None, document=self._default.order(hub))
        if hub.status in CANCELED:
            return OrderTask(key=hub.id, hub=hub, store=store)
        invoice, shipment = self._default.invoice(store), self._default.shipment(store)
        return OrderTask(key=hub.id, hub=hub, store=store, invoice=invoice, shipment=shipment)

    async def _through(
        self,
        plan: _Plan,
        op: Op,
        rows: Sequence[_Row],
        encode: Callable[[Sequence[_Row]], bytes],
        key: Callable[[_Row], str],
        decode: Callable[[_Row, Answer], _Made],
    ) -> list[_Made | ItemError]:
        if plan.crew is None:
            fault = plan.fault or "its mappers cannot be used"
            return [ItemError(key(row), fault, reason=Reason.MAPPER_ERROR) for row in rows]
        if not rows:
            return []

        def convert(row: _Row, answer: Answer) -> _Made | ItemError:
            if isinstance(answer, Failed):
                return ItemError(key(row), answer.detail, reason=answer.reason, final=answer.final)
            try:
                return decode(row, answer)
            except ItemError as error:
                return error

        began = time.monotonic()
        made = await self._hosts.run(plan.crew, op, rows, encode, convert)
        self._observe(summed_up(plan.crew, made, time.monotonic() - began))
        return made

    def _plan(self, tenant: Tenant) -> _Plan:
        plan = self._plans.get(tenant.id)
        if plan is None or plan.generation != self._lineup.generation or plan.tenant != tenant:
            plan = self._plans[tenant.id] = self._made_plan(tenant)
        return plan

    def _made_plan(self, tenant: Tenant) -> _Plan:
        versions, fault = self._lineup.resolve(tenant)
        generation = self._lineup.generation
        if fault is not None:
            return _Plan(tenant=tenant, generation=generation, version=_digest(tenant, [fault]), fault=fault)
        if not versions:
            return _Plan(tenant=tenant, generation=generation, version="")
        version = _digest(tenant, [one.digest for one in versions])
        seen = [seen for one in versions for seen in one.hooks]
        return _Plan(
            tenant=tenant,
            generation=generation,
            version=version,
            crew=Crew(tenant=tenant, version=version, members=tuple(versions), samples=self._samples),
            hooks=frozenset(one.name for one in seen),
            arguments=frozenset(name for one in seen for name in one.arguments),
        )


def _digest(tenant: Tenant, parts: Sequence[str]) -> str:
    settings = msgspec.json.encode(dict(tenant.settings), order="sorted").decode()
    texts = [tenant.slug, tenant.name, tenant.domain, str(tenant.revision), settings, *parts]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:24]


def _has_parcel(pair: _OrderPair) -> bool:
    hub, store = pair
    return store is not None and hub.status not in CANCELED and not (store.invoice is None and store.shipment is None)


async def _in_chunks(rows: Iterable[_Row], convert: Callable[[_Row], _Made]) -> list[_Made | ItemError]:
    made: list[_Made | ItemError] = []
    for number, row in enumerate(rows, start=1):
        try:
            made.append(convert(row))
        except ItemError as error:
            made.append(error)
        if number % CHUNK == 0:
            await asyncio.sleep(0)
    return made


@contextlib.asynccontextmanager
async def open_mappers(
    folder: Path,
    *,
    deadline_s: float = 2.0,
    load_s: float = 5.0,
    memory_mb: int = 512,
    hosts: int = 32,
    idle_s: float = 60.0,
    poll_s: float = 0.5,
    observe: Observe = unseen,
) -> AsyncIterator[Mappers]:
    """Mapping with the mappers of *folder*, loaded, and followed every *poll_s* as long as the context lasts.

    No mapper may take longer than *deadline_s* over an item, *load_s* to be loaded, or use more than *memory_mb*; at
    most *hosts* tenants' mappers are in memory at once. Without any mapper no process is started. *observe* is told of
    every batch.
    """
    async with (
        open_hosts(deadline_s=deadline_s, load_s=load_s, memory_mb=memory_mb, limit=hosts, idle_s=idle_s) as running,
        open_registry(folder, running, poll_s=poll_s) as registry,
    ):
        yield Mappers(registry, running, observe=observe)
