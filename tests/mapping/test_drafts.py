"""What becomes of a product's default payload when mappers have changed some of it, or none, or were not asked."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from rocksync.domain.documents import ProductDocument, Skip
from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import Reason
from rocksync.mapping.mapper import Mappers
from tests.mapping.conftest import Folder
from tests.mapping.hooks import product
from tests.mapping.rows import listing, price, shirt, tenant, variation

NO_MORE = "@hookimpl\ndef rocksync_map_price(payload):\n    payload['price'] += 1\n"
TOUCHED = "@hookimpl\ndef rocksync_map_product(payload):\n    payload['ncm'] = '1'\n"
FULL: dict[str, Any] = {
    "description": "Alumínio \\ 'polido' <b>24 cm</b>",
    "brand": "Marca",
    "categories": ("Casa > Cozinha",),
    "weight_kg": Decimal("1.850"),
    "height_cm": Decimal("1E+1"),
    "width_cm": Decimal(0),
    "length_cm": Decimal("24.0"),
    "attributes": {"Tensão": "220V", "Cor": "Prata"},
    "photos": ("https://img.example/1.jpg", "https://img.example/2.jpg"),
    "variations": (
        variation("SHIRT-P", attributes={"Tamanho": "P"}, weight_kg=Decimal("0.50")),
        variation("SHIRT-M", photos=("https://img.example/m.jpg",)),
    ),
}


async def test_what_a_mapper_does_not_touch_is_as_by_default(folder: Folder, unmapped: Mappers) -> None:
    [default] = await unmapped.products(tenant(), [(listing(**FULL), None)])

    mapped = await product(folder, TOUCHED, **FULL)

    assert isinstance(default, ProductDocument)
    assert repr(mapped) == repr(replace(default, payload={**default.payload, "ncm": "1"}))


@pytest.mark.parametrize("left", ["del payload['brand']", "payload['brand'] = None", "payload['brand'] = ''"])
async def test_what_a_mapper_takes_out_is_not_sent(folder: Folder, left: str) -> None:
    document = await product(folder, f"@hookimpl\ndef rocksync_map_product(payload):\n    {left}\n", brand="Marca")

    assert document.payload == {"sku": "PAN", "available": 1, "name": "Panela"}


async def test_a_change_deep_inside_is_sent(folder: Folder) -> None:
    text = "@hookimpl\ndef rocksync_map_product(payload):\n    payload['variations'][1]['photos'][0]['title'] = 'M'\n"

    document = await product(folder, text, **FULL)

    assert document.payload["variations"][1]["photos"] == [
        {"url": "https://img.example/m.jpg", "external": "https://img.example/m.jpg", "order": 0, "title": "M"}
    ]
    assert document.payload["dimension"]["weight"] == Decimal("1.85")


async def test_a_variation_that_a_price_hook_refuses_waits_whether_or_not_products_are_mapped(folder: Folder) -> None:
    refusing = "@hookimpl\ndef rocksync_map_price(price):\n    if price.sku == 'SHIRT-M': raise ItemError('no')\n"
    row = shirt("P", "M")
    answers = []

    for text in (refusing, TOUCHED + refusing):
        folder.write("acme", text)
        async with folder.opened() as mappers:
            answers += await mappers.products(tenant(), [(row, None)])

    for answer in answers:
        assert isinstance(answer, ProductDocument)
        assert [one["sku"] for one in answer.payload["variations"]] == ["SHIRT-P"]
        assert answer.offers.keys() == {"SHIRT-P"}


async def test_a_product_whose_every_new_price_is_refused_loses_no_variation_that_is_there(folder: Folder) -> None:
    folder.write("acme", TOUCHED + "@hookimpl\ndef rocksync_map_price(): raise ItemError('no')\n")
    accepted = {"sku": "SHIRT", "name": "Camiseta", "variations": [{"sku": "SHIRT-P"}]}

    async with folder.opened() as mappers:
        [answer] = await mappers.products(tenant(), [(shirt("P", "M"), accepted)])
        [bare] = await mappers.products(tenant(), [(shirt("M"), {"sku": "SHIRT", "name": "Camiseta"})])

    assert isinstance(answer, ProductDocument)
    assert [one["sku"] for one in answer.payload["variations"]] == ["SHIRT-P"]
    assert isinstance(bare, ProductDocument)
    assert "variations" not in bare.payload


@pytest.mark.parametrize("text", [NO_MORE, TOUCHED])
async def test_a_product_without_a_name_is_refused(folder: Folder, text: str) -> None:
    refused = await product(folder, text, name=None)

    assert isinstance(refused, ItemError)
    assert "name" in refused.detail
    assert refused.reason is Reason.INVALID_ITEM


@pytest.mark.parametrize("text", [NO_MORE, TOUCHED])
@pytest.mark.parametrize(
    ("weight", "told"),
    [
        ("NaN", "a measure is no number: NaN"),
        ("1E+400", "a measure has more than 100 digits: 10000000000000000000…"),
        ("1" * 309 + ".5", "a measure has more than 100 digits: 11111111111111111111…"),
    ],
)
async def test_a_measure_that_cannot_be_sent_is_the_stores_fault(
    folder: Folder, text: str, weight: str, told: str
) -> None:
    refused = await product(folder, text, weight_kg=Decimal(weight))

    assert isinstance(refused, ItemError)
    assert refused.detail == told


@pytest.mark.parametrize("row", [listing(weight_kg=Decimal("NaN")), listing(offered=())])
async def test_what_is_not_selected_need_not_be_sound(folder: Folder, row: Any) -> None:
    folder.write("acme", TOUCHED + "@hookimpl\ndef rocksync_select_product(): return False\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.products(tenant(), [(row, None)])

    assert isinstance(answer, Skip)
    assert answer.reason is Reason.NOT_SELECTED


@pytest.mark.parametrize("text", [NO_MORE, TOUCHED])
async def test_a_product_waits_for_its_price_with_mappers_too(folder: Folder, text: str) -> None:
    folder.write("acme", text)

    async with folder.opened() as mappers:
        [answer] = await mappers.products(tenant(), [(listing(offered=()), None)])

    assert isinstance(answer, Skip)
    assert answer.reason is Reason.MISSING_PRICE


async def test_a_price_that_the_store_has_wrong_is_the_mappers_to_mend(folder: Folder) -> None:
    folder.write("acme", "@hookimpl\ndef rocksync_map_price(payload):\n    payload['price'] = 5\n")

    async with folder.opened() as mappers:
        [answer] = await mappers.products(tenant(), [(replace(listing(), prices={"PAN": price(full="0")}), None)])

    assert isinstance(answer, ProductDocument)
    assert answer.offers["PAN"].price["price"] == 5


async def test_a_member_whose_name_is_no_text_is_refused(folder: Folder) -> None:
    refused = await product(folder, "@hookimpl\ndef rocksync_map_product(payload):\n    payload[2.5] = 'x'\n")

    assert isinstance(refused, ItemError)
    assert refused.detail.startswith("mapper acme, acme.py line 3: left an invalid payload: ")
