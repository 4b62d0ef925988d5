"""Sending back only what mappers changed comes to the same as sending back all of it."""

import copy
from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from rocksync.domain.documents import ProductPayload
from rocksync.mapping import default, validation
from rocksync.mapping.changes import changes
from rocksync.mapping.validation import InvalidPayloadError
from rocksync.mapping.wire import ENCODER, PAYLOADS, encoded
from tests.mapping.rows import listing, variation

ROW = listing(
    "SHIRT",
    name="Camiseta",
    description="<p>Algodão \\ 'fio 30'</p>",
    brand="Marca",
    categories=("Roupas > Camisetas",),
    attributes={"Cor": "Azul", "Gola": "V"},
    photos=("https://img.example/1.jpg", "https://img.example/2.jpg"),
    weight_kg=Decimal("0.20"),
    width_cm=Decimal(20),
    variations=(
        variation("SHIRT-P", name="P", photos=("https://img.example/p.jpg",)),
        variation("SHIRT-M", attributes={"Tamanho": "M"}, weight_kg=Decimal("0.3")),
    ),
)
SKUS = ["SHIRT-P", "SHIRT-M"]
_DECODER = msgspec.json.Decoder(float_hook=Decimal)


class Text(str):
    """What a mapper may take for a text."""


_ODD = [None, "", " ", [], {}, (), 0, False, True, -1, 2.5, float("nan"), float("inf"), 10**30, Decimal("NaN")]
_OFTEN = ["x", "SHIRT", Text("x"), b"x", "a\0b", Decimal("0.20"), Decimal("0.2"), 20, object(), {"code": "a"}, [None]]
_VALUES = st.sampled_from(
    [*_ODD, *_OFTEN, {"length": 3}, [{"name": "A"}], [{"name": "A"}] * 2, [{"sku": Decimal("NaN")}], ["a"], {2: "x"}]
)
_MEMBERS = st.sampled_from(
    [*default.product_payload(ROW, SKUS), "ncm", "origin", "cost", "price_table", "price", "x", 7]
)
_STEPS = st.lists(st.tuples(st.sampled_from(["set", "set", "drop", "deep", "turn", "twice"]), _MEMBERS, _VALUES))


def changed(payload: Any, steps: list[tuple[str, Any, Any]]) -> None:
    """Do to *payload* what a mapper might."""
    for what, member, value in steps:
        inner = payload.get(member)
        if what == "set":
            payload[member] = copy.copy(value)
        elif what == "drop":
            payload.pop(member, None)
        elif isinstance(inner, list) and inner:
            if what == "turn":
                inner.reverse()
            elif what == "twice":
                inner.append(copy.deepcopy(inner[0]))
            elif isinstance(inner[0], dict):
                inner[0]["name"] = value
        elif isinstance(inner, dict) and what == "deep":
            inner["weight"] = value


def outcome(payload: Any, made: Any) -> dict[str, Any] | str:
    """What is sent of *payload* by the worker, or what is wrong with it."""
    try:
        return made(payload)  # type: ignore[no-any-return] # one of the two below
    except InvalidPayloadError as error:
        return error.detail


@settings(max_examples=500, deadline=None)
@given(steps=_STEPS, creating=st.booleans())
def test_what_changed_comes_to_the_same_as_all_of_it(steps: list[tuple[str, Any, Any]], creating: bool) -> None:
    text = msgspec.Raw(ENCODER.encode(default.product_payload(ROW, SKUS)))

    def whole(payload: Any) -> dict[str, Any]:
        text = encoded(validation.product(payload, "SHIRT", SKUS, creating=creating))
        try:
            return decoded(text)
        except msgspec.DecodeError as error:
            raise InvalidPayloadError("a number is NaN, infinite or too large") from error

    def parts(payload: Any) -> dict[str, Any]:
        body, gone = changes(payload, text, len(decoded(text)), "SHIRT", SKUS, creating=creating)
        sent: dict[str, Any] = {**decoded(text), **(decoded(body) or {})}
        return {member: value for member, value in sent.items() if member not in gone}

    one: ProductPayload = PAYLOADS.decode(text)
    other: ProductPayload = PAYLOADS.decode(text)
    changed(one, steps)
    changed(other, steps)

    assert outcome(other, parts) == outcome(one, whole)


def decoded(text: Any) -> Any:
    return _DECODER.decode(text)
