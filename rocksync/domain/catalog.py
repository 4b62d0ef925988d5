"""Rows of a store's catalogue, as the platform keeps them. Money in BRL, lengths in cm, weights in kg."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One sellable variation of a product. A measure that is None is the product's."""

    sku: str
    product_sku: str
    name: str | None = None
    ean: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    photos: tuple[str, ...] = ()
    weight_kg: Decimal | None = None
    height_cm: Decimal | None = None
    width_cm: Decimal | None = None
    length_cm: Decimal | None = None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product with its variations, by SKU; without any it is simple and sells its own SKU.

    ``categories`` are full paths, root first (``Casa > Cozinha``); ``attributes`` label to value; ``photos`` URLs, the
    main one first.
    """

    sku: str
    name: str | None = None
    description: str | None = None
    short_description: str | None = None
    brand: str | None = None
    model: str | None = None
    ean: str | None = None
    categories: tuple[str, ...] = ()
    weight_kg: Decimal | None = None
    height_cm: Decimal | None = None
    width_cm: Decimal | None = None
    length_cm: Decimal | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    photos: tuple[str, ...] = ()
    link: str | None = None
    active: bool = True
    external_id: str | None = None
    variations: tuple[Variation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of one sellable SKU. ``special_price`` None: no promotion; ``product_sku``: its own if simple."""

    sku: str
    product_sku: str
    price: Decimal
    special_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """Units of one sellable SKU. ``held`` are units of orders that ``reserved`` does not show yet.

    ``active`` is False when the SKU or its product is inactive or gone: then nothing of it is sellable.
    """

    sku: str
    product_sku: str
    on_hand: int
    reserved: int = 0
    held: int = 0
    active: bool = True

    @property
    def sellable(self) -> int:
        """Units that may be sold now."""
        return max(self.on_hand - self.reserved - self.held, 0) if self.active else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A product with the prices and stocks of its sellable SKUs, by SKU, as far as the store has them.

    ``duplicate_skus`` are those of its SKUs that another product or variation of the store carries too; ``unreadable``
    says which of its columns, or of its variations', hold what cannot be read, and stand empty here.
    """

    product: Product
    prices: Mapping[str, Price] = field(default_factory=dict)
    stocks: Mapping[str, Stock] = field(default_factory=dict)
    duplicate_skus: tuple[str, ...] = ()
    unreadable: tuple[str, ...] = ()
