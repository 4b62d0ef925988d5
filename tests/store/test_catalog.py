import re
from decimal import Decimal

import asyncpg
import pytest

from rocksync import sql
from rocksync.domain.errors import PassError
from rocksync.store.catalog import StoreCatalog
from tests.store.shop import Shop, open_shop


async def test_a_listing_carries_every_column_of_its_product(shop: Shop, catalog: StoreCatalog) -> None:
    await shop.pool.execute(
        """INSERT INTO store.product (tenant_id, sku, name, description, short_description, brand, model, ean,
                  categories, weight_kg, height_cm, width_cm, length_cm, attributes, photos, link, external_id)
           VALUES ($1, '00-Ção/1', 'Garrafa', '<p>Térmica</p>', 'Térmica', 'Marca', 'M1', '7890000000017',
                   '{Casa > Cozinha,Promoção}', 0.350, 30, 7.5, 7.5, '{"Voltagem": "220V"}',
                   '{https://loja.example/1.jpg,https://loja.example/2.jpg}', 'https://loja.example/garrafa', 'P-1')""",
        shop.id,
    )

    product = (await catalog.listings(shop.id, ["00-Ção/1", "absent"]))["00-Ção/1"].product

    assert (product.sku, product.name, product.description) == ("00-Ção/1", "Garrafa", "<p>Térmica</p>")
    assert (product.short_description, product.brand, product.model) == ("Térmica", "Marca", "M1")
    assert (product.ean, product.link, product.external_id) == ("7890000000017", "https://loja.example/garrafa", "P-1")
    assert product.categories == ("Casa > Cozinha", "Promoção")
    assert product.photos == ("https://loja.example/1.jpg", "https://loja.example/2.jpg")
    assert (product.weight_kg, product.width_cm) == (Decimal("0.350"), Decimal("7.5"))
    assert product.attributes == {"Voltagem": "220V"}
    assert product.active
    assert product.variations == ()


async def test_a_product_that_is_not_in_the_store_is_not_in_the_answer(shop: Shop, catalog: StoreCatalog) -> None:
    other = await open_shop(shop.pool, "vizinha")
    await other.sell("A")

    assert await catalog.listings(shop.id, ["A", "A"]) == {}
    assert await catalog.prices(shop.id, ["A"]) == {}
    assert await catalog.owners(shop.id, ["A"]) == {}
    assert await catalog.listings(shop.id, []) == {}


async def test_a_product_with_variations_is_listed_with_what_they_sell_for_and_not_with_its_own(
    shop: Shop, catalog: StoreCatalog
) -> None:
    await shop.sell("P", "P-azul")
    await shop.pool.execute("DELETE FROM store.product WHERE sku = 'P-azul'")
    await shop.vary("P", "P-verde", "P-azul")

    listing = (await catalog.listings(shop.id, ["P"]))["P"]

    assert [variation.sku for variation in listing.product.variations] == ["P-azul", "P-verde"]
    assert set(listing.prices) == {"P-azul"}
    assert set(listing.stocks) == {"P-azul"}
    assert listing.prices["P-azul"].product_sku == "P"
    assert listing.stocks["P-azul"].sellable == 10
    assert listing.duplicate_skus == ()


async def test_a_sku_that_is_a_product_and_a_variation_is_named_in_both_listings(
    shop: Shop, catalog: StoreCatalog
) -> None:
    await shop.sell("P", "Q", "R")
    await shop.vary("P", "Q", "P-1")

    listings = await catalog.listings(shop.id, ["P", "Q", "R"])

    assert {sku: listing.duplicate_skus for sku, listing in listings.items()} == {"P": ("Q",), "Q": ("Q",), "R": ()}


