import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocksync.domain.errors import ItemError
from rocksync.pluggto import order_decoding, people, reading, replies

SAMPLES = Path(__file__).parents[1] / "samples" / "pluggto"


def sample(name: str) -> dict:
    return json.loads((SAMPLES / f"{name}.json").read_text(encoding="utf-8"))


def decoded(document: dict) -> order_decoding.HubOrder:
    return order_decoding.decode_text(json.dumps(document))


def with_text_for_numbers(value: object) -> object:
    match value:
        case bool() | str() | None:
            return value
        case dict():
            return {name: with_text_for_numbers(entry) for name, entry in value.items()}
        case list():
            return [with_text_for_numbers(entry) for entry in value]
        case _:
            return str(value)


ORDERS = [path for path in sorted(SAMPLES.glob("order-*.json")) if '"Order"' in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", ORDERS, ids=lambda path: path.stem)
def test_every_sample_of_an_order_decodes(path: Path) -> None:
    document = json.loads(path.read_text(encoding="utf-8"))

    order = decoded(document)

    assert order.id == document["Order"]["id"]
    assert order.status == document["Order"]["status"]
    assert all(line.sku and line.quantity for line in order.lines)
    assert order.total == Decimal("109.9")


def test_every_row_of_a_list_decodes() -> None:
    page = replies.orders((SAMPLES / "orders-list-page.json").read_bytes())

    assert page.limit == 100
    assert len([order_decoding.decode(row) for row in page.rows]) == len(page.rows) > 0


@pytest.mark.parametrize("number", ["1e100000000", "-1e-100000000", "1e999"])
def test_a_number_that_would_fill_the_memory_is_no_text(number: str) -> None:
    members = ("original_id", "channel", "payer_phone", "payer_cpf", "receiver_zipcode", "user_id")
    order = order_decoding.decode_text(f'{{"id": "a", {", ".join(f""""{name}": {number}""" for name in members)}}}')

    assert (order.channel, order.channel_order, order.user) == (None, None, None)


def test_an_approved_order_is_read_whole() -> None:
    order = decoded(sample("order-approved"))

    assert (order.channel, order.channel_order, order.user) == ("MercadoLivre", "3000000000000002", "129")
    assert order.placed_at == datetime(2026, 3, 15, 12, tzinfo=UTC)
    assert order.modified_at == datetime(2026, 3, 15, 13, tzinfo=UTC)
    assert [(line.sku, line.quantity, line.unit_price, line.total) for line in order.lines] == [
        ("JARRA-01", 1, Decimal("49.9"), Decimal("49.9")),
        ("BLUSA-VERDE-P", 1, Decimal("49.9"), Decimal("49.9")),
    ]
    assert [(shipment.carrier, shipment.method) for shipment in order.shipments] == [("Correios", "PAC")]
    assert order.customer == {
        "name": "Joana Araújo Modelo",
        "document": "00000000191",
        "email": "joana@exemplo.invalid",
        "phone": "41900000000",
    }
    assert order.delivery == {
        "name": "Joana Araújo Modelo",
        "phone": "41900000000",
        "street": "Rua dos Ipês",
        "number": "100",
        "complement": "Casa 2",
        "district": "Vila Nova",
        "city": "Curitiba",
        "state": "PR",
        "zip": "80010000",
        "country": "BR",
    }


def test_text_for_numbers_reads_the_same() -> None:
    document = sample("order-approved")

    plain, textual = decoded(document), decoded(with_text_for_numbers(document))  # type: ignore[arg-type]  # a dict

    assert (plain.lines, plain.total, plain.subtotal) == (textual.lines, textual.total, textual.subtotal)


def test_money_is_exact() -> None:
    order = order_decoding.decode_text('{"id": "a", "total": 1234567.89, "subtotal": "0.10", "shipping": 1e-1}')

    assert (order.total, order.subtotal, order.shipping) == (Decimal("1234567.89"), Decimal("0.10"), Decimal("0.1"))


@pytest.mark.parametrize(
    ("external", "expected"),
    [
        ("9001", ("9001",)),
        (9001, ("9001",)),
        (None, ()),
        ("", ()),
        ({"a": "1", "b": None, "c": 3}, ("1", "3")),
        ([], ()),
    ],
)
def test_external_is_text_a_number_a_map_or_nothing(external: object, expected: tuple[str, ...]) -> None:
    assert decoded({"id": "a", "external": external}).externals == expected


def test_an_unknown_status_and_unknown_members_are_kept() -> None:
    order = decoded({"id": "a", "status": "quantum_review", "x": {"y": [1]}})

    assert order.status == "quantum_review"
    assert order.document["x"] == {"y": [1]}


def test_an_order_may_have_any_lines() -> None:
    document = sample("order-shipped")
    document["Order"]["items"][0]["sku"] = None

    assert decoded(document).lines[0].sku == ""


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", "<html>", '{"id": null}', "[" * 100_000, '{"Order": {}}', "\ud800"]
)
def test_what_is_no_order_is_an_item_error(text: str) -> None:
    with pytest.raises(ItemError):
        order_decoding.decode_text(text)


@pytest.mark.parametrize(
    ("given_state", "expected"),
    [
        ("SP", "SP"),
        ("sp", "SP"),
        ("São Paulo", "SP"),
        ("  rio  grande do SUL ", "RS"),
        ("XX", None),
        (None, None),
        (7, None),
    ],
)
def test_states_become_two_letters(given_state: object, expected: str | None) -> None:
    assert people.state(given_state) == expected


def test_numbers_get_their_leading_zeros_back() -> None:
    order = decoded({"id": "a", "payer_cpf": 191, "receiver_zipcode": 1001000})

    assert (order.customer["document"], order.delivery["zip"]) == ("00000000191", "01001000")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("123.456.789-09", "12345678909"),
        ("CPF 123.456.789-09", "12345678909"),
        ("11.222.333/0001-81", "11222333000181"),
        ("12.ABC.345/01DE-35", "12ABC34501DE35"),
        (" 12abc34501de35 ", "12ABC34501DE35"),
        ("isento", None),
    ],
)
@pytest.mark.parametrize("member", ["payer_cnpj", "payer_document"])
def test_a_document_keeps_its_digits_and_the_letters_of_a_cnpj(member: str, given: str, expected: str | None) -> None:
    assert decoded({"id": "a", member: given}).customer.get("document") == expected


