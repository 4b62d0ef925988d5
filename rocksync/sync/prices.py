"""Prices to the hub."""

from collections.abc import Mapping, Sequence
from functools import partial

from rocksync.domain.catalog import Price
from rocksync.domain.documents import PriceDocument, Skip
from rocksync.domain.errors import ItemError
from rocksync.domain.outcomes import Accepted, Item, Outcome, PassReport, Skipped
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind, Lease, Tenant
from rocksync.sync import gate
from rocksync.sync.deps import Deps
from rocksync.sync.engine import Flow, Slice, lost, plain, run_pass
from rocksync.sync.offers import is_at_hub, products_of, waits


async def sync_prices(lease: Lease, deps: Deps, limits: Slice) -> PassReport:
    """Bring the hub's prices of the lease's tenant in line with its store."""
    flow = price_flow(lease.tenant, deps)
    return await run_pass(lease, deps.items, gate.guarded_prices(lease.tenant, deps.items, flow), limits)


def price_flow(tenant: Tenant, deps: Deps) -> Flow[Price, PriceDocument]:
    """How prices of *tenant* are read, mapped, compared and delivered."""

    async def convert(
        pairs: Sequence[tuple[Item, Price | None]],
    ) -> Sequence[PriceDocument | Skip | Skipped | ItemError]:
        products = await products_of(deps.items, tenant, ((i, row.product_sku) for i, row in pairs if row))
        ready = [row for item, row in pairs if row and is_at_hub(item, row.product_sku, products)]
        drafts = dict(zip((row.sku for row in ready), await deps.mapper.prices(tenant, ready), strict=True))
        return [
            _not_sold(item) if row is None else drafts.get(row.sku) or waits(item, row.product_sku, products)
            for item, row in pairs
        ]

    def unchanged(item: Item, document: PriceDocument) -> Accepted | None:
        if item.accepted is None or item.accepted != plain(document.payload):
            return None
        return Accepted(key=item.key, revision=item.revision, payload=item.accepted)

    async def deliver(parcel: Sequence[tuple[Item, PriceDocument]]) -> Sequence[Outcome]:
        delivery = await deps.hub.put_prices(tenant, [document for _, document in parcel])
        gone = await _gone(tenant, deps, parcel, delivery.bare) if delivery.bare else set()
        return [
            lost(item, document, f"Plugg.to had no {item.key} any more")
            if item.key in gone
            else Accepted(key=item.key, revision=item.revision, payload=plain(document.payload), delivery=delivery)
            for item, document in parcel
        ]

    return Flow(
        read=partial(deps.catalog.prices, tenant.id),
        convert=convert,
        deliver=deliver,
        unchanged=unchanged,
        together=True,
    )


async def _gone(
    tenant: Tenant, deps: Deps, parcel: Sequence[tuple[Item, PriceDocument]], bare: Mapping[str, frozenset[str]]
) -> set[str]:
    """SKUs that the hub shows without anything of what it accepted of them: it had lost them, and has their price only.

    With no price accepted, the product has just been sent, or is about to be.
    """
    product_sku = parcel[0][1].product_sku
    product = (await deps.items.known(tenant.id, Kind.PRODUCT, [product_sku])).get(product_sku)
    if product is None or product.accepted is None:
        return set()
    held = {
        part["sku"]: part.keys() | {"quantity"} for part in (product.accepted, *product.accepted.get("variations", ()))
    }
    return {
        item.key
        for item, _ in parcel
        if item.accepted is not None and held.get(item.key, set()) & bare.get(item.key, frozenset())
    }


def _not_sold(item: Item) -> Skip:
    if item.accepted is not None:
        return Skip(
            key=item.key,
            reason=Reason.MISSING_PRICE,
            detail="the store sells it no more or has no price for it; Plugg.to keeps the last price",
        )
    return Skip(
        key=item.key, reason=Reason.UNKNOWN_SKU, detail="no simple product and no variation of the store has this SKU"
    )
