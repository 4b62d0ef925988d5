"""What ``rocksync tenant check`` finds, and ``rocksync tenant activate`` heeds: the store, its mappers and Plugg.to.

It writes nothing: the store is read in transactions that cannot write, and Plugg.to is only logged in to and read.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rocksync import app
from rocksync.cli.findings import Finding, finding
from rocksync.domain.catalog import Stock
from rocksync.domain.documents import Skip, StockDocument
from rocksync.domain.errors import ItemError, PassError, TenantError
from rocksync.domain.orders import IMPORTED_AS, HubOrder
from rocksync.domain.reasons import BY_MAPPER, Reason
from rocksync.domain.tenancy import Credentials, Tenant, TenantId
from rocksync.mapping.mapper import Mappers, open_mappers
from rocksync.pluggto.hub import PluggtoHub, open_hub
from rocksync.postgres.checks import StoreChecks, Surroundings
from rocksync.postgres.credentials import CredentialStore
from rocksync.postgres.tenants import Tenants
from rocksync.settings import Settings
from rocksync.store.catalog import StoreCatalog
from rocksync.store.orders import StoreOrders

_SKEW_S = 30.0
_SAMPLES = 50
_ORDER_PAGES = 20
_ORDERS_TRIED = 50
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """What the check looks at. ``days``: of how many days orders at Plugg.to are read."""

    checks: StoreChecks
    credentials: CredentialStore
    catalog: StoreCatalog
    orders: StoreOrders
    mappers: Mappers
    hub: PluggtoHub
    days: int

    async def findings(self, tenant: Tenant, *, orders_since: datetime | None = None) -> list[Finding]:
        """Return all there is to say, what blocks first. *orders_since*: as the tenant would be activated with."""
        around = await self.checks.surroundings(tenant.id)
        unwritable = await self.checks.unwritable() if tenant.settings.get("reserve_stock", True) else []
        found = [
            *await self._of_hub(tenant, around, orders_since or tenant.orders_since),
            *_of_surroundings(tenant.slug, around),
            *(finding("triggers_off", tenant.slug, detail=table) for table in await self.checks.deaf()),
            *([finding("stock_unwritable", tenant.slug, detail=", ".join(unwritable))] if unwritable else []),
            *([finding("mapper_gone", tenant.slug)] if around.was_mapped and not self.mappers.version(tenant) else []),
            *await self._of_mappers(tenant),
            *(
                finding(seen.code, tenant.slug, items=seen.items, examples=seen.examples)
                for seen in await self.checks.seen(tenant.id)
            ),
        ]
        return sorted(found, key=lambda each: (not each.whole, not each.blocks))

    async def _of_hub(self, tenant: Tenant, around: Surroundings, since: datetime | None) -> list[Finding]:
        """Credentials, login, clock, and the orders that are there."""
        slug = tenant.slug
        if not (around.has_sealed or around.has_unsealed):
            return [finding("credentials_missing", slug)]
        found = [finding("credentials_unsealed", slug)] if around.has_unsealed else []
        try:
            await readable(self.credentials, tenant.id)
        except (PassError, TenantError) as error:
            return [*found, finding("credentials_unreadable", slug, detail=error.detail)]
        try:
            skew_s = await self.hub.ping(tenant)
            if skew_s is not None and abs(skew_s) > _SKEW_S:
                way = "behind" if skew_s > 0 else "ahead"
                found.append(finding("clock_skew", slug, detail=f"it is {abs(skew_s):.0f} s {way}"))
            found += await self._of_orders(tenant, since)
        except TenantError as error:
            found.append(finding("login_refused", slug, detail=error.detail))
        except PassError as error:
            found.append(finding("hub_unavailable", slug, detail=error.detail))
        return found

    async def _of_orders(self, tenant: Tenant, since: datetime | None) -> list[Finding]:
        """Orders that the store has from elsewhere, that name what it does not have, or that a mapper fails on."""
        recent = await self._recent_orders(tenant)
        fresh = [order for order in recent if order.status in IMPORTED_AS]
        found: list[Finding] = []
        numbers = {order.channel_order: order for order in fresh if order.channel_order}
        taken = await self.checks.collisions(tenant.id, [(order.id, number) for number, order in numbers.items()])
        wanted = [number for number in taken if _is_wanted(numbers[number], since)]
        others = [number for number in taken if number not in wanted]
        for code, some in (("order_twice", wanted), ("order_collision", others)):
            if some:
                found.append(finding(code, tenant.slug, items=len(some), examples=some[:3]))
        skus = [line.sku for order in fresh for line in order.lines if line.sku]
        if skus and (unknown := sorted(await self.orders.unknown_skus(tenant.id, skus))):
            found.append(finding("order_unknown_sku", tenant.slug, items=len(unknown), examples=unknown[:3]))
        tried = await self.mappers.orders(tenant, [(order, None) for order in fresh[:_ORDERS_TRIED]])
        found += _mapper_failures(tenant, [each for each in tried if isinstance(each, ItemError)])
        return found

    async def _recent_orders(self, tenant: Tenant) -> list[HubOrder]:
        now = datetime.now(UTC)
        recent: list[HubOrder] = []
        pages = 0
        async for page in self.hub.orders(
            tenant, since=(now - timedelta(days=self.days) - _DAY).date(), until=(now + _DAY).date()
        ):
            recent += page
            pages += 1
            if pages == _ORDER_PAGES:
                break
        return recent

    async def _of_mappers(self, tenant: Tenant) -> list[Finding]:
        """What mappers say of the settings, and what they make of items of the store."""
        slug = tenant.slug
        complaints = await self.mappers.complaints(tenant)
        faults = self.mappers.faults()
        found = [finding("mapper_folder_missing", slug, detail=str(fault)) for fault in faults if not fault.name]
        if not self.mappers.used_by(tenant):
            return found + [finding("mapper_unusable", slug, detail=text) for text in complaints]
        found += [finding("mapper_complaint", slug, detail=text) for text in complaints]
        skus = await self.checks.samples(tenant.id, _SAMPLES)
        listings = await self.catalog.listings(tenant.id, skus)
        rows = [(listing, None) for listing in listings.values()]
        prices = [price for listing in listings.values() for price in listing.prices.values()]
        stocks = [stock for listing in listings.values() for stock in listing.stocks.values()]
        failed: list[ItemError] = []
        refused: list[ItemError] = []
        kept_off: list[str] = []
        plain = self.mappers.only([])
        stocked = await self.mappers.stocks(tenant, stocks)
        for mapped, by_default in (
            (await self.mappers.products(tenant, rows), await plain.products(tenant, rows)),
            (await self.mappers.prices(tenant, prices), await plain.prices(tenant, prices)),
            (stocked, await plain.stocks(tenant, stocks)),
        ):
            for answer, unmapped in zip(mapped, by_default, strict=True):
                if isinstance(answer, ItemError):
                    if answer.reason in BY_MAPPER:
                        failed.append(answer)
                    elif not isinstance(unmapped, ItemError):
                        refused.append(answer)
                elif isinstance(answer, Skip) and answer.reason is Reason.NOT_SELECTED:
                    kept_off.append(answer.key)
        found += _mapper_failures(tenant, failed)
        found += _oversold(tenant, stocks, stocked)
        if refused:
            found.append(_of_errors("mapper_refused", tenant, refused))
        if kept_off:
            detail = f"of {len(rows)} tried"
            found.append(finding("mapper_keeps_off", slug, items=len(kept_off), examples=kept_off[:3], detail=detail))
        return found


@contextlib.asynccontextmanager
async def open_preflight(settings: Settings) -> AsyncIterator[tuple[Tenants, Preflight]]:
    """Open what the check looks at. Credentials that SQL handed in are used where they lie. Raises: SettingsError."""
    async with contextlib.AsyncExitStack() as stack:
        database = await stack.enter_async_context(app.open_database(settings))
        credentials = CredentialStore(database.pool, app.open_vault(settings))

        async def find(tenant: TenantId) -> Credentials:
            return await readable(credentials, tenant)

        mappers = await stack.enter_async_context(
            open_mappers(settings.mappers.dir, deadline_s=settings.mappers.deadline_s)
        )
        hub = await stack.enter_async_context(
            open_hub(
                settings.pluggto.base_url,
                credentials=find,
                timeout_s=settings.pluggto.timeout_s,
                requests_per_second=settings.pluggto.requests_per_second_per_tenant,
                concurrency=settings.pluggto.concurrency_per_tenant,
            )
        )
        yield (
            Tenants(database.pool),
            Preflight(
                checks=StoreChecks(database.pool),
                credentials=credentials,
                catalog=StoreCatalog(database.pool),
                orders=StoreOrders(database.pool),
                mappers=mappers,
                hub=hub,
                days=settings.worker.order_reconcile_days,
            ),
        )


def of_app(opened: app.App) -> Preflight:
    """Return the check of what is open already."""
    return Preflight(
        checks=StoreChecks(opened.database.pool),
        credentials=opened.credentials,
        catalog=opened.catalog,
        orders=opened.orders,
        mappers=opened.mappers,
        hub=opened.hub,
        days=opened.settings.worker.order_reconcile_days,
    )


async def readable(credentials: CredentialStore, tenant: TenantId) -> Credentials:
    """Return a tenant's credentials: what SQL handed in last, else what is sealed. Raises as `CredentialStore.get`."""
    return await credentials.handed_in(tenant) or await credentials.get(tenant)


