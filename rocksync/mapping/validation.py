"""What a payload must be like before it may leave, whoever wrote it. Answers are cleaned copies of what is given."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from rocksync.domain.documents import (
    InvoicePayload,
    OrderDocument,
    PricePayload,
    ShipmentPayload,
    StockPayload,
)
from rocksync.domain.reasons import Reason
from rocksync.mapping.shapes import (
    DimensionShape,
    InvoiceShape,
    OrderShape,
    PhotoShape,
    ProductShape,
    SellableShape,
    ShipmentShape,
)

LARGEST_BYTES = 1_000_000
_CENT = Decimal("0.01")
_NFE_KEY = re.compile(r"[0-9]{6}[A-Z0-9]{12}[0-9]{26}")
_PRICE_AND_STOCK = frozenset(("price", "special_price", "quantity"))
_NO_NUMBERS = (UNSET,) * 4
_LINE_AMOUNTS = ("unit_price", "discount", "total")
_AMOUNTS = ("subtotal", "shipping", "discount", "total")
_FIRST_YEAR, _LAST_YEAR = "2000", "2099"
_UTC_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_AT = re.compile(r"^(?P<what>.*?)(?: - at (?:`key` in )?`\$\.?(?P<place>.*)`)?$")
_Shape = TypeVar("_Shape", bound=msgspec.Struct)


class InvalidPayloadError(Exception):
    """A payload that may not leave; the text names the member."""

    def __init__(self, detail: str, *, reason: Reason = Reason.INVALID_ITEM) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


def check_sku(sku: str) -> None:
    """Raise InvalidPayloadError when a SKU cannot be part of a Plugg.to path. Source: pluggto-api 3.1, X4."""
    if not sku or sku != sku.strip():
        raise InvalidPayloadError(f"SKU {sku!r} begins or ends with a blank: rename it")
    if sku in {".", ".."} or (not sku.isprintable() and any(unicodedata.category(one) == "Cc" for one in sku)):
        raise InvalidPayloadError(f"SKU {sku!r} cannot be part of an address: rename it")


def product(payload: object, sku: str, variations: Collection[str], *, creating: bool) -> ProductShape:
    """Return the payload of product *sku*; it must have exactly *variations*, in any order."""
    cleaned = _without_empty(payload)
    if isinstance(parts := cleaned.get("variations"), list):
        variants = [_without_empty(part) if isinstance(part, dict) else part for part in parts]
        cleaned = {**cleaned, "variations": variants}
    try:
        shape = _shaped(cleaned, ProductShape)
    except InvalidPayloadError:
        _refuse_price_and_stock(cleaned)  # which says more of what is wrong
        check_name(payload, creating=creating)
        raise
    check_name(payload, creating=creating)
    if shape.sku != sku:
        raise InvalidPayloadError(f"sku must stay {sku!r}, not {shape.sku!r}")
    _finish("", shape)
    parts = () if shape.variations is UNSET else shape.variations
    if (parts or variations) and (len(parts) != len(variations) or {part.sku for part in parts} != set(variations)):
        raise InvalidPayloadError("variations must stay those of the store: none added, left out or renamed")
    for number, part in enumerate(parts):
        _finish(f"variations[{number}].", part)
    if shape.categories is not UNSET and len({one.name for one in shape.categories}) != len(shape.categories):
        raise _twice("categories", [one.name for one in shape.categories])
    return shape


def check_name(payload: Any, *, creating: bool) -> None:  # noqa: ANN401 # a dict, of whatever a mapper left
    """Raise InvalidPayloadError when a product has an empty name, or is about to be created without one."""
    if "name" not in payload:
        if creating:
            raise InvalidPayloadError("name is missing")
    elif not (name := payload["name"]) or (isinstance(name, str) and name.isspace()):
        raise InvalidPayloadError("name is empty")


def _refuse_price_and_stock(cleaned: dict[Any, Any]) -> None:
    parts = cleaned.get("variations")
    places = {f"variations[{number}].": part for number, part in enumerate(parts if isinstance(parts, list) else ())}
    for place, members in {"": cleaned, **places}.items():
        if isinstance(members, dict) and not _PRICE_AND_STOCK.isdisjoint(members):
            member = next(one for one in members if one in _PRICE_AND_STOCK)
            hook = "rocksync_map_stock" if member == "quantity" else "rocksync_map_price"
            raise InvalidPayloadError(f"{place}{member} does not belong in a product payload: use {hook}")


def _finish(place: str, shape: SellableShape) -> None:
    if shape.dimension is not UNSET:
        _check_dimension(place, shape.dimension)
    if shape.photos is not UNSET:
        _complete_photos(place, shape.photos)
    attributes = shape.attributes
    if attributes is not UNSET and len({one.code for one in attributes}) != len(attributes):
        raise _twice(f"{place}attributes", [one.code for one in attributes])
    if (shape.cost, shape.handling_time, shape.manufacture_time, shape.warranty_time) == _NO_NUMBERS:
        return
    for member in ("cost", "handling_time", "manufacture_time", "warranty_time"):
        value = getattr(shape, member)
        if value is not UNSET and not (value.is_finite() and value >= 0):
            raise InvalidPayloadError(f"{place}{member} must be 0 or more, not {value}")
        if member != "cost" and value is not UNSET and value != value.to_integral_value():
            raise InvalidPayloadError(f"{place}{member} must be a whole number, not {value}")


def _check_dimension(place: str, dimension: DimensionShape) -> None:
    for value in (dimension.length, dimension.width, dimension.height, dimension.weight):
        if value is not UNSET and not (value.is_finite() and not value.is_signed()):
            raise InvalidPayloadError(f"{place}dimension must hold measures of 0 or more, not {value}")


def _complete_photos(place: str, photos: Sequence[PhotoShape]) -> None:
    for number, photo in enumerate(photos):
        if photo.external is UNSET:
            photo.external = photo.url
        if photo.order is UNSET:
            photo.order = number
    if len({photo.url for photo in photos}) != len(photos):
        raise _twice(f"{place}photos", [photo.url for photo in photos])


def _twice(place: str, keys: Sequence[str]) -> InvalidPayloadError:
    twice = next(key for number, key in enumerate(keys) if key in keys[:number])
    return InvalidPayloadError(f"{place} has {twice!r} twice")


def price(payload: object) -> PricePayload:
    """Return the payload with two decimals, rounded half up; a special price of 0 is none."""
    members = _members(payload, ("price", "special_price"))
    full = _money("price", members.get("price"))
    if full <= 0:
        raise InvalidPayloadError(f"price must be above 0, not {full}")
    if members.get("special_price") is None:
        return {"price": full, "special_price": None}
    sale = _money("special_price", members["special_price"])
    if sale < 0:
        raise InvalidPayloadError(f"special_price must be above 0, or None for no promotion, not {sale}")
    if sale > full:
        raise InvalidPayloadError(f"special_price {sale} is above price {full}")
    return {"price": full, "special_price": sale or None}


def stock(payload: object) -> StockPayload:
    """Return the payload: whole units, 0 or more."""
    quantity = _members(payload, ("quantity",)).get("quantity")
    if type(quantity) is not int:
        raise InvalidPayloadError(f"quantity must be an int, not {_kind(quantity)}")
    if quantity < 0:
        raise InvalidPayloadError(f"quantity must be 0 or more, not {quantity}")
    return {"quantity": quantity}


def order(document: object, order_id: str, status: str) -> OrderDocument:
    """Return the store order; its id and status at Plugg.to are not a mapper's to change."""
    shape = _shaped(document, OrderShape, unknown="an order of the store has no member")
    given: Any = document
    if shape.pluggto_id != order_id:
        raise InvalidPayloadError("pluggto_id must stay as it is")
    if shape.status != status:
        raise InvalidPayloadError(f"status must stay {status!r}")
    if not shape.items:
        raise InvalidPayloadError("items is empty: the order has no lines")
    for number, line in enumerate(shape.items):
        if not line.sku.strip():
            raise InvalidPayloadError(f"items[{number}].sku is empty", reason=Reason.UNKNOWN_SKU)
        if line.quantity <= 0:
            raise InvalidPayloadError(f"items[{number}].quantity must be above 0, not {line.quantity}")
        _check_amounts(f"items[{number}].", given["items"][number], _LINE_AMOUNTS)
    _check_amounts("", given, _AMOUNTS)
    if isinstance(shape.placed_at, datetime) and shape.placed_at.tzinfo is None:
        raise InvalidPayloadError("placed_at must name its zone")
    members: dict[str, Any] = msgspec.structs.asdict(shape)
    members["items"] = [msgspec.structs.asdict(line) for line in shape.items]
    result: OrderDocument = members  # type: ignore[assignment] # OrderShape has exactly its members
    return result


