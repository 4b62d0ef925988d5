"""A platform that has tables of its own, in types of its own, behind views in place of the store's."""

import pytest

from tests.worker.world import Shop, World

from .conftest import Command

VIEWS = """
    ALTER TABLE store.price RENAME TO price_kept;
    CREATE VIEW store.price AS
    SELECT tenant_id, sku::varchar(80), price::double precision, special_price::real, updated_at
      FROM store.price_kept;
    ALTER TABLE store.product RENAME TO product_kept;
    CREATE VIEW store.product AS
    SELECT tenant_id, sku::varchar(80), name::varchar(80), description, short_description, brand::varchar, model,
           ean::bigint, categories::varchar[], weight_kg::double precision, height_cm::real, width_cm::integer,
           length_cm, attributes::json, photos::varchar[], link, active, external_id, updated_at
      FROM store.product_kept;
    ALTER TABLE store.variation RENAME TO variation_kept;
    CREATE VIEW store.variation AS
    SELECT tenant_id, sku::varchar(80), product_sku::varchar(80), name::varchar, ean::bigint, attributes::json,
           photos::varchar[], weight_kg::real, height_cm, width_cm, length_cm, active, updated_at
      FROM store.variation_kept;
    ALTER TABLE store.stock RENAME TO stock_kept;
    CREATE VIEW store.stock AS
    SELECT tenant_id, sku::varchar(80), on_hand::bigint, reserved::smallint, updated_at FROM store.stock_kept
"""


@pytest.fixture
async def shop(world: World) -> Shop:
    shop = await world.shop(active=False)
    await shop.simple("A", price="10.10", ean="7891000315507", weight_kg=1)
    await shop.varied("B", "B1", "B2")
    await shop.simple("C", price="0.001")
    await shop.pool.execute(VIEWS)
    return shop


async def test_a_store_of_other_types_is_checked_and_its_plan_is_made(rocksync: Command, shop: Shop):
    checked = await rocksync("tenant", "check", "loja", "--json")
    planned = await rocksync("tenant", "activate", "loja", given="n\n")

    assert "unexpected" not in checked.err + planned.err
    found = {each["code"]: each["examples"] for each in checked.json["findings"]}
    assert (found["price_zero"], found["ean_missing"]) == (["C"], ["B1", "B2", "C"])
    assert "create 2, update 0, blocked 1 products" in planned.err


async def test_a_store_of_other_types_is_served(rocksync: Command, world: World, shop: Shop):
    await rocksync("tenant", "activate", "loja", "--yes")

    there = shop.at_hub("A")
    assert (there["price"], there["quantity"], there["ean"]) == (10.1, 5, "7891000315507")
    assert there["dimension"]["weight"] == 1
    assert [each["sku"] for each in shop.at_hub("B")["variations"]] == ["B1", "B2"]
    assert await shop.why("product", "C") == ("quarantined", "invalid_item")
