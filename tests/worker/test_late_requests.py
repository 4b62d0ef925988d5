"""A request that was not answered in time may be carried out after later ones: the last word is the store's."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from rocksync.app import App, open_app
from rocksync.domain.outcomes import Delivery
from rocksync.domain.tenancy import Kind
from rocksync.sandbox.profile import parse_profile
from tests.worker.test_mappers import has_mappers, write
from tests.worker.waiting import until
from tests.worker.world import Shop, World


@pytest.fixture
async def impatient(world: World) -> AsyncIterator[App]:
    """A worker that waits 0.2 s for an answer."""
    settings = replace(world.settings, pluggto=replace(world.settings.pluggto, timeout_s=0.2))
    async with open_app(settings) as app:
        yield app


async def unanswered(world: World, shop: Shop, app: App, on_hand: int) -> None:
    """Change a stock and have the request about it not answered."""
    await shop.sql("UPDATE store.stock SET on_hand = $2 WHERE tenant_id = $1", on_hand)
    await stalled(world, shop, app, Kind.STOCK, "stock")


async def stalled(world: World, shop: Shop, app: App, kind: Kind, request: str) -> None:
    """Have the first such request of a pass not answered; it may be carried out for as long as the test takes."""
    world.hub.add_fault(f"stall@{request}x1")
    await app.run_once(tenants=[shop.id], kinds=[kind])
    world.hub.remove_faults()
    await shop.sql("UPDATE rocksync.item SET late_until = late_until + interval '1 hour' WHERE tenant_id = $1")


async def test_what_is_accepted_while_an_earlier_request_may_be_carried_out_is_sent_once_more(
    world: World, impatient: App
) -> None:
    shop = await world.shop()
    await shop.simple("A", on_hand=60)
    await world.sync(shop)
    await unanswered(world, shop, impatient, 50)
    await shop.sql("UPDATE store.stock SET on_hand = 2 WHERE tenant_id = $1")
    await impatient.run_once(tenants=[shop.id], kinds=[Kind.STOCK])
    assert shop.at_hub("A")["quantity"] == 2
    assert await shop.why("stock", "A") == ("pending", "unconfirmed")

    shop.at_hub("A")["quantity"] = 50  # now it is carried out
    await shop.sql("UPDATE rocksync.item SET late_until = now(), next_attempt_at = now() WHERE tenant_id = $1")
    await world.sync(shop)

    assert shop.at_hub("A")["quantity"] == 2
    assert await shop.why("stock", "A") == ("synced", "in_sync")
    item = await shop.item("stock", "A")
    assert (item["late_until"], item["resend"], item["changed_at"]) == (None, False, None)


async def test_what_is_sold_out_and_cannot_be_mapped_is_sent_once_more_as_well(world: World, impatient: App) -> None:
    write(
        world,
        "loja",
        """
        from rocksync.mapping import hookimpl

        @hookimpl
        def rocksync_map_stock(stock):
            1 // stock.on_hand
        """,
    )
    await until(lambda: has_mappers(replace(world, app=impatient), {"loja"}))
    await until(lambda: has_mappers(world, {"loja"}))
    shop = await world.shop()
    await shop.simple("A", on_hand=60)
    await world.sync(shop)
    await unanswered(world, shop, impatient, 50)
    await shop.sql("UPDATE store.stock SET on_hand = 0 WHERE tenant_id = $1")
    await impatient.run_once(tenants=[shop.id], kinds=[Kind.STOCK])
    assert shop.at_hub("A")["quantity"] == 0
    assert await shop.why("stock", "A") == ("pending", "mapper_error")

    shop.at_hub("A")["quantity"] = 50  # now it is carried out
    await shop.sql("UPDATE rocksync.item SET late_until = now(), next_attempt_at = now() WHERE tenant_id = $1")
    await world.sync(shop)

    assert shop.at_hub("A")["quantity"] == 0
    assert await shop.why("stock", "A") == ("quarantined", "mapper_error")


async def test_a_write_that_was_not_answered_in_time_is_not_repeated_at_once(world: World, impatient: App) -> None:
    shop = await world.shop()
    await shop.simple("A", on_hand=60)
    await world.sync(shop)
    before = world.mark()

    await unanswered(world, shop, impatient, 50)

    assert [entry["method"] for entry in world.sent(after=before)] == ["PUT"]
    assert await shop.why("stock", "A") == ("pending", "hub_unavailable")


async def test_a_creation_that_may_be_carried_out_late_is_followed_by_price_and_stock(
    world: World, impatient: App
) -> None:
    world.hub.profile = parse_profile("strict+upsert")
    shop = await world.shop()
    await shop.simple("A", on_hand=60, price=10)
    await stalled(world, shop, impatient, Kind.PRODUCT, "PUT")
    await shop.sql("UPDATE store.stock SET on_hand = 2 WHERE tenant_id = $1")
    await shop.sql("UPDATE store.price SET price = 99 WHERE tenant_id = $1")
    await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")
    await shop.sql("UPDATE rocksync.schedule SET backoff_until = NULL WHERE tenant_id = $1")
    await world.sync(shop)
    assert (shop.at_hub("A")["quantity"], shop.at_hub("A")["price"]) == (2, 99)

    shop.at_hub("A").update(quantity=60, price=10, special_price=10)  # now it is carried out
    await shop.sql("UPDATE rocksync.item SET late_until = now(), next_attempt_at = now() WHERE tenant_id = $1")
    await world.sync(shop)

    assert (shop.at_hub("A")["quantity"], shop.at_hub("A")["price"]) == (2, 99)
    assert await shop.why("stock", "A") == ("synced", "in_sync")


async def test_what_changes_while_such_a_creation_is_repeated_is_sent_at_once_and_once_more(
    world: World, impatient: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await world.shop()
    await shop.simple("A", on_hand=60)
    await world.sync(shop, Kind.PRICE, Kind.STOCK)
    await stalled(world, shop, impatient, Kind.PRODUCT, "PUT")
    await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")
    await shop.sql("UPDATE rocksync.schedule SET backoff_until = NULL WHERE tenant_id = $1")
    put_product = world.app.hub.put_product

    async def slowly(*arguments: Any, **named: Any) -> Delivery:
        await shop.sql("UPDATE store.stock SET on_hand = 1 WHERE tenant_id = $1")
        await shop.sql("UPDATE rocksync.schedule SET due_at = now() WHERE tenant_id = $1")
        [lease] = await world.app.schedules.claim(world.app.name, 1, tenants=[shop.id], kinds=[Kind.STOCK])
        await world.app.items.fold(lease)
        await shop.sql("UPDATE rocksync.schedule SET leased_until = now() WHERE tenant_id = $1 AND kind = 'stock'")
        return await put_product(*arguments, **named)

    monkeypatch.setattr(world.app.hub, "put_product", slowly)
    await world.sync(shop, Kind.PRODUCT)
    monkeypatch.undo()
    await world.sync(shop)
    assert shop.at_hub("A")["quantity"] == 1

    shop.at_hub("A").update(quantity=60)  # now it is carried out
    await shop.sql("UPDATE rocksync.item SET late_until = now(), next_attempt_at = now() WHERE tenant_id = $1")
    await world.sync(shop)

    assert shop.at_hub("A")["quantity"] == 1
    assert await shop.why("stock", "A") == ("synced", "in_sync")


@pytest.mark.parametrize("active", [True, False])
async def test_what_a_late_request_brings_back_to_a_product_is_removed_again(
    world: World, impatient: App, active: bool
) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)
    await shop.sql("""UPDATE store.product SET attributes = '{"Cor": "Azul"}' WHERE tenant_id = $1""")
    await stalled(world, shop, impatient, Kind.PRODUCT, "PUT")
    await shop.sql("UPDATE store.product SET attributes = '{}' WHERE tenant_id = $1")
    await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")
    await shop.sql("UPDATE rocksync.schedule SET backoff_until = NULL WHERE tenant_id = $1")
    await world.sync(shop)
    assert await shop.why("product", "A") == ("pending", "unconfirmed")

    late = {"id": "9", "code": "cor", "label": "Cor", "value": {"code": "Azul", "label": "Azul"}}
    await shop.sql("UPDATE store.product SET active = $2 WHERE tenant_id = $1", active)
    await world.sync(shop)
    assert shop.at_hub("A")["attributes"] == []

    shop.at_hub("A")["attributes"] = [late]  # now it is carried out
    await shop.sql("UPDATE rocksync.item SET late_until = now(), next_attempt_at = now() WHERE tenant_id = $1")
    await world.sync(shop)

    assert shop.at_hub("A")["attributes"] == []
    assert await shop.why("product", "A") == (("synced", "in_sync") if active else ("skipped", "inactive"))
    assert (await shop.item("product", "A"))["sending"] is None