def _check_amounts(place: str, amounts: dict[str, Any], members: tuple[str, ...]) -> None:
    for member in members:
        amount = amounts[member]
        if amount is None or type(amount) is int:
            continue
        if not isinstance(amount, Decimal):
            raise InvalidPayloadError(f"{place}{member} must be a Decimal, not {_kind(amount)}")
        if not amount.is_finite():
            raise InvalidPayloadError(f"{place}{member} must be a number, not {amount}")


def check_size(encoded: msgspec.Raw) -> None:
    """Raise InvalidPayloadError when a payload, as JSON, is larger than one may be."""
    if len(encoded) > LARGEST_BYTES:
        raise InvalidPayloadError(f"the payload is larger than {LARGEST_BYTES:,} bytes of JSON")


def invoice(payload: object) -> InvoicePayload:
    """Return the NF-e members. Faults have the reason invalid_invoice. Source: pluggto-api 4.8, X16, X17."""
    try:
        shape = _shaped(_trimmed(payload), InvoiceShape)
        _check_date("nfe_date", shape.nfe_date)
        check_nfe_key(shape.nfe_key)
    except InvalidPayloadError as error:
        raise InvalidPayloadError(error.detail, reason=Reason.INVALID_INVOICE) from error
    result: InvoicePayload = msgspec.to_builtins(shape)
    return result


