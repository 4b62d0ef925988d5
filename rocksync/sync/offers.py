"""Which prices and stocks may go out: those of SKUs that the hub already has.

A SKU comes into being at the hub with its product, price and stock included; until then its price and stock wait, so
that no slow product pass can undo what a fast stock pass wrote.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from rocksync.domain.outcomes import Item, Known, Skipped
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind, Tenant
from rocksync.sync.ports import Items

_OFFER_IS_WRONG = frozenset({Reason.MISSING_PRICE, Reason.MISSING_STOCK, Reason.INVALID_ITEM, Reason.MAPPER_ERROR})


async def products_of(items: Items, tenant: Tenant, waiting: Iterable[tuple[Item, str]]) -> Mapping[str, Known]:
    """Where the product items are of those items that the hub never accepted; with each item its product's SKU."""
    skus = sorted({product_sku for item, product_sku in waiting if item.accepted is None})
    return await items.known(tenant.id, Kind.PRODUCT, skus) if skus else {}


def is_at_hub(item: Item, product_sku: str, products: Mapping[str, Known]) -> bool:
    """Whether the hub has the SKU of *item*: it accepted something of it, or its product holds it."""
    if item.accepted is not None:
        return True
    product = products.get(product_sku)
    return product is not None and product.accepted is not None and _holds(product.accepted, item.key)


def waits(item: Item, product_sku: str, products: Mapping[str, Known]) -> Skipped:
    """The outcome of an item whose SKU the hub does not have yet: its product's creation will wake it."""
    product = products.get(product_sku)
    set_aside = product is not None and product.state in {"skipped", "quarantined"}
    return Skipped(
        key=item.key,
        revision=item.revision,
        reason=product.reason if product is not None and set_aside else Reason.PENDING,
        detail=waits_for(product_sku),
        wake=product_sku if product is not None and _may_lack(product) else None,
    )


def waits_for(product_sku: str) -> str:
    """What is to be said of a price or stock that goes with its product's creation."""
    return f"waits until product {product_sku} is created at Plugg.to with it"


def _may_lack(product: Known) -> bool:
    """Whether the product stands as it does for want of a price or stock, or for a wrong one; by now it may be right.

    The trigger on a first price or stock sees only products that are committed; this sees the others.
    """
    return product.state == "synced" or product.reason in _OFFER_IS_WRONG


def _holds(product: Mapping[str, Any], sku: str) -> bool:
    return product.get("sku") == sku or any(v.get("sku") == sku for v in product.get("variations", ()))
