"""Tax and lead time members, from the tenant's settings or from attributes of the products.

Settings, all optional:

    "fiscal_fields": {
        "all": {"origin": 0, "warranty_time": 3, "warranty_message": "3 meses", "handling_time": 1},
        "attributes": {"ncm": "NCM", "cest": "CEST", "warranty_time": "Garantia (meses)"}
    }

all         gives every product the same value
attributes  names the attribute of the product that holds the value; it wins over "all", and is not sent as an
            attribute any more

ncm, cest and nbm are digits (dots are dropped), origin is 0 to 8, warranty_time in months, handling_time and
manufacture_time in days: whole numbers, also with their unit ("12 meses", "5 dias úteis"); any other, as "1 ano", sets
its product aside. warranty_message and isbn are texts.
"""

import re
from typing import Any

from rocksync.mapping import ItemError, Product, ProductPayload, Tenant, hookimpl

_DIGITS = {"ncm": 8, "cest": 7, "nbm": 10}
_DAYS = r"([0-9]{1,4})(?:\s*(?:dias?(?:\s+[uú]teis)?|days?))?"
_NUMBERS = {
    "origin": r"([0-9])",
    "warranty_time": r"([0-9]{1,4})(?:\s*(?:m[eê]s(?:es)?|months?))?",
    "handling_time": _DAYS,
    "manufacture_time": _DAYS,
}
_TEXTS = ("warranty_message", "isbn")
_KNOWN = (*_DIGITS, *_NUMBERS, *_TEXTS)
_LAST_ORIGIN = 8


@hookimpl
def rocksync_map_product(tenant: Tenant, product: Product, payload: ProductPayload) -> None:
    rule = tenant.settings.get("fiscal_fields", {})
    values: dict[str, Any] = {member: _clean(member, value) for member, value in rule.get("all", {}).items()}
    labels = rule.get("attributes", {})
    for member, label in labels.items():
        if product.attributes.get(label, "").strip():
            values[member] = _clean(member, product.attributes[label], f"attribute {label}: ")
    payload.update(values)  # type: ignore[typeddict-item] # members of _KNOWN
    used = {label for member, label in labels.items() if member in values}
    payload["attributes"] = [one for one in payload.get("attributes", []) if one["label"] not in used]


@hookimpl
def rocksync_check_settings(tenant: Tenant) -> list[str]:
    rule = tenant.settings.get("fiscal_fields", {})
    if not isinstance(rule, dict) or not all(isinstance(part, dict) for part in rule.values()):
        return ['fiscal_fields must be like {"all": {"origin": 0}, "attributes": {"ncm": "NCM"}}']
    wrong = [
        f'fiscal_fields knows no {part}; it knows "all" and "attributes"'
        for part in rule.keys() - {"all", "attributes"}
    ]
    for part, members in rule.items():
        wrong += [
            f"fiscal_fields.{part} knows no {one}; it knows {', '.join(_KNOWN)}" for one in members.keys() - set(_KNOWN)
        ]
    for member, value in rule.get("all", {}).items():
        try:
            if member in _KNOWN:
                _clean(member, value, "fiscal_fields.all: ")
        except ItemError as error:
            wrong.append(error.detail)
    wrong += [
        f"fiscal_fields.attributes: {member} must name an attribute of the products, not {label!r}"
        for member, label in rule.get("attributes", {}).items()
        if not (isinstance(label, str) and label.strip())
    ]
    return wrong


def _clean(member: str, value: object, place: str = "") -> str | int:
    """Return a value as Plugg.to wants it. Raises: ItemError, whose text begins with *place*."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    if member in _DIGITS:
        digits = re.sub(r"[.\-/ ]", "", text)
        if not (digits.isascii() and digits.isdigit() and len(digits) == _DIGITS[member]):
            raise ItemError(f"{place}{member} must have {_DIGITS[member]} digits, not {value!r}")
        return digits
    if member in _NUMBERS:
        found = re.fullmatch(_NUMBERS[member], text, re.IGNORECASE)
        if found is None or (member == "origin" and int(found[1]) > _LAST_ORIGIN):
            raise ItemError(f"{place}{member} must be a whole number, not {value!r}")
        return int(found[1])
    if not (isinstance(value, str) and text):
        raise ItemError(f"{place}{member} must be a text, not {value!r}")
    return text