def check_nfe_key(key: str) -> None:
    """Raise InvalidPayloadError unless *key* has 44 digits of which the last is the check digit (modulo 11).

    The issuer's CNPJ, at 7 to 20, may have capital letters but in its last two places. Source: Nota Técnica Conjunta
    DFe 2025.001; that Plugg.to takes them is assumed.
    """
    if not _NFE_KEY.fullmatch(key):
        raise InvalidPayloadError(
            "nfe_key must have 44 digits and nothing else, but for capital letters at 7 to 18 where the issuer's CNPJ"
            f" has them; this one has {len(key)} characters"
        )
    if key[-1] != nfe_check_digit(key[:-1]):
        raise InvalidPayloadError("the last digit of nfe_key, its check digit, does not fit the others")


def nfe_check_digit(digits: str) -> str:
    """Return the modulo 11 check digit of the first 43 digits of an NF-e key: weights 2 to 9 from the right.

    A letter counts as its place in ASCII after the zero. Source: Nota Técnica Conjunta DFe 2025.001.
    """
    total = sum((ord(digit) - ord("0")) * (2 + place % 8) for place, digit in enumerate(reversed(digits)))
    check = 11 - total % 11
    return "0" if check in {10, 11} else str(check)


def shipment(payload: object) -> ShipmentPayload:
    """Return the tracking members."""
    shape = _shaped(_trimmed(payload), ShipmentShape)
    if shape.date_shipped is not UNSET:
        _check_date("date_shipped", shape.date_shipped)
    result: ShipmentPayload = msgspec.to_builtins(shape)
    return result


def _check_date(member: str, text: str) -> None:
    if not _UTC_TEXT.fullmatch(text):
        raise InvalidPayloadError(f"{member} must be UTC like 2024-07-15T18:07:07.000Z, not {text!r}")
    if not _FIRST_YEAR <= text[:4] <= _LAST_YEAR:
        raise InvalidPayloadError(f"{member} must be of the years {_FIRST_YEAR} to {_LAST_YEAR}, not {text!r}")


def _shaped(payload: object, shape: type[_Shape], *, unknown: str = "Plugg.to knows no member") -> _Shape:
    try:
        return msgspec.convert(payload, shape)
    except msgspec.ValidationError as error:
        raise InvalidPayloadError(_place_first(str(error), unknown)) from error


def _place_first(text: str, unknown: str) -> str:
    found = _AT.match(text)
    if found is None:
        return text
    what = found["what"].replace("Object contains unknown field", unknown)
    what = what.replace("Object missing required field", "missing")
    return f"{found['place']}: {what}" if found["place"] else what


def _trimmed(payload: object) -> dict[Any, Any]:
    """The members that say something, without the blanks of CHAR columns: what reads back has none around it."""
    members = _without_empty(payload)
    return _without_empty({name: value.strip() if isinstance(value, str) else value for name, value in members.items()})


def _without_empty(payload: object) -> dict[Any, Any]:
    if not isinstance(payload, dict):
        raise InvalidPayloadError(f"the payload must be a dict, not {_kind(payload)}")
    if all(payload.values()):
        return payload
    return {member: value for member, value in payload.items() if value or value == 0}


def _members(payload: object, known: tuple[str, ...]) -> dict[Any, Any]:
    if not isinstance(payload, dict):
        raise InvalidPayloadError(f"the payload must be a dict, not {_kind(payload)}")
    for member in payload:
        if member not in known:
            raise InvalidPayloadError(f"Plugg.to knows no member {member!r} here; it knows {', '.join(known)}")
    return payload


def _money(member: str, value: object) -> Decimal:
    if type(value) is int:
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise InvalidPayloadError(f"{member} must be a Decimal, not {_kind(value)}")
    if not value.is_finite():
        raise InvalidPayloadError(f"{member} must be a number, not {value}")
    try:
        return value.quantize(_CENT, rounding=ROUND_HALF_UP)
    except InvalidOperation as error:
        raise InvalidPayloadError(f"{member} is too large: {value}") from error


def _kind(value: object) -> str:
    return "None" if value is None else f"{type(value).__name__}"
