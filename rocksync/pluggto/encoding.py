"""Bodies and paths as Plugg.to takes them: typed, and never with a null or an empty member.

Source: pluggto-api 3.3 and 4.3 (member names and types), 3.8 (an omitted member keeps its value).
"""

import math
from collections.abc import Callable, Mapping
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import quote

import msgspec

from rocksync.domain.errors import ItemError

_CENT = Decimal("0.01")
_encode = msgspec.json.Encoder(decimal_format="number").encode


def money(value: object) -> Decimal:
    """*value* at two decimals. Raises: ValueError if it is no number."""
    return measure(value).quantize(_CENT, ROUND_HALF_UP)


def quantity(value: object) -> int:
    """*value* as a whole number. Raises: ValueError if it is none."""
    if type(value) is int:
        return value
    found = Decimal(str(value))
    if isinstance(value, bool) or found != found.to_integral_value():
        raise ValueError("no whole number")
    return int(found)


def measure(value: object) -> Decimal:
    """*value* with the decimals it has. Raises: ValueError if it is no number."""
    found = value if type(value) is Decimal else Decimal(str(value))
    if isinstance(value, bool) or not found.is_finite():
        raise ValueError("no number")
    return found


def _name(value: object) -> str:
    if isinstance(value, bool | dict | list):
        raise ValueError("no text")  # noqa: TRY004 - one kind of complaint for all members
    return format(value, "f") if isinstance(value, Decimal) else str(value)


_TYPES: Mapping[str, Callable[[object], object]] = {
    **dict.fromkeys(("price", "special_price", "cost"), money),
    **dict.fromkeys(("quantity", "available", "order", "origin"), quantity),
    **dict.fromkeys(("length", "width", "height", "weight"), measure),
    **dict.fromkeys(("sku", "name", "external", "ean", "ncm", "nbm", "isbn", "cest", "brand", "model"), _name),
    **dict.fromkeys(("code", "label", "description", "short_description", "link", "url", "title", "id"), _name),
    **dict.fromkeys(("nfe_key", "nfe_number", "nfe_serie", "nfe_date", "nfe_link", "cfops"), _name),
    **dict.fromkeys(("track_code", "track_url", "shipping_company", "shipping_method", "date_shipped"), _name),
}
"""Types of the members we know; any other, that a mapper adds, goes as it is."""


def _typed(name: str, value: object) -> object:
    """*value* as its member is sent; None: it is not sent. Raises: ValueError if it does not fit."""
    convert = _TYPES.get(name)
    is_text = isinstance(value, str)
    if value is None or (is_text and not str(value).strip()):
        return None
    if is_text and (convert is None or convert is _name):
        return value
    if convert is not None:
        try:
            return convert(value)
        except (ValueError, ArithmeticError):
            raise ValueError(f"{name} cannot be sent: {type(value).__name__} {str(value)[:40]!r}") from None
    if isinstance(value, dict):
        return members(value) or None
    if isinstance(value, list | tuple):
        return [kept for entry in value if (kept := _typed(name, entry)) is not None] or None
    if isinstance(value, Decimal | float) and not math.isfinite(value):
        raise ValueError(f"{name} cannot be sent: it is no number")
    return value


def members(document: Mapping[str, Any]) -> dict[str, Any]:
    """*document* as it is sent: typed, without null and empty members.

    Raises: ValueError naming a member whose value does not fit its type.
    """
    return {name: kept for name, value in document.items() if (kept := _typed(name, value)) is not None}


def body(key: str, document: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """*document* as it is sent, and its JSON. Raises: ItemError for *key* if a member does not fit its type."""
    try:
        sent = members(document)
        return sent, _encode(sent)
    except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
        raise ItemError(key, f"the payload cannot be sent: {error}") from None


def sku_segment(sku: str) -> str:
    """*sku* percent-encoded for a path. Raises: ItemError if no path can carry it. Source: pluggto-api 3.1, 9 X4."""
    if not sku or sku != sku.strip():
        raise ItemError(sku, f"the SKU {sku!r} begins or ends with a blank, or is empty: correct it in the store")
    if sku in {".", ".."} or not sku.isprintable():
        raise ItemError(sku, f"the SKU {sku!r} cannot stand in an address: correct it in the store")
    return quote(sku, safe="")
