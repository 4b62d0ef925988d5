"""What a mapper's preview says would be sent is what the passes send."""

import pytest

from rocksync.cli.previews import ItemPreview, preview
from rocksync.domain.tenancy import Kind
from tests.worker.test_mappers import write
from tests.worker.waiting import until
from tests.worker.world import Shop, World

KEEPS_OFF = """
    from rocksync.mapping import hookimpl

    @hookimpl
    def rocksync_select_product(product):
        return not product.sku.startswith("KIT")
"""


@pytest.fixture
async def shop(world: World) -> Shop:
    """KIT-1 and PAN are at the hub; KIT-2, NEW and NAMELESS came later, and the mapper rules was dropped in."""
    shop = await world.shop()
    await shop.simple("KIT-1")
    await shop.simple("PAN")
    await world.sync(shop)
    await shop.simple("KIT-2")
    await shop.simple("NEW")
    await shop.simple("NAMELESS", name=" ")
    return shop


async def use(world: World, name: str, text: str) -> None:
    before = [each.digest for each in world.app.mappers.listing()]
    write(world, name, text)

    async def is_used() -> bool:
        digests = [each.digest for each in world.app.mappers.listing()]
        return all(digests) and digests != before

    await until(is_used)


async def previewed(world: World, name: str, text: str) -> list[ItemPreview]:
    await use(world, name, text)
    return list((await preview(world.pool, world.app.mappers, name, "loja", [], limit=50)).items)


async def test_a_product_that_a_mapper_keeps_off_is_shown_without_stock(world: World, shop: Shop) -> None:
    found = await previewed(world, "rules", KEEPS_OFF)

    changes = {
        (each.kind, each.key): {one.path: one.after for one in each.differences} for each in found if each.differences
    }
    assert changes.pop((Kind.PRODUCT, "NEW"))
    assert changes == {
        (Kind.PRODUCT, "KIT-1"): {"available": 0},
        (Kind.STOCK, "KIT-1"): {"quantity": 0},
        (Kind.PRICE, "NEW"): {"price": 10},
        (Kind.STOCK, "NEW"): {"quantity": 5},
    }


async def test_price_and_stock_of_what_is_not_created_wait_for_it(world: World, shop: Shop) -> None:
    found = await previewed(world, "rules", KEEPS_OFF)

    told = {(each.kind, each.key): (each.reason, each.refusal) for each in found if each.refusal is not None}
    for sku, reason in (("KIT-2", "not_selected"), ("NAMELESS", "invalid_item")):
        assert told.pop((Kind.PRODUCT, sku))[0] == reason
        for kind in (Kind.PRICE, Kind.STOCK):
            assert told.pop((kind, sku)) == (reason, f"waits until product {sku} is created at Plugg.to with it")
    assert told == {}


@pytest.mark.parametrize("line", ["raise ItemError('no kits')", "raise ValueError('no kits')"])
async def test_what_a_mapper_sets_aside_is_told_from_what_no_mapper_could_send(
    world: World, shop: Shop, line: str
) -> None:
    text = """
        from rocksync.mapping import ItemError, hookimpl

        @hookimpl
        def rocksync_map_stock(stock):
            if stock.sku.startswith("KIT"):
                {}
    """

    found = await previewed(world, "rules", text.format(line))

    assert {(each.kind, each.key) for each in found if each.is_set_aside} == {
        (Kind.STOCK, "KIT-1"),
        (Kind.PRODUCT, "KIT-2"),
    }


async def test_what_a_mapper_keeps_off_no_more_is_shown_with_its_stock(world: World, shop: Shop) -> None:
    await use(world, "loja", KEEPS_OFF)
    await world.sync(shop)
    assert shop.at_hub("KIT-1")["quantity"] == 0

    found = await previewed(world, "loja", KEEPS_OFF.replace("not ", "True or "))

    changes = {(each.kind, each.key): {one.path: one.after for one in each.differences} for each in found}
    assert changes[Kind.PRODUCT, "KIT-1"] == {"available": 1}
    assert changes[Kind.STOCK, "KIT-1"] == {"quantity": 5}
