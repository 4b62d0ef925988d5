"""Products and variations that the hub has lost, and that a write may bring back there as less than they were."""

from typing import Any

import pytest

from rocksync.domain.tenancy import Kind
from rocksync.sandbox.profile import parse_profile
from tests.worker.world import Shop, World


async def shop_that_lost(world: World, sku: str) -> Shop:
    """A shop whose product B has been sent with B1 and B2, one of which somebody has deleted at the hub."""
    world.hub.profile = parse_profile("strict+variation_by_sku")
    shop = await world.shop()
    photos = ["https://img.example/1.jpg", "https://img.example/2.jpg"]
    await shop.varied("B", "B1", "B2", photos=photos, categories=["Casa", "Jogos"])
    await world.sync(shop)
    shelf = world.hub.account(shop.user).shelf
    shelf.delete(shelf.at_sku(sku, world.hub.profile), sku=sku)
    return shop


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE store.price SET price = 60 WHERE tenant_id = $1",
        "UPDATE store.product SET name = 'Outro' WHERE tenant_id = $1",
        "UPDATE store.variation SET name = 'Outra' WHERE tenant_id = $1",
    ],
)
@pytest.mark.parametrize("lost", ["A", "B", "B1"])
async def test_what_the_hub_has_lost_and_a_write_brings_back_is_never_on_sale_without_a_price(
    world: World, lost: str, change: str
) -> None:
    world.hub.profile = parse_profile("strict+upsert+variation_by_sku")
    shop = await world.shop()
    await shop.simple("A")
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)
    shelf = world.hub.account(shop.user).shelf
    shelf.delete(shelf.at_sku(lost, world.hub.profile), sku=lost)

    await shop.sql(change)
    await world.sync(shop)
    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1")
    await world.sync(shop)

    price = 60 if "price" in change else 10
    for product in world.hub.products(shop.user):
        assert product["name"]
        for sold in product["variations"] or [product]:
            assert (sold["price"], sold["quantity"]) == (price, 8)


@pytest.mark.parametrize("change", ["active = false", "photos = '{https://img.example/1.jpg}', categories = '{Casa}'"])
async def test_what_leaves_the_store_after_a_variation_was_lost_leaves_the_hub(world: World, change: str) -> None:
    shop = await shop_that_lost(world, "B1")
    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1 AND sku = 'B1'")
    await shop.sql(f"UPDATE store.product SET {change} WHERE tenant_id = $1")
    await world.sync(shop, Kind.STOCK)

    await world.sync(shop)

    product = shop.at_hub("B")
    if "active" in change:
        assert [sold["available"] for sold in (product, *product["variations"])] == [0, 0]
        assert shop.at_hub("B2")["quantity"] == 0
        assert await shop.why("product", "B") == ("skipped", "inactive")
    else:
        assert [photo["external"] for photo in product["photos"]] == ["https://img.example/1.jpg"]
        assert [category["name"] for category in product["categories"]] == ["Casa"]
        assert shop.at_hub("B1")["quantity"] == 8


@pytest.mark.parametrize("change", ["stock SET on_hand = 8", "variation SET name = 'Outra'", "price SET price = 60"])
async def test_a_variation_that_was_lost_comes_back_without_a_price_or_stock_of_its_siblings(
    world: World, change: str
) -> None:
    shop = await shop_that_lost(world, "B1")
    mark = world.mark()

    await shop.sql(f"UPDATE store.{change} WHERE tenant_id = $1 AND sku = 'B1'")
    await world.sync(shop)

    assert (shop.at_hub("B1")["quantity"], shop.at_hub("B1")["price"]) == (
        8 if "stock" in change else 5,
        60 if "price" in change else 10,
    )
    for write in world.sent(mark, method="PUT"):
        for part in write["body"].get("variations", []):
            assert part["sku"] == "B1" or not {"price", "special_price", "quantity"} & set(part)


