"""Products, prices and stock from a store to the hub: the rules, one by one."""

from decimal import Decimal

import pytest

from rocksync.domain.tenancy import Kind
from tests.worker.world import World

NEVER_SENT = {
    "handling_time",
    "manufacture_time",
    "warranty_time",
    "warranty_message",
    "ncm",
    "isbn",
    "nbm",
    "cest",
}


async def test_a_catalogue_reaches_the_hub(world: World) -> None:
    shop = await world.shop()
    await shop.simple("SIMPLES-1", price=Decimal("129.90"), on_hand=12, brand="Marca", ean="7891000000007")
    await shop.varied("CAMISETA", "CAM-P", "CAM-M")

    summary = await world.sync(shop)

    assert summary.refused == 0
    simple = shop.at_hub("SIMPLES-1")
    assert (simple["price"], simple["special_price"], simple["quantity"]) == (129.9, 129.9, 12)
    assert (simple["brand"], simple["ean"], simple["name"]) == ("Marca", "7891000000007", "Produto SIMPLES-1")
    assert {v["sku"]: v["quantity"] for v in shop.at_hub("CAMISETA")["variations"]} == {"CAM-P": 5, "CAM-M": 5}


async def test_a_second_pass_over_an_unchanged_store_makes_no_request(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)
    mark = world.mark()

    await world.sync(shop, Kind.PRODUCT, Kind.PRICE, Kind.STOCK)
    await shop.pool.execute("SELECT rocksync.mark_all($1, ARRAY['product', 'price', 'stock'])", shop.id)
    await world.sync(shop, Kind.PRODUCT, Kind.PRICE, Kind.STOCK)

    assert world.hub.requests(after=mark) == []


async def test_creation_carries_price_and_stock_and_updates_never_do(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A", price=50, on_hand=3)
    await world.sync(shop)
    [created] = [e for e in world.sent(method="POST") if e["route"] == "/products"]
    mark = world.mark()

    await shop.sql("UPDATE store.product SET name = 'Outro nome' WHERE tenant_id = $1")
    await world.sync(shop)

    assert (created["body"]["price"], created["body"]["special_price"], created["body"]["quantity"]) == (50, 50, 3)
    [update] = world.sent(mark)
    assert update["body"]["name"] == "Outro nome"
    assert not {"price", "special_price", "quantity"} & set(update["body"])
    assert not NEVER_SENT & (set(update["body"]) | set(created["body"]))


async def test_a_stock_change_is_one_request_with_the_absolute_quantity(world: World) -> None:
    shop = await world.shop()
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)
    mark = world.mark()

    await shop.sql("UPDATE store.stock SET on_hand = 0 WHERE tenant_id = $1 AND sku = 'B1'")
    await shop.sql("UPDATE store.stock SET on_hand = 9, reserved = 2 WHERE tenant_id = $1 AND sku = 'B2'")
    await world.sync(shop)

    sent = {e["path"]: e["body"] for e in world.sent(mark)}
    assert sent == {
        "/skus/B1/stock": {"action": "update", "quantity": 0, "sku": "B1"},
        "/skus/B2/stock": {"action": "update", "quantity": 7, "sku": "B2"},
    }
    assert (shop.at_hub("B1")["quantity"], shop.at_hub("B2")["quantity"]) == (0, 7)


