"""Dicts and lists that a mapper can read, copy and compare, but not change."""

from typing import Any, NoReturn


def _refuse(self: object, *_: object, **__: object) -> NoReturn:
    raise TypeError(f"this {type(self).__mro__[1].__name__} is read-only: only the payload may be changed")


class ReadOnlyDict(dict[str, Any]):
    """A dict that refuses every change."""

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        """Have copies be dicts that may be changed."""
        return dict, (dict(self),)


class ReadOnlyList(list[Any]):
    """A list that refuses every change."""

    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse
    append = clear = extend = insert = pop = remove = reverse = sort = _refuse

    def __reduce__(self) -> tuple[type[list[Any]], tuple[list[Any]]]:
        """Have copies be lists that may be changed."""
        return list, (list(self),)


def read_only(value: Any) -> Any:  # noqa: ANN401 # decoded JSON
    """Return decoded JSON whose dicts and lists, at any depth, refuse to be changed."""
    if isinstance(value, dict):
        return ReadOnlyDict({member: read_only(one) for member, one in value.items()})
    if isinstance(value, list):
        return ReadOnlyList([read_only(one) for one in value])
    return value
