"""The first export: prices and stocks wait for their products, go with them, and are not looked at twice."""

from decimal import Decimal
from typing import Any

import pytest

from rocksync.domain.documents import ProductDocument
from rocksync.domain.outcomes import Delivery
from rocksync.domain.tenancy import Kind, Tenant
from tests.worker.test_mappers import has_mappers, write
from tests.worker.waiting import until
from tests.worker.world import World

UNKNOWN = "SELECT count(*) FROM rocksync.item WHERE tenant_id = $1 AND sending IS NOT NULL"
"""Products of which nobody knows whether they arrived."""

WAITS = "waits until product {} is created at Plugg.to with it"


async def test_what_is_new_waits_for_its_product_without_being_looked_at(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await shop.varied("B", "B1", "B2")

    await world.sync(shop, Kind.PRICE, Kind.STOCK)

    for kind in ("price", "stock"):
        for sku, product in (("A", "A"), ("B1", "B"), ("B2", "B")):
            assert await shop.why(kind, sku) == ("skipped", "pending")
            assert (await shop.item(kind, sku))["detail"] == WAITS.format(product)
            assert (await shop.item(kind, sku))["attempted_at"] is None


@pytest.mark.parametrize("kind", ["price", "stock"])
async def test_a_pass_says_the_same_of_what_waits(world: World, kind: str) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop, Kind(kind))
    folded = await shop.item(kind, "A")
    await world.pool.execute("SELECT rocksync.mark_changed($1, $2, ARRAY['A'])", shop.id, kind)

    await world.sync(shop, Kind(kind))

    again = await shop.item(kind, "A")
    assert (folded["attempted_at"], again["attempted_at"] is None) == (None, False)
    assert [again[name] for name in ("state", "reason", "detail")] == [
        folded[name] for name in ("state", "reason", "detail")
    ]


@pytest.mark.parametrize(
    ("kind", "sku", "why"),
    [
        ("price", "NOBODYS", "unknown_sku"),
        ("price", "PARENT", "unknown_sku"),
        ("stock", "PARENT", "inactive"),
        ("stock", "OFF", "inactive"),
        ("stock", "PARENT-OFF", "inactive"),
    ],
)
async def test_what_waits_for_no_product_is_looked_at(world: World, kind: str, sku: str, why: str) -> None:
    shop = await world.shop()
    await shop.varied("PARENT", "PARENT-1", "PARENT-OFF")
    await shop.sql("UPDATE store.variation SET active = false WHERE tenant_id = $1 AND sku = 'PARENT-OFF'")
    await shop.offer("PARENT")
    await shop.simple("OFF", active=False)
    await shop.offer("NOBODYS", on_hand=None)

    await world.sync(shop, Kind(kind))

    assert await shop.why(kind, sku) == ("skipped", why)


async def test_a_stock_is_called_missing_where_only_its_row_is(world: World) -> None:
    shop = await world.shop()
    await shop.varied("B", "B1")
    for sku, active in (("B2", True), ("B3", False)):
        await shop.variation(sku, "B", active=active)
        await shop.offer(sku, on_hand=None)
    await shop.sql("SELECT rocksync.mark_changed($1, 'stock', ARRAY['B', 'B2', 'B3', 'GONE'])")

    await world.sync(shop)

    whys = {sku: (await shop.why("stock", sku))[1] for sku in ("B", "B1", "B2", "B3", "GONE")}
    assert whys == {
        "B": "inactive",
        "B1": "in_sync",
        "B2": "missing_stock",
        "B3": "inactive",
        "GONE": "inactive",
    }


