"""What mappers made of a product's default payload: only what differs is checked, and sent back."""

from collections.abc import Collection
from typing import Any

import msgspec

from rocksync.mapping import validation
from rocksync.mapping.validation import InvalidPayloadError
from rocksync.mapping.wire import ENCODER, MEMBERS, NO_NUMBER, NULL, checked, encoded

_UNCHANGED = NULL, ()


def changes(
    payload: Any,  # noqa: ANN401 # whatever mappers left
    default: msgspec.Raw,
    sku: str,
    variations: Collection[str],
    *,
    creating: bool,
) -> tuple[msgspec.Raw, Collection[str]]:
    """Return as JSON the members of *payload* that differ from *default*, null if none does, and those that went.

    Members are compared as JSON: what is written alike is sent alike, whatever type a mapper gave it.

    Raises: InvalidPayloadError.
    """
    try:
        text = encoded(payload)
        if text == default:
            validation.check_name(payload, creating=creating)
            validation.check_size(text)
            return _UNCHANGED
        before, after = MEMBERS.decode(default), MEMBERS.decode(text) if isinstance(payload, dict) else {}
    except (InvalidPayloadError, msgspec.DecodeError) as error:
        validation.product(payload, sku, variations, creating=creating)  # which names the member
        raise error if isinstance(error, InvalidPayloadError) else InvalidPayloadError(NO_NUMBER) from error
    try:
        changed = {member: payload[member] for member, written in after.items() if written != before.get(member)}
    except KeyError:  # its name is no text
        changed = payload
    gone = [member for member in before if member not in after or (member in changed and _is_empty(changed[member]))]
    parts = variations if "variations" in changed or "variations" in gone else ()
    named = {member: payload[member] for member in ("sku", "name") if member in payload}
    shape = validation.product({**changed, **named}, sku, parts, creating=creating)
    validation.check_size(text)
    return checked(msgspec.Raw(ENCODER.encode(shape))), gone


def _is_empty(value: object) -> bool:
    return not value and value != 0
