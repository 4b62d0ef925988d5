"""What a mapping would change at Plugg.to, member by member."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

# What tells one element of a list from another, in this order. Source: pluggto-api 3.5.
_KEYS = ("sku", "code", "url", "name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One member that differs: ``variations[CAM-P].name``. None: it is not there."""

    path: str
    before: Any
    after: Any


def differences(accepted: Mapping[str, Any] | None, payload: Mapping[str, Any]) -> list[Difference]:
    """Return how *payload* differs from what was last accepted (None: nothing was), in the order of its members."""
    return _members("", accepted or {}, payload)


def _members(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    found: list[Difference] = []
    for member in dict.fromkeys((*after, *before)):
        found += _values(f"{path}.{member}" if path else member, before.get(member), after.get(member))
    return found


def _values(path: str, before: Any, after: Any) -> list[Difference]:  # noqa: ANN401 # decoded JSON
    if _same(before, after):
        return []
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return _members(path, before, after)
    if _is_list(before) and _is_list(after) and (key := _key(*before, *after)):
        return _elements(path, {one[key]: one for one in before}, {one[key]: one for one in after})
    return [Difference(path=path, before=before, after=after)]


def _elements(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    found: list[Difference] = []
    for name in dict.fromkeys((*after, *before)):
        found += _values(f"{path}[{name}]", before.get(name), after.get(name))
    return found


def _is_list(value: Any) -> bool:  # noqa: ANN401 # decoded JSON
    return isinstance(value, Sequence) and not isinstance(value, str)


def _key(*elements: Any) -> str | None:  # noqa: ANN401 # decoded JSON
    if not all(isinstance(one, Mapping) for one in elements):
        return None
    return next((key for key in _KEYS if all(key in one for one in elements)), None)


def _same(before: Any, after: Any) -> bool:  # noqa: ANN401 # decoded JSON
    return bool(_plain(before) == _plain(after))


def _plain(value: Any) -> Any:  # noqa: ANN401 # decoded JSON
    """Return the value with floats as the decimals they show: 0.1 is 0.1 on both sides."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, Mapping):
        return {member: _plain(one) for member, one in value.items()}
    return [_plain(one) for one in value] if _is_list(value) else value
