"""Stock to the hub: absolute sellable quantities, zero included."""

from collections.abc import Sequence, Set
from functools import partial

from rocksync.domain.catalog import Stock
from rocksync.domain.documents import Skip, StockDocument
from rocksync.domain.errors import ItemError
from rocksync.domain.outcomes import Accepted, Item, Outcome, PassReport, Skipped
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Lease, Tenant
from rocksync.sync import gate
from rocksync.sync.deps import Deps
from rocksync.sync.engine import Flow, Slice, plain, refused, run_pass
from rocksync.sync.offers import is_at_hub, products_of, waits


async def sync_stock(lease: Lease, deps: Deps, limits: Slice) -> PassReport:
    """Bring the hub's stock of the lease's tenant in line with its store; what is off sale there has none."""
    await deps.orders.settle(lease.tenant.id)
    flow = stock_flow(lease.tenant, deps)
    return await run_pass(lease, deps.items, await gate.guarded_stock(lease, deps.items, flow), limits)


def stock_flow(tenant: Tenant, deps: Deps) -> Flow[Stock, StockDocument]:
    """How stocks of *tenant* are read, mapped, compared and delivered."""

    async def convert(
        pairs: Sequence[tuple[Item, Stock | None]],
    ) -> Sequence[StockDocument | Skip | Skipped | ItemError]:
        rows = [(item, row or _left_the_store(item.key)) for item, row in pairs]
        products = await products_of(deps.items, tenant, ((item, row.product_sku) for item, row in rows))
        ready = [row for item, row in rows if is_at_hub(item, row.product_sku, products)]
        mapped = await deps.mapper.stocks(tenant, ready)
        drafts = {row.sku: _nothing_to_sell(row, draft) for row, draft in zip(ready, mapped, strict=True)}
        off_sale = [row.sku for _, row in rows if row.sku not in drafts and not row.active]
        lacking = await deps.catalog.without_stock(tenant.id, off_sale) if off_sale else frozenset[str]()
        return [
            drafts.get(row.sku) or (waits(item, row.product_sku, products) if row.active else _off_sale(item, lacking))
            for item, row in rows
        ]

    def unchanged(item: Item, document: StockDocument) -> Outcome | None:
        if item.accepted is None or item.accepted != plain(document.payload):
            return None
        if document.fault is not None:
            return refused(item, document.fault)
        return Accepted(key=item.key, revision=item.revision, payload=item.accepted)

    async def deliver(parcel: Sequence[tuple[Item, StockDocument]]) -> Sequence[Outcome]:
        [(item, document)] = parcel
        delivery = await deps.hub.put_stock(tenant, document)
        payload = plain(document.payload)
        accepted = Accepted(key=item.key, revision=item.revision, payload=payload, delivery=delivery)
        return [accepted] if document.fault is None else [accepted, refused(item, document.fault)]

    return Flow(read=partial(deps.catalog.stocks, tenant.id), convert=convert, deliver=deliver, unchanged=unchanged)


def _left_the_store(sku: str) -> Stock:
    return Stock(sku=sku, product_sku=sku, on_hand=0, active=False)


def _nothing_to_sell(row: Stock, draft: StockDocument | Skip | ItemError) -> StockDocument | Skip | ItemError:
    """*draft*, but of a SKU that is sold out and cannot be mapped 0, with the fault: else it would stay on sale."""
    if row.sellable or not isinstance(draft, ItemError):
        return draft
    return StockDocument(key=row.sku, product_sku=row.product_sku, payload={"quantity": 0}, fault=draft)


def _off_sale(item: Item, lacking: Set[str]) -> Skip:
    if item.key in lacking:
        return Skip(
            key=item.key,
            reason=Reason.MISSING_STOCK,
            detail="the store sells it and has no stock row for it, and Plugg.to never had it",
        )
    return Skip(
        key=item.key,
        reason=Reason.INACTIVE,
        detail="off sale in the store (inactive, gone, or the parent of variations), and Plugg.to never had it",
    )
