"""What mapper hosts answer, as documents."""

from rocksync.domain.catalog import Price, Stock
from rocksync.domain.documents import (
    OrderTask,
    PriceDocument,
    PricePayload,
    Skip,
    StockDocument,
)
from rocksync.domain.orders import HubOrder, StoreOrder
from rocksync.mapping import conversion, validation
from rocksync.mapping.validation import InvalidPayloadError
from rocksync.mapping.wire import Answer, Left, MappedOrder, MappedParcel, MappedPrice, MappedStock

_OrderPair = tuple[HubOrder, StoreOrder | None]


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
