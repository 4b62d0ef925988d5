"""What is written to an order, and to which of its shipments. Source: pluggto-api 4.5 to 4.9."""

from typing import Any

from rocksync.domain.documents import InvoicePayload, ShipmentPayload
from rocksync.domain.errors import ItemError
from rocksync.domain.orders import CANCELED, HubOrder, HubShipment, rank
from rocksync.domain.reasons import Reason

_CLOSED = frozenset({"canceled", "cancelled", "shipped", "delivered"})
_SENT = frozenset({"shipped", "delivered"})


def acknowledgement(external: str) -> dict[str, Any]:
    """The store's number of an order, and that it has it.

    Source: client code; that ``update`` false keeps the hub from notifying us of it is assumed.
    """
    return {"external": external, "ack": True, "update": False}


def log_entry(message: str, date: str) -> dict[str, Any]:
    """A line of the log that people see in the panel. Source: client code."""
    return {"log_history": [{"message": message, "date": date}]}


def invoice(order: HubOrder, payload: InvoicePayload, before: str | None = None) -> dict[str, Any]:
    """The NF-e of an order, in the place of that with the key *before*, if any.

    Raises: ItemError. Source: https://developers.plugg.to/reference/update-invoice.
    """
    shipment = _invoiced_shipment(order, payload.get("nfe_key"), before)
    return _update(order, "invoiced", shipment, dict(payload))


def tracking(order: HubOrder, payload: ShipmentPayload, key: str | None = None) -> dict[str, Any]:
    """How an order was sent whose NF-e has *key*; a carrier and a method that are there already stay.

    Raises: ItemError. Source: https://developers.plugg.to/reference/update-order-tracking-status.
    """
    shipment = _sent_shipment(order, payload.get("track_code"), key)
    members = dict[str, Any](payload)
    if shipment is not None:
        if shipment.carrier:
            members.pop("shipping_company", None)
        if shipment.method:
            members.pop("shipping_method", None)
    if shipment is None or shipment.status not in _SENT:
        members["status"] = "shipped"
    return _update(order, "shipping_informed", shipment, members)


def _update(order: HubOrder, status: str, shipment: HubShipment | None, members: dict[str, Any]) -> dict[str, Any]:
    """The body that brings an order to *status*; without it if the order is there or further already."""
    if shipment is not None:
        members = {"id": shipment.id, **members}
    return ({"status": status} if _is_before(order, status) else {}) | {"shipments": [members]}


def _is_before(order: HubOrder, status: str) -> bool:
    """Whether *status* would move the order forward: never, of a state that nobody knows.

    Raises: ItemError if it is cancelled.
    """
    if order.status in CANCELED:
        raise ItemError(
            order.id,
            f"order {order.id} is {order.status} at Plugg.to, so it cannot become {status}",
            reason=Reason.STATUS_CONFLICT,
        )
    now, then = rank(order.status), rank(status)
    return now is not None and then is not None and now < then


def _invoiced_shipment(order: HubOrder, key: str | None, before: str | None) -> HubShipment | None:
    same = [shipment for shipment in order.shipments if key and shipment.invoice_key == key]
    same = same or [shipment for shipment in order.shipments if before and shipment.invoice_key == before]
    free = [shipment for shipment in order.shipments if shipment.status not in _CLOSED]
    return _only(order, same, [shipment for shipment in free if not shipment.invoice_key] or free)


def _sent_shipment(order: HubOrder, code: str | None, key: str | None) -> HubShipment | None:
    same = [shipment for shipment in order.shipments if code and shipment.tracking_code == code]
    same = same or [shipment for shipment in order.shipments if key and shipment.invoice_key == key]
    free = [shipment for shipment in order.shipments if shipment.status not in _CLOSED]
    return _only(order, same, [shipment for shipment in free if shipment.invoice_key] or free)


def _only(order: HubOrder, same: list[HubShipment], open_ones: list[HubShipment]) -> HubShipment | None:
    """The shipment to write to; None: there is none yet. A write without its id would add a second delivery.

    Raises: ItemError if it cannot be told which. Source: https://developers.plugg.to/reference/update-invoice.
    """
    if not order.shipments:
        return None
    if len(order.shipments) == 1:
        chosen = order.shipments[0]
    elif same:
        chosen = same[0]
    elif len(open_ones) == 1:
        chosen = open_ones[0]
    else:
        raise _ambiguous(order, "several shipments, and none of them can be told to be the store's")
    if chosen.id is None:
        raise _ambiguous(order, "a shipment without an id")
    return chosen


def _ambiguous(order: HubOrder, what: str) -> ItemError:
    return ItemError(
        order.id, f"order {order.id} has {what} at Plugg.to", reason=Reason.AMBIGUOUS_SHIPMENT, final=False
    )
