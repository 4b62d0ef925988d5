"""Rows to documents: what needs no mapping at all, what goes through rules, and what comes of it."""

from collections.abc import Container, Mapping
from decimal import Decimal
from typing import Any

from rocksync.domain.catalog import Listing, Price, Product, Stock
from rocksync.domain.documents import (
    InvoicePayload,
    Offer,
    OrderDocument,
    PricePayload,
    ProductDocument,
    ProductPayload,
    ShipmentPayload,
    Skip,
    StockPayload,
)
from rocksync.domain.errors import ItemError
from rocksync.domain.orders import IMPORTED_AS, HubOrder, StoreOrder
from rocksync.domain.reasons import Reason
from rocksync.mapping import default, validation
from rocksync.mapping.validation import InvalidPayloadError

_MOST_UNITS = 1_000_000


class DefaultRules:
    """The default mapping alone."""

    def product(self, listing: Listing, variations: list[str]) -> ProductPayload:
        """Return the payload; only what the store can get wrong is checked."""
        try:
            payload = default.product_payload(listing, variations)
        except InvalidPayloadError as error:
            raise refusal(listing.product.sku, error) from error
        return named(payload)

    def price(self, price: Price) -> PricePayload:
        """Return the payload of one price."""
        try:
            return validation.price(default.price_payload(price))
        except InvalidPayloadError as error:
            raise refusal(price.sku, error) from error

    def stock(self, stock: Stock) -> StockPayload:
        """Return the payload of one stock."""
        return default.stock_payload(stock)

    def order(self, order: HubOrder) -> OrderDocument | None:
        """Return the order to import, None if its status is none that is imported."""
        if order.status in IMPORTED_AS and (fault := line_fault(order)) is not None:
            raise fault
        document = default.order_document(order)
        if document is None:
            return None
        try:
            return validation.order(document, order.id, document["status"])
        except InvalidPayloadError as error:
            raise refusal(order.id, error) from error

    def invoice(self, order: StoreOrder) -> InvoicePayload | None:
        """Return the NF-e members, None if there is no invoice."""
        if order.invoice is None:
            return None
        try:
            return validation.invoice(default.invoice_payload(order.invoice))
        except InvalidPayloadError as error:
            raise refusal(order.pluggto_id, error) from error

    def shipment(self, order: StoreOrder) -> ShipmentPayload | None:
        """Return the tracking members, None if there is no shipment."""
        if order.shipment is None:
            return None
        try:
            return validation.shipment(default.shipment_payload(order.shipment))
        except InvalidPayloadError as error:
            raise refusal(order.pluggto_id, error) from error


def named(payload: ProductPayload) -> ProductPayload:
    """Return *payload*, which no mapper has to see, if it has a name.

    Raises: ItemError.
    """
    if "name" not in payload:
        raise ItemError(payload["sku"], "the product has no name")
    return payload


def refusal(key: str, error: InvalidPayloadError) -> ItemError:
    """Return the error as that of item *key*."""
    return ItemError(key, error.detail, reason=error.reason, final=error.reason is not Reason.UNKNOWN_SKU)


def settled(listing: Listing, accepted: dict[str, Any] | None) -> ProductDocument | Skip | ItemError | None:
    """Return what becomes of a listing that no rule has to see, or None if rules have to."""
    product = listing.product
    on_sale = product.active and (not product.variations or any(one.active for one in product.variations))
    if not on_sale:
        if accepted is not None:
            return _withdrawn(product.sku, accepted, Reason.INACTIVE)
        return Skip(key=product.sku, reason=Reason.INACTIVE, detail="inactive in the store, or not in it any more")
    if listing.duplicate_skus:
        names = ", ".join(sorted(listing.duplicate_skus))
        return ItemError(product.sku, f"SKU used twice in the store: {names}", reason=Reason.SKU_CONFLICT, final=False)
    if listing.unreadable:
        return ItemError(product.sku, f"the store's row cannot be read: {'; '.join(listing.unreadable)}")
    try:
        validation.check_sku(product.sku)
        for variation in product.variations:
            validation.check_sku(variation.sku)
    except InvalidPayloadError as error:
        return refusal(product.sku, error)
    return None


def line_fault(order: HubOrder) -> ItemError | None:
    """Return why an order cannot be imported for one of its lines; None: they make sense.

    A price that the hub does not tell is not 0; one that it tells as 0 is.
    An order that the store has already goes on whatever becomes of its lines at the hub.
    """
    for place, line in enumerate(order.lines, 1):
        if not line.sku:
            return ItemError(
                order.id,
                f"line {place} of order {order.id} has no SKU: give the listing its SKU at the marketplace",
                reason=Reason.UNKNOWN_SKU,
            )
        if not 0 < line.quantity <= _MOST_UNITS:
            return ItemError(order.id, f"line {place} of order {order.id} has no quantity that makes sense")
        if line.unit_price is None or line.total is None:
            return ItemError(order.id, f"line {place} of order {order.id} has neither price nor total")
    return None


