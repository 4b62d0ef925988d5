"""The full, null-heavy shapes in which the hub shows products and orders.

Source: the read-side examples of https://developers.plugg.to/reference/get-one-order and /update-sku-stock; the set of
members is put together from several sources, so a null here is assumed.
"""

from typing import Any, TypeAlias

from rocksync.sandbox.members import ITEM, ORDER, PAYMENT, PRODUCT, SHIPMENT, SIZE

Document: TypeAlias = dict[str, Any]

PRODUCT_MEMBERS = (*PRODUCT, "id", "user_id", "created", "modified", "timestamp", "inspected_fields")
_SELLABLE_ARRAYS = ("attributes", "photos", "price_table", "stock_table")


def _nulls(names: object) -> Document:
    return dict.fromkeys(names)  # type: ignore[call-overload, no-any-return]  # any iterable of names does


def empty_product() -> Document:
    """Return a product in which nothing is set yet."""
    return {
        **_nulls(PRODUCT),
        **{name: [] for name in (*_SELLABLE_ARRAYS, "categories", "variations", "grouped_skus")},
        "dimension": _nulls(SIZE),
        "real_dimension": _nulls(SIZE),
    }


def empty_variation() -> Document:
    """Return a variation in which nothing is set yet."""
    names = ("sku", "name", "external", "quantity", "price", "special_price", "ean", "ean_not_mandatory", "available")
    return {**_nulls(names), **{name: [] for name in _SELLABLE_ARRAYS}, "dimension": _nulls(SIZE)}


def empty_row(array: str) -> Document:
    """Return an element of one of the keyed arrays in which nothing is set yet."""
    match array:
        case "attributes":
            return {"code": None, "label": None, "value": None, "attribute_diff": None}
        case "photos":
            return {"url": None, "name": None, "title": None, "order": None, "external": None, "thumb": None}
        case "price_table":
            return {"code": None, "label": None, "action": None, "percentage": None, "price": None} | {
                "special_price": None,
                "maximum_price": 0,
                "minimum_price": 0,
            }
        case "stock_table":
            histories: Document = {"price_history": [], "specialprice_history": [], "stock_history": []}
            return {"code": None, "type": "own", "priority": 0, "reserved": 0, "quantity": None, **histories}
        case "variations":
            return empty_variation()
        case _:
            return {"name": None}


def inspected_fields(product: Document) -> Document:
    """Return the completeness report of *product*.

    Source: https://developers.plugg.to/reference/update-sku-stock. When a field counts as valid is assumed.
    """
    names = ("name", "description", "ean", "link", "price", "special_price", "brand")
    report: Document = {name: {"valid": bool(product[name])} for name in names}
    levels = max((str(row["name"]).count(" > ") + 1 for row in product["categories"]), default=0)
    report["categories"] = {"valid": levels > 0, "levels": levels}
    for shown, member in (("dimensions", "dimension"), ("real_dimension", "real_dimension")):
        sides = {side: bool(product[member].get(side)) for side in ("weight", "length", "height", "width")}
        report[shown] = {"valid": all(sides.values()), **sides}
    return report


_COMMISSION = ("fixed", "tax", "total_charged", "comment")
_TAGS = ("key", "xml", "pdf")
_PROGRESS = tuple(
    f"{step}_{what}" for what in ("accepted", "informed") for step in ("invoicing", "shipping", "delivery")
)


def empty_order() -> Document:
    """Return an order in which nothing is set yet."""
    tags = (*(f"has_invoice_{tag}" for tag in _TAGS), "has_payment_form", "has_track", "has_track_url", "has_label")
    return {
        "tags": _nulls(tags),
        "commission": _nulls(_COMMISSION),
        "status_history": [],
        "substatus_history": [],
        **_nulls(name for name in ORDER if name != "update"),
        "log_history": [],
        "log_permanent": [],
        "payments": [],
        "items": [],
        "shipments": [],
        "other_ids": [],
        **_nulls(("user_client_id", "input_service", "modified_by", "comission", "sla_ship", "sla_delivery")),
        **_nulls(name for flag in _PROGRESS for name in (flag, f"{flag}_date")),
        **_nulls(("label_printed", "deleted")),
        "ack": False,
    }


def empty_shipment() -> Document:
    """Return a shipment in which nothing is set yet."""
    label = ("plp", "logotipo", "sender_name", "sender_address", "sender_city", "sender_state", "sender_zipcode")
    return {
        "label_info": _nulls(label),
        **_nulls(SHIPMENT),
        "issues": [],
        "shipping_items": [],
        "documents": [],
    }


def full_item(item: Document) -> Document:
    """Return an order's line with every member."""
    variation = {**_nulls(("id", "name", "external", "sku", "ean", "photo_url")), "attributes": []}
    return {
        **_nulls(ITEM),
        **item,
        "commission": _nulls(_COMMISSION) | (item.get("commission") or {}),
        "variation": variation | (item.get("variation") or {}),
    }


def full_payment(payment: Document, payment_id: str) -> Document:
    """Return a payment with every member; installments are text on read, as the documentation shows them."""
    filled = {**_nulls(PAYMENT), **payment, "id": payment_id}
    if filled["payment_installments"] is not None:
        filled["payment_installments"] = str(filled["payment_installments"])
    return filled
