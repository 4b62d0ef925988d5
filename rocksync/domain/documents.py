"""Documents between the store and the hub: what mappers change, what is compared, what is sent.

Member names and units are Plugg.to's. Source: pluggto-api 3.3 to 3.7, 4.8, 4.9. A member that the store has no value
for is absent: never null, never empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, NotRequired, TypedDict

from rocksync.domain.errors import ItemError
from rocksync.domain.orders import HubOrder, StoreOrder
from rocksync.domain.reasons import Reason


class AttributeValue(TypedDict):
    """A value of an attribute; ``code`` equals the label unless a mapper says otherwise."""

    code: str
    label: str


class Attribute(TypedDict):
    """One attribute: ``code`` is the label in lower-case ASCII with underscores."""

    code: str
    label: str
    value: AttributeValue


class Category(TypedDict):
    """A category by its full path: ``Casa > Cozinha``."""

    name: str


class Photo(TypedDict):
    """A photo: Plugg.to copies it from ``url``; ``external`` keeps the source; ``order`` from 0, the first is main."""

    url: str
    external: str
    order: int
    name: NotRequired[str]
    title: NotRequired[str]
    thumb: NotRequired[bool]


class Dimension(TypedDict, total=False):
    """Centimetres and kilograms."""

    length: Decimal
    width: Decimal
    height: Decimal
    weight: Decimal


class AddedMembers(TypedDict, total=False):
    """What the store does not have of a product or variation: only mappers add it.

    Handling and manufacture in days, warranty in months, cost in BRL.
    """

    ean_not_mandatory: bool
    ncm: str
    cest: str
    nbm: str
    isbn: str
    origin: int
    cost: Decimal
    handling_time: int
    manufacture_time: int
    warranty_time: int
    warranty_message: str
    price_table: list[dict[str, Any]]
    stock_table: list[dict[str, Any]]


class VariationPayload(AddedMembers, total=False):
    """One variation of a product payload. Its price and stock belong to the price and stock payloads."""

    sku: str
    name: str
    ean: str
    available: int
    attributes: list[Attribute]
    photos: list[Photo]
    dimension: Dimension


class ProductPayload(AddedMembers, total=False):
    """A product. Price, special_price and quantity are never in it: they belong to the price and stock payloads.

    The members after ``variations`` only mappers add.
    """

    sku: str
    name: str
    external: str
    description: str
    short_description: str
    brand: str
    model: str
    ean: str
    link: str
    available: int
    categories: list[Category]
    dimension: Dimension
    attributes: list[Attribute]
    photos: list[Photo]
    variations: list[VariationPayload]
    video: str
    supplier_id: str
    stock_code: str
    grouped_skus: list[dict[str, Any]]


class PricePayload(TypedDict, total=False):
    """A price in BRL, two decimals. ``special_price`` None: no promotion; it is then sent equal to ``price``."""

    price: Decimal
    special_price: Decimal | None


class StockPayload(TypedDict):
    """The absolute sellable quantity, in units, 0 included."""

    quantity: int


class InvoicePayload(TypedDict, total=False):
    """The NF-e members of a shipment at Plugg.to. Source: pluggto-api 4.8. Dates: UTC, milliseconds and Z."""

    nfe_key: str
    nfe_number: str
    nfe_serie: str
    nfe_date: str
    nfe_link: str
    cfops: str


class ShipmentPayload(TypedDict, total=False):
    """The tracking members of a shipment at Plugg.to. Source: pluggto-api 4.9."""

    shipping_company: str
    shipping_method: str
    track_code: str
    track_url: str
    date_shipped: str


class OrderLine(TypedDict):
    """One line of a store order about to be imported."""

    sku: str
    name: str | None
    quantity: int
    unit_price: Decimal
    discount: Decimal
    total: Decimal


class OrderDocument(TypedDict):
    """A store order about to be imported: the columns of ``store.sales_order`` and its lines."""

    pluggto_id: str
    channel: str | None
    channel_order: str | None
    status: str
    customer: dict[str, str]
    delivery: dict[str, str]
    payments: list[dict[str, Any]]
    subtotal: Decimal | None
    shipping: Decimal | None
    discount: Decimal | None
    total: Decimal
    placed_at: datetime | None
    items: list[OrderLine]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferRevisions:
    """Revisions of a SKU's price and stock items; None: there is no item, or nobody looked."""

    price: int | None = None
    stock: int | None = None


UNSEEN = OfferRevisions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Price and stock that a SKU is created with, as their own payloads; all of ``revisions`` is in them."""

    price: PricePayload
    stock: StockPayload
    revisions: OfferRevisions = UNSEEN


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductDocument:
    """What the hub is to hold of one product.

    ``payload`` is owned by the product pass and is what is compared. ``offers`` are those of all its sellable SKUs that
    have a price and a stock, by SKU: a SKU that the hub does not have yet is created with its offer. ``moved`` are
    variations that now belong to another product and are removed from this one. ``reason``: in_sync, or why it is off
    sale (inactive, not_selected).
    """

    key: str
    payload: ProductPayload
    offers: dict[str, Offer] = field(default_factory=dict)
    moved: tuple[str, ...] = ()
    reason: Reason = Reason.IN_SYNC

    @property
    def resource(self) -> str:
        """The SKU whose hub resource is written: no two writes to one at a time."""
        return self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceDocument:
    """What the hub is to hold of one sellable SKU's price."""

    key: str
    product_sku: str
    payload: PricePayload

    @property
    def resource(self) -> str:
        """The SKU whose hub resource is written: a variation's price is a member of its product."""
        return self.product_sku


@dataclass(frozen=True, slots=True, kw_only=True)
class StockDocument:
    """What the hub is to hold of one sellable SKU's stock. ``fault``: why it is 0, not what mappers make of it."""

    key: str
    product_sku: str
    payload: StockPayload
    fault: ItemError | None = None

    @property
    def resource(self) -> str:
        """The SKU whose hub resource is written."""
        return self.product_sku


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderTask:
    """All that is known of one order that something is to be done about.

    ``document`` is the order to import, mapped, when it is not in the store. ``invoice`` and ``shipment`` are mapped
    payloads of the store's rows, where there are such. ``told`` is what the hub was last told: under ``external``
    the store's number, under ``invoice`` and ``tracking`` the ``payload``, and whether it is ``done``, whatever the hub
    shows of it.
    """

    key: str
    hub: HubOrder
    store: StoreOrder | None
    document: OrderDocument | None = None
    invoice: InvoicePayload | None = None
    shipment: ShipmentPayload | None = None
    told: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def resource(self) -> str:
        """The order's own id."""
        return self.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Skip:
    """An item that is not to be sent as it is, with the reason; no fault."""

    key: str
    reason: Reason
    detail: str