async def test_another_variation_that_turns_out_to_be_lost_comes_back_with_its_price_at_once(world: World) -> None:
    shop = await shop_that_lost(world, "B1")
    shelf = world.hub.account(shop.user).shelf
    shelf.delete(shelf.at_sku("B2", world.hub.profile), sku="B2")
    mark = world.mark()

    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1 AND sku = 'B1'")
    await world.sync(shop)

    [write] = world.sent(mark, method="PUT")[1:]
    assert [(part["sku"], part["price"], part["quantity"]) for part in write["body"]["variations"]] == [
        ("B1", 10, 8),
        ("B2", 10, 5),
    ]


@pytest.mark.parametrize("change", ["variation SET ean = '7891000315507'", "product SET name = 'Outro'"])
async def test_a_lost_product_comes_back_with_all_its_variations_whichever_part_changes(
    world: World, change: str
) -> None:
    world.hub.profile = parse_profile("strict+upsert")
    shop = await world.shop()
    await shop.varied("B", "B1", "B2", "B3")
    await world.sync(shop)
    shelf = world.hub.account(shop.user).shelf
    shelf.delete(shelf.at_sku("B", world.hub.profile), sku="B")
    mark = world.mark()

    await shop.sql(f"UPDATE store.{change} WHERE tenant_id = $1 AND sku IN ('B', 'B1')")
    await world.sync(shop)

    assert {part["sku"]: (part["price"], part["quantity"]) for part in shop.at_hub("B")["variations"]} == {
        "B1": (10, 5),
        "B2": (10, 5),
        "B3": (10, 5),
    }
    assert len(world.sent(mark)) == 3

    mark = world.mark()
    await shop.sql("UPDATE store.product SET brand = 'Marca' WHERE tenant_id = $1")
    await shop.sql("UPDATE store.variation SET ean = '7891000100103' WHERE tenant_id = $1 AND sku = 'B2'")
    await world.sync(shop)

    assert len(world.sent(mark)) == 1


@pytest.mark.parametrize("also", ["", "active = false, "])
async def test_a_variation_that_moved_and_cannot_be_created_yet_is_not_asked_for_its_price_or_stock(
    world: World, also: str
) -> None:
    world.hub.profile = parse_profile("strict+upsert")
    shop = await world.shop()
    await shop.varied("B", "B1")
    await shop.varied("C", "C1", "C2")
    await world.sync(shop)
    await shop.sql("DELETE FROM store.stock WHERE tenant_id = $1 AND sku = 'C1'")
    await shop.sql(f"UPDATE store.variation SET {also}product_sku = 'B' WHERE tenant_id = $1 AND sku = 'C1'")
    await world.sync(shop, Kind.PRODUCT)
    mark = world.mark()

    await shop.sql("UPDATE store.price SET price = 60 WHERE tenant_id = $1 AND sku = 'C1'")
    await world.sync(shop)

    assert world.sent(mark) == []
    assert [part["sku"] for part in shop.at_hub("B")["variations"]] == ["B1"]
    assert await shop.why("stock", "C1") == ("skipped", "inactive" if also else "missing_stock")
    assert await shop.why("price", "C1") == ("skipped", "pending")

    await shop.sql("UPDATE store.variation SET active = true WHERE tenant_id = $1")
    await shop.offer("C1", price=None, on_hand=7)
    await world.sync(shop)

    assert (shop.at_hub("C1")["price"], shop.at_hub("C1")["quantity"]) == (60, 7)
    assert await shop.why("price", "C1") == ("synced", "in_sync")


async def test_a_lost_variation_without_stock_says_that_it_waits_for_one(world: World) -> None:
    shop = await shop_that_lost(world, "B1")
    await shop.sql("DELETE FROM store.stock WHERE tenant_id = $1 AND sku = 'B1'")

    await world.sync(shop)

    assert [part["sku"] for part in shop.at_hub("B")["variations"]] == ["B2"]
    assert await shop.why("stock", "B1") == ("skipped", "missing_stock")
    assert await shop.why("price", "B1") == ("skipped", "pending")


