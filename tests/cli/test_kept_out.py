"""Orders that a rule keeps out of the store: what explain advises works, and resend promises nothing else."""

import pytest

from tests.worker.world import Shop, World

from .conftest import Command

BY_HAND = "No resend imports it either: if it must be in the store, enter it there by hand."
_COMES = "If it must be in the store, `rocksync resend loja order {}` imports it."
STILL = "and still is unless that has changed: rocksync explain loja order"


@pytest.fixture
async def shop(world: World) -> Shop:
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)
    return shop


async def ordered(world: World, shop: Shop, **order: str) -> str:
    placed = shop.market.create_order([{"sku": "A", "quantity": 1}], **order)
    await world.sync(shop)
    return str(placed["id"])


async def test_an_order_that_came_too_late_comes_by_a_resend(rocksync: Command, world: World, shop: Shop) -> None:
    key = await ordered(world, shop, status="shipped")
    assert await shop.order(key) is None

    told = (await rocksync("explain", "loja", "order", key, "--json")).json
    resent = await rocksync("resend", "loja", "order", key, "--json")
    await world.sync(shop)

    assert (told["reason"], told["fix"]) == ("not_selected", _COMES.format(key))
    assert (resent.code, resent.err) == (0, "")
    row = await shop.order(key)
    assert row is not None
    assert (row["status"], await shop.stock("A")) == ("approved", (5, 1))


async def test_an_order_that_was_cancelled_before_is_for_the_store_to_enter(
    rocksync: Command, world: World, shop: Shop
) -> None:
    key = await ordered(world, shop, status="canceled")

    told = (await rocksync("explain", "loja", "order", key, "--json")).json
    resent = await rocksync("resend", "loja", "order", key, "--json")
    await world.sync(shop)

    assert (told["reason"], told["fix"], told["next_action"]) == ("not_selected", BY_HAND, BY_HAND)
    assert resent.code == 0
    assert resent.err.startswith(f"order {key} was kept out of the store (")
    assert resent.err.endswith(f"), {STILL} {key}\n")
    assert await shop.order(key) is None


async def test_an_order_from_before_the_activation_comes_when_it_counts(
    rocksync: Command, world: World, shop: Shop
) -> None:
    key = await ordered(world, shop, created="2026-01-15T12:00:00Z")

    told = (await rocksync("explain", "loja", "order", key, "--json")).json
    statement = told["fix"].split("`")[1].replace("YYYY-MM-DD", "2026-01-01")
    await world.pool.execute(statement)
    resent = await rocksync("resend", "loja", "order", key)
    await world.sync(shop)

    assert f"then `rocksync resend loja order {key}`" in told["fix"]
    assert STILL in resent.err
    assert await shop.order(key) is not None


async def test_an_order_that_the_store_deleted_comes_by_a_resend(rocksync: Command, world: World, shop: Shop) -> None:
    key = await ordered(world, shop)
    await shop.sql("DELETE FROM store.sales_order WHERE tenant_id = $1")
    await world.sync(shop)

    told = (await rocksync("explain", "loja", "order", key, "--json")).json
    resent = await rocksync("resend", "loja", "order", key)
    await world.sync(shop)

    assert told["fix"] == _COMES.format(key)
    assert (resent.code, resent.err) == (0, "")
    assert await shop.order(key) is not None


async def test_an_order_that_nobody_knows_is_asked_for_by_another_id(rocksync: Command, shop: Shop) -> None:
    told = (await rocksync("explain", "loja", "order", "0" * 24, "--json")).json

    assert (told["reason"], told["detail"]) == ("not_selected", f"Plugg.to has no order {'0' * 24}")
    assert told["fix"].startswith("Check the id: ")
    assert told["fix"].endswith("and the tenant, loja.")


async def test_an_order_that_the_store_refused_comes_when_it_is_released(
    rocksync: Command, world: World, shop: Shop
) -> None:
    await world.pool.execute("ALTER TABLE store.sales_order ADD CONSTRAINT few CHECK (total < 0) NOT VALID")
    key = await ordered(world, shop)
    await world.pool.execute("ALTER TABLE store.sales_order DROP CONSTRAINT few")

    told = (await rocksync("explain", "loja", "order", key, "--json")).json
    await rocksync("quarantine", "release", "loja", "--key", key)
    await world.sync(shop)

    assert f"`rocksync quarantine release loja --key {key}`" in told["fix"]
    assert told["next_action"] == told["fix"]
    assert await shop.order(key) is not None
