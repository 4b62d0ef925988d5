"""Which way an order may go: pure rules, no I/O.

Source of the hub's statuses: pluggto-api 4.6. Which moves the hub itself refuses is unknown (X14), so the guard is
here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from rocksync.domain.documents import OrderTask
from rocksync.domain.orders import (
    CANCELED,
    IMPORTED_AS,
    HubOrder,
    HubShipment,
    OrderRow,
    OrderStatus,
    StoreOrder,
    rank,
)

INVOICE_REFUSED = "Plugg.to or the marketplace refuses the invoice (invoice_error): correct its row in store.invoice"


def moved_to(present: OrderStatus, hub_status: str) -> OrderStatus:
    """The store's status after the hub says *hub_status*: approved, canceled, or what it was. Never backwards."""
    if hub_status in CANCELED:
        return present if present is OrderStatus.DELIVERED else OrderStatus.CANCELED
    if present is OrderStatus.PENDING and _has_reached(hub_status, "approved", unknown=False):
        return OrderStatus.APPROVED
    return present


def as_imported(order: HubOrder, row: OrderRow) -> HubOrder:
    """*order* in the status in which it is imported: what it would be now, had it been imported when it could be."""
    if row.store or row.importable_as is None or order.status in IMPORTED_AS or order.status in CANCELED:
        return order
    return replace(order, status=moved_to(row.importable_as, order.status).value)


def lacks_skus(missing: Iterable[str]) -> str:
    """What is to be said of an order whose lines name SKUs that the store does not sell."""
    return f"the store sells no SKU {', '.join(sorted(missing))}: imported when it does"


def canceled_by_store_alone(order: HubOrder, status: OrderStatus) -> str | None:
    """What is to be said of an order that is *status* in the store and goes on at the hub; None: it is not so."""
    if status is not OrderStatus.CANCELED or order.status in CANCELED:
        return None
    return f"the store has cancelled an order that is {order.status} at Plugg.to: nothing tells it there"


def lacks_invoice(task: OrderTask, hub: HubOrder, status: OrderStatus) -> str | None:
    """What is to be said of an order, *status* in the store, whose invoice the hub waits for and the store has not."""
    if task.invoice is not None or is_invoiced(hub):
        return None
    if task.shipment is not None:
        return "tracking waits for the invoice: there is no row in store.invoice"
    if status in {OrderStatus.INVOICED, OrderStatus.SHIPPED, OrderStatus.DELIVERED}:
        return f"it is {status} in the store, which Plugg.to is not told: there is no row in store.invoice"
    return None


_REWORDED = frozenset({"nfe_link", "nfe_date", "cfops", "date_shipped"})
"""Members that a hub may show in other words than they were sent in (assumed)."""


def is_acknowledged(task: OrderTask, store: StoreOrder) -> bool:
    """Whether the hub's order is acknowledged under the store's number; it need not show either.

    Source: pluggto-api 4.3, 4.5, 9 X12: readings without showExternal may show null, or the number of another app, and
    ``ack`` may be null.
    """
    number = str(store.id)
    if task.told.get("external") == number:
        return task.hub.ack is not False
    return task.hub.ack is True and number in task.hub.externals


def is_invoiced(order: HubOrder) -> bool:
    """Whether the hub's order has its invoice; in a status that nobody knows, whether it shows a key."""
    return _has_reached(order.status, "invoiced", unknown=any(s.invoice_key for s in order.shipments))


def shows_invoice(order: HubOrder, task: OrderTask) -> bool:
    """Whether the hub's order reads as invoiced with the invoice of *task*; in an unknown status, by its key alone."""
    return _has_reached(order.status, "invoiced") and _has_invoice(order, task)


def refuses_invoice(order: HubOrder, task: OrderTask) -> bool:
    """Whether the hub has the invoice of *task* as it is and says that it, or the marketplace, does not take it."""
    return order.status == "invoice_error" and _has_invoice(order, task)


def shows_tracking(order: HubOrder, task: OrderTask) -> bool:
    """Whether the hub's order reads as sent with the tracking of *task*, accepted by the marketplace or not."""
    payload = task.shipment or {}
    code, is_told = payload.get("track_code"), _is_told(task, "tracking", payload)
    return _has_reached(order.status, "shipping_error") and any(
        (code is None or s.tracking_code == code) and _holds(s, payload, is_told=is_told) for s in order.shipments
    )


def is_invoiced_unseen(task: OrderTask) -> bool:
    """Whether the store has an invoice that the hub's order does not show: of a cancelled one, a contradiction."""
    invoice = task.store.invoice if task.store else None
    return invoice is not None and all(s.invoice_key != invoice.key.strip() for s in task.hub.shipments)


def _has_reached(hub_status: str, goal: str, *, unknown: bool = True) -> bool:
    """Whether the hub's order is at *goal* or behind it; *unknown* for a status that nobody knows."""
    reached, wanted = rank(hub_status), rank(goal)
    return unknown if reached is None or wanted is None else reached >= wanted


def _has_invoice(order: HubOrder, task: OrderTask) -> bool:
    payload = task.invoice or {}
    is_told = _is_told(task, "invoice", payload)
    return any(s.invoice_key == payload.get("nfe_key") and _holds(s, payload, is_told=is_told) for s in order.shipments)


def _is_told(task: OrderTask, part: str, payload: Mapping[str, Any]) -> bool:
    """Whether the hub took this very payload, so that it has it, whether it shows all of it or not."""
    told = task.told.get(part, {})
    return bool(told.get("done")) and told["payload"] == payload


def _holds(shipment: HubShipment, payload: Mapping[str, Any], *, is_told: bool) -> bool:
    """Whether a shipment shows what is to be sent; carrier and method are the marketplace's if it chose some.

    Of what was told, a member may be missing, and some may be worded otherwise.
    """
    shown = {
        "nfe_key": shipment.invoice_key,
        "nfe_number": shipment.invoice_number,
        "nfe_serie": shipment.invoice_series,
        "nfe_date": shipment.invoiced_at,
        "nfe_link": shipment.invoice_url,
        "cfops": shipment.cfops,
        "shipping_company": shipment.carrier and payload.get("shipping_company"),
        "shipping_method": shipment.method and payload.get("shipping_method"),
        "track_code": shipment.tracking_code,
        "track_url": shipment.tracking_url,
        "date_shipped": shipment.shipped_at,
    }
    return all(
        _canonical(value) == _canonical(shown[member]) or (is_told and (member in _REWORDED or not shown[member]))
        for member, value in payload.items()
    )


def _canonical(value: str | None) -> str:
    """A member without what numbers and lists lose on their way. Source: pluggto-api 4.4."""
    return "".join((value or "").split()).lstrip("0")
