"""Locks ("travas"): members that are sent when a product is created and never again, so that Plugg.to's stay.

Settings:

    "field_locks": ["name", "description", "photos", "price"]

A lock holds for the product and its variations. "price" locks the price and the special price, "quantity" the stock.
What is added to the store later, a variation for instance, still comes with everything.

What is inactive goes to stock 0 in spite of a lock of "quantity". When it is active again the lock holds again: its
units are to be set at Plugg.to.

`rocksync resend` sends locked lists (photos, attributes, categories) again as they were sent last.
"""

from typing import Any, cast

from rocksync.mapping import PricePayload, ProductPayload, StockPayload, Tenant, hookimpl

_LISTS = ("attributes", "categories", "photos", "price_table", "stock_table")
_SINGLE = (
    "name",
    "description",
    "short_description",
    "brand",
    "model",
    "ean",
    "external",
    "link",
    "dimension",
    "video",
    "cost",
    "ncm",
    "cest",
    "nbm",
    "isbn",
    "origin",
    "warranty_time",
    "warranty_message",
    "handling_time",
    "manufacture_time",
)
_OFFER = ("price", "quantity")
_LOCKABLE = (*_SINGLE, *_LISTS, *_OFFER)


@hookimpl
def rocksync_map_product(tenant: Tenant, payload: ProductPayload, accepted: dict[str, Any] | None) -> None:
    if accepted is None:
        return
    locked = tenant.settings.get("field_locks", [])
    _lock(cast("dict[str, Any]", payload), accepted, locked)
    known = {variation["sku"]: variation for variation in accepted.get("variations", [])}
    for variation in payload.get("variations", []):
        if variation["sku"] in known:
            _lock(cast("dict[str, Any]", variation), known[variation["sku"]], locked)


@hookimpl
def rocksync_map_price(tenant: Tenant, payload: PricePayload, creating: bool) -> None:
    if not creating and "price" in tenant.settings.get("field_locks", []):
        payload.clear()  # type: ignore[attr-defined] # it is a dict


@hookimpl
def rocksync_map_stock(tenant: Tenant, payload: StockPayload, creating: bool) -> None:
    if not creating and "quantity" in tenant.settings.get("field_locks", []):
        payload.clear()  # type: ignore[attr-defined] # it is a dict


@hookimpl
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    locked = tenant.settings.get("field_locks", [])
    if not isinstance(locked, list):
        return ['field_locks must be a list like ["name", "photos"]']
    return [
        f"field_locks cannot lock {member!r}; it can lock {', '.join(_LOCKABLE)}"
        for member in locked
        if member not in _LOCKABLE
    ]


def _lock(payload: dict[str, Any], accepted: dict[str, Any], locked: list[str]) -> None:
    for member in locked:
        payload.pop(member, None)
        # A member that is absent stays as it is at Plugg.to; of a list, what is absent would be removed there.
        if member in _LISTS and member in accepted:
            payload[member] = accepted[member]
