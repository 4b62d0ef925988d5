"""What the answer to a write tells of a product that the hub had lost."""

from decimal import Decimal
from typing import Any

import pytest

from rocksync.domain.documents import PriceDocument
from rocksync.pluggto.offers import bare, unpriced

PRICE = PriceDocument(key="A", product_sku="A", payload={"price": Decimal(10), "special_price": None})


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        ({"sku": "A", "name": None, "price": 10}, ["A"]),
        ({"sku": "A", "name": "Panela", "price": 10}, []),
        ({"sku": "A", "price": 10}, []),
        (
            {"sku": "P", "name": "Panela", "variations": [{"sku": "A", "name": None, "quantity": None, "price": 10}]},
            ["A"],
        ),
        ({"sku": "P", "variations": [{"sku": "A", "price": 10}]}, []),
        ({"sku": "P", "name": "Panela", "variations": [{"sku": "A", "price": 10}]}, ["A"]),
        ({"sku": "P", "name": "Panela", "variations": [{"sku": "A", "quantity": "0", "price": 10}]}, ["A"]),
        ({"sku": "P", "name": "Panela", "variations": [{"sku": "A", "quantity": 5, "price": 10}]}, []),
        ({"sku": "P", "name": "Panela", "variations": [{"sku": "A", "attributes": [{"code": "cor"}]}]}, []),
        ({"sku": "P", "name": "Panela", "variations": [{"sku": "B", "price": 10}]}, []),
        ({"sku": "P", "name": "Panela", "variations": "A"}, []),
        ({}, []),
    ],
)
def test_a_price_without_a_name_is_of_a_lost_product_where_names_are_told(
    answer: dict[str, Any], lost: list[str]
) -> None:
    assert bare(answer, [PRICE]) == lost


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
