"""Products to the hub: what they are, never what they cost or how many there are."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from rocksync.domain.catalog import Listing, Product
from rocksync.domain.documents import OfferRevisions, ProductDocument, ProductPayload, Skip
from rocksync.domain.doubt import either
from rocksync.domain.errors import ItemError, MissingAtHubError
from rocksync.domain.outcomes import Accepted, Delivery, Item, Outcome, PassReport, Skipped
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Lease, Tenant
from rocksync.sync.deps import Deps
from rocksync.sync.engine import Flow, Slice, plain, run_pass


async def sync_products(lease: Lease, deps: Deps, limits: Slice) -> PassReport:
    """Bring the hub's products of the lease's tenant in line with its store."""

    async def announce(pairs: Sequence[tuple[Item, ProductDocument]]) -> None:
        await deps.items.announce(
            lease, {item.key: either(item.sending, plain(document.payload)) for item, document in pairs}
        )

    async def withdraw(items: Sequence[Item]) -> None:
        await deps.items.announce(lease, {item.key: item.sending for item in items})

    flow = replace(product_flow(lease.tenant, deps), announce=announce, withdraw=withdraw)
    return await run_pass(lease, deps.items, flow, limits)


def product_flow(tenant: Tenant, deps: Deps) -> Flow[Listing, ProductDocument]:
    """How products of *tenant* are read, mapped, compared and delivered."""
    revisions: Mapping[str, OfferRevisions] = {}

    async def read(skus: Sequence[str]) -> Mapping[str, Listing]:
        nonlocal revisions  # read first: what changes from now on is not in them, and may be in the listings
        revisions = {} if deps.mapper.maps_offers(tenant) else await deps.items.offer_revisions(tenant.id, skus)
        return await deps.catalog.listings(tenant.id, skus)

    async def convert(
        pairs: Sequence[tuple[Item, Listing | None]],
    ) -> Sequence[ProductDocument | Skip | ItemError]:
        listings = [(row or _left_the_store(item.key), _may_be_there(item)) for item, row in pairs]
        drafts = await deps.mapper.products(tenant, listings)
        _name_revisions(drafts, revisions)
        vanished = {
            sku
            for (listing, accepted), draft in zip(listings, drafts, strict=True)
            if isinstance(draft, ProductDocument)
            for sku in _variation_skus(accepted) - {v.sku for v in listing.product.variations}
        }
        if not vanished:
            return drafts
        owners = await deps.catalog.owners(tenant.id, sorted(vanished))
        return [_without_moved(draft, owners) if isinstance(draft, ProductDocument) else draft for draft in drafts]

    def accepted(item: Item, document: ProductDocument, payload: dict[str, Any]) -> Accepted:
        switched = item.accepted is None or item.accepted.get("available") != payload.get("available")
        return Accepted(
            key=item.key,
            revision=item.revision,
            payload=payload,
            reason=document.reason,
            restock=tuple(_all_skus(payload)) if switched and item.accepted is not None else (),
        )

    def unchanged(item: Item, document: ProductDocument) -> Accepted | None:
        payload = plain(document.payload)
        if document.moved or item.sending is not None or item.accepted != payload:
            return None
        return accepted(item, document, payload)

    async def deliver(parcel: Sequence[tuple[Item, ProductDocument]]) -> Sequence[Outcome]:
        [(item, document)] = parcel
        try:
            delivery = await deps.hub.put_product(
                tenant, document, item.accepted, full=item.resend, sending=item.sending
            )
        except MissingAtHubError:
            if item.accepted is not None or document.reason is Reason.IN_SYNC:
                raise
            return [_not_there(item, document)]
        payload = _without(plain(document.payload), delivery.absent)
        done = accepted(item, document, payload)
        unseen = _unseen(item, payload, delivery)
        gone = (*document.moved, *delivery.absent)
        return [replace(done, delivery=delivery, restock=(*done.restock, *unseen), reprice=unseen, gone=gone)]

    return Flow(read=read, convert=convert, deliver=deliver, unchanged=unchanged)


def _name_revisions(drafts: Sequence[object], revisions: Mapping[str, OfferRevisions]) -> None:
    """Have each offer name the revisions that are in it."""
    for draft in drafts:
        if isinstance(draft, ProductDocument):
            for sku in draft.offers.keys() & revisions.keys():
                draft.offers[sku] = replace(draft.offers[sku], revisions=revisions[sku])


def _may_be_there(item: Item) -> dict[str, Any] | None:
    """What the hub holds of a product, for all we know; None: it never had it.

    Of what was sent since it was accepted, variations may be there, and on sale.
    """
    if item.accepted is None or item.sending is None:
        return item.accepted or item.sending
    variations = either(item.accepted, item.sending).get("variations")
    return item.accepted | ({} if variations is None else {"variations": variations})


def _left_the_store(sku: str) -> Listing:
    return Listing(product=Product(sku=sku, active=False))


def _variation_skus(payload: dict[str, Any] | None) -> set[str]:
    return {variation["sku"] for variation in (payload or {}).get("variations", ())}


def _sellable_skus(payload: dict[str, Any]) -> list[str]:
    return sorted(_variation_skus(payload)) or [payload["sku"]]


def _all_skus(payload: dict[str, Any]) -> list[str]:
    """Every SKU that may be sold: of a product that had variations, those are still there, and so is its own."""
    return sorted({payload["sku"], *_variation_skus(payload)})


def _not_there(item: Item, document: ProductDocument) -> Skipped:
    """The outcome of a product that is off sale and did not get to the hub.

    Another product may have its SKU there by now: what was accepted of its price and stock stays.
    """
    detail = f"off sale in the store, and Plugg.to has no product {item.key}"
    return Skipped(key=item.key, revision=item.revision, reason=document.reason, detail=detail, forget=True)


def _unseen(item: Item, payload: dict[str, Any], delivery: Delivery) -> tuple[str, ...]:
    """SKUs that turn out to be at the hub without the offer they have now: off sale, they were sent none.

    Their prices and stocks wait for a creation that is over.
    """
    known = set(_sellable_skus(item.accepted)) if item.accepted is not None else set[str]()
    return tuple(sorted(set(_sellable_skus(payload)) - known - {created.sku for created in delivery.created}))


def _without(payload: dict[str, Any], absent: Collection[str]) -> dict[str, Any]:
    """*payload* without the variations that did not get to the hub."""
    if not absent:
        return payload
    return {**payload, "variations": [each for each in payload["variations"] if each["sku"] not in absent]}


def _without_moved(document: ProductDocument, owners: Mapping[str, str]) -> ProductDocument:
    """*document* without the variations that belong to another product now: those are removed from this one."""
    variations = document.payload.get("variations", [])
    moved = tuple(v["sku"] for v in variations if owners.get(v["sku"], document.key) != document.key)
    if not moved:
        return document
    payload = {**document.payload, "variations": [v for v in variations if v["sku"] not in moved]}
    return replace(document, payload=cast("ProductPayload", payload), moved=moved)
