"""What was sent and not recorded, so that nobody knows what the hub holds: it is put right, whatever came next."""

from decimal import Decimal

import pytest

from rocksync.app import open_app
from rocksync.domain.documents import StockDocument
from rocksync.domain.outcomes import Delivery
from rocksync.domain.tenancy import Kind, Tenant
from tests.worker.conftest import world  # noqa: F401 - a fixture
from tests.worker.world import World

SOME = ["https://img.example/1.jpg", "https://img.example/2.jpg"]

OTHERS = "https://img.example/x.jpg"


async def test_a_stock_that_a_dead_worker_sent_is_sent_again_although_it_went_back_to_what_was_accepted(
    world: World,  # noqa: F811
) -> None:
    shop = await world.shop()
    await shop.simple("A", on_hand=5)
    await world.sync(shop)
    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1")
    await shop.sql("UPDATE rocksync.schedule SET due_at = now() WHERE tenant_id = $1")
    [dead] = await world.app.schedules.claim("dead-1-a", 1, tenants=[shop.id], kinds=[Kind.STOCK])
    await world.app.items.fold(dead)
    await world.app.hub.put_stock(dead.tenant, StockDocument(key="A", product_sku="A", payload={"quantity": 8}))
    assert shop.at_hub("A")["quantity"] == 8
    await shop.sql("UPDATE rocksync.schedule SET leased_until = now() WHERE tenant_id = $1")
    await shop.sql("UPDATE store.stock SET on_hand = 5 WHERE tenant_id = $1")

    await world.sync(shop)

    assert shop.at_hub("A")["quantity"] == 5