async def test_attribute_values_of_any_json_type_become_text(shop: Shop, catalog: StoreCatalog) -> None:
    await shop.sell("A")
    await shop.pool.execute(
        """UPDATE store.product SET attributes = '{"Volts": 220, "Peso": 1.50, "Bivolt": true, "Nada": null,
                  "Cores": ["Azul", "Verde", 3], "Medidas": {"b": 1.10, "a": "x"}, "Cor": "Açaí"}'"""
    )

    product = (await catalog.listings(shop.id, ["A"]))["A"].product

    assert product.attributes == {
        "Volts": "220",
        "Peso": "1.50",
        "Bivolt": "true",
        "Cores": "Azul, Verde, 3",
        "Medidas": '{"a":"x","b":1.10}',
        "Cor": "Açaí",
    }


async def test_null_and_empty_elements_of_lists_are_left_out(shop: Shop, catalog: StoreCatalog) -> None:
    await shop.sell("A")
    await shop.pool.execute("UPDATE store.product SET photos = ARRAY[NULL, '', 'https://loja.example/1.jpg']")

    assert (await catalog.listings(shop.id, ["A"]))["A"].product.photos == ("https://loja.example/1.jpg",)


async def test_prices_are_exact_and_name_the_product_they_belong_to(shop: Shop, catalog: StoreCatalog) -> None:
    await shop.sell("A", "P", "P-1", "orphan")
    await shop.pool.execute("DELETE FROM store.product WHERE sku IN ('P-1', 'orphan')")
    await shop.vary("P", "P-1")
    await shop.pool.execute("UPDATE store.price SET price = 0.1 + 0.2, special_price = 0.29 WHERE sku = 'A'")

    prices = await catalog.prices(shop.id, ["A", "P", "P-1", "orphan", "nothing", "A"])

    assert set(prices) == {"A", "P-1"}
    assert (prices["A"].price, prices["A"].special_price) == (Decimal("0.3"), Decimal("0.29"))
    assert (prices["A"].product_sku, prices["P-1"].product_sku) == ("A", "P")
    assert prices["P-1"].special_price is None


async def test_a_product_owns_itself_and_its_variations(shop: Shop, catalog: StoreCatalog) -> None:
    await shop.sell("P", "A")
    await shop.vary("P", "P-1", "P-2")

    assert await catalog.owners(shop.id, ["P", "A", "P-2", "nothing"]) == {"P": "P", "A": "A", "P-2": "P"}


async def test_what_cannot_be_sold_has_a_stock_that_is_not_active(shop: Shop, catalog: StoreCatalog) -> None:
    skus = ["simple", "off", "gone", "unstocked", "P", "P-on", "P-off", "Q", "Q-1", "hidden", "orphan"]
    await shop.sell(*skus)
    await shop.pool.execute("DELETE FROM store.product WHERE sku = ANY ('{gone,P-on,P-off,Q-1,orphan}')")
    await shop.vary("P", "P-on", "P-off")
    await shop.vary("Q", "Q-1")
    await shop.vary("no product", "orphan")
    await shop.pool.execute("UPDATE store.product SET active = false WHERE sku IN ('off', 'Q')")
    await shop.pool.execute("UPDATE store.variation SET active = false WHERE sku = 'P-off'")
    await shop.pool.execute("DELETE FROM store.stock WHERE sku = 'unstocked'")
    await shop.pool.execute(
        """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason)
           VALUES ($1, 'product', 'hidden', 'skipped', 'not_selected'),
                  ($1, 'product', 'simple', 'skipped', 'inactive')""",
        shop.id,
    )

    stocks = await catalog.stocks(shop.id, [*skus, "nothing"])

    assert set(stocks) == {*skus, "nothing"}
    assert {sku for sku, stock in stocks.items() if stock.active} == {"simple", "P-on"}
    assert {sku: stock.sellable for sku, stock in stocks.items() if stock.sellable} == {"simple": 10, "P-on": 10}
    assert (stocks["P-on"].product_sku, stocks["simple"].product_sku) == ("P", "simple")