def known_skus(listing: Listing, accepted: dict[str, Any] | None) -> frozenset[str]:
    """Return those SKUs of the listing that the hub has: its own and those of its variations."""
    if accepted is None:
        return frozenset()
    return frozenset((listing.product.sku, *(one["sku"] for one in accepted.get("variations", ()))))


def convert_listing(listing: Listing, accepted: dict[str, Any] | None, rules: DefaultRules) -> ProductDocument | Skip:
    """Return what a listing is by default. A variation goes once it has a price and a stock, and stays from then on.

    Raises: ItemError.
    """
    known = known_skus(listing, accepted)
    offers, faults = _offers(listing, sellable(listing, known), rules)
    if not known and not offers:
        if faults:
            raise faults[0]
        return _incomplete(listing)
    payload = rules.product(listing, listed(listing.product, known, offers))
    return document(listing, accepted, payload, offers)


def sellable(listing: Listing, known: frozenset[str]) -> list[str]:
    """Return those SKUs of the listing that may be created, or are there."""
    product = listing.product
    return [one.sku for one in product.variations or (product,) if one.active or one.sku in known]


def listed(product: Product, known: frozenset[str], offered: Container[str]) -> list[str]:
    """Return the SKUs of those variations that go to the hub, or stay there."""
    return [one.sku for one in product.variations if one.sku in known or (one.active and one.sku in offered)]


def without_unoffered(payload: ProductPayload, known: frozenset[str], offers: Container[str]) -> ProductPayload:
    """Return *payload* without those of its variations that can neither be created nor are there."""
    parts = [part for part in payload.get("variations", ()) if part["sku"] in known or part["sku"] in offers]
    if parts:
        payload["variations"] = parts
    else:
        payload.pop("variations", None)
    return payload


def _offers(listing: Listing, skus: list[str], rules: DefaultRules) -> tuple[dict[str, Offer], list[ItemError]]:
    offers: dict[str, Offer] = {}
    faults: list[ItemError] = []
    for sku in skus:
        price, stock = listing.prices.get(sku), listing.stocks.get(sku)
        if price is None or stock is None:
            continue
        try:
            offers[sku] = Offer(price=rules.price(price), stock=rules.stock(stock))
        except ItemError as error:
            faults.append(of_offer(listing.product.sku, sku, error))
    return offers, faults


def of_offer(key: str, sku: str, error: ItemError) -> ItemError:
    """Return the fault of a SKU's price or stock as that of product *key*, which cannot be created for it."""
    return ItemError(key, f"{sku}: {error.detail}", reason=error.reason, final=error.final)


def _incomplete(listing: Listing) -> Skip:
    key, skus = listing.product.sku, sellable(listing, frozenset())
    if unpriced := [sku for sku in skus if sku not in listing.prices]:
        return Skip(key=key, reason=Reason.MISSING_PRICE, detail=f"no price for {', '.join(unpriced)}")
    return Skip(key=key, reason=Reason.MISSING_STOCK, detail=f"no stock for {', '.join(skus)}")


def document(
    listing: Listing, accepted: dict[str, Any] | None, payload: ProductPayload | None, offers: dict[str, Offer]
) -> ProductDocument | Skip:
    """Return the document of a mapped listing, no payload: it is not to be at Plugg.to.

    Variations that left the store stay in it, off sale.
    """
    product = listing.product
    if payload is None:
        if accepted is not None:
            return _withdrawn(product.sku, accepted, Reason.NOT_SELECTED)
        return Skip(key=product.sku, reason=Reason.NOT_SELECTED, detail="a mapper keeps it off Plugg.to")
    if accepted is not None and (variations := accepted.get("variations")):
        kept = {one.sku for one in product.variations}
        gone: list[Any] = [_off_sale(one) for one in variations if one["sku"] not in kept]
        if gone:
            payload["variations"] = [*payload.get("variations", ()), *gone]
    return ProductDocument(key=product.sku, payload=payload, offers=offers)


def _withdrawn(sku: str, accepted: dict[str, Any], reason: Reason) -> ProductDocument:
    payload = _off_sale(accepted)
    if "variations" in payload:
        payload["variations"] = [_off_sale(one) for one in payload["variations"]]
    return ProductDocument(key=sku, payload=payload, reason=reason)  # type: ignore[arg-type] # it once was accepted


def _off_sale(accepted: Mapping[str, Any]) -> dict[str, Any]:
    return {**exact(accepted), "available": 0}


def exact(value: Any) -> Any:  # noqa: ANN401 # decoded JSON
    """Return a copy of decoded JSON with decimals instead of floats."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {member: exact(one) for member, one in value.items()}
    if isinstance(value, list | tuple):
        return [exact(one) for one in value]
    return value