async def test_a_stock_that_arrives_after_the_next_holders_is_sent_again(
    world: World,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shop = await world.shop()
    await shop.simple("A", on_hand=5)
    await world.sync(shop)
    put_stock = world.app.hub.put_stock

    async def late(tenant: Tenant, document: StockDocument) -> Delivery:
        monkeypatch.undo()
        await shop.sql("UPDATE rocksync.schedule SET leased_until = now() WHERE tenant_id = $1")
        await shop.sql("UPDATE store.stock SET on_hand = 3 WHERE tenant_id = $1")
        async with open_app(world.settings) as other:
            await other.run_once(tenants=[shop.id], kinds=[Kind.STOCK])
        assert shop.at_hub("A")["quantity"] == 3
        return await put_stock(tenant, document)

    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1")
    monkeypatch.setattr(world.app.hub, "put_stock", late)
    await world.sync(shop, Kind.STOCK)

    await world.sync(shop, Kind.STOCK)

    assert shop.at_hub("A")["quantity"] == 3


@pytest.mark.parametrize("fault", ["5xx-after-write@PUT", "drop-after-write@PUT"])
async def test_a_stock_and_a_price_whose_replies_got_lost_are_sent_again_although_they_went_back(
    world: World,  # noqa: F811
    fault: str,
) -> None:
    shop = await world.shop()
    await shop.simple("A", on_hand=5, price=Decimal(10))
    await world.sync(shop)
    world.hub.add_fault(fault)
    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1")
    await shop.sql("UPDATE store.price SET price = 20 WHERE tenant_id = $1")
    await world.sync(shop)
    assert (shop.at_hub("A")["quantity"], shop.at_hub("A")["price"]) == (8, 20)
    await shop.sql("UPDATE store.stock SET on_hand = 5 WHERE tenant_id = $1")
    await shop.sql("UPDATE store.price SET price = 10 WHERE tenant_id = $1")

    await world.again(shop)

    assert (shop.at_hub("A")["quantity"], shop.at_hub("A")["price"]) == (5, 10)


async def test_what_an_update_without_a_reply_added_is_removed_when_the_store_has_gone_on(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    await shop.simple("A", photos=SOME[:1], categories=["Casa"], attributes={"Cor": "Azul"})
    await shop.varied("B", "B1")
    await world.sync(shop)
    shop.at_hub("A")["photos"].append({"id": "f" * 24, "url": OTHERS, "external": OTHERS})
    world.hub.add_fault("5xx-after-write@PUTx8")
    await shop.sql(
        "UPDATE store.product SET photos = $2, categories = '{Moda}', attributes = '{\"Voltagem\": \"220V\"}'"
        " WHERE tenant_id = $1 AND sku = 'A'",
        SOME,
    )
    await shop.sql('UPDATE store.variation SET photos = $2, attributes = \'{"Peso": "2"}\' WHERE tenant_id = $1', SOME)
    await world.sync(shop)
    assert len(shop.at_hub("A")["photos"]) == 3
    await shop.sql(
        "UPDATE store.product SET photos = $2, categories = '{Livros}', attributes = '{\"Cor\": \"Azul\"}'"
        " WHERE tenant_id = $1 AND sku = 'A'",
        ["https://img.example/3.jpg"],
    )
    await shop.sql("UPDATE store.variation SET photos = '{}', attributes = '{\"Cor\": \"Azul\"}' WHERE tenant_id = $1")

    await world.again(shop)

    seen = shop.at_hub("A")
    assert [photo["external"] for photo in seen["photos"]] == [OTHERS, "https://img.example/3.jpg"]
    assert [category["name"] for category in seen["categories"]] == ["Livros"]
    assert [attribute["label"] for attribute in seen["attributes"]] == ["Cor"]
    assert shop.at_hub("B1")["photos"] == []
    assert [attribute["label"] for attribute in shop.at_hub("B1")["attributes"]] == ["Cor"]


async def test_a_product_whose_creation_had_no_reply_goes_off_sale_when_it_leaves_the_store(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    for fault in ("5xx-after-write@POST", "outage@GET"):
        world.hub.add_fault(fault)
    await shop.simple("A")
    await shop.varied("B", "B1")
    await world.sync(shop)
    assert {product["sku"] for product in world.hub.products(shop.user)} == {"A", "B"}
    await shop.sql("DELETE FROM store.product WHERE tenant_id = $1")
    await shop.sql("DELETE FROM store.variation WHERE tenant_id = $1")

    await world.again(shop)

    assert [(p["available"], p["quantity"] or 0) for p in world.hub.products(shop.user)] == [(0, 0), (0, 0)]
    assert shop.at_hub("B1")["quantity"] == 0


@pytest.mark.parametrize("table", ["product", "variation"])
async def test_what_was_off_sale_when_its_creation_without_a_reply_was_put_right_has_its_price_when_it_is_back(
    world: World,  # noqa: F811
    table: str,
) -> None:
    shop = await world.shop()
    for fault in ("5xx-after-write@POST", "outage@GET"):
        world.hub.add_fault(fault)
    await shop.simple("A", price=Decimal(10), on_hand=5)
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)
    assert (shop.at_hub("A")["price"], shop.at_hub("B1")["price"]) == (10, 10)
    await shop.sql("UPDATE store.price SET price = 20 WHERE tenant_id = $1")
    await shop.sql(f"UPDATE store.{table} SET active = false WHERE tenant_id = $1 AND sku IN ('A', 'B', 'B1')")
    await world.again(shop)

    await shop.sql(f"UPDATE store.{table} SET active = true WHERE tenant_id = $1")
    await world.again(shop)

    for sku in ("A", "B1", "B2"):
        assert (sku, shop.at_hub(sku)["price"], shop.at_hub(sku)["quantity"]) == (sku, 20, 5)
        assert await shop.why("price", sku) == ("synced", "in_sync")


async def test_a_product_whose_creation_had_no_reply_is_adopted_with_its_price_and_stock(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    for fault in ("5xx-after-write@POST", "outage@GET"):
        world.hub.add_fault(fault)
    await shop.simple("A", photos=SOME)
    await shop.varied("B", "B1")
    await world.sync(shop)
    await shop.sql("UPDATE store.product SET photos = $2 WHERE tenant_id = $1", SOME[:1])
    await shop.sql("UPDATE store.stock SET on_hand = 77 WHERE tenant_id = $1")

    await world.again(shop)
    await shop.sql("UPDATE store.stock SET on_hand = 66 WHERE tenant_id = $1")
    await world.again(shop)

    assert [photo["external"] for photo in shop.at_hub("A")["photos"]] == SOME[:1]
    assert (shop.at_hub("A")["quantity"], shop.at_hub("B1")["quantity"]) == (66, 66)


@pytest.mark.parametrize("statement", ["DELETE FROM store.product", "UPDATE store.product SET active = false"])
async def test_a_product_that_never_arrived_and_goes_off_sale_is_not_asked_for_its_price(
    world: World,  # noqa: F811
    statement: str,
) -> None:
    shop = await world.shop()
    world.hub.add_fault("outage@POST")
    await shop.simple("A")
    await world.sync(shop)
    assert world.hub.products(shop.user) == []
    await shop.sql(f"{statement} WHERE tenant_id = $1")

    await world.again(shop)

    assert world.hub.products(shop.user) == []
    assert await shop.why("product", "A") == ("skipped", "inactive")


async def test_a_product_that_never_arrived_and_lost_its_price_waits_for_one(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    world.hub.add_fault("outage@POST")
    await shop.varied("B", "B1")
    await world.sync(shop)
    await shop.sql("DELETE FROM store.price WHERE tenant_id = $1")

    await world.again(shop)

    assert await shop.why("product", "B") == ("skipped", "missing_price")
    assert await shop.sql("SELECT count(*) FROM rocksync.history WHERE tenant_id = $1 AND action = 'refuse'") == 0


async def test_an_acknowledgement_that_the_hub_drops_is_written_again(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)
    order = shop.market.create_order([{"sku": "A"}])
    world.hub.add_fault("dropped-writes@/orders/{id}x1")
    await world.sync(shop)
    assert not world.hub.order(shop.user, order["id"])["ack"]

    await world.sync(shop)

    assert world.hub.order(shop.user, order["id"])["ack"]


async def test_a_variation_that_did_not_arrive_takes_none_of_its_siblings_with_it(world: World) -> None:  # noqa: F811
    """The hub was said to hold it; its missing stock made rocksync forget what the hub holds of the others."""
    shop = await world.shop()
    await shop.varied("P", "P1", "P2")
    await world.sync(shop)
    world.hub.add_fault("outage@PUT")
    await shop.variation("P3", "P")
    await shop.offer("P3", price=1, on_hand=9)
    await world.sync(shop)
    await shop.sql("UPDATE store.product SET active = false WHERE tenant_id = $1")

    mark = world.mark()
    await world.again(shop)

    assert [shop.at_hub(sku)["quantity"] for sku in ("P1", "P2")] == [0, 0]
    assert "/skus/P3/stock" not in {entry["path"] for entry in world.sent(mark)}


async def test_a_variation_that_somebody_deletes_at_the_hub_takes_none_of_its_siblings_with_it(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    await shop.varied("P", "P1", "P2")
    await world.sync(shop)
    there = next(product for product in world.hub.products(shop.user) if product["sku"] == "P")
    there["variations"] = [each for each in there["variations"] if each["sku"] == "P2"]
    await shop.sql("UPDATE store.stock SET on_hand = on_hand + 1 WHERE tenant_id = $1 AND sku = 'P1'")
    await shop.sql("UPDATE store.product SET active = false WHERE tenant_id = $1")

    await world.sync(shop, Kind.STOCK)

    assert shop.at_hub("P2")["quantity"] == 0


async def test_what_was_sent_and_what_is_about_to_be_survives_a_crash_of_the_server(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    await shop.simple("A", on_hand=5)
    await world.sync(shop)
    await world.pool.execute(
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = on', current_database()); END $$;"
        "CREATE TABLE public.written (kind text, commits text);"
        "CREATE FUNCTION public.write_down() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        "  INSERT INTO public.written VALUES (NEW.kind, current_setting('synchronous_commit')); RETURN NULL; END $$;"
        "CREATE TRIGGER write_down AFTER UPDATE ON rocksync.item FOR EACH ROW"
        "  WHEN (NEW.sending IS DISTINCT FROM OLD.sending AND NEW.sending IS NOT NULL"
        "        OR NEW.kind <> 'product' AND NEW.accepted IS DISTINCT FROM OLD.accepted)"
        "  EXECUTE FUNCTION public.write_down()"
    )
    await shop.sql("UPDATE store.product SET name = 'B', updated_at = now() WHERE tenant_id = $1")
    await shop.sql("UPDATE store.price SET price = 12 WHERE tenant_id = $1")
    await shop.sql("UPDATE store.stock SET on_hand = 4 WHERE tenant_id = $1")

    async with open_app(world.settings) as fresh:
        await fresh.run_once(tenants=[shop.id])

    rows = await world.pool.fetch("SELECT kind, commits FROM public.written ORDER BY kind")
    assert [tuple(row) for row in rows] == [("price", "on"), ("product", "on"), ("stock", "on")]
