"""What the store itself refuses of one order, by its rules or by a trigger of the platform, stops that order alone."""

import pytest

from rocksync.domain.tenancy import Kind
from tests.worker.test_orders import imported, invoice, sell
from tests.worker.world import Shop, World

TRIGGER = """
CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the customer Ana is blocked';
END $$;
CREATE TRIGGER refuse BEFORE {} ON store.{} FOR EACH ROW {} EXECUTE FUNCTION public.refuse()
"""


async def goes_on(world: World, shop: Shop) -> bool:
    """Whether another order is imported."""
    other = shop.market.create_order([{"sku": "A", "quantity": 1}])
    await world.sync(shop, Kind.ORDER)
    return await shop.order(other["id"]) is not None


@pytest.mark.parametrize(
    ("operation", "table", "condition"),
    [
        ("INSERT", "sales_order", "WHEN (NEW.status = 'pending')"),
        ("INSERT", "sales_order_item", "WHEN (NEW.sku = 'B1')"),
        ("UPDATE", "sales_order", ""),
    ],
)
async def test_an_order_that_a_trigger_refuses_waits_alone_until_it_does_not(
    world: World, operation: str, table: str, condition: str
) -> None:
    shop, order = await sell(world, status="pending")
    if operation == "UPDATE":
        await world.sync(shop, Kind.ORDER)
        shop.market.approve(order["id"])
    await world.pool.execute(TRIGGER.format(operation, table, condition))

    assert await goes_on(world, shop)

    assert await shop.why("order", order["id"]) == ("pending", "invalid_item")
    detail = (await shop.item("order", order["id"]))["detail"]
    assert "trigger" in detail
    assert "refuse()" in detail
    assert "Ana" not in detail
    await world.pool.execute(f"DROP TRIGGER refuse ON store.{table}")
    await world.again(shop)
    assert (await imported(shop, order))["status"] == ("approved" if operation == "UPDATE" else "pending")
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")


@pytest.mark.parametrize("statement", ["RAISE EXCEPTION 'no' USING ERRCODE = '45000'", "PERFORM FROM erp.orders"])
async def test_however_a_trigger_of_the_store_fails_that_order_waits_alone(world: World, statement: str) -> None:
    shop, order = await sell(world, status="pending")
    trigger = TRIGGER.replace("RAISE EXCEPTION 'the customer Ana is blocked'", statement)
    await world.pool.execute(trigger.format("INSERT", "sales_order", "WHEN (NEW.status = 'pending')"))

    assert await goes_on(world, shop)

    assert await shop.why("order", order["id"]) == ("pending", "invalid_item")


async def test_an_order_that_a_rule_keeps_from_moving_is_set_aside_until_its_row_changes(world: World) -> None:
    shop, order = await sell(world, status="pending")
    await world.sync(shop, Kind.ORDER)
    await world.pool.execute(
        f"""ALTER TABLE store.sales_order ADD CONSTRAINT order_is_checked
            CHECK (pluggto_id <> '{order["id"]}' OR status <> 'approved' OR delivery ? 'checked')"""
    )
    shop.market.approve(order["id"])

    assert await goes_on(world, shop)

    assert await shop.why("order", order["id"]) == ("quarantined", "invalid_item")
    assert "order_is_checked" in (await shop.item("order", order["id"]))["detail"]
    await shop.sql("""UPDATE store.sales_order SET delivery = '{"checked": true}' WHERE tenant_id = $1""")
    await world.sync(shop, Kind.ORDER)
    assert (await imported(shop, order))["status"] == "approved"
    assert await shop.why("order", order["id"]) == ("synced", "in_sync")


async def test_an_order_with_a_wrong_invoice_that_may_not_be_approved_either_stops_no_other(world: World) -> None:
    shop, order = await sell(world, status="pending")
    await world.sync(shop, Kind.ORDER)
    await invoice(shop, order, "1")
    await shop.sql("UPDATE store.sales_order SET status = 'pending' WHERE tenant_id = $1")
    await world.pool.execute(TRIGGER.format("UPDATE", "sales_order", ""))
    shop.market.approve(order["id"])

    assert await goes_on(world, shop)

    assert await shop.why("order", order["id"]) == ("quarantined", "invalid_invoice")
