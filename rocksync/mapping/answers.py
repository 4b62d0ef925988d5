"""What mapper hosts answer, as documents."""

from typing import Any, cast

from rocksync.domain.catalog import Listing, Price, Stock
from rocksync.domain.documents import (
    Offer,
    OrderTask,
    PriceDocument,
    PricePayload,
    ProductDocument,
    ProductPayload,
    Skip,
    StockDocument,
)
from rocksync.domain.orders import HubOrder, StoreOrder
from rocksync.mapping import conversion, validation
from rocksync.mapping.validation import InvalidPayloadError
from rocksync.mapping.wire import Answer, Left, MappedListing, MappedOrder, MappedParcel, MappedPrice, MappedStock

_AcceptedListing = tuple[Listing, dict[str, Any] | None]
_OrderPair = tuple[HubOrder, StoreOrder | None]


def product(pair: _AcceptedListing, answer: Answer) -> ProductDocument | Skip:
    """Return the document of a mapped listing."""
    listing, accepted = pair
    match answer:
        case MappedListing(selected=False):
            return conversion.document(listing, accepted, None, {})
        case MappedListing(payload=None):
            return conversion.convert_listing(listing, accepted, conversion.DefaultRules())
        case MappedListing(payload=payload, offers=offers):
            made = cast("ProductPayload", payload)
            return conversion.document(listing, accepted, made, {sku: _offer(*parts) for sku, parts in offers.items()})
        case Left(reason=reason, detail=detail):
            return Skip(key=listing.product.sku, reason=reason, detail=detail)
        case _:
            raise unexpected(answer)


def _offer(price: Any, special: Any, quantity: int) -> Offer:  # noqa: ANN401 # decoded as Decimal
    return Offer(price={"price": price, "special_price": special}, stock={"quantity": quantity})


def price(row: Price, answer: Answer) -> PriceDocument | Skip:
    """Return the document of a mapped price."""
    check_sku(row.sku)
    match answer:
        case MappedPrice(price=full, special_price=special):
            payload: PricePayload = {"price": full, "special_price": special}
            return PriceDocument(key=row.sku, product_sku=row.product_sku, payload=payload)
        case Left(reason=reason, detail=detail):
            return Skip(key=row.sku, reason=reason, detail=detail)
        case _:
            raise unexpected(answer)


def stock(row: Stock, answer: Answer) -> StockDocument | Skip:
    """Return the document of a mapped stock."""
    check_sku(row.sku)
    match answer:
        case MappedStock(quantity=quantity):
            return StockDocument(key=row.sku, product_sku=row.product_sku, payload={"quantity": quantity})
        case Left(reason=reason, detail=detail):
            return Skip(key=row.sku, reason=reason, detail=detail)
        case _:
            raise unexpected(answer)


def order(pair: _OrderPair, answer: Answer) -> OrderTask:
    """Return the task of a mapped order."""
    hub, store = pair
    if not isinstance(answer, MappedOrder):
        raise unexpected(answer)
    return OrderTask(key=hub.id, hub=hub, store=store, document=answer.document)


def parcel(pair: _OrderPair, answer: Answer) -> OrderTask:
    """Return the task of an order whose invoice and shipment were mapped."""
    hub, store = pair
    if not isinstance(answer, MappedParcel):
        raise unexpected(answer)
    return OrderTask(key=hub.id, hub=hub, store=store, invoice=answer.invoice, shipment=answer.shipment)


def unexpected(answer: Answer) -> TypeError:
    """Return the error for an answer of the wrong kind."""
    return TypeError(f"a mapper host answered with {type(answer).__name__}")


def check_sku(sku: str) -> None:
    """Raise ItemError when a SKU cannot be part of a Plugg.to path."""
    try:
        validation.check_sku(sku)
    except InvalidPayloadError as error:
        raise conversion.refusal(sku, error) from error