@pytest.mark.parametrize("row", ["5", None])
async def test_a_variation_that_a_price_has_brought_back_is_no_bare_one_however_the_hub_shows_it(
    world: World, row: str | None
) -> None:
    shop = await shop_that_lost(world, "B1")
    await shop.sql("UPDATE rocksync.schedule SET mode = 'manual' WHERE tenant_id = $1 AND kind <> 'price'")
    world.hub.add_fault("unset-members")
    mark = world.mark()
    await shop.sql("UPDATE store.price SET price = 60 WHERE tenant_id = $1")
    if row is None:
        await shop.sql("DELETE FROM store.stock WHERE tenant_id = $1 AND sku = 'B1'")

    await world.sync(shop, Kind.PRICE)
    assert shop.at_hub("B1")["attributes"] == []
    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1")
    await world.sync(shop, Kind.STOCK)
    assert shop.at_hub("B1")["quantity"] is None
    await world.sync(shop, Kind.PRODUCT, Kind.PRICE, Kind.STOCK)

    assert [each["label"] for each in shop.at_hub("B1")["attributes"]] == ["Tamanho"]
    assert (shop.at_hub("B1")["price"], shop.at_hub("B1")["quantity"]) == (60, 0 if row is None else 8)
    assert shop.at_hub("B2")["price"] == 60
    for write in world.sent(mark, method="PUT")[1:]:
        assert "B2" not in {part["sku"] for part in write["body"].get("variations", []) if "price" in part}


@pytest.mark.parametrize("row", ["5", None])
async def test_a_hub_that_never_shows_more_than_a_price_is_not_asked_again_and_again(
    world: World, row: str | None
) -> None:
    shop = await world.shop()
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)
    if row is None:
        await shop.sql("DELETE FROM store.stock WHERE tenant_id = $1")
    world.hub.add_fault("short-variations")
    mark = world.mark()

    await shop.sql("UPDATE store.price SET price = 60 WHERE tenant_id = $1")
    await world.sync(shop)

    [write] = [each for each in world.sent(mark) if each["route"] == "/skus/{sku}"]
    assert all(part.keys() == {"sku", "price", "special_price"} for part in write["body"]["variations"])
    for sku in ("B1", "B2"):
        assert (shop.at_hub(sku)["price"], shop.at_hub(sku)["quantity"]) == (60, 0 if row is None else 5)
        assert await shop.why("price", sku) == ("synced", "in_sync")

    world.hub.add_fault("dropped-writes@PUT")
    mark = world.mark()
    await shop.sql("UPDATE store.price SET price = 61 WHERE tenant_id = $1")
    await world.sync(shop)

    assert len(world.sent(mark)) == 1
    assert await shop.why("price", "B1") == ("synced", "in_sync")


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("columns", [{}, {"name": "Nome"}, {"attributes": {"Cor": "Azul"}}])
async def test_what_is_sold_out_and_says_little_is_written_whole_for_a_price_only_if_it_was_lost(
    world: World, columns: dict[str, Any], lost: bool
) -> None:
    world.hub.profile = parse_profile("strict+variation_by_sku")
    shop = await world.shop()
    await shop.product("B")
    for sku in ("B1", "B2"):
        await shop.variation(sku, "B", **columns)
        await shop.offer(sku, on_hand=0)
    await world.sync(shop)
    if lost:
        shelf = world.hub.account(shop.user).shelf
        shelf.delete(shelf.at_sku("B1", world.hub.profile), sku="B1")
    complete = {}

    for price in (60, 61):
        mark = world.mark()
        await shop.sql(f"UPDATE store.price SET price = {price} WHERE tenant_id = $1")
        await world.sync(shop)
        complete[price] = [each for each in world.sent(mark, method="PUT") if "name" in each["body"]]

    assert (len(complete[60]), len(complete[61])) == (int(lost), 0)
    assert (shop.at_hub("B1")["price"], shop.at_hub("B1")["quantity"]) == (61, 0)
    assert [each["code"] for each in shop.at_hub("B1")["attributes"]] == (["cor"] if "attributes" in columns else [])


