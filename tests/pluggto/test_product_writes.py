"""What the hub holds twice of a product: the last word stays, and what others added is left alone."""

from dataclasses import replace
from typing import Any

import pytest

from rocksync.domain.documents import ProductDocument
from rocksync.pluggto.product_writes import without_duplicates

from .conftest import TENANT, Open, World, simple, varied
from .test_products import accepted

OLD, NEW = ({"code": "cor", "label": "Cor", "value": {"code": each, "label": each}} for each in ("Azul", "Preto"))
TWIN = {**OLD, "id": "f" * 24}


def product(*attributes: dict[str, Any]) -> ProductDocument:
    return simple(attributes=list(attributes))


def variation(*attributes: dict[str, Any]) -> ProductDocument:
    document = varied("CAMISETA", "P")
    [only] = document.payload["variations"]
    return replace(document, payload={**document.payload, "variations": [{**only, "attributes": list(attributes)}]})


def at_hub(world: World, document: ProductDocument) -> dict[str, Any]:
    shown = world.shown(document.key)
    return next(iter(shown["variations"]), shown)


@pytest.mark.parametrize("of", [product, variation])
@pytest.mark.parametrize("place", [0, 1], ids=["twin first", "twin last"])
@pytest.mark.parametrize("repair", [True, False], ids=["repair", "update"])
async def test_an_attribute_that_is_there_twice_has_the_value_just_sent(
    world: World, of: Any, place: int, repair: bool
) -> None:
    await world.hub.put_product(TENANT, of(OLD), None, full=False)
    at_hub(world, of())["attributes"].insert(place, dict(TWIN))

    before = accepted(of(OLD))
    await world.hub.put_product(TENANT, of(NEW), before, full=False, sending=before if repair else None)

    assert [row["value"] for row in at_hub(world, of())["attributes"]] == [NEW["value"]]


@pytest.mark.parametrize("of", [product, variation])
@pytest.mark.parametrize("repair", [True, False], ids=["repair", "update"])
async def test_an_attribute_that_is_there_twice_goes_with_a_write_that_changes_nothing(
    world: World, of: Any, repair: bool
) -> None:
    await world.hub.put_product(TENANT, of(OLD), None, full=False)
    at_hub(world, of())["attributes"].append(dict(TWIN))

    before = accepted(of(OLD))
    await world.hub.put_product(TENANT, of(OLD), before, full=True, sending=before if repair else None)

    assert [row["value"] for row in at_hub(world, of())["attributes"]] == [OLD["value"]]


@pytest.mark.parametrize("of", [product, variation])
@pytest.mark.parametrize("repair", [True, False], ids=["repair", "update"])
async def test_an_attribute_that_left_the_store_goes_as_often_as_it_is_there(
    world: World, of: Any, repair: bool
) -> None:
    await world.hub.put_product(TENANT, of(OLD), None, full=False)
    others = {"code": "voltagem", "label": "Voltagem", "value": None, "id": "e" * 24}
    at_hub(world, of())["attributes"] += [dict(TWIN), others]

    before = accepted(of(OLD))
    await world.hub.put_product(TENANT, of(), before, full=False, sending=before if repair else None)

    assert at_hub(world, of())["attributes"] == [others]


@pytest.mark.parametrize("of", [product, variation])
async def test_of_attributes_that_a_hub_adds_without_an_id_the_last_stays(opened: Open, of: Any) -> None:
    async with opened("strict+attributes_by_id+upsert") as world:
        await world.hub.put_product(TENANT, of(OLD), None, full=False)

        await world.hub.put_product(TENANT, of(NEW), None, full=False)

        assert [row["value"] for row in at_hub(world, of())["attributes"]] == [NEW["value"]]


def test_what_others_have_added_twice_stays() -> None:
    others = [{"code": code, "id": f"{code}{number}"} for code in ("voltagem", None) for number in (1, 2)]
    shown = {"sku": "A", "attributes": [*others, {**OLD, "id": "1"}, {**OLD, "id": "2"}]}

    body = without_duplicates(shown, {"attributes": [NEW, {"id": "3", "remove": True}]})

    assert body == {"sku": "A", "attributes": [{"id": "1", "remove": True}]}
