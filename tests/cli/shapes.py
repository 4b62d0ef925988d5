"""Shapes of JSON: what every command's ``--json`` is held to."""

from typing import Any

Anything = object()


def fits(value: Any, shape: Any, path: str = "$") -> list[str]:
    """Where *value* is not as *shape* says; empty: nowhere.

    A dict names all members; a list has one shape for all its elements; a tuple is a choice; a type is itself; None is
    null; ``{str: shape}`` is an object of any names.
    """
    if shape is Anything:
        return []
    if isinstance(shape, tuple):
        found = [fits(value, each, path) for each in shape]
        return [] if not all(found) else min(found, key=len)
    if isinstance(shape, list):
        elements = value if isinstance(value, list) else []
        odd = [each for n, one in enumerate(elements) for each in fits(one, shape[0], f"{path}[{n}]")]
        return odd if elements is value else [f"{path} is no list"]
    return _object(value, shape, path) if isinstance(shape, dict) else _scalar(value, shape, path)


def _scalar(value: Any, shape: Any, path: str) -> list[str]:
    if shape is None:
        return [] if value is None else [f"{path} is {value!r}, not null"]
    kinds = (int, float) if shape is float else shape
    is_right = isinstance(value, kinds) and (shape is bool or not isinstance(value, bool))
    return [] if is_right else [f"{path} is {value!r}, not {shape.__name__}"]


def _object(value: Any, shape: dict[Any, Any], path: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{path} is no object"]
    if str in shape:
        return [each for name, one in value.items() for each in fits(one, shape[str], f"{path}.{name}")]
    odd = [f"{path} lacks {name}" for name in shape.keys() - value.keys()]
    odd += [f"{path} has {name} too" for name in value.keys() - shape.keys()]
    shared = shape.keys() & value.keys()
    return odd + [each for name in shared for each in fits(value[name], shape[name], f"{path}.{name}")]
