"""Single values as Plugg.to sends them, read tolerantly: text for numbers, null or rubbish anywhere.

Source: pluggto-api 4.4 (numbers and strings are mixed, dates are ISO-8601 in UTC). Whatever cannot be read is None.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

_MOST_DIGITS = 15
_MOST_PLACES = 100
"""Digits that a number's text may have before or behind its point: written out, 1e100000000 would fill the memory."""


def text(value: object) -> str | None:
    """The text of a string or number, trimmed; None for anything else and for nothing."""
    if isinstance(value, str):
        return value.strip().replace("\x00", "") or None
    if isinstance(value, Decimal):
        return format(value, "f") if value.is_finite() and abs(value.adjusted()) < _MOST_PLACES else None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: object) -> Decimal | None:
    """An exact number; None beyond fifteen digits, which no sum or quantity has."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str | int | float):
        try:
            value = Decimal(str(value).strip())
        except (InvalidOperation, ValueError):
            return None
    if not isinstance(value, Decimal) or not value.is_finite() or value.adjusted() >= _MOST_DIGITS:
        return None
    return value if value.adjusted() > -_MOST_DIGITS else Decimal(0)


def whole(value: object) -> int | None:
    """A whole number; None for a fraction."""
    found = number(value)
    return int(found) if found is not None and found == found.to_integral_value() else None


def yes(value: object) -> bool:
    """Whether *value* says true, in any of the ways in which it is said."""
    return value is True or (isinstance(value, str | int | Decimal) and str(value).strip().lower() in {"true", "1"})


def moment(value: object) -> datetime | None:
    """An instant in UTC; one without a zone is taken for UTC."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def digits(value: object) -> str | None:
    """The digits of a phone, CEP or CPF, without what people put between them."""
    found = text(value)
    return "".join(char for char in found if "0" <= char <= "9") or None if found else None


def row(value: object) -> Mapping[str, Any]:
    """An object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[dict[str, Any]]:
    """The objects of an array; none for anything else."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
