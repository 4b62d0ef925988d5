"""Everything that can be wrong with a SKU."""

from rocksync.domain.tenancy import Kind
from tests.cli.faults import fault, synced
from tests.worker.waiting import until
from tests.worker.world import World


def mapper(world: World, text: str) -> None:
    (world.settings.mappers.dir / "loja.py").write_text(f"from rocksync.mapping import *\n{text}")


async def with_mapper(world: World, text: str) -> tuple[str, str]:
    """The mapper is there before the shop's first pass, as after a restart of the worker."""
    mapper(world, text)
    shop = await world.shop()
    await shop.simple("A")
    tenant = (await world.app.tenants.get("loja")).tenant

    async def is_loaded() -> bool:
        return bool(world.app.mappers.used_by(tenant))

    await until(is_loaded)
    await world.sync(shop)
    return "sku", "A"


@fault("in_sync")
async def nothing_is_wrong(world: World) -> tuple[str, str]:
    await synced(world)
    return "sku", "A"


@fault("pending")
async def a_change_waits_for_its_pass(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await shop.sql("UPDATE store.stock SET on_hand = 9 WHERE tenant_id = $1")
    return "sku", "A"


@fault("pending")
async def a_change_was_never_noted(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await world.pool.execute("ALTER TABLE store.stock DISABLE TRIGGER USER")
    await shop.sql("UPDATE store.stock SET on_hand = 9 WHERE tenant_id = $1")
    return "sku", "A"


@fault("pending")
async def nothing_was_sent_yet(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.simple("A")
    return "sku", "A"


@fault("inactive")
async def a_product_is_off_sale(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await shop.sql("UPDATE store.product SET active = false WHERE tenant_id = $1")
    await world.sync(shop)
    return "sku", "A"


@fault("inactive")
async def a_product_was_off_sale_from_the_start(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.simple("A", active=False)
    await world.sync(shop)
    return "sku", "A"


@fault("inactive")
async def a_variation_is_off_sale(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)
    await shop.sql("UPDATE store.variation SET active = false WHERE tenant_id = $1 AND sku = 'B1'")
    await world.sync(shop)
    return "sku", "B1"


@fault("inactive")
async def a_product_has_left_the_store(world: World) -> tuple[str, str]:
    shop = await synced(world)
    for table in ("product", "price", "stock"):
        await shop.sql(f"DELETE FROM store.{table} WHERE tenant_id = $1")
    await world.sync(shop)
    return "sku", "A"


@fault("inactive")
async def a_variation_has_left_the_store(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.varied("B", "B1", "B2")
    await world.sync(shop)
    for table in ("variation", "price", "stock"):
        await shop.sql(f"DELETE FROM store.{table} WHERE tenant_id = $1 AND sku = 'B1'")
    await world.sync(shop)
    return "sku", "B1"


@fault("not_selected")
async def a_mapper_keeps_it_out(world: World) -> tuple[str, str]:
    return await with_mapper(world, "@hookimpl\ndef rocksync_select_product(product):\n    return False\n")


@fault("missing_price")
async def a_product_has_no_price(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.simple("A", price=None)
    await world.sync(shop)
    return "sku", "A"


@fault("missing_price")
async def a_price_has_gone(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await shop.sql("DELETE FROM store.price WHERE tenant_id = $1")
    await world.sync(shop)
    return "sku", "A"


@fault("missing_price")
async def one_of_the_variations_has_no_price(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.varied("B", "B1")
    await shop.variation("B2", "B")
    await shop.offer("B2", price=None)
    await world.sync(shop)
    return "sku", "B2"


@fault("missing_stock")
async def a_product_has_no_stock(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.simple("A", on_hand=None)
    await world.sync(shop)
    return "sku", "A"


@fault("missing_stock")
async def a_stock_row_has_gone(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await shop.sql("DELETE FROM store.stock WHERE tenant_id = $1")
    await world.sync(shop)
    return "sku", "A"


@fault("invalid_item")
async def a_product_has_no_name(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.simple("A", name=" ")
    await world.sync(shop)
    return "sku", "A"


@fault("invalid_item")
async def a_price_is_zero(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await shop.sql("UPDATE store.price SET price = 0 WHERE tenant_id = $1")
    await world.sync(shop)
    return "sku", "A"


@fault("invalid_item")
async def a_promotion_is_above_the_price(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await shop.sql("UPDATE store.price SET special_price = 99 WHERE tenant_id = $1")
    await world.sync(shop)
    return "sku", "A"


@fault("invalid_item")
async def a_sku_ends_in_a_blank(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.simple("A ")
    await world.sync(shop)
    return "sku", "A "


@fault("unknown_sku")
async def nobody_knows_the_sku(world: World) -> tuple[str, str]:
    await synced(world)
    return "sku", "NEVER"


@fault("sku_conflict")
async def a_sku_is_two_things_in_the_store(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.simple("A")
    await shop.product("B")
    await shop.variation("A", "B")
    await world.sync(shop)
    return "sku", "B"


@fault("sku_conflict")
async def a_variation_lives_under_another_product_at_the_hub(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.varied("B", "B1")
    await world.sync(shop)
    await shop.sql("DELETE FROM store.variation WHERE tenant_id = $1")
    await shop.sql("DELETE FROM store.product WHERE tenant_id = $1")
    await shop.sql("DELETE FROM rocksync.item WHERE tenant_id = $1")
    await shop.product("C")
    await shop.variation("B1", "C", attributes={"Tamanho": "T0"})
    await world.sync(shop)
    return "sku", "C"


@fault("rejected")
async def the_hub_refuses_a_product(world: World) -> tuple[str, str]:
    shop = await world.shop()
    await shop.simple("A")
    world.hub.add_fault("400")
    await world.sync(shop)
    return "sku", "A"


@fault("mapper_error")
async def a_mapper_raises(world: World) -> tuple[str, str]:
    return await with_mapper(world, "@hookimpl\ndef rocksync_map_product(payload):\n    payload['name'] = 1 / 0\n")


@fault("mapper_error")
async def a_mapper_cannot_be_loaded(world: World) -> tuple[str, str]:
    shop = await world.shop(mappers=["nowhere"])
    await shop.simple("A")
    await world.sync(shop)
    return "sku", "A"


@fault("mapper_timeout")
async def a_mapper_never_ends(world: World) -> tuple[str, str]:
    return await with_mapper(world, "@hookimpl\ndef rocksync_map_stock(stock):\n    while True:\n        pass\n")


@fault("hub_unavailable")
async def the_hub_is_down(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await shop.sql("UPDATE store.stock SET on_hand = 9 WHERE tenant_id = $1")
    world.hub.add_fault("5xx-html")
    await world.sync(shop)
    return "sku", "A"


@fault("rate_limited")
async def the_hub_limits_the_rate(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await shop.sql("UPDATE store.stock SET on_hand = 9 WHERE tenant_id = $1")
    world.hub.add_fault("429-retry-after=60")
    await world.sync(shop)
    return "sku", "A"


@fault("tenant_paused")
async def the_tenant_is_paused(world: World) -> tuple[str, str]:
    await synced(world)
    await world.pool.execute("SELECT rocksync.pause_tenant('loja', 'inventário')")
    return "sku", "A"


@fault("tenant_paused")
async def the_tenant_is_a_draft(world: World) -> tuple[str, str]:
    shop = await world.shop(active=False)
    await shop.simple("A")
    return "sku", "A"


@fault("tenant_paused")
async def one_kind_is_paused(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await world.app.tenants.pause("loja", "contagem", kinds=[Kind.STOCK])
    await shop.sql("UPDATE store.stock SET on_hand = 9 WHERE tenant_id = $1")
    return "sku", "A"


@fault("kind_manual")
async def a_kind_runs_on_request(world: World) -> tuple[str, str]:
    shop = await synced(world)
    await world.pool.execute("SELECT rocksync.set_schedule('loja', 'price', 'manual', NULL)")
    await shop.sql("UPDATE store.price SET price = 12 WHERE tenant_id = $1")
    await world.sync(shop)
    return "sku", "A"


@fault("needs_credentials")
async def the_credentials_are_refused(world: World) -> tuple[str, str]:
    await synced(world, api_secret="errado")
    return "sku", "A"


@fault("unconfirmed")
async def a_change_is_held(world: World) -> tuple[str, str]:
    shop = await synced(world, gate={"max_price_change_percent": 20})
    await shop.sql("UPDATE store.price SET price = 100 WHERE tenant_id = $1")
    await world.sync(shop)
    return "sku", "A"


@fault("not_selected")
async def a_held_change_was_rejected(world: World) -> tuple[str, str]:
    await a_change_is_held.inject(world)
    await world.pool.execute(
        "UPDATE rocksync.item SET state = 'skipped', reason = 'not_selected', detail = 'rejected' WHERE kind = 'price'"
    )
    return "sku", "A"


@fault("unconfirmed")
async def the_hub_shows_another_stock(world: World) -> tuple[str, str]:
    shop = await synced(world)
    shop.at_hub("A")["quantity"] = 1
    return "sku", "A"


@fault("unconfirmed")
async def the_hub_has_lost_the_product(world: World) -> tuple[str, str]:
    shop = await synced(world)
    world.hub.account(shop.user).shelf.delete(shop.at_hub("A"))
    return "sku", "A"
