"""The members that payloads may have, by type, as they are checked after mapping. Source: pluggto-api 3.3 to 3.7, 4.8.

Whatever is not a member here is refused by name: Plugg.to would drop it without a word.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

Text = Annotated[str, Meta(min_length=1)]
Switch = Annotated[int, Meta(ge=0, le=1)]
Origin = Annotated[int, Meta(ge=0, le=8)]
LONGEST_LIST = 1_000
_List = Meta(max_length=LONGEST_LIST)
Rows = Annotated[list[dict[str, Any]], _List]


class AttributeValueShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """A value of an attribute."""

    code: Text
    label: Text


class AttributeShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """One attribute."""

    code: Text
    label: Text
    value: AttributeValueShape


class CategoryShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """A category by its full path."""

    name: Text


class PhotoShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """A photo; ``external`` becomes the URL and ``order`` the place in the list where they are absent."""

    url: Text
    external: Text | UnsetType = UNSET
    order: int | UnsetType = UNSET
    name: Text | UnsetType = UNSET
    title: Text | UnsetType = UNSET
    thumb: bool | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class DimensionShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """Centimetres and kilograms."""

    length: Decimal | UnsetType = UNSET
    width: Decimal | UnsetType = UNSET
    height: Decimal | UnsetType = UNSET
    weight: Decimal | UnsetType = UNSET


class SellableShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """What products and variations have in common; the members below ``dimension`` only mappers write."""

    sku: Text
    name: Text | UnsetType = UNSET
    external: Text | UnsetType = UNSET
    ean: Text | UnsetType = UNSET
    available: Switch | UnsetType = UNSET
    attributes: Annotated[list[AttributeShape], _List] | UnsetType = UNSET
    photos: Annotated[list[PhotoShape], _List] | UnsetType = UNSET
    dimension: DimensionShape | UnsetType = UNSET
    ean_not_mandatory: bool | UnsetType = UNSET
    ncm: Text | UnsetType = UNSET
    cest: Text | UnsetType = UNSET
    nbm: Text | UnsetType = UNSET
    isbn: Text | UnsetType = UNSET
    origin: Origin | UnsetType = UNSET
    cost: Decimal | UnsetType = UNSET
    handling_time: Decimal | UnsetType = UNSET
    manufacture_time: Decimal | UnsetType = UNSET
    warranty_time: Decimal | UnsetType = UNSET
    warranty_message: Text | UnsetType = UNSET
    price_table: Rows | UnsetType = UNSET
    stock_table: Rows | UnsetType = UNSET


class VariationShape(SellableShape, kw_only=True, forbid_unknown_fields=True):
    """One variation."""


class ProductShape(SellableShape, kw_only=True, forbid_unknown_fields=True):
    """A product."""

    description: Text | UnsetType = UNSET
    short_description: Text | UnsetType = UNSET
    brand: Text | UnsetType = UNSET
    model: Text | UnsetType = UNSET
    link: Text | UnsetType = UNSET
    video: Text | UnsetType = UNSET
    categories: Annotated[list[CategoryShape], _List] | UnsetType = UNSET
    supplier_id: Text | UnsetType = UNSET
    stock_code: Text | UnsetType = UNSET
    grouped_skus: Rows | UnsetType = UNSET
    variations: list[VariationShape] | UnsetType = UNSET


class LineShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """One line of a store order."""

    sku: str
    name: str | None
    quantity: int
    unit_price: Decimal
    discount: Decimal
    total: Decimal


class OrderShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """A store order about to be imported."""

    pluggto_id: str
    channel: str | None
    channel_order: str | None
    status: str
    customer: dict[str, str]
    delivery: dict[str, str]
    payments: Rows
    subtotal: Decimal | None
    shipping: Decimal | None
    discount: Decimal | None
    total: Decimal
    placed_at: datetime | None
    items: list[LineShape]


class InvoiceShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """The NF-e members of a shipment."""

    nfe_key: Text
    nfe_number: Text
    nfe_serie: Text
    nfe_date: Text
    nfe_link: Text | UnsetType = UNSET
    cfops: Text | UnsetType = UNSET


class ShipmentShape(Struct, kw_only=True, forbid_unknown_fields=True):
    """The tracking members of a shipment."""

    shipping_company: Text | UnsetType = UNSET
    shipping_method: Text | UnsetType = UNSET
    track_code: Text | UnsetType = UNSET
    track_url: Text | UnsetType = UNSET
    date_shipped: Text | UnsetType = UNSET