async def test_a_lost_product_that_cannot_be_created_again_waits_for_its_stock(world: World) -> None:
    shop = await shop_that_lost(world, "B")
    await shop.sql("DELETE FROM store.stock WHERE tenant_id = $1")

    await world.sync(shop, Kind.STOCK)
    await world.sync(shop)

    assert await shop.why("product", "B") == ("skipped", "missing_stock")


@pytest.mark.parametrize("times", [1, 4])
async def test_what_a_write_without_an_answer_has_brought_back_gets_its_price(world: World, times: int) -> None:
    world.hub.profile = parse_profile("strict+upsert+variation_by_sku")
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)
    shelf = world.hub.account(shop.user).shelf
    shelf.delete(shelf.at_sku("A", world.hub.profile), sku="A")
    world.hub.add_fault(f"drop-after-write@PUTx{times}")
    await shop.sql("UPDATE store.product SET name = 'Outro' WHERE tenant_id = $1")
    await world.sync(shop)

    await world.again(shop)

    assert (shop.at_hub("A")["price"], shop.at_hub("A")["quantity"]) == (10, 5)


@pytest.mark.parametrize("profile", ["strict", "strict+attributes_by_id"])
async def test_a_write_that_is_repeated_without_a_reply_doubles_nothing(world: World, profile: str) -> None:
    world.hub.profile = parse_profile(profile)
    shop = await world.shop()
    await shop.simple("A")
    await shop.varied("B", "B1")
    await world.sync(shop)
    world.hub.add_fault("5xx-after-write@PUTx1")

    await shop.sql("""UPDATE store.product SET attributes = '{"Cor": "Azul"}' WHERE tenant_id = $1 AND sku = 'A'""")
    await world.sync(shop)
    world.hub.add_fault("5xx-after-write@PUTx1")
    await shop.sql("""UPDATE store.variation SET attributes = '{"Cor": "Azul"}' WHERE tenant_id = $1""")
    await world.sync(shop)

    for sku in ("A", "B1"):
        assert [each["code"] for each in shop.at_hub(sku)["attributes"]] == ["cor"]


async def test_a_value_that_changes_while_the_attribute_is_there_twice_reaches_the_hub(world: World) -> None:
    world.hub.profile = parse_profile("strict+attributes_by_id")
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)
    world.hub.add_fault("5xx-after-write@PUT")
    await shop.sql("""UPDATE store.product SET attributes = '{"Voltagem": "220V"}' WHERE tenant_id = $1""")
    await world.sync(shop)
    assert len(shop.at_hub("A")["attributes"]) > 1

    await shop.sql("""UPDATE store.product SET attributes = '{"Voltagem": "110V"}' WHERE tenant_id = $1""")
    await world.again(shop)

    assert [each["value"]["label"] for each in shop.at_hub("A")["attributes"]] == ["110V"]
    assert await shop.why("product", "A") == ("synced", "in_sync")


async def test_an_attribute_that_is_there_twice_is_there_once_although_nothing_changes(world: World) -> None:
    world.hub.profile = parse_profile("strict+attributes_by_id")
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)
    world.hub.add_fault("5xx-after-write@PUT")
    await shop.sql("""UPDATE store.product SET attributes = '{"Voltagem": "220V"}' WHERE tenant_id = $1""")
    await world.sync(shop)

    await world.again(shop)

    assert [each["value"]["label"] for each in shop.at_hub("A")["attributes"]] == ["220V"]
    assert await shop.why("product", "A") == ("synced", "in_sync")
