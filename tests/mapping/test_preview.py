"""What a mapping would change, member by member."""

from decimal import Decimal
from typing import Any

import pytest

from rocksync.mapping.preview import Difference, differences

ATTRIBUTE = {"code": "cor", "label": "Cor", "value": {"code": "Azul", "label": "Azul"}}


@pytest.mark.parametrize(
    ("accepted", "payload", "expected"),
    [
        ({"name": "A"}, {"name": "A"}, []),
        ({"name": "A"}, {"name": "B"}, [("name", "A", "B")]),
        ({"name": "A", "brand": "M"}, {"name": "A"}, [("brand", "M", None)]),
        (None, {"name": "A"}, [("name", None, "A")]),
        ({"dimension": {"weight": 0.1}}, {"dimension": {"weight": Decimal("0.10")}}, []),
        (
            {"dimension": {"weight": 0.1}},
            {"dimension": {"weight": Decimal("0.2")}},
            [("dimension.weight", 0.1, Decimal("0.2"))],
        ),
        (
            {"variations": [{"sku": "P", "name": "a"}, {"sku": "M", "name": "b"}]},
            {"variations": [{"sku": "M", "name": "c"}, {"sku": "P", "name": "a"}]},
            [("variations[M].name", "b", "c")],
        ),
        (
            {"attributes": [ATTRIBUTE]},
            {"attributes": [{**ATTRIBUTE, "value": {"code": "Preto", "label": "Preto"}}]},
            [("attributes[cor].value.code", "Azul", "Preto"), ("attributes[cor].value.label", "Azul", "Preto")],
        ),
        (
            {"photos": [{"url": "u1", "external": "u1", "order": 0}]},
            {"photos": [{"url": "u2", "external": "u2", "order": 0}]},
            [
                ("photos[u2]", None, {"url": "u2", "external": "u2", "order": 0}),
                ("photos[u1]", {"url": "u1", "external": "u1", "order": 0}, None),
            ],
        ),
        ({"price_table": [1]}, {"price_table": [2]}, [("price_table", [1], [2])]),
        ({"special_price": 10}, {"special_price": None}, [("special_price", 10, None)]),
    ],
)
def test_differences_are_by_member(
    accepted: dict[str, Any] | None, payload: dict[str, Any], expected: list[tuple[str, Any, Any]]
) -> None:
    assert differences(accepted, payload) == [
        Difference(path=path, before=before, after=after) for path, before, after in expected
    ]
