"""What mappers made of a product's default payload: only what differs is checked, and sent back."""

from collections.abc import Collection
from itertools import islice
from typing import Any

import msgspec

from rocksync.mapping import validation
from rocksync.mapping.validation import InvalidPayloadError
from rocksync.mapping.wire import ENCODER, MEMBERS, NO_NUMBER, NULL, checked, encoded

_UNCHANGED = NULL, ()
_Difference = tuple[dict[Any, Any], Collection[str]]


def changes(
    payload: Any,  # noqa: ANN401 # whatever mappers left
    default: msgspec.Raw,
    members: int,
    sku: str,
    variations: Collection[str],
    *,
    creating: bool,
) -> tuple[msgspec.Raw, Collection[str]]:
    """Return as JSON what of *payload* differs from *default*, of so many *members*, null if nothing, and what went.

    Members are compared as JSON: what is written alike is sent alike, whatever type a mapper gave it.

    Raises: InvalidPayloadError.
    """
    try:
        text = encoded(payload)
        if text == default:
            validation.check_name(payload, creating=creating)
            validation.check_size(text)
            return _UNCHANGED
        changed, gone = _added(payload, text, default, members) or _differing(payload, text, default)
    except (InvalidPayloadError, msgspec.DecodeError) as error:
        validation.product(payload, sku, variations, creating=creating)  # which names the member
        raise error if isinstance(error, InvalidPayloadError) else InvalidPayloadError(NO_NUMBER) from error
    parts = variations if "variations" in changed or "variations" in gone else ()
    named = {member: payload[member] for member in ("sku", "name") if member in payload}
    shape = validation.product({**changed, **named}, sku, parts, creating=creating)
    validation.check_size(text)
    return checked(msgspec.Raw(ENCODER.encode(shape))), gone


def _added(payload: Any, text: msgspec.Raw, default: msgspec.Raw, members: int) -> _Difference | None:  # noqa: ANN401
    """Return what mappers put behind the members of *default*; None if that is not all they did."""
    written, before = bytes(text), bytes(default)[:-1]
    if not written.startswith(before + b",") or not isinstance(payload, dict):
        return None
    return dict(islice(payload.items(), members, None)), ()


def _differing(payload: Any, text: msgspec.Raw, default: msgspec.Raw) -> _Difference:  # noqa: ANN401
    """Return the members that differ, and those that went.

    Raises: msgspec.DecodeError when *text* is no JSON.
    """
    before, after = MEMBERS.decode(default), MEMBERS.decode(text) if isinstance(payload, dict) else {}
    try:
        changed = {member: payload[member] for member, written in after.items() if written != before.get(member)}
    except KeyError:  # its name is no text
        changed = payload
    return changed, [
        member for member in before if member not in after or (member in changed and _is_empty(changed[member]))
    ]


def _is_empty(value: object) -> bool:
    return not value and value != 0
