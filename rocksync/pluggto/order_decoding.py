"""Orders as Plugg.to shows them, read tolerantly. Source: pluggto-api 4.3 to 4.6."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from rocksync.domain.errors import ItemError
from rocksync.domain.orders import HubLine, HubOrder, HubShipment
from rocksync.domain.texts import stamp
from rocksync.pluggto import people, replies
from rocksync.pluggto.reading import moment, number, row, rows, text, whole, yes


def decode_text(document: str) -> HubOrder:
    """The order in JSON text, with or without its envelope. Raises: ItemError if it is none."""
    try:
        found = row(replies.decode(document.encode(errors="replace"), exact=True))
    except replies.BadReplyError:
        raise ItemError("", "the order's document is no JSON") from None
    return decode(row(found["Order"]) if isinstance(found.get("Order"), dict) else found)


def decode(document: Mapping[str, Any]) -> HubOrder:
    """The order in *document*, whatever state its lines are in. Raises: ItemError if it has no id."""
    order_id = text(document.get("id"))
    if order_id is None:
        raise ItemError("", "the document has no id, so it is no order")
    return HubOrder(
        id=order_id,
        status=text(document.get("status")) or "",
        ack=None if document.get("ack") is None else yes(document["ack"]),
        externals=_externals(document.get("external")),
        modified_at=moment(document.get("modified")),
        placed_at=moment(document.get("created")) or moment(document.get("purchased")),
        channel=text(document.get("channel")),
        channel_order=text(document.get("original_id")),
        user=text(document.get("user_id")),
        lines=tuple(_line(line) for line in rows(document.get("items"))),
        shipments=tuple(_shipment(shipment) for shipment in rows(document.get("shipments"))),
        customer=people.customer(document),
        delivery=people.delivery(document),
        payments=tuple(_payment(payment) for payment in rows(document.get("payments"))),
        subtotal=number(document.get("subtotal")),
        shipping=number(document.get("shipping")),
        discount=_discount(document),
        total=number(document.get("total")),
        document=document,
    )


def _externals(value: object) -> tuple[str, ...]:
    """The numbers others gave an order: text, or a map by client id. Source: pluggto-api 4.5, 9 X12."""
    found = [text(entry) for entry in value.values()] if isinstance(value, dict) else [text(value)]
    return tuple(name for name in found if name)


def _discount(members: Mapping[str, Any]) -> Decimal | None:
    """What is taken off, whichever sign it is told with (assumed: a total that is told is lower by it)."""
    found = number(members.get("discount"))
    return None if found is None else abs(found)


def _line(line: Mapping[str, Any]) -> HubLine:
    """One line. The ordered SKU is the variation's where there is one. Source: pluggto-api 4.3.

    A missing price is worked out of total and discount, a missing total out of price and discount (assumed). Without
    both nobody knows what it costs: that is not 0.
    """
    variation = row(line.get("variation"))
    quantity = whole(line.get("quantity")) or 0
    discount = _discount(line) or Decimal(0)
    price, total = number(line.get("price")), number(line.get("total"))
    if price is None and total is not None and quantity:
        price = ((total + discount) / quantity).quantize(Decimal("0.01"))
    if total is None and price is not None:
        total = price * quantity - discount
    return HubLine(
        sku=text(variation.get("sku")) or text(line.get("sku")) or "",
        name=text(variation.get("name")) or text(line.get("name")),
        quantity=quantity,
        unit_price=price,
        discount=discount,
        total=total,
    )


def _shipment(shipment: Mapping[str, Any]) -> HubShipment:
    return HubShipment(
        id=text(shipment.get("id")),
        status=text(shipment.get("status")),
        carrier=text(shipment.get("shipping_company")),
        method=text(shipment.get("shipping_method")),
        tracking_code=text(shipment.get("track_code")),
        tracking_url=text(shipment.get("track_url")),
        shipped_at=_instant(shipment.get("date_shipped")),
        invoice_key=text(shipment.get("nfe_key")),
        invoice_number=text(shipment.get("nfe_number")),
        invoice_series=text(shipment.get("nfe_serie")),
        invoiced_at=_instant(shipment.get("nfe_date")),
        invoice_url=text(shipment.get("nfe_link")),
        cfops=text(shipment.get("cfops")),
    )


def _instant(value: object) -> str | None:
    """A time in the form in which we send it; what is none as it is. Source: pluggto-api 9 X16."""
    found = moment(value)
    return text(value) if found is None else stamp(found)


def _payment(payment: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in payment.items() if value is not None}
