"""What the answer to a write tells of a product that the hub had lost."""

from decimal import Decimal
from typing import Any

import pytest

from rocksync.domain.documents import PriceDocument
from rocksync.pluggto.offers import bare, unpriced

PRICE = PriceDocument(key="A", product_sku="A", payload={"price": Decimal(10), "special_price": None})


@pytest.mark.parametrize(
    ("answer", "empty"),
    [
        ({"sku": "A", "name": None, "price": 10}, {"name", "attributes"}),
        ({"sku": "A", "attributes": [], "quantity": 0, "price": 10}, {"name", "attributes"}),
        ({"sku": "A", "name": "Panela", "price": 10}, None),
        ({"sku": "A", "quantity": 0, "price": 10}, None),
        ({"sku": "A", "price": 10}, None),
        ({"sku": "P", "variations": [{"sku": "A", "name": None, "quantity": None}]}, {"name", "quantity"}),
        ({"sku": "P", "variations": [{"sku": "A", "name": None, "quantity": "0"}]}, {"name"}),
        ({"sku": "P", "variations": [{"sku": "A", "attributes": []}]}, {"attributes"}),
        ({"sku": "P", "variations": [{"sku": "A"}, {"sku": "B", "attributes": [{"code": "cor"}]}]}, {"attributes"}),
        ({"sku": "P", "name": "Panela", "variations": [{"sku": "A", "price": 10}]}, None),
        ({"sku": "P", "name": "Panela", "variations": [{"sku": "A", "quantity": 0, "price": 10}]}, None),
        ({"sku": "P", "variations": [{"sku": "A", "name": None, "quantity": 5, "price": 10}]}, None),
        ({"sku": "P", "variations": [{"sku": "A", "attributes": [{"code": "cor"}]}]}, None),
        ({"sku": "P", "name": None, "variations": [{"sku": "B", "name": None}]}, None),
        ({"sku": "P", "name": "Panela", "variations": "A"}, None),
        ({}, None),
    ],
)
def test_a_price_by_itself_is_of_a_lost_sku_where_the_members_it_should_have_are_told(
    answer: dict[str, Any], empty: set[str] | None
) -> None:
    assert bare(answer, [PRICE]) == ({} if empty is None else {"A": empty})


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        ({"sku": "A", "name": "Panela", "price": None}, ["A"]),
        ({"sku": "A", "name": "Panela", "price": "0.00", "variations": []}, ["A"]),
        ({"sku": "A", "name": "Panela", "price": "10.00"}, []),
        ({"sku": "A", "name": "Panela"}, []),
        ({"sku": "P", "variations": [{"sku": "A", "price": None}]}, ["A"]),
        ({"sku": "P", "variations": [{"sku": "A"}]}, []),
        ({"sku": "P", "price": None, "variations": []}, []),
        ({}, []),
    ],
)
def test_no_price_is_of_a_lost_product_where_prices_are_told(answer: dict[str, Any], lost: list[str]) -> None:
    assert unpriced(answer, ["A"]) == lost
