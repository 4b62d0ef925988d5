"""Orders on both sides of the door, and which way their states may move."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from rocksync.domain.reasons import Reason
from rocksync.domain.texts import storable


class OrderStatus(StrEnum):
    """The state of an order in the store."""

    PENDING = "pending"
    APPROVED = "approved"
    INVOICED = "invoiced"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELED = "canceled"

    def precedes(self, other: "OrderStatus") -> bool:
        """Whether an order goes on to *other* from here; nothing follows the last two, delivered and canceled."""
        places = list(OrderStatus)
        return self not in places[-2:] and places.index(self) < places.index(other)


IMPORTED_AS = {
    "pending": OrderStatus.PENDING,
    "partial_payment": OrderStatus.PENDING,
    "approved": OrderStatus.APPROVED,
    "paid": OrderStatus.APPROVED,
}
"""What an order of the hub becomes in the store; an order first seen in another status is not imported.

Source: pluggto-api 4.6.
"""

CANCELED = frozenset({"canceled", "refunded"})
"""Statuses at the hub that cancel an order. Source: pluggto-api 4.6."""


def deleted_by_store(slug: str, order_id: str, hub_status: str) -> str:
    """What is to be said of an order of tenant *slug* that was imported and that the store has no more."""
    if hub_status in CANCELED:
        return f"imported, then deleted from the store; {hub_status} at Plugg.to"
    return f"imported, then deleted from the store: rocksync resend {slug} order {order_id} imports it again"


def never_imported(slug: str, order_id: str, hub_status: str) -> str:
    """What is to be said of an order of tenant *slug* that is in no status in which orders are imported."""
    if hub_status in CANCELED:
        return f"{hub_status} before it was imported"
    resend = f"rocksync resend {slug} order {order_id}"
    seen = f"{storable(hub_status)!r:.60}"
    return f"first seen as {seen}, and only new orders are imported; {resend} imports it all the same"


_PROGRESS = (
    frozenset({"pending", "partial_payment", "under_review"}),
    frozenset({"approved", "paid"}),
    frozenset({"picking", "waiting_invoice", "invoice_error", "partial_invoiced"}),
    frozenset({"invoiced"}),
    frozenset({"shipping_error"}),
    frozenset({"shipping_informed"}),
    frozenset({"shipped", "partial_shipped"}),
    frozenset({"delivered", "partial_delivered"}),
)
_RANKS = {status: rank for rank, statuses in enumerate(_PROGRESS) for status in statuses}


def rank(hub_status: str) -> int | None:
    """How far an order in *hub_status* is; None: nobody knows, or it is cancelled.

    The order of statuses is assumed (pluggto-api 4.7): no state machine is documented.
    """
    return _RANKS.get(hub_status)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubLine:
    """One line of an order at Plugg.to; ``sku`` is the variation's where there is one. Source: pluggto-api 4.3.

    ``unit_price`` or ``total`` None: it cannot be told. An order to import with such a line is refused before mapping.
    """

    sku: str
    name: str | None
    quantity: int
    unit_price: Decimal | None
    discount: Decimal
    total: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubShipment:
    """One delivery of an order at Plugg.to; None where it says nothing. Dates are written as we send them."""

    id: str | None
    status: str | None = None
    carrier: str | None = None
    method: str | None = None
    tracking_code: str | None = None
    tracking_url: str | None = None
    shipped_at: str | None = None
    invoice_key: str | None = None
    invoice_number: str | None = None
    invoice_series: str | None = None
    invoiced_at: str | None = None
    invoice_url: str | None = None
    cfops: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HubOrder:
    """An order as Plugg.to shows it, read tolerantly. ``status`` is as spelt there, known or not.

    ``ack`` None: it is not told. ``externals`` are the numbers other systems gave it; ``document`` is the whole decoded
    JSON.
    """

    id: str
    status: str
    ack: bool | None
    externals: tuple[str, ...]
    modified_at: datetime | None
    placed_at: datetime | None
    channel: str | None
    channel_order: str | None
    user: str | None
    lines: tuple[HubLine, ...]
    shipments: tuple[HubShipment, ...]
    customer: Mapping[str, str] = field(repr=False)
    delivery: Mapping[str, str] = field(repr=False)
    payments: tuple[Mapping[str, Any], ...] = field(repr=False)
    subtotal: Decimal | None
    shipping: Decimal | None
    discount: Decimal | None
    total: Decimal | None
    document: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """The store's NF-e of an order. ``key`` is meant to have 44 characters; it is checked before it is sent."""

    key: str
    number: str
    series: str
    issued_at: datetime
    xml_url: str | None = None
    cfops: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shipment:
    """How the store sent an order."""

    carrier: str | None = None
    method: str | None = None
    tracking_code: str | None = None
    tracking_url: str | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOrder:
    """An imported order as the store holds it now."""

    id: int
    pluggto_id: str
    status: OrderStatus
    channel: str | None = None
    channel_order: str | None = None
    total: Decimal = Decimal(0)
    placed_at: datetime | None = None
    invoice: Invoice | None = None
    shipment: Shipment | None = None

    @property
    def reached(self) -> OrderStatus:
        """Its status, or what its invoice and shipment say, where the platform has written an older one over it."""
        said = OrderStatus.INVOICED if self.invoice is not None else self.status
        if self.shipment is not None:
            said = OrderStatus.SHIPPED if self.shipment.delivered_at is None else OrderStatus.DELIVERED
        return said if self.status.precedes(said) else self.status


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """Both sides of one order: the latest document seen at Plugg.to (JSON text), and the store's own order, if any.

    ``importable_as`` is what it would have become when it was seen in a status that is imported; None: it never was.
    ``was_imported``: the store once had it; if it has not any more, it is not imported again.
    ``told`` is what the hub was last told of it: see OrderTask.
    """

    id: str
    document: str | None = field(default=None, repr=False)
    store: StoreOrder | None = None
    importable_as: OrderStatus | None = None
    was_imported: bool = False
    told: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An order that could not be imported, for ``reason``; with ``store_id`` it is by now, under that number."""

    order_id: str
    reason: Reason
    missing_skus: tuple[str, ...] = ()
    store_id: int | None = None
