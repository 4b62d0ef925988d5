"""What a mapper would change for the real items of a tenant. Reads only."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import asyncpg

from rocksync.domain.catalog import Listing, Price, Stock
from rocksync.domain.documents import PriceDocument, ProductDocument, Skip, StockDocument
from rocksync.domain.errors import ItemError, MisuseError
from rocksync.domain.outcomes import Known
from rocksync.domain.reasons import BY_MAPPER, Reason
from rocksync.domain.tenancy import Kind, Tenant
from rocksync.mapping.conversion import known_skus
from rocksync.mapping.mapper import Mappers
from rocksync.mapping.preview import Difference, differences
from rocksync.mapping.registry import spellings
from rocksync.postgres.desk import Desk
from rocksync.postgres.items import Items
from rocksync.postgres.tenants import Tenants
from rocksync.store.catalog import StoreCatalog
from rocksync.sync.offers import waits_for

_Draft = ProductDocument | PriceDocument | StockDocument | Skip | ItemError


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPreview:
    """One item: how its payload differs from what was last accepted, or why nothing would be sent."""

    kind: Kind
    key: str
    is_accepted: bool
    differences: tuple[Difference, ...] = ()
    reason: Reason | None = None
    refusal: str | None = None
    is_set_aside: bool = False
    """By a mapper, by mistake or on purpose: without mappers the item would go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """All that was looked at, with the mappers in the order they run."""

    slug: str
    mappers: tuple[str, ...]
    items: tuple[ItemPreview, ...]


async def preview(
    pool: asyncpg.Pool, mappers: Mappers, name: str, slug: str, skus: Sequence[str], *, limit: int
) -> Preview:
    """Return what mapper *name* would do to products of *skus*, or to the first *limit*, with their prices and stocks.

    Raises: MisuseError when there is no such mapper, tenant or SKU, or the mapper is broken.
    """
    tenant = _with(name, (await Tenants(pool).get(slug)).tenant)
    broken = next((fault for fault in mappers.faults() if fault.name in spellings(name)), None)
    if mappers.source(name) is None:
        raise MisuseError(f"there is no mapper {name}: `rocksync mapper list` lists them")
    if broken is not None and not any(each.digest for each in mappers.listing() if each.name in spellings(name)):
        raise MisuseError(f"mapper {name} cannot be used: {broken}")
    desk, catalog, items = Desk(pool), StoreCatalog(pool), Items(pool)
    products = list(
        dict.fromkeys([(await desk.keys_of_sku(tenant.id, sku)).by_kind[Kind.PRODUCT] for sku in skus])
    ) or await desk.some_products(tenant.id, limit)
    listings = await catalog.listings(tenant.id, products)
    unknown = [sku for sku in products if sku not in listings]
    if unknown:
        raise MisuseError(f"the store of tenant {slug} has no product {', '.join(unknown)}")
    sellable = [sku for listing in listings.values() for sku in {**listing.prices, **listing.stocks}]
    known = {kind: await items.known(tenant.id, kind, products) for kind in (Kind.PRODUCT,)}
    known |= {kind: await items.known(tenant.id, kind, sellable) for kind in (Kind.PRICE, Kind.STOCK)}
    rows = [(listings[sku], _accepted(known[Kind.PRODUCT].get(sku))) for sku in products]
    made = await mappers.products(tenant, rows)
    plain = mappers.only([])
    offered = [_offered(*row, draft) for row, draft in zip(rows, made, strict=True)]
    prices = [price for each in offered for price in each.prices]
    stocks = [stock for each in offered for stock in each.stocks]
    drafts: list[tuple[Kind, str, _Draft]] = [
        *((Kind.PRODUCT, sku, draft) for sku, draft in zip(products, made, strict=True)),
        *((kind, skip.key, skip) for each in offered for kind, skip in each.waiting),
        *(
            (Kind.PRICE, row.sku, draft)
            for row, draft in zip(prices, await mappers.prices(tenant, prices), strict=True)
        ),
        *(
            (Kind.STOCK, row.sku, draft)
            for row, draft in zip(stocks, await mappers.stocks(tenant, stocks), strict=True)
        ),
    ]
    refused = {
        (kind, draft.key)
        for kind, unmapped in (
            (Kind.PRODUCT, await plain.products(tenant, rows)),
            (Kind.PRICE, await plain.prices(tenant, prices)),
            (Kind.STOCK, await plain.stocks(tenant, stocks)),
        )
        for draft in unmapped
        if isinstance(draft, ItemError)
    }
    return Preview(
        slug=slug,
        mappers=tuple(mappers.used_by(tenant)),
        items=tuple(
            replace(
                _item(kind, key, _accepted(known[kind].get(key)), draft),
                is_set_aside=isinstance(draft, ItemError) and (draft.reason in BY_MAPPER or (kind, key) not in refused),
            )
            for kind, key, draft in drafts
        ),
    )


def as_json(found: Preview) -> dict[str, object]:
    """Return the preview for machines."""
    return {
        "tenant": found.slug,
        "mappers": found.mappers,
        "items": [
            {
                "kind": each.kind,
                "key": each.key,
                "accepted": each.is_accepted,
                "reason": each.reason,
                "refusal": each.refusal,
                "differences": [asdict(one) for one in each.differences],
            }
            for each in found.items
        ],
    }


def _with(name: str, tenant: Tenant) -> Tenant:
    """*tenant* with mapper *name* among its mappers."""
    used = {spelling for each in (*tenant.mappers, tenant.slug) for spelling in spellings(each)}
    return tenant if name in used else replace(tenant, mappers=(*tenant.mappers, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Offered:
    """What passes would make of a product's prices and stocks: map them, or let them wait for the product."""

    prices: Sequence[Price] = ()
    stocks: Sequence[Stock] = ()
    waiting: Sequence[tuple[Kind, Skip]] = ()


def _offered(listing: Listing, accepted: dict[str, Any] | None, draft: ProductDocument | Skip | ItemError) -> _Offered:
    """As the passes do once *draft* is delivered: what is kept off sale has no stock, what is not created waits."""
    goes = isinstance(draft, ProductDocument) and draft.reason is Reason.IN_SYNC
    is_off_sale = not goes and (not isinstance(draft, ItemError) or (accepted or {}).get("available") == 0)
    there = known_skus(listing, accepted)
    detail = waits_for(listing.product.sku)
    return _Offered(
        prices=[price for sku, price in listing.prices.items() if goes or sku in there],
        stocks=[
            replace(stock, active=stock.active and not is_off_sale)
            for sku, stock in listing.stocks.items()
            if goes or sku in there
        ],
        waiting=[
            (kind, Skip(key=sku, reason=draft.reason, detail=detail))
            for kind, skus in ((Kind.PRICE, listing.prices), (Kind.STOCK, listing.stocks))
            for sku in skus
            if not (goes or sku in there)
        ],
    )


def _accepted(known: Known | None) -> dict[str, Any] | None:
    return known.accepted if known is not None else None


def _item(kind: Kind, key: str, accepted: Mapping[str, Any] | None, draft: _Draft) -> ItemPreview:
    is_accepted = accepted is not None
    if isinstance(draft, ItemError | Skip):
        return ItemPreview(kind=kind, key=key, is_accepted=is_accepted, reason=draft.reason, refusal=draft.detail)
    found = differences(accepted, draft.payload)
    return ItemPreview(kind=kind, key=key, is_accepted=is_accepted, differences=tuple(found))
