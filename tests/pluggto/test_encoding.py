import json
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksync.domain.documents import PriceDocument, StockDocument
from rocksync.domain.errors import ItemError
from rocksync.pluggto import encoding, offers, product_writes, replies

from .conftest import offer, simple, varied

SAMPLES = Path(__file__).parents[1] / "samples" / "pluggto"

_scalars = st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=True, allow_infinity=True)
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(min_size=1, max_size=6), inner, max_size=4),
    max_leaves=15,
)
_names = st.sampled_from(["sku", "name", "price", "quantity", "available", "dimension", "photos", "ncm", "x"])


def empties(value: object) -> list[object]:
    if value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip()):
        return [value]
    if isinstance(value, dict):
        return [found for entry in value.values() for found in empties(entry)]
    return [found for entry in value for found in empties(entry)] if isinstance(value, list) else []


@given(st.dictionaries(_names, _values, max_size=6))
def test_a_body_is_json_without_null_and_empty_members_or_it_is_refused(document: dict) -> None:
    try:
        _, content = encoding.body("A", document)
    except ItemError:
        return
    sent = json.loads(content)

    assert [found for entry in sent.values() for found in empties(entry)] == []
    assert all(isinstance(sent[name], str) for name in ("sku", "name") if name in sent)
    assert all(isinstance(sent[name], int) for name in ("quantity", "available") if name in sent)


def test_members_have_their_types() -> None:
    document = {"sku": 7, "price": 10, "special_price": "9.999", "quantity": Decimal("3.0"), "ean": 7891000000007}

    _, content = encoding.body("7", document)

    assert content == b'{"sku":"7","price":10.00,"special_price":10.00,"quantity":3,"ean":"7891000000007"}'


def test_leading_zeros_and_exact_decimals_survive() -> None:
    _, content = encoding.body(
        "007", {"sku": "007", "price": Decimal("0.10"), "dimension": {"weight": Decimal("0.455")}}
    )

    assert content == b'{"sku":"007","price":0.10,"dimension":{"weight":0.455}}'


@pytest.mark.parametrize(
    "member", [{"quantity": "1.5"}, {"price": "abc"}, {"sku": ["a"]}, {"x": object()}, {"price": True}]
)
def test_what_does_not_fit_its_member_is_refused_with_its_name(member: dict) -> None:
    with pytest.raises(ItemError):
        encoding.body("A", member)


def test_a_special_price_of_nothing_is_none() -> None:
    assert offers.price_members("A", {"price": Decimal(5), "special_price": Decimal(0)}) == {
        "price": Decimal("5.00"),
        "special_price": Decimal("5.00"),
    }


@pytest.mark.parametrize("quantity", [-1, 1.5, None, "x", True])
def test_a_quantity_that_makes_no_sense_is_refused(quantity: object) -> None:
    document = StockDocument(key="A", product_sku="A", payload={"quantity": quantity})  # type: ignore[typeddict-item]  # on purpose

    with pytest.raises(ItemError):
        offers.stock(document)


def test_the_stock_body_has_the_documented_shape() -> None:
    sample = json.loads((SAMPLES / "stock-update-request.json").read_text())

    sent = offers.stock(StockDocument(key="JARRA-01", product_sku="JARRA-01", payload={"quantity": 2}))

    assert sent == sample


def test_removals_have_the_documented_shapes() -> None:
    def shape(name: str) -> set[str]:
        (rows,) = [
            rows for rows in json.loads((SAMPLES / f"{name}.json").read_text()).values() if isinstance(rows, list)
        ]
        return set(rows[0])

    before = json.loads(encoding.body("A", simple().payload)[1])
    shown = {
        "attributes": [{"code": "cor", "id": "a1"}, {"code": "voltagem", "id": "a2"}],
        "categories": [{"name": "Casa", "id": "c1"}, {"name": "Casa > Cozinha", "id": "c2"}],
    }
    bare = simple(attributes=[], categories=[], photos=[])

    body, _ = product_writes.update(bare, before, shown, full=False)

    assert body["attributes"] == [{"id": "a1", "remove": True}, {"id": "a2", "remove": True}]
    assert body["categories"] == [{"id": "c1", "remove": True}, {"id": "c2", "remove": True}]
    assert [photo["remove"] for photo in body["photos"]] == [True, True]
    for array in ("attributes", "categories"):
        assert set(body[array][0]) == shape(f"{array}-remove-request")
    assert set(body["photos"][0]) == shape("photos-update-request")