async def test_what_is_created_is_in_step_at_once(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A", price=Decimal("12.50"), on_hand=7)
    await shop.varied("B", "B1")
    await world.sync(shop, Kind.PRICE, Kind.STOCK)

    await world.sync(shop, Kind.PRODUCT)

    for kind in ("price", "stock"):
        for sku in ("A", "B1"):
            assert await shop.why(kind, sku) == ("synced", "in_sync")
            assert (await shop.item(kind, sku))["changed_at"] is None
    await world.sync(shop)
    assert (await shop.item("price", "A"))["attempted_at"] is None
    assert (shop.at_hub("A")["price"], shop.at_hub("A")["quantity"]) == (12.5, 7)


@pytest.mark.parametrize("folded", [True, False], ids=["folded meanwhile", "folded later"])
async def test_what_changes_while_its_product_is_created_is_not_taken_for_sent(
    world: World, monkeypatch: pytest.MonkeyPatch, folded: bool
) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop, Kind.PRICE, Kind.STOCK)
    put_product = world.app.hub.put_product

    async def slowly(tenant: Tenant, document: ProductDocument, *arguments: Any, **named: Any) -> Delivery:
        await shop.sql("UPDATE store.price SET price = 12 WHERE tenant_id = $1")
        await shop.sql("UPDATE store.stock SET on_hand = 2 WHERE tenant_id = $1")
        if folded:
            for kind in (Kind.PRICE, Kind.STOCK):
                await shop.sql("UPDATE rocksync.schedule SET due_at = now() WHERE tenant_id = $1")
                [lease] = await world.app.schedules.claim(world.app.name, 1, tenants=[shop.id], kinds=[kind])
                await world.app.items.fold(lease)
                await shop.sql(
                    "UPDATE rocksync.schedule SET leased_until = now() WHERE tenant_id = $1 AND kind = $2", kind
                )
        return await put_product(tenant, document, *arguments, **named)

    monkeypatch.setattr(world.app.hub, "put_product", slowly)

    await world.sync(shop, Kind.PRODUCT)
    await world.sync(shop)

    assert (shop.at_hub("A")["price"], shop.at_hub("A")["quantity"]) == (12, 2)


async def test_metrics_see_what_no_pass_looked_at(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")

    async def counted(kind: str, state: str) -> Any:
        return await shop.sql(
            "SELECT items FROM rocksync.item_count WHERE tenant_id = $1 AND kind = $2 AND state = $3", kind, state
        )

    await world.sync(shop, Kind.PRICE, Kind.STOCK)
    assert [await counted(kind, "skipped") for kind in ("price", "stock")] == [1, 1]
    await world.sync(shop, Kind.PRODUCT)

    assert [await counted(kind, "skipped") for kind in ("price", "stock")] == [0, 0]
    assert [await counted(kind, "synced") for kind in ("product", "price", "stock")] == [1, 1, 1]


async def test_what_is_to_be_sent_again_is_not_taken_for_sent(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop, Kind.PRICE, Kind.STOCK)
    await shop.sql("UPDATE rocksync.item SET resend = true WHERE tenant_id = $1 AND kind = 'price'")

    await world.sync(shop, Kind.PRODUCT)

    assert await shop.why("price", "A") == ("pending", "pending")


async def test_a_mapper_of_prices_has_its_say_once_the_sku_is_there(world: World) -> None:
    shop = await world.shop("um")
    await shop.simple("A")
    write(
        world,
        "um",
        """
        from rocksync.mapping import hookimpl

        @hookimpl
        def rocksync_map_price(creating, payload):
            if not creating:
                payload["price"] = 99
        """,
    )
    await until(lambda: has_mappers(world, {"um"}))

    await world.sync(shop)

    assert shop.at_hub("A")["price"] == 99


async def test_a_mapper_that_comes_before_the_product_is_created_is_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await world.shop("um")
    await shop.simple("A")
    await world.sync(shop, Kind.PRICE, Kind.STOCK)
    put_product = world.app.hub.put_product

    async def slowly(*arguments: Any, **named: Any) -> Delivery:
        write(world, "um", DEAR)
        await until(lambda: has_mappers(world, {"um"}))
        return await put_product(*arguments, **named)

    monkeypatch.setattr(world.app.hub, "put_product", slowly)
    await world.sync(shop, Kind.PRODUCT)
    monkeypatch.undo()

    await world.sync(shop)

    assert shop.at_hub("A")["price"] == 99


DEAR = """
    from rocksync.mapping import hookimpl

    @hookimpl
    def rocksync_map_price(payload):
        payload["price"] = payload["special_price"] = 99
"""


async def test_what_a_pass_that_ended_early_did_not_send_is_not_looked_up_by_the_next(world: World) -> None:
    shop = await world.shop()
    for number in range(60):
        await shop.simple(f"A{number:02}")
    world.hub.add_fault("429-retry-after=3600@PUT /skus/{sku}")
    await world.sync(shop)
    sent, unknown = len(world.sent()), await shop.sql(UNKNOWN)
    mark = world.mark()

    await world.again(shop)

    assert 0 < unknown <= sent < 60
    assert len(world.sent(mark, "GET")) == unknown
    assert len(world.sent(mark, "POST")) == 60
    assert await shop.sql(UNKNOWN) == 0
