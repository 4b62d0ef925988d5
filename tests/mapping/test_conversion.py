"""Which products go, what they are created with, and what becomes of those that are there already."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from rocksync.domain.catalog import Listing, Product
from rocksync.domain.documents import ProductDocument, Skip
from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import Reason
from rocksync.mapping.mapper import Mappers
from tests.mapping.rows import listing, price, shirt, tenant, variation

HELD: dict[str, Any] = {
    "sku": "SHIRT",
    "name": "Camiseta",
    "available": 1,
    "dimension": {"weight": 0.1},
    "variations": [{"sku": "SHIRT-P", "name": "P", "available": 1}, {"sku": "SHIRT-M", "name": "M", "available": 1}],
}


async def one(mappers: Mappers, row: Listing, accepted: dict[str, Any] | None = None) -> Any:
    [answer] = await mappers.products(tenant(), [(row, accepted)])
    return answer


async def test_a_product_is_created_with_price_and_stock_of_all_that_it_sells(unmapped: Mappers) -> None:
    document = await one(unmapped, shirt("P", "M"))

    assert document.reason is Reason.IN_SYNC
    assert set(document.offers) == {"SHIRT-P", "SHIRT-M"}
    assert document.offers["SHIRT-P"].price == {"price": Decimal("10.00"), "special_price": None}
    assert document.offers["SHIRT-P"].stock == {"quantity": 3}
    assert not {"price", "special_price", "quantity"} & document.payload.keys()


@pytest.mark.parametrize("row", [listing(active=False), shirt("P", active=False)])
async def test_an_inactive_product_that_was_never_there_is_skipped(unmapped: Mappers, row: Listing) -> None:
    assert (await one(unmapped, row)).reason is Reason.INACTIVE


async def test_a_product_whose_variations_are_all_inactive_counts_as_inactive(unmapped: Mappers) -> None:
    answer = await one(unmapped, listing("SHIRT", variations=(variation("SHIRT-P", active=False),)))

    assert isinstance(answer, Skip)
    assert answer.reason is Reason.INACTIVE


async def test_a_product_that_left_the_store_goes_off_sale_with_its_variations(unmapped: Mappers) -> None:
    gone = Listing(product=Product(sku="SHIRT", active=False))

    document = await one(unmapped, gone, HELD)

    assert isinstance(document, ProductDocument)
    assert document.reason is Reason.INACTIVE
    assert document.payload == {
        **HELD,
        "available": 0,
        "dimension": {"weight": Decimal("0.1")},
        "variations": [{**part, "available": 0} for part in HELD["variations"]],
    }
    assert HELD["available"] == 1


@pytest.mark.parametrize(("missing", "reason"), [("prices", Reason.MISSING_PRICE), ("stocks", Reason.MISSING_STOCK)])
async def test_a_product_waits_for_a_price_and_a_stock(unmapped: Mappers, missing: str, reason: Reason) -> None:
    answer = await one(unmapped, replace(listing(), **{missing: {}}))

    assert isinstance(answer, Skip)
    assert answer.reason is reason
    assert "PAN" in answer.detail


async def test_variations_go_once_they_have_both(unmapped: Mappers) -> None:
    document = await one(unmapped, shirt("P", "M", "G", offered=("SHIRT-M",)))

    assert [part["sku"] for part in document.payload["variations"]] == ["SHIRT-M"]
    assert set(document.offers) == {"SHIRT-M"}


async def test_a_variation_that_is_there_stays_when_its_price_is_gone(unmapped: Mappers) -> None:
    document = await one(unmapped, shirt("P", "M", "G", offered=("SHIRT-P",)), HELD)

    assert {part["sku"]: part["available"] for part in document.payload["variations"]} == {"SHIRT-P": 1, "SHIRT-M": 1}


async def test_an_inactive_variation_that_is_there_goes_off_sale(unmapped: Mappers) -> None:
    parts = (variation("SHIRT-P"), variation("SHIRT-M", active=False), variation("SHIRT-G", active=False))

    document = await one(unmapped, listing("SHIRT", variations=parts), HELD)

    assert {part["sku"]: part["available"] for part in document.payload["variations"]} == {"SHIRT-P": 1, "SHIRT-M": 0}


async def test_a_variation_that_left_the_store_stays_off_sale(unmapped: Mappers) -> None:
    document = await one(unmapped, shirt("P"), HELD)

    assert document.payload["variations"][-1] == {"sku": "SHIRT-M", "name": "M", "available": 0}


async def test_a_product_that_is_there_is_updated_without_any_price(unmapped: Mappers) -> None:
    document = await one(unmapped, listing(offered=()), {"sku": "PAN", "name": "Panela", "available": 1})

    assert isinstance(document, ProductDocument)
    assert document.offers == {}


async def test_a_bad_price_keeps_only_its_variation_back(unmapped: Mappers) -> None:
    row = shirt("P", "M")

    document = await one(unmapped, replace(row, prices={**row.prices, "SHIRT-M": price("SHIRT-M", "0")}))

    assert set(document.offers) == {"SHIRT-P"}


async def test_a_product_with_nothing_but_bad_prices_says_so(unmapped: Mappers) -> None:
    refused = await one(unmapped, replace(listing(), prices={"PAN": price(full="0")}))

    assert isinstance(refused, ItemError)
    assert (refused.key, refused.reason) == ("PAN", Reason.INVALID_ITEM)


async def test_a_product_without_a_name_is_refused(unmapped: Mappers) -> None:
    refused = await one(unmapped, listing(name=None))

    assert isinstance(refused, ItemError)
    assert "name" in refused.detail


async def test_a_sku_used_twice_is_a_conflict(unmapped: Mappers) -> None:
    refused = await one(unmapped, replace(shirt("P"), duplicate_skus=("SHIRT-P",)))

    assert isinstance(refused, ItemError)
    assert refused.reason is Reason.SKU_CONFLICT
    assert "SHIRT-P" in refused.detail


async def test_a_measure_that_is_no_number_is_refused(unmapped: Mappers) -> None:
    refused = await one(unmapped, listing(weight_kg=Decimal("NaN")))

    assert isinstance(refused, ItemError)
    assert refused.reason is Reason.INVALID_ITEM