async def test_a_price_has_two_decimals_and_without_a_promotion_the_special_price_is_the_price(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A", price=Decimal("19.999"))
    await shop.varied("B", "B1")
    await world.sync(shop)

    assert (shop.at_hub("A")["price"], shop.at_hub("A")["special_price"]) == (20.0, 20.0)

    await shop.sql("UPDATE store.price SET price = 30.5, special_price = 24.9 WHERE tenant_id = $1")
    await world.sync(shop)

    assert (shop.at_hub("A")["price"], shop.at_hub("A")["special_price"]) == (30.5, 24.9)
    assert (shop.at_hub("B1")["price"], shop.at_hub("B1")["special_price"]) == (30.5, 24.9)

    await shop.sql("UPDATE store.price SET special_price = NULL WHERE tenant_id = $1")
    await world.sync(shop)

    assert shop.at_hub("A")["special_price"] == 30.5


async def test_what_left_the_store_is_removed_and_what_others_put_there_stays(world: World) -> None:
    shop = await world.shop()
    await shop.simple(
        "A",
        categories=["Casa > Cozinha"],
        photos=["https://img.example/1.jpg", "https://img.example/2.jpg"],
        attributes={"Cor": "Azul", "Voltagem": "220V"},
    )
    await world.sync(shop)
    stored = shop.at_hub("A")
    stored["categories"].append({"name": "Outra", "id": "f" * 24})

    await shop.sql(
        "UPDATE store.product SET categories = '{Casa}', photos = '{https://img.example/2.jpg}',"
        ' attributes = \'{"Cor": "Verde"}\' WHERE tenant_id = $1'
    )
    await world.sync(shop)

    stored = shop.at_hub("A")
    assert [c["name"] for c in stored["categories"]] == ["Casa", "Outra"]
    assert [p["external"] for p in stored["photos"]] == ["https://img.example/2.jpg"]
    assert [(a["label"], a["value"]["label"]) for a in stored["attributes"]] == [("Cor", "Verde")]


@pytest.mark.parametrize("statement", ["UPDATE store.product SET active = false", "DELETE FROM store.product"])
async def test_a_product_that_goes_off_sale_has_no_stock_but_is_not_deleted(world: World, statement: str) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)

    await shop.sql(f"{statement} WHERE tenant_id = $1")
    await world.sync(shop)

    assert (shop.at_hub("A")["available"], shop.at_hub("A")["quantity"]) == (0, 0)
    assert shop.at_hub("B")["available"] == 0
    assert [v["quantity"] for v in shop.at_hub("B")["variations"]] == [0, 0]


@pytest.mark.parametrize("statement", ["UPDATE store.variation SET active = false", "DELETE FROM store.variation"])
async def test_a_variation_that_goes_off_sale_has_no_stock_but_is_not_deleted(world: World, statement: str) -> None:
    shop = await world.shop()
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)

    await shop.sql(f"{statement} WHERE tenant_id = $1 AND sku = 'B1'")
    await world.sync(shop)

    assert (shop.at_hub("B1")["available"], shop.at_hub("B1")["quantity"]) == (0, 0)
    assert (shop.at_hub("B2")["available"], shop.at_hub("B2")["quantity"]) == (1, 5)


async def test_a_variation_that_moves_goes_with_its_price_and_stock(world: World) -> None:
    shop = await world.shop()
    await shop.varied("B", "B1", "B2")
    await shop.varied("C", "C1")
    await world.sync(shop)

    await shop.sql("UPDATE store.variation SET product_sku = 'C' WHERE tenant_id = $1 AND sku = 'B2'")
    await world.sync(shop)
    await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")
    await world.sync(shop)

    assert [v["sku"] for v in shop.at_hub("B")["variations"]] == ["B1"]
    assert {v["sku"]: v["quantity"] for v in shop.at_hub("C")["variations"]} == {"C1": 5, "B2": 5}


async def test_a_variation_added_later_is_created_with_price_and_stock(world: World) -> None:
    shop = await world.shop()
    await shop.varied("B", "B1")
    await world.sync(shop)

    await shop.variation("B2", "B")
    await world.sync(shop)
    assert len(shop.at_hub("B")["variations"]) == 1

    await shop.offer("B2", price=77, on_hand=8)
    await world.sync(shop)

    assert (shop.at_hub("B2")["price"], shop.at_hub("B2")["quantity"]) == (77, 8)


