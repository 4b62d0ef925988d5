"""What the hub may hold of a product when nobody knows which of two payloads it took last."""

from collections.abc import Mapping
from typing import Any

_BY = {"photos": "url", "attributes": "code", "categories": "name", "variations": "sku"}


def either(one: Mapping[str, Any] | None, other: Mapping[str, Any] | None) -> dict[str, Any]:
    """A product payload with every element that is in *one* or *other*; what both have is as in *other*."""
    before, after = one or {}, other or {}
    merged = {**before, **after}
    for name, key in _BY.items():
        if name in before and name in after:
            elements = {element.get(key): element for element in before[name]}
            for element in after[name]:
                known = elements.get(element.get(key))
                both = name == "variations" and known is not None
                elements[element.get(key)] = either(known, element) if both else element
            merged[name] = list(elements.values())
    return merged
