"""Import failures in the log of the order at Plugg.to: once, and once more when solved."""

from typing import Any

import asyncpg
import pytest

from rocksync.domain.orders import Trouble
from rocksync.domain.reasons import Reason
from rocksync.sync.troubles import text_of
from tests.worker.world import Shop, World, open_world

LINES = [{"sku": "A", "quantity": 1, "price": 10}, {"sku": "NEW", "quantity": 1, "price": 5}]


async def a_shop(world: World, **settings: Any) -> Shop:
    shop = await world.shop(**settings)
    await shop.simple("A")
    await world.sync(shop)
    return shop


def told(shop: Shop, order: dict[str, Any]) -> list[str]:
    return [entry["message"] for entry in shop.hub.order(shop.user, order["id"])["log_history"]]


async def test_a_failure_is_told_once_however_often_it_is_tried(world: World):
    shop = await a_shop(world, tell_orders=True)
    order = shop.market.create_order(LINES)

    for _ in range(3):
        await world.sync(shop)
    await shop.sql("SELECT rocksync.mark_changed($1, 'order', ARRAY[$2::text])", order["id"])
    await world.sync(shop)

    (line,) = told(shop, order)
    assert line.startswith("rocksync: pedido não importado (unknown_sku): a loja não conhece um SKU do pedido: NEW.")
    assert await shop.why("order", order["id"]) == ("quarantined", "unknown_sku")


async def test_its_solution_is_told_once_with_the_number_in_the_store(world: World):
    shop = await a_shop(world, tell_orders=True)
    order = shop.market.create_order(LINES)
    await world.sync(shop)

    await shop.simple("NEW")
    for _ in range(3):
        await world.sync(shop)

    row = await shop.order(order["id"])
    assert row is not None
    assert told(shop, order)[1:] == [f"rocksync: pedido importado; o número dele na loja é {row['id']}."]
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")


async def test_nothing_is_told_unless_the_tenant_wants_it_and_from_then_on_what_is_open(
    world: World, pool: asyncpg.Pool
):
    shop = await a_shop(world)
    order = shop.market.create_order(LINES)
    await world.sync(shop)
    silent = told(shop, order)

    await pool.execute("UPDATE rocksync.tenant SET settings = '{\"tell_orders\": true}'")
    await world.sync(shop)

    assert silent == []
    assert len(told(shop, order)) == 1


async def test_an_order_that_is_imported_at_once_is_not_told_of(world: World):
    shop = await a_shop(world, tell_orders=True)
    order = shop.market.create_order(LINES[:1])

    await world.sync(shop)

    assert told(shop, order) == []


async def test_another_process_does_not_repeat_what_a_dead_one_told_and_did_not_note(
    world: World, pool: asyncpg.Pool, tmp_path: Any
):
    shop = await a_shop(world, tell_orders=True)
    order = shop.market.create_order(LINES)
    await world.sync(shop)
    await pool.execute("DELETE FROM rocksync.told_order")  # as if it had died in between

    async with open_world(world.database, pool, world.hub, tmp_path / "other") as other:
        await other.app.run_once(tenants=[shop.id])

    assert len(told(shop, order)) == 1
    assert await pool.fetchval("SELECT count(*) FROM rocksync.told_order") == 1


async def test_a_pass_whose_time_is_over_leaves_telling_to_the_next(world: World, pool: asyncpg.Pool, tmp_path: Any):
    shop = await a_shop(world)
    order = shop.market.create_order(LINES)
    await world.sync(shop)
    await pool.execute("UPDATE rocksync.tenant SET settings = '{\"tell_orders\": true}'")

    async with open_world(world.database, pool, world.hub, tmp_path / "hurried", slice_s=0) as hurried:
        await hurried.app.run_once(tenants=[shop.id])
    early = told(shop, order)
    await world.sync(shop)

    assert early == []
    assert len(told(shop, order)) == 1


@pytest.mark.parametrize(("fault", "lines"), [("400@/orders/{id}x1", 0), ("5xx-json@/orders/{id}x4", 1)])
async def test_a_log_that_cannot_be_written_never_fails_the_pass(world: World, fault: str, lines: int):
    shop = await a_shop(world, tell_orders=True)
    order = shop.market.create_order(LINES)
    world.hub.add_fault(fault)

    first = await world.sync(shop)
    world.hub.remove_faults()
    await world.sync(shop)

    assert "failed" not in first.passes
    assert len(told(shop, order)) <= 1
    assert len(told(shop, order)) >= lines


def test_the_line_holds_codes_and_skus_only():
    text = text_of(Trouble(order_id="5", reason=Reason.UNKNOWN_SKU, missing_skus=tuple(f"S{n}" for n in range(30))))

    assert "S9." in text
    assert "S10" not in text
    assert "unknown_sku" in text