def as_json(slug: str, findings: Sequence[Finding]) -> Mapping[str, Any]:
    """Return the findings as ``--json`` prints them."""
    return {
        "slug": slug,
        "blocks": sum(each.blocks for each in findings),
        "warns": sum(not each.blocks for each in findings),
        "findings": [
            {
                "code": each.code,
                "severity": severity(each),
                "items": each.items,
                "examples": list(each.examples),
                "message": each.message,
                "fix": each.fix,
            }
            for each in findings
        ],
    }


def severity(found: Finding) -> str:
    """Return ``blocks`` or ``warns``."""
    return "blocks" if found.blocks else "warns"


def _of_surroundings(slug: str, around: Surroundings) -> list[Finding]:
    found = list[Finding]()
    if around.manual:
        found.append(finding("schedule_manual", slug, detail=", ".join(around.manual)))
    if around.paused:
        found.append(finding("schedule_paused", slug, detail=", ".join(around.paused)))
    if not around.workers:
        found.append(finding("worker_missing", slug))
    if not around.products:
        found.append(finding("catalogue_empty", slug))
    return found


def _mapper_failures(tenant: Tenant, errors: Sequence[ItemError]) -> list[Finding]:
    failed = [error for error in errors if error.reason in BY_MAPPER]
    return [_of_errors("mapper_fails", tenant, failed)] if failed else []


def _oversold(
    tenant: Tenant, stocks: Sequence[Stock], answers: Sequence[StockDocument | Skip | ItemError]
) -> list[Finding]:
    keys = [
        stock.sku
        for stock, answer in zip(stocks, answers, strict=True)
        if isinstance(answer, StockDocument) and answer.payload["quantity"] > stock.sellable
    ]
    return [finding("mapper_oversells", tenant.slug, items=len(keys), examples=keys[:3])] if keys else []


def _of_errors(code: str, tenant: Tenant, errors: Sequence[ItemError]) -> Finding:
    keys = list(dict.fromkeys(error.key for error in errors))
    return finding(code, tenant.slug, items=len(keys), examples=keys[:3], detail=errors[0].detail)


def _is_wanted(order: HubOrder, since: datetime | None) -> bool:
    """Whether the order would be imported by a tenant that imports since then; None: since its activation, from now."""
    return since is not None and (order.placed_at is None or order.placed_at >= since)
