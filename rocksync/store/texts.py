"""Foreign JSON as Postgres can store it: without NUL characters and halves of surrogate pairs."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from rocksync.domain.texts import storable

_encode = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode
_decode = msgspec.json.Decoder(float_hook=Decimal).decode


def json_text(value: object) -> str:
    """Return *value* as JSON that ``jsonb`` takes, the same for equal values; Decimal as a number."""
    return _encode(_cleaned(value)).decode()


def storable_json(text: str) -> str:
    """Return the JSON *text* as it is, or without what ``jsonb`` refuses."""
    return json_text(_decode(text)) if "\\u0000" in text else text


def _cleaned(value: object) -> object:
    match value:
        case str():
            return storable(value)
        case Mapping():
            return {storable(key): _cleaned(each) for key, each in value.items()}
        case list() | tuple():
            return [_cleaned(each) for each in value]
        case _:
            return value
