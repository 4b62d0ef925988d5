"""Prices and quantities as they are sent. Source: pluggto-api 3.3, 3.6, 3.7, 9 X23."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rocksync.domain.documents import Offer, PriceDocument, PricePayload, StockDocument, StockPayload
from rocksync.domain.errors import ItemError
from rocksync.pluggto import encoding, reading

_TELLING = frozenset({"name", "attributes"})
"""Members that a price never brings with it."""


def price_members(sku: str, payload: PricePayload) -> dict[str, Decimal]:
    """``price`` and ``special_price``; without a promotion both are equal, as no reader can take that for zero.

    Raises: ItemError for a price of nothing and for a promotion above it.
    """
    try:
        price = encoding.money(payload.get("price"))
        special = encoding.money(payload.get("special_price") or price)
    except (ValueError, ArithmeticError):
        raise ItemError(sku, f"the price of {sku} is no number") from None
    if price <= 0 or special < 0:
        raise ItemError(sku, f"the price of {sku} must be above 0, and is {min(price, special)}")
    if special > price:
        raise ItemError(sku, f"the special price of {sku} ({special}) is above its price ({price})")
    return {"price": price, "special_price": special or price}


def units(sku: str, payload: StockPayload) -> int:
    """The absolute quantity. Raises: ItemError for one that is no number or below zero."""
    try:
        found = encoding.quantity(payload["quantity"])
    except (KeyError, ValueError, ArithmeticError):
        raise ItemError(sku, f"the stock of {sku} is no whole number") from None
    if found < 0:
        raise ItemError(sku, f"the stock of {sku} is below zero ({found})")
    return found


def offer_members(sku: str, offer: Offer) -> dict[str, Any]:
    """What a SKU is created with. Raises: ItemError."""
    return {**price_members(sku, offer.price), "quantity": units(sku, offer.stock)}


def prices(documents: Sequence[PriceDocument]) -> dict[str, Any]:
    """The prices of SKUs of one product, as a body for the product: variations merge by SKU. Raises: ItemError.

    Source: pluggto-api 3.5 and 3.7. That a variation's price has no path of its own is assumed.
    """
    body: dict[str, Any] = {"sku": documents[0].product_sku}
    variations = []
    for document in documents:
        members = price_members(document.key, document.payload)
        if document.key == document.product_sku:
            body |= members
        else:
            variations.append({"sku": document.key, **members})
    return body | ({"variations": variations} if variations else {})


def stock(document: StockDocument) -> dict[str, Any]:
    """The quantity of one SKU. Raises: ItemError. Source: https://developers.plugg.to/reference/update-sku-stock."""
    return {"action": "update", "quantity": units(document.key, document.payload), "sku": document.key}


def bare(product: dict[str, Any], documents: Sequence[PriceDocument]) -> dict[str, frozenset[str]]:
    """What the hub shows to be empty of SKUs among *documents* that have no name, units and attributes there.

    Assumed: merging by key creates what is not there (pluggto-api 3.5), as a write to an unknown SKU may (9 X3), so one
    that should have any of it is there by its price alone; and a quantity that was set is no null. What an answer shows
    of no variation tells nothing of one.
    """
    sent = {document.key for document in documents}
    variations = reading.rows(product.get("variations"))
    told = frozenset(name for name in _TELLING if any(name in entry for entry in variations))
    own = frozenset() if _TELLING.isdisjoint(product) else _TELLING
    found = {}
    for entry, empty in ((product, own), *((entry, told) for entry in variations)):
        if entry.get("sku") in sent and not any(entry.get(name) for name in _TELLING) and empty:
            if "quantity" in entry and entry["quantity"] is None:
                found[entry["sku"]] = empty | {"quantity"}
            elif not reading.number(entry.get("quantity")):
                found[entry["sku"]] = empty
    return found


def unpriced(product: dict[str, Any], skus: Iterable[str]) -> list[str]:
    """Those of *skus*, all of one product, that the hub shows without a price.

    Assumed: what was lost and has come into being again by a write is answered with an empty price (3.5, 9 X3). An
    answer that does not speak of prices tells nothing.
    """
    shown = {entry.get("sku"): entry for entry in (*reading.rows(product.get("variations")), product)}
    return [sku for sku in skus if "price" in shown.get(sku, {}) and not reading.number(shown[sku]["price"])]
