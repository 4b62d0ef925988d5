"""Replies of the wrong shape: what the faults of that group do to a document before it is sent."""

from collections.abc import Callable, Mapping
from typing import Any

from rocksync.sandbox.shapes import Document

_KEPT = frozenset(
    {"id", "sku", "quantity", "price", "status", "created", "modified", "total", "original_id", "external", "ack"}
    | {"channel", "items", "shipments", "variations", "payments", "subtotal", "name"}
)
"""Never made null: the hub always shows them where they are set."""


def tampered(document: Document, faults: Mapping[str, float], draw: Callable[[str], float]) -> Document:
    """Return *document*, a reply with its envelope, as the *faults* bend it; the argument stays as it is."""
    if "unknown-status" in faults:
        document = _each_entity(document, _with_unknown_status)
    if "nulls" in faults:
        document = _each_entity(document, lambda entity: _with_nulls(entity, draw))
    if "unset-members" in faults:
        document = _each_entity(document, _without_unset_members)
    if "short-products" in faults:
        document = _each_entity(document, _without_arrays)
    if "short-variations" in faults:
        document = _each_entity(document, _with_short_variations)
    if "unknown-members" in faults:
        document = {**_each_entity(document, _with_unknown_members), "_trace": {"shard": 7}}
    if "hidden-externals" in faults:
        document = _each_entity(document, lambda entity: {**entity, "external": None})
    if "reworded-invoices" in faults:
        document = _each_entity(document, _with_reworded_invoices)
    if "strings-for-numbers" in faults:
        document = _each_entity(document, _with_text_for_numbers)
    return document


def _each_entity(document: Document, change: Callable[[Document], Any]) -> Document:
    changed: Document = {}
    for name, value in document.items():
        if name in {"Product", "Order"}:
            changed[name] = change(value)
        elif name == "result":
            changed[name] = [_each_entity(row, change) for row in value]
        else:
            changed[name] = value
    return changed


def _with_unknown_status(entity: Document) -> Document:
    return {**entity, "status": "quantum_review"} if "status" in entity else entity


def _with_nulls(entity: Document, draw: Callable[[str], float]) -> Document:
    return {
        name: None if name not in _KEPT and draw(f"null {entity.get('id')} {name}") < 1 / 3 else value
        for name, value in entity.items()
    }


def _without_unset_members(entity: Document) -> Document:
    if "variations" not in entity:
        return entity
    return {**_set_members(entity), "variations": [_set_members(row) for row in entity["variations"]]}


def _set_members(row: Document) -> Document:
    return {"quantity": 0, **{name: value for name, value in row.items() if value is not None}}


def _without_arrays(entity: Document) -> Document:
    return {name: value for name, value in entity.items() if name not in {"variations", "categories", "attributes"}}


def _with_short_variations(entity: Document) -> Document:
    if "variations" not in entity:
        return entity
    names = ("id", "sku", "price", "special_price")
    return {**entity, "variations": [{name: row[name] for name in names} for row in entity["variations"]]}


def _with_unknown_members(entity: Document) -> Document:
    strange = {"x_new_member": {"nested": [1, None, "ção"]}, "2fa": False}
    changed = {**strange, **entity}
    for array in ("items", "variations", "shipments"):
        if array in entity:
            changed[array] = [{**row, **strange} for row in entity[array]]
    return changed


def _with_reworded_invoices(entity: Document) -> Document:
    if "shipments" not in entity:
        return entity
    return {**entity, "shipments": [_with_reworded_invoice(row) for row in entity["shipments"]]}


def _with_reworded_invoice(shipment: Document) -> Document:
    if not shipment.get("nfe_key"):
        return shipment
    link = f"https://plugg.example/{shipment['id']}.xml"
    return {**shipment, "nfe_link": link, "nfe_date": (shipment["nfe_date"] or "")[:10], "cfops": None}


def _with_text_for_numbers(value: object) -> object:
    match value:
        case bool():
            return value
        case int() | float():
            return str(value)
        case dict():
            return {name: _with_text_for_numbers(entry) for name, entry in value.items()}
        case list():
            return [_with_text_for_numbers(entry) for entry in value]
        case _:
            return value
