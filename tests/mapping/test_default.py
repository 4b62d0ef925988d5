"""The default mapping: the store's fields under Plugg.to's names."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from rocksync.domain.documents import OrderTask, PriceDocument, ProductDocument, StockDocument
from rocksync.domain.errors import ItemError
from rocksync.domain.orders import Invoice, OrderStatus, Shipment, StoreOrder
from rocksync.domain.reasons import Reason
from rocksync.mapping import samples
from rocksync.mapping.default import attribute_code, plain
from rocksync.mapping.mapper import Mappers
from tests.mapping.rows import listing, price, stock, tenant, variation


async def test_a_full_product_has_every_field_under_its_name(unmapped: Mappers) -> None:
    row = listing(
        description="<p>Alumínio</p>",
        short_description="Curta",
        brand="Marca",
        model="M1",
        ean="7891000000007",
        categories=("Casa > Cozinha > Panelas", "Casa > Ofertas"),
        weight_kg=Decimal("1.850"),
        height_cm=Decimal("22.0"),
        width_cm=Decimal(100),
        length_cm=Decimal("41.5"),
        attributes={"Tensão (V)": "220"},
        photos=("https://a.example/1.jpg", "https://a.example/2.jpg", "https://a.example/1.jpg"),
        link="https://loja.example/p",
        external_id="1001",
    )

    [document] = await unmapped.products(tenant(), [(row, None)])

    assert isinstance(document, ProductDocument)
    assert document.payload == {
        "sku": "PAN",
        "name": "Panela",
        "available": 1,
        "description": "<p>Alumínio</p>",
        "short_description": "Curta",
        "brand": "Marca",
        "model": "M1",
        "ean": "7891000000007",
        "external": "1001",
        "link": "https://loja.example/p",
        "categories": [
            {"name": "Casa"},
            {"name": "Casa > Cozinha"},
            {"name": "Casa > Cozinha > Panelas"},
            {"name": "Casa > Ofertas"},
        ],
        "dimension": {
            "weight": Decimal("1.85"),
            "height": Decimal(22),
            "width": Decimal(100),
            "length": Decimal("41.5"),
        },
        "attributes": [{"code": "tensao_v", "label": "Tensão (V)", "value": {"code": "220", "label": "220"}}],
        "photos": [
            {"url": "https://a.example/1.jpg", "external": "https://a.example/1.jpg", "order": 0},
            {"url": "https://a.example/2.jpg", "external": "https://a.example/2.jpg", "order": 1},
        ],
    }
    assert str(document.payload["dimension"]["width"]) == "100"


async def test_what_the_store_has_no_value_for_is_absent(unmapped: Mappers) -> None:
    row = listing(brand="", model="  ", attributes={"Cor": " "}, photos=("",), categories=(" > ",))

    [document] = await unmapped.products(tenant(), [(row, None)])

    assert isinstance(document, ProductDocument)
    assert document.payload == {"sku": "PAN", "name": "Panela", "available": 1}


async def test_a_variation_takes_the_measures_it_lacks_from_its_product(unmapped: Mappers) -> None:
    small = variation("SHIRT-P", name="P", weight_kg=Decimal("0.2"), attributes={"Cor": "Azul"})
    row = listing("SHIRT", variations=(small,), weight_kg=Decimal(1), height_cm=Decimal(5))

    [document] = await unmapped.products(tenant(), [(row, None)])

    assert isinstance(document, ProductDocument)
    assert document.payload["variations"] == [
        {
            "sku": "SHIRT-P",
            "name": "P",
            "available": 1,
            "attributes": [{"code": "cor", "label": "Cor", "value": {"code": "Azul", "label": "Azul"}}],
            "dimension": {"weight": Decimal("0.2"), "height": Decimal(5)},
        }
    ]


@pytest.mark.parametrize(
    ("label", "code"),
    [("Voltagem", "voltagem"), ("Tensão (V)", "tensao_v"), ("  Cor  da Alça ", "cor_da_alca"), ("色", "attribute")],
)
def test_a_code_is_the_label_in_lower_case_ascii(label: str, code: str) -> None:
    assert attribute_code(label) == code


async def test_labels_with_the_same_code_keep_apart(unmapped: Mappers) -> None:
    [document] = await unmapped.products(tenant(), [(listing(attributes={"Cor": "Azul", "cor": "Preto"}), None)])

    assert isinstance(document, ProductDocument)
    assert [one["code"] for one in document.payload["attributes"]] == ["cor", "cor_2"]


@pytest.mark.parametrize(
    ("full", "special", "sent"),
    [
        ("10", None, ("10.00", None)),
        ("10.005", "9.995", ("10.01", "10.00")),
        ("10", "0", ("10.00", None)),
        ("10", "10", ("10.00", "10.00")),
    ],
)
async def test_prices_have_two_decimals_rounded_half_up(
    unmapped: Mappers, full: str, special: str | None, sent: tuple[str, str | None]
) -> None:
    [document] = await unmapped.prices(tenant(), [price(full=full, special=special)])

    assert isinstance(document, PriceDocument)
    payload = document.payload
    assert (str(payload["price"]), payload["special_price"] and str(payload["special_price"])) == sent


@pytest.mark.parametrize(
    ("full", "special"), [("0", None), ("0.004", None), ("10", "10.01"), ("NaN", None), ("1e40", None)]
)
async def test_a_price_that_cannot_be_right_is_refused(unmapped: Mappers, full: str, special: str | None) -> None:
    [refused] = await unmapped.prices(tenant(), [price(full=full, special=special)])

    assert isinstance(refused, ItemError)
    assert (refused.key, refused.reason, refused.final) == ("PAN", Reason.INVALID_ITEM, True)


@pytest.mark.parametrize(
    ("more", "quantity"),
    [({}, 3), ({"reserved": 1}, 2), ({"reserved": 9}, 0), ({"held": 1}, 2), ({"active": False}, 0)],
)
async def test_stock_is_what_may_be_sold(unmapped: Mappers, more: dict[str, int], quantity: int) -> None:
    [document] = await unmapped.stocks(tenant(), [stock(**more)])

    assert isinstance(document, StockDocument)
    assert document.payload == {"quantity": quantity}


@pytest.mark.parametrize("sku", [" PAN", "PAN ", ".", "..", "PAN\n1", ""])
async def test_a_sku_that_cannot_be_addressed_is_refused_in_every_kind(unmapped: Mappers, sku: str) -> None:
    answers = [
        *await unmapped.products(tenant(), [(listing(sku), None)]),
        *await unmapped.prices(tenant(), [price(sku)]),
        *await unmapped.stocks(tenant(), [stock(sku)]),
    ]

    assert all(isinstance(answer, ItemError) and answer.reason is Reason.INVALID_ITEM for answer in answers)


@pytest.mark.parametrize("sku", ["A/B", "A B", "AÇÃO", "a+b%20"])
async def test_odd_skus_that_can_be_addressed_go(unmapped: Mappers, sku: str) -> None:
    [document] = await unmapped.stocks(tenant(), [stock(sku)])

    assert isinstance(document, StockDocument)


@pytest.mark.parametrize(
    ("status", "imported_as"),
    [("pending", "pending"), ("partial_payment", "pending"), ("approved", "approved"), ("paid", "approved")],
)
async def test_an_order_is_imported_by_its_status(unmapped: Mappers, status: str, imported_as: str) -> None:
    order = replace(samples.hub_orders()[0], status=status)

    [task] = await unmapped.orders(tenant(), [(order, None)])

    assert isinstance(task, OrderTask)
    assert task.document is not None
    assert task.document["status"] == imported_as


async def test_an_order_in_any_other_status_has_nothing_to_import(unmapped: Mappers) -> None:
    order = replace(samples.hub_orders()[0], status="shipped")

    [task] = await unmapped.orders(tenant(), [(order, None)])

    assert isinstance(task, OrderTask)
    assert task.document is None


async def test_a_total_that_the_hub_does_not_tell_is_worked_out(unmapped: Mappers) -> None:
    order = replace(samples.hub_orders()[0], total=None, subtotal=None, shipping=Decimal(10), discount=Decimal(5))

    [task] = await unmapped.orders(tenant(), [(order, None)])

    assert isinstance(task, OrderTask)
    assert task.document is not None
    assert task.document["total"] == Decimal("204.70")


async def test_an_order_without_lines_is_refused(unmapped: Mappers) -> None:
    [refused] = await unmapped.orders(tenant(), [(replace(samples.hub_orders()[0], lines=()), None)])

    assert isinstance(refused, ItemError)
    assert "no lines" in refused.detail


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sku": ""}, Reason.UNKNOWN_SKU),
        ({"quantity": 0}, Reason.INVALID_ITEM),
        ({"quantity": 2_000_000}, Reason.INVALID_ITEM),
        ({"unit_price": None, "total": None}, Reason.INVALID_ITEM),
    ],
)
async def test_a_line_that_makes_no_sense_is_said_of_an_order_to_import_and_of_no_other(
    unmapped: Mappers, change: dict[str, Any], reason: Reason
) -> None:
    order = replace(samples.hub_orders()[0], subtotal=None, total=None)
    order = replace(order, lines=(*order.lines[:-1], replace(order.lines[-1], **change)))

    [refused, known, late] = await unmapped.orders(
        tenant(),
        [(order, None), (replace(order, id="b"), _imported()), (replace(order, id="c", status="shipped"), None)],
    )

    assert isinstance(refused, ItemError)
    assert refused.reason is reason
    assert f"line {len(order.lines)}" in refused.detail
    assert isinstance(known, OrderTask)
    assert isinstance(late, OrderTask)
    assert late.document is None


def _imported(**more: object) -> StoreOrder:
    return StoreOrder(**{"id": 1, "pluggto_id": samples.hub_orders()[0].id, "status": OrderStatus.APPROVED, **more})  # type: ignore[arg-type] # members by name


async def test_invoice_and_shipment_have_the_hubs_members(unmapped: Mappers) -> None:
    local = timezone(timedelta(hours=-3))
    invoice = Invoice(
        key=samples.NFE_KEY,
        number="12",
        series="1",
        issued_at=datetime(2024, 7, 15, 15, 7, 7, tzinfo=local),
        cfops="5102",
    )
    shipment = Shipment(carrier="Correios", tracking_code="QC1", shipped_at=datetime(2024, 7, 17, tzinfo=UTC))

    [task] = await unmapped.orders(tenant(), [(samples.hub_orders()[0], _imported(invoice=invoice, shipment=shipment))])

    assert isinstance(task, OrderTask)
    assert task.invoice == {
        "nfe_key": samples.NFE_KEY,
        "nfe_number": "12",
        "nfe_serie": "1",
        "nfe_date": "2024-07-15T18:07:07.000Z",
        "cfops": "5102",
    }
    assert task.shipment == {
        "shipping_company": "Correios",
        "track_code": "QC1",
        "date_shipped": "2024-07-17T00:00:00.000Z",
    }


async def test_blanks_around_what_is_told_of_an_order_are_dropped(unmapped: Mappers) -> None:
    invoice = Invoice(
        key=f"{samples.NFE_KEY} ",
        number="12 ",
        series=" 1",
        issued_at=datetime(2024, 7, 15, tzinfo=UTC),
        xml_url="https://nfe.example/1.xml ",
        cfops="  ",
    )
    shipment = Shipment(carrier="Correios  ", method="  ", tracking_code="QC1  ", tracking_url=" https://t.example ")

    [task] = await unmapped.orders(tenant(), [(samples.hub_orders()[0], _imported(invoice=invoice, shipment=shipment))])

    assert isinstance(task, OrderTask)
    assert task.invoice == {
        "nfe_key": samples.NFE_KEY,
        "nfe_number": "12",
        "nfe_serie": "1",
        "nfe_date": "2024-07-15T00:00:00.000Z",
        "nfe_link": "https://nfe.example/1.xml",
    }
    assert task.shipment == {
        "shipping_company": "Correios",
        "track_code": "QC1",
        "track_url": "https://t.example",
    }


@pytest.mark.parametrize(
    "key",
    [samples.NFE_KEY[:-1], samples.NFE_KEY[:-1] + "0", "X" * 44, samples.NFE_KEY + " 1"],
    ids=["43 digits", "check digit", "letters", "too long"],
)
async def test_an_nfe_key_that_cannot_be_right_is_refused(unmapped: Mappers, key: str) -> None:
    invoice = Invoice(key=key, number="12", series="1", issued_at=datetime(2024, 7, 15, tzinfo=UTC))

    [refused] = await unmapped.orders(tenant(), [(samples.hub_orders()[0], _imported(invoice=invoice))])

    assert isinstance(refused, ItemError)
    assert refused.reason is Reason.INVALID_INVOICE


async def test_an_nfe_key_has_the_letters_of_its_issuers_cnpj(unmapped: Mappers) -> None:
    key = "35260712ABC34501DE35550010000000121000000123"
    invoice = Invoice(key=key, number="12", series="1", issued_at=datetime(2026, 7, 15, tzinfo=UTC))

    [task] = await unmapped.orders(tenant(), [(samples.hub_orders()[0], _imported(invoice=invoice))])

    assert isinstance(task, OrderTask)
    assert task.invoice is not None
    assert task.invoice["nfe_key"] == key


async def test_a_cancelled_order_is_not_held_up_by_its_invoice(unmapped: Mappers) -> None:
    invoice = Invoice(key="1", number="12", series="1", issued_at=datetime(2024, 7, 15, tzinfo=UTC))
    cancelled = replace(samples.hub_orders()[0], status="canceled")

    [task] = await unmapped.orders(tenant(), [(cancelled, _imported(invoice=invoice))])

    assert isinstance(task, OrderTask)
    assert task.invoice is None


def test_numbers_lose_the_zeros_at_their_end() -> None:
    assert [str(plain(Decimal(text))) for text in ("0.500", "10.0", "10", "1E+2", "0")] == [
        "0.5",
        "10",
        "10",
        "100",
        "0",
    ]