async def test_a_product_waits_for_its_price_and_its_stock(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A", price=None)
    await shop.simple("B", on_hand=None)
    await world.sync(shop)
    assert world.hub.products(shop.user) == []
    assert await shop.why("product", "A") == ("skipped", "missing_price")
    assert await shop.why("product", "B") == ("skipped", "missing_stock")

    await shop.offer("A", price=5, on_hand=None)
    await shop.offer("B", price=None, on_hand=2)
    await world.sync(shop)

    assert shop.at_hub("A")["price"] == 5
    assert shop.at_hub("B")["quantity"] == 2


@pytest.mark.parametrize(
    ("sku", "path"),
    [
        ("CJ/5 PÇS", "/skus/CJ%2F5%20P%C3%87S"),
        ("000123", "/skus/000123"),
        ("50% off?#x", "/skus/50%25%20off%3F%23x"),
        ("a+b&c=d", "/skus/a%2Bb%26c%3Dd"),
    ],
)
async def test_an_odd_sku_is_encoded_in_paths_and_text_in_bodies(world: World, sku: str, path: str) -> None:
    shop = await world.shop()
    await shop.simple(sku)
    await world.sync(shop)
    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1")
    await shop.sql("UPDATE store.price SET price = 8 WHERE tenant_id = $1")
    await world.sync(shop)

    assert (shop.at_hub(sku)["sku"], shop.at_hub(sku)["quantity"], shop.at_hub(sku)["price"]) == (sku, 8, 8)
    assert {e["path"].upper() for e in world.sent(method="PUT")} >= {path.upper(), f"{path}/stock".upper()}


@pytest.mark.parametrize(
    ("kind", "key", "statement"),
    [
        ("product", " A", "UPDATE store.product SET sku = ' A' WHERE tenant_id = $1 AND sku = 'A'"),
        ("product", "A", "UPDATE store.product SET name = ' ' WHERE tenant_id = $1 AND sku = 'A'"),
        ("price", "A", "UPDATE store.price SET price = 0 WHERE tenant_id = $1 AND sku = 'A'"),
        ("price", "A", "UPDATE store.price SET special_price = 99 WHERE tenant_id = $1 AND sku = 'A'"),
    ],
)
async def test_bad_input_is_set_aside_with_a_reason_and_the_rest_goes_on(
    world: World, kind: str, key: str, statement: str
) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await shop.simple("B")
    await world.sync(shop)

    await shop.sql(statement)
    await shop.sql("UPDATE store.stock SET on_hand = 77 WHERE tenant_id = $1 AND sku = 'B'")
    if key == " A":
        await shop.offer(" A")
    summary = await world.sync(shop)

    assert await shop.why(kind, key) == ("quarantined", "invalid_item")
    assert (await shop.item(kind, key))["detail"]
    assert summary.refused == 1
    assert shop.at_hub("B")["quantity"] == 77


async def test_a_quarantined_item_is_released_when_its_row_changes(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A", price=0)
    await world.sync(shop)
    assert await shop.why("product", "A") == ("quarantined", "invalid_item")

    await shop.sql("UPDATE store.price SET price = 12 WHERE tenant_id = $1")
    await world.sync(shop)

    assert shop.at_hub("A")["price"] == 12


async def test_a_sku_of_two_things_is_a_conflict(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await shop.product("B")
    await shop.variation("A", "B")
    await world.sync(shop)

    assert (await shop.why("product", "B"))[1] == "sku_conflict"


async def test_negative_stock_is_sent_as_zero(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)

    await shop.sql("UPDATE store.stock SET on_hand = -3 WHERE tenant_id = $1")
    await world.sync(shop)

    assert shop.at_hub("A")["quantity"] == 0


async def test_a_description_of_200_kilobytes_arrives_whole(world: World) -> None:
    shop = await world.shop()
    text = "<p>Descrição &amp; ção</p>" * 8_000
    await shop.simple("A", description=text)

    await world.sync(shop)

    assert shop.at_hub("A")["description"] == text


async def test_the_store_overwrites_what_others_changed_at_the_hub(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A", brand="Nossa")
    await world.sync(shop)
    shop.at_hub("A")["brand"] = "De outro"

    await shop.sql("UPDATE store.product SET model = 'M1' WHERE tenant_id = $1")
    await world.sync(shop)

    assert shop.at_hub("A")["brand"] == "Nossa"


async def test_a_product_deleted_at_the_hub_is_created_again(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)
    world.hub.account(shop.user).shelf.delete(shop.at_hub("A"))

    await shop.sql("UPDATE store.stock SET on_hand = 2 WHERE tenant_id = $1")
    await world.sync(shop)

    assert shop.at_hub("A")["quantity"] == 2


async def test_a_stock_that_changes_while_its_product_is_created_is_not_lost(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A", on_hand=5)
    await world.sync(shop, Kind.PRODUCT)

    await shop.sql("UPDATE store.stock SET on_hand = 4 WHERE tenant_id = $1")
    await world.sync(shop, Kind.STOCK)

    assert shop.at_hub("A")["quantity"] == 4


async def test_tenants_do_not_touch_each_other(world: World) -> None:
    one, other = await world.shop("um"), await world.shop("dois")
    await one.simple("A", price=1)
    await other.simple("A", price=2)

    await world.sync()

    assert (one.at_hub("A")["price"], other.at_hub("A")["price"]) == (1, 2)


async def test_refused_credentials_stop_the_tenant_and_blame_no_item(world: World) -> None:
    shop, other = await world.shop("um", api_secret="errado"), await world.shop("dois")
    await shop.simple("A")
    await other.simple("A")

    summary = await world.sync()

    assert summary.stopped == ("um",)
    assert await world.pool.fetchval("SELECT status FROM rocksync.tenant WHERE slug = 'um'") == "needs_credentials"
    assert await shop.sql("SELECT count(*) FROM rocksync.item WHERE tenant_id = $1 AND attempts > 0") == 0
    assert other.at_hub("A")["price"] == 10
    assert world.hub.count("POST", "/oauth/token", 400) <= 3


async def test_an_outage_goes_on_while_all_that_waits_for_it_waits_for_a_retry(world: World) -> None:
    """Between the attempts, passes find nothing due, since everything waits for a retry: that is no recovery."""
    shop = await world.shop()
    for number in range(3):
        await shop.simple(f"A{number}")
    world.hub.add_fault("outage")
    failures = "SELECT failures FROM rocksync.schedule WHERE tenant_id = $1 AND kind = 'product'"
    for attempt in (1, 2):
        await world.sync(shop, Kind.PRODUCT)
        await world.sync(shop, Kind.PRODUCT)
        assert await shop.sql(failures) == attempt
        await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")


async def test_an_outage_is_over_when_the_hub_is_reached_or_nothing_waits_for_it(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)
    await shop.sql("UPDATE rocksync.schedule SET failures = 3, failure_reason = 'hub_unavailable' WHERE tenant_id = $1")
    await shop.sql("UPDATE store.price SET price = 11 WHERE tenant_id = $1")

    await world.sync(shop, Kind.PRICE, Kind.STOCK)

    failures = "SELECT failures FROM rocksync.schedule WHERE tenant_id = $1 AND kind = $2"
    assert [await shop.sql(failures, kind) for kind in ("price", "stock", "product")] == [0, 0, 3]


async def test_nothing_of_a_product_comes_back_from_the_hub(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A", brand="Nossa")
    await world.sync(shop)
    before = await shop.pool.fetch("SELECT * FROM store.product")
    shop.at_hub("A").update(brand="De outro", price=1, quantity=999)
    shop.hub.account(shop.user).shelf.create({"sku": "SO-LA", "name": "Só no hub"}, world.hub.profile)

    await world.sync(shop)

    assert await shop.pool.fetch("SELECT * FROM store.product") == before
    assert (await shop.stock("A"), await shop.sql("SELECT price FROM store.price WHERE tenant_id = $1")) == ((5, 0), 10)