def test_a_removed_variation_has_the_shape_of_the_sample() -> None:
    sample = json.loads((SAMPLES / "variation-remove-request.json").read_text())
    first = varied("BLUSA", "VERDE-P", "VERDE-M")
    before = json.loads(encoding.body("BLUSA", first.payload)[1])
    second = varied("BLUSA", "VERDE-P")

    body, _ = product_writes.update(
        type(second)(key="BLUSA", payload=second.payload, moved=("BLUSA-VERDE-M",)), before, None, full=False
    )

    assert body["variations"] == sample["variations"]


@pytest.mark.parametrize("name", ["product-response-simple", "product-response-variations"])
def test_every_sample_of_a_product_is_read(name: str) -> None:
    shown = replies.product((SAMPLES / f"{name}.json").read_bytes())

    assert shown["sku"] in product_writes.skus(shown)
    assert product_writes.without_duplicates(shown, shown) is None


def test_lists_of_products_are_read() -> None:
    assert len(replies.products((SAMPLES / "products-list-page.json").read_bytes()).rows) == 2
    assert replies.products((SAMPLES / "products-list-empty.json").read_bytes()).rows == []


@pytest.mark.parametrize(
    ("name", "status", "unchanged", "details"),
    [
        ("error-order-not-updated", 400, True, "Changes not found in the order"),
        ("error-product-not-updated", 400, True, "Changes not found in the document"),
        ("error-not-found", 404, False, "Resource not found"),
        ("error-details-object", 400, False, "duplicate key"),
        ("error-auth-bad-credentials", 400, False, "User credentials are invalid"),
    ],
)
def test_every_sample_of_an_error_is_read(name: str, status: int, unchanged: bool, details: str) -> None:
    reply = replies.refused(status, (SAMPLES / f"{name}.json").read_bytes())

    assert (reply.unchanged, reply.details) == (unchanged, details)
    assert (reply.refusal("A") is None) is unchanged


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"\xff", b"[" * 100_000, b"[1]", b'{"details": 5e999999999999999999}']
)
def test_any_body_of_an_error_survives(content: bytes) -> None:
    refusal = replies.refused(422, content).refusal("A")

    assert refusal is not None
    assert "422" in refusal.detail


def test_what_a_hub_says_of_an_error_cannot_forge_a_log_line() -> None:
    content = json.dumps({"error": True, "type": "x", "details": "a\nb\x1b[0m" + "c" * 10_000}).encode()

    details = replies.refused(400, content).details

    assert details is not None
    assert details.isprintable()
    assert len(details) <= 300


def test_a_token_reply_is_read() -> None:
    grant = replies.grant((SAMPLES / "auth-token-response.json").read_bytes())

    assert grant is not None
    assert grant.expires_in_s == 3600
    assert grant.access_token not in repr(grant)
    assert replies.grant(b'{"access_token": "a", "expires_in": null}').expires_in_s == 3600  # type: ignore[union-attr]  # it is one
    assert replies.grant(b'{"access_token": "a\\r\\nX: y"}') is None


def test_prices_of_a_product_have_two_decimals() -> None:
    document = PriceDocument(key="A", product_sku="A", payload=offer("10", 1).price)

    assert encoding.body("A", offers.prices([document]))[1] == b'{"sku":"A","price":10.00,"special_price":10.00}'
