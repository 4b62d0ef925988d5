"""Rows of a made-up store, as short as a test wants them."""

from decimal import Decimal
from typing import Any

from rocksync.domain.catalog import Listing, Price, Product, Stock, Variation
from rocksync.domain.tenancy import Tenant, TenantId


def tenant(slug: str = "acme", number: int = 1, *, mappers: tuple[str, ...] = (), **settings: Any) -> Tenant:
    return Tenant(
        id=TenantId(number),
        slug=slug,
        name=slug.title(),
        domain=f"{slug}.example",
        mappers=mappers,
        settings=settings,
    )


def price(sku: str = "PAN", full: str = "10", special: str | None = None, product_sku: str | None = None) -> Price:
    return Price(
        sku=sku,
        product_sku=product_sku or sku,
        price=Decimal(full),
        special_price=None if special is None else Decimal(special),
    )


def prices(count: int) -> list[Price]:
    return [price(f"SKU-{number}") for number in range(count)]


def stock(sku: str = "PAN", on_hand: int = 3, **more: Any) -> Stock:
    return Stock(**{"sku": sku, "product_sku": sku, "on_hand": on_hand, **more})


def variation(sku: str, **more: Any) -> Variation:
    return Variation(**{"sku": sku, "product_sku": "SHIRT", **more})


def listing(sku: str = "PAN", *, offered: tuple[str, ...] | None = None, **members: Any) -> Listing:
    """A listing that has price and stock of *offered*, or of all that it sells."""
    product = Product(**{"sku": sku, "name": "Panela", **members})
    sellable = [one.sku for one in product.variations] or [sku]
    have = sellable if offered is None else offered
    return Listing(
        product=product,
        prices={one: price(one, product_sku=sku) for one in have},
        stocks={one: stock(one, product_sku=sku) for one in have},
    )


def shirt(*sizes: str, **members: Any) -> Listing:
    variations = tuple(variation(f"SHIRT-{size}", name=size) for size in sizes)
    return listing("SHIRT", **{"name": "Camiseta", "variations": variations, **members})