@pytest.mark.parametrize("discount", ["-5.00", -5, "5.00"])
def test_a_discount_is_a_positive_amount_whichever_sign_it_is_told_with(discount: object) -> None:
    line = {"sku": "A", "quantity": 1, "price": 10, "discount": discount}

    order = decoded({"id": "a", "discount": discount, "items": [line]})

    assert (order.discount, order.lines[0].discount, order.lines[0].total) == (5, 5, 5)


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"price": 10}, (10, 20)),
        ({"total": "20.00"}, (10, 20)),
        ({"total": 18, "discount": 2}, (10, 18)),
        ({"price": 10, "discount": 2}, (10, 18)),
        ({"price": 0}, (0, 0)),
        ({"price": None, "total": 0}, (0, 0)),
        ({"price": None, "total": None}, (None, None)),
        ({"price": "a combinar", "total": "?"}, (None, None)),
    ],
)
def test_a_price_that_is_not_told_comes_of_the_total_and_of_nothing_it_is_not_0(told: dict, expected: tuple) -> None:
    [line] = decoded({"id": "a", "items": [{"sku": "A", "quantity": 2, **told}]}).lines

    assert (line.unit_price, line.total) == expected


def test_who_pays_stands_in_for_who_receives() -> None:
    order = decoded({"id": "a", "payer_name": "Ana", "payer_address": "Rua A", "payer_state": "Ceará"})

    assert order.delivery == {"name": "Ana", "street": "Rua A", "state": "CE", "country": "BR"}


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "1e999999999", "1e99", "", " ", "R$ 3", True, [], {}, None, "0x10"]
)
def test_what_is_no_number_is_none(value: object) -> None:
    assert reading.number(value) is None


@pytest.mark.parametrize("value", ["", "ontem", "0001-01-01T00:00:00+14:00", 5, None, "2026-13-01"])
def test_what_is_no_moment_is_none(value: object) -> None:
    assert reading.moment(value) is None


def test_moments_are_utc() -> None:
    assert reading.moment("2026-05-29T01:57:19.031-03:00") == datetime(2026, 5, 29, 4, 57, 19, 31000, tzinfo=UTC)
    assert reading.moment("2026-05-29") == datetime(2026, 5, 29, tzinfo=UTC)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_members = st.sampled_from(
    [*sample("order-approved")["Order"], "purchased", "payer_cnpj", "sku", "quantity", "price", "variation"]
)


@given(st.dictionaries(_members, _json, max_size=12), _json)
def test_rubbish_in_any_member_decodes_or_is_an_item_error(members: dict, line: object) -> None:
    text = json.dumps({**members, "items": [line, {"sku": "A", "quantity": line, "price": line}]})
    try:
        order = order_decoding.decode_text(text)
    except ItemError:
        return
    assert order.id
    assert all(isinstance(value, str) and value for value in (*order.customer.values(), *order.delivery.values()))