async def test_a_listing_offers_what_a_product_has_that_was_not_selected_last_time(
    shop: Shop, catalog: StoreCatalog
) -> None:
    await shop.sell("hidden")
    await shop.pool.execute(
        """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason)
           VALUES ($1, 'product', 'hidden', 'skipped', 'not_selected')""",
        shop.id,
    )

    listing = (await catalog.listings(shop.id, ["hidden"]))["hidden"]

    assert listing.stocks["hidden"].sellable == 10


@pytest.mark.parametrize(
    ("settled", "wanted", "held"),
    [
        ("none", "reserved", 3),
        ("none", "taken", 3),
        ("released", "reserved", 3),
        ("reserved", "taken", 0),
        ("reserved", "released", 0),
        ("taken", "released", 0),
        ("none", "released", 0),
        ("reserved", "reserved", 0),
    ],
)
async def test_held_is_what_settling_will_take_from_sale(
    shop: Shop, catalog: StoreCatalog, settled: str, wanted: str, held: int
) -> None:
    await shop.sell("A")
    await shop.pool.execute(
        """INSERT INTO rocksync.reservation (tenant_id, order_id, sku, quantity, settled, wanted)
           VALUES ($1, 1, 'A', 2, $2, $3), ($1, 2, 'A', 1, $2, $3)""",
        shop.id,
        settled,
        wanted,
    )

    stock = (await catalog.stocks(shop.id, ["A"]))["A"]

    assert stock.held == held
    assert stock.sellable == 10 - held


async def test_a_stock_below_zero_sells_nothing(shop: Shop, catalog: StoreCatalog) -> None:
    await shop.sell("A", on_hand=-4)

    stock = (await catalog.stocks(shop.id, ["A"]))["A"]

    assert (stock.on_hand, stock.sellable, stock.active) == (-4, 0, True)


async def test_a_table_that_is_locked_as_a_whole_ends_the_pass_and_blames_no_item(
    shop: Shop, catalog: StoreCatalog, connection: asyncpg.Connection
) -> None:
    await shop.pool.execute(
        "ALTER DATABASE " + await connection.fetchval("SELECT current_database()") + " SET lock_timeout = '50ms'"
    )
    await shop.pool.expire_connections()
    async with connection.transaction():
        await connection.execute("LOCK TABLE store.price")

        with pytest.raises(PassError, match="locked by another transaction"):
            await catalog.prices(shop.id, ["A"])


async def test_pages_are_read_by_the_keys_of_their_tables_in_a_big_store(shop: Shop) -> None:
    await shop.pool.execute(
        """INSERT INTO store.product (tenant_id, sku, description)
           SELECT $1 + t, 'S' || n, repeat('x', 900) FROM generate_series(0, 2) t, generate_series(1, 10000) n""",
        shop.id,
    )
    for statement in (
        """INSERT INTO store.variation (tenant_id, sku, product_sku)
           SELECT tenant_id, sku || '-' || v, sku FROM store.product, generate_series(1, 3) v""",
        "INSERT INTO store.price (tenant_id, sku, price) SELECT tenant_id, sku, 1 FROM store.variation",
        "INSERT INTO store.stock (tenant_id, sku, on_hand) SELECT tenant_id, sku, 1 FROM store.variation",
        """INSERT INTO rocksync.item (tenant_id, kind, key, state, reason)
           SELECT tenant_id, 'product', sku, 'synced', 'in_sync'
             FROM store.product JOIN rocksync.tenant t ON t.id = tenant_id""",
        "ANALYZE",
    ):
        await shop.pool.execute(statement)
    queries = sql.load("rocksync.store", "catalog.sql")

    for name in queries:
        arguments = [shop.id, [f"S{n}-2" for n in range(1, 301)], True][: 3 if name == "stocks" else 2]
        plan = await shop.pool.fetch("EXPLAIN " + queries[name], *arguments)

        scans = [line for (line,) in plan if re.search(r"Seq Scan on (?!reservation|replaced_stock)", line)]
        assert scans == [], name
