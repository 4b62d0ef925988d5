"""Rows of a platform's own tables, read through views that check nothing: what makes no sense blames itself alone."""

from typing import Any

import pytest

from tests.worker.test_orders import imported, invoice, sell, ship
from tests.worker.world import Shop, World


async def put_view(shop: Shop, table: str, column: str, value: str, key: Any) -> None:
    """A view in the place of a table of the store, in which *column* of the row that has *key* is *value*."""
    names = await shop.pool.fetch(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'store' AND table_name = $1", table
    )
    keyed_by = "order_id" if "order_id" in {row[0] for row in names} else "sku"
    shown = [
        f"CASE WHEN {keyed_by} = '{key}' THEN {value} ELSE {name} END AS {name}" if name == column else name
        for (name,) in names
    ]
    await shop.pool.execute(
        f"ALTER TABLE store.{table} RENAME TO {table}_kept;"
        f"CREATE VIEW store.{table} AS SELECT {', '.join(shown)} FROM store.{table}_kept"
    )


DEEP = "('{\"x\": ' || repeat('[', 1500) || repeat(']', 1500) || '}')::jsonb"


@pytest.mark.parametrize(
    ("table", "column", "value", "key"),
    [
        ("product", "categories", "ARRAY[ARRAY['Casa', 'Cozinha']]", "B"),
        ("product", "photos", "ARRAY[ARRAY['https://loja.example/1.jpg']]", "B"),
        ("product", "attributes", DEEP, "B"),
        ("product", "attributes", "'[1]'", "B"),
        ("product", "weight_kg", "'NaN'", "B"),
        ("variation", "attributes", DEEP, "B1"),
        ("variation", "photos", "ARRAY[ARRAY['https://loja.example/1.jpg']]", "B1"),
    ],
)
async def test_a_row_that_cannot_be_read_stops_no_other_product(
    world: World, table: str, column: str, value: str, key: str
) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await shop.varied("B", "B1")
    await shop.simple("C")
    await put_view(shop, table, column, value, key)

    summary = await world.sync(shop)

    assert "failed" not in summary.passes
    assert (shop.at_hub("A")["quantity"], shop.at_hub("C")["quantity"]) == (5, 5)
    assert world.hub.product(shop.user, "B") is None
    assert await shop.why("product", "B") == ("quarantined", "invalid_item")
    if column != "weight_kg":
        assert f"{column} of {key}" in (await shop.item("product", "B"))["detail"]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("price", "price", "'NaN'"),
        ("price", "price", "'Infinity'"),
        ("price", "special_price", "'NaN'"),
        ("stock", "on_hand", "-1"),
    ],
)
async def test_a_price_or_stock_that_makes_no_sense_stops_no_other(
    world: World, table: str, column: str, value: str
) -> None:
    shop = await world.shop()
    for sku in "ABC":
        await shop.simple(sku)
    await world.sync(shop)
    await put_view(shop, table, column, value, "B")
    await shop.sql("SELECT rocksync.mark_all($1, ARRAY['product', 'price', 'stock'])")

    summary = await world.sync(shop)

    assert "failed" not in summary.passes
    assert await shop.why(table, "A") == await shop.why(table, "C") == ("synced", "in_sync")


@pytest.mark.parametrize("moment", ["'20261-07-15 18:07:07+00'", "'-infinity'"])
@pytest.mark.parametrize(
    ("table", "column"), [("invoice", "issued_at"), ("shipment", "shipped_at"), ("shipment", "delivered_at")]
)
async def test_a_time_beyond_all_calendars_stops_no_other_order(
    world: World, table: str, column: str, moment: str
) -> None:
    shop, order = await sell(world)
    await world.sync(shop)
    await invoice(shop, order)
    await ship(shop, order)
    await put_view(shop, table, column, moment, (await imported(shop, order))["id"])
    other = shop.market.create_order([{"sku": "A", "quantity": 3, "price": 10}])

    summary = await world.sync(shop)

    assert "failed" not in summary.passes
    assert await shop.order(other["id"]) is not None
    assert shop.at_hub("A")["quantity"] == 10 - 2 - 3
    if column != "delivered_at":  # which the hub is not told
        assert (await shop.why("order", order["id"]))[0] == "quarantined"
        assert "of the years 2000 to 2099" in (await shop.item("order", order["id"]))["detail"]
