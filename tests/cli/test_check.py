"""``rocksync tenant check``: what it finds, and that it leaves no trace."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from rocksync.cli.findings import SORTS, Finding
from rocksync.cli.preflight import of_app, open_preflight
from rocksync.postgres.vault import new_key
from rocksync.sandbox.hub import Sandbox
from rocksync.settings import Secrets
from rocksync.sql import load
from tests.worker.world import Shop, World

from .conftest import Command

EVERYTHING = {"ean": "7891000315507", "weight_kg": 1, "height_cm": 2, "width_cm": 3, "length_cm": 4}
COMPLETE = {
    **EVERYTHING,
    "description": "Panela.",
    "brand": "Boa",
    "categories": ["Casa > Cozinha"],
    "photos": ["https://fotos.example/1.jpg"],
}


async def findings(world: World, shop: Shop, **options: datetime) -> dict[str, Finding]:
    await world.app.credentials.seal_inbox()
    tenant = (await world.app.tenants.get(shop.slug)).tenant
    found = await of_app(world.app).findings(tenant, **options)
    return {each.code: each for each in found}


async def only(world: World, shop: Shop, code: str) -> Finding:
    """The one finding about a shop, but for the worker that tests do without."""
    found = await findings(world, shop)
    assert set(found) - {"worker_missing"} == {code}
    return found[code]


async def test_a_sound_store_gives_nothing_to_say(world: World):
    shop = await world.shop(active=False)
    await shop.simple("A", **COMPLETE)

    assert set(await findings(world, shop)) == {"worker_missing"}


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"name": " "}, "name_missing"),
        ({"description": None}, "description_missing"),
        ({"brand": ""}, "brand_missing"),
        ({"categories": []}, "category_missing"),
        ({"categories": ["Casa >  > Cozinha"]}, "category_malformed"),
        ({"categories": ["Casa>Cozinha"]}, "category_malformed"),
        ({"categories": ["> Casa"]}, "category_malformed"),
        ({"photos": []}, "photo_missing"),
        ({"photos": ["fotos/1.jpg"]}, "photo_malformed"),
        ({"photos": ["https://a.example/1.jpg"] * 2}, "photo_twice"),
        ({"weight_kg": None}, "weight_missing"),
        ({"weight_kg": 0}, "weight_missing"),
        ({"length_cm": None}, "dimensions_missing"),
        ({"ean": None}, "ean_missing"),
        ({"ean": "7891000315508"}, "ean_wrong"),
        ({"ean": "12345"}, "ean_wrong"),
        ({"price": None}, "price_missing"),
        ({"price": 0}, "price_zero"),
        ({"on_hand": None}, "stock_missing"),
        ({"on_hand": -1}, "stock_negative"),
    ],
)
async def test_each_fault_of_a_product_is_named(world: World, columns: dict[str, object], code: str):
    shop = await world.shop(active=False)
    await shop.simple("A", **(COMPLETE | columns))

    found = await only(world, shop, code)

    assert (found.items, found.examples) == (1, ("A",))
    assert found.fix


@pytest.mark.parametrize("ean", ["96385074", "036000291452", "7891000315507", "10614141000415", " 7891000315507 "])
async def test_every_length_of_ean_is_known(world: World, ean: str):
    shop = await world.shop(active=False)
    await shop.simple("A", **(COMPLETE | {"ean": ean}))

    assert "ean_wrong" not in await findings(world, shop)


@pytest.mark.parametrize(
    ("sku", "code"),
    [
        (" ", "sku_blank"),
        ("A ", "sku_padded"),
        ("\tA", "sku_padded"),
        ("..", "sku_unsafe"),
        ("A\x07B", "sku_unsafe"),
        ("A/B", "sku_awkward"),
        ("A B", "sku_awkward"),
    ],
)
async def test_each_fault_of_a_sku_is_named(world: World, sku: str, code: str):
    shop = await world.shop(active=False)
    await shop.simple(sku, **COMPLETE)

    assert code in await findings(world, shop)


async def test_what_is_odd_between_tables_is_named(world: World):
    shop = await world.shop(active=False)
    await shop.simple("A", **COMPLETE)
    await shop.product("B", **(COMPLETE | {"ean": "96385074"}))
    await shop.offer("B", price=10, special=12)
    await shop.product("Z0", **(COMPLETE | {"ean": "036000291452"}))
    await shop.offer("Z0", price=10, special=0)
    await shop.simple("a", **COMPLETE)
    await shop.varied("P", "P1", **COMPLETE)
    await shop.variation("A", "P", attributes={"Cor": "Verde"})
    await shop.offer("P")
    await shop.variation("W1", "NOWHERE")
    await shop.product("OFF", active=False)
    await shop.variation("OFF1", "OFF", attributes={"Cor": "Azul"})
    await shop.product("SAME", **COMPLETE)
    for sku in ("SAME1", "SAME2"):
        await shop.variation(sku, "SAME", attributes={"Cor": "Azul"}, active=False)
    await shop.product("BARE", **COMPLETE)
    await shop.variation("BARE1", "BARE")
    await shop.offer("BARE1")
    await shop.offer("LOST")
    await shop.sql("UPDATE store.price SET special_price = 10.004 WHERE tenant_id = $1 AND sku = 'a'")  # sent as 10.00
    await shop.sql("UPDATE store.stock SET reserved = 9 WHERE tenant_id = $1 AND sku = 'P1'")

    found = await findings(world, shop)

    assert {code: each.items for code, each in found.items() if code.startswith(("s", "var", "off", "ean", "pr"))} == {
        "special_above_price": 1,
        "special_zero": 1,
        "sku_duplicate": 1,
        "sku_case": 2,
        "stock_overreserved": 1,
        "stock_orphan": 1,
        "price_orphan": 1,
        "offer_of_parent": 1,
        "variation_orphan": 1,
        "variation_of_inactive": 1,
        "variation_nameless": 1,
        "variations_alike": 1,
        "variations_all_inactive": 1,
        "ean_missing": 3,
        "ean_shared": 2,
    }


async def test_every_finding_of_the_queries_is_in_the_table_and_the_other_way_round(world: World):
    texts = "".join(load("rocksync.postgres", "checks.sql").texts.values())
    python = Path(__file__).parents[2].joinpath("rocksync/cli/preflight.py").read_text(encoding="utf-8")

    missing = [code for code in SORTS if f"'{code}'" not in texts and f'"{code}"' not in python]

    assert missing == []
    assert len(SORTS) >= 15
    assert all(sort.fix and sort.says for sort in SORTS.values())


async def test_refused_credentials_block(world: World):
    shop = await world.shop(active=False, api_secret="wrong")
    await shop.simple("A", **COMPLETE)

    found = await findings(world, shop)

    assert found["login_refused"].whole
    assert "rocksync tenant credentials loja" in found["login_refused"].fix
    assert "wrong" not in found["login_refused"].message


async def test_missing_credentials_and_a_hub_that_is_away_block(world: World):
    bare, away = await world.shop("bare", active=False), await world.shop("away", active=False)
    await world.app.credentials.seal_inbox()
    await bare.sql("DELETE FROM rocksync.credential WHERE tenant_id = $1")
    world.hub.add_fault("outage")

    assert (await findings(world, bare))["credentials_missing"].whole
    assert (await findings(world, away))["hub_unavailable"].whole


async def test_a_key_that_does_not_fit_blocks(world: World):
    shop = await world.shop(active=False)
    await world.app.credentials.seal_inbox()
    settings = replace(world.settings, secrets=Secrets(keys=(new_key(),)))

    async with open_preflight(settings) as (tenants, opened):
        found = await opened.findings((await tenants.get(shop.slug)).tenant)

    assert found[0].code == "credentials_unreadable"
    assert "secrets.keys does not hold" in found[0].message


async def test_a_clock_that_is_wrong_is_named(world: World):
    shop = await world.shop(active=False)
    await shop.simple("A", **COMPLETE)
    world.hub.advance(3600)

    found = await only(world, shop, "clock_skew")

    assert "3600 s behind" in found.message or "3599 s behind" in found.message
    assert not found.blocks


async def test_schedules_and_an_empty_store_are_named(world: World):
    shop = await world.shop(active=False)
    await shop.sql("SELECT rocksync.set_schedule('loja', 'price', 'manual') WHERE $1 > 0")

    found = await findings(world, shop)

    assert set(found) - {"worker_missing"} == {"schedule_manual", "catalogue_empty"}
    assert "price" in found["schedule_manual"].message
    assert not any(each.blocks for each in found.values())


async def mapped(world: World, name: str, text: str) -> None:
    (world.settings.mappers.dir / f"{name}.py").write_text(text, encoding="utf-8")


async def preflight(world: World, slug: str = "loja") -> dict[str, Finding]:
    await world.app.credentials.seal_inbox()
    async with open_preflight(world.settings) as (tenants, opened):
        found = await opened.findings((await tenants.get(slug)).tenant)
    return {each.code: each for each in found}


async def test_a_mapper_that_is_missing_or_broken_blocks(world: World):
    await mapped(world, "broken", "def (")
    for slug, mapper in (("one", "missing"), ("two", "broken")):
        shop = await world.shop(slug, active=False, mappers=[mapper])
        await shop.simple("A", **COMPLETE)

    missing, broken = await preflight(world, "one"), await preflight(world, "two")

    assert "there is no mapper missing" in missing["mapper_unusable"].message
    assert "broken.py" in broken["mapper_unusable"].message
    assert missing["mapper_unusable"].whole


async def test_a_folder_of_mappers_that_is_missing_is_warned_of(world: World):
    shop = await world.shop(active=False)
    await shop.simple("A", **COMPLETE)
    world.settings.mappers.dir.rmdir()

    found = await preflight(world)

    assert str(world.settings.mappers.dir) in found["mapper_folder_missing"].message
    assert not found["mapper_folder_missing"].blocks


async def test_mappers_are_tried_on_the_tenants_own_items(world: World):
    await mapped(
        world,
        "loja",
        """
from rocksync.mapping import ItemError, hookimpl

@hookimpl
def rocksync_check_settings(tenant):
    return ["markup must be a number"] if "markup" not in tenant.settings else []

@hookimpl
def rocksync_select_product(product):
    return None if product.sku != "OFF" else False

@hookimpl
def rocksync_map_product(product, payload):
    if product.sku == "BOOM":
        raise KeyError("x")
    if product.sku == "ODD":
        raise ItemError("no kits")
""",
    )
    shop = await world.shop(active=False)
    for sku in ("FINE", "OFF", "BOOM", "ODD"):
        await shop.simple(sku, **COMPLETE)

    found = await preflight(world)

    assert "markup must be a number" in found["mapper_complaint"].message
    assert found["mapper_fails"].examples == ("BOOM",)
    assert "loja.py line" in found["mapper_fails"].message
    assert found["mapper_refused"].examples == ("ODD",)
    assert found["mapper_keeps_off"].examples == ("OFF",)


async def test_orders_that_would_collide_are_named(world: World):
    shop = await world.shop(active=False)
    await shop.simple("A", **COMPLETE)
    order = shop.market.create_order([{"sku": "A", "quantity": 1}, {"sku": "GONE", "quantity": 1, "price": 3}])
    await shop.sql(
        "INSERT INTO store.sales_order (tenant_id, channel_order, status, total) VALUES ($1, $2, 'approved', 1)",
        order["original_id"],
    )

    found = await findings(world, shop)
    as_of_then = await findings(world, shop, orders_since=datetime.now(UTC) - timedelta(days=2))

    assert found["order_collision"].examples == (order["original_id"],)
    assert not found["order_collision"].blocks
    assert as_of_then["order_twice"].whole
    assert found["order_unknown_sku"].examples == ("GONE",)


async def everything(connection: asyncpg.Connection) -> str:
    """A digest of every row of every table of ours and of the store."""
    tables = await connection.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('rocksync', 'store') ORDER BY 1"
    )
    digests = [
        await connection.fetchval(
            f"SELECT md5(string_agg(t::text || xmin::text, '|' ORDER BY ctid)) FROM {table['name']} t"
        )
        for table in tables
    ]
    return str(digests)


async def test_the_check_writes_nothing_here_or_there(
    rocksync: Command,
    world: World,
    environment: dict[str, str],
    connection: asyncpg.Connection,
    database: str,
    hub: Sandbox,
):
    shop = await world.shop(active=False)
    await shop.simple("A", **COMPLETE)
    await shop.simple("B ", **COMPLETE)
    shop.market.create_order([{"sku": "A", "quantity": 1}])
    before, orders = await everything(connection), json.dumps(hub.orders(shop.user))
    read_only = f"{database}{'&' if '?' in database else '?'}options={quote('-c default_transaction_read_only=on')}"

    ended = await rocksync(
        "tenant", "check", "loja", ROCKSYNC_DATABASE__DSN=read_only, ROCKSYNC_PLUGGTO__BASE_URL=hub.url
    )
    as_json = await rocksync("tenant", "check", "loja", "--json", ROCKSYNC_PLUGGTO__BASE_URL=hub.url)

    assert ended.code == as_json.code == 1, ended.err
    lines = ended.out.splitlines()
    assert lines[0] == "blocks  sku_padded  1 SKUs begin or end with a blank: 'B '; trim them in the store"
    assert lines[-1] == f"tenant loja: 1 block, {len(lines) - 2} warn"
    assert any(line.startswith("warns   credentials_unsealed") for line in lines)
    assert as_json.json["findings"][0]["code"] == "sku_padded"
    assert set(as_json.json["findings"][0]) == {"code", "severity", "items", "examples", "message", "fix"}
    assert await everything(connection) == before
    assert json.dumps(hub.orders(shop.user)) == orders
    assert {(each["method"], each["route"]) for each in hub.requests()} <= {
        ("POST", "/oauth/token"),
        ("GET", "/orders"),
    }
    assert hub.products(shop.user) == []


async def test_a_store_of_100_000_skus_is_checked_in_seconds(world: World, pool: asyncpg.Pool):
    shop = await world.shop(active=False)
    await pool.execute("ALTER TABLE store.product DISABLE TRIGGER USER")
    await shop.sql(
        """
        INSERT INTO store.product (tenant_id, sku, name, ean, categories, photos, weight_kg)
        SELECT $1, 'P' || n, 'Produto ' || n, lpad(n::text, 13, '7'), ARRAY['Casa > Cozinha'],
               ARRAY['https://fotos.example/' || n || '.jpg'], 1
          FROM generate_series(1, 40000) n
        """
    )
    checks = of_app(world.app).checks
    began = datetime.now(UTC)

    seen = {each.code: each.items for each in await checks.seen(shop.id)}

    assert seen["price_missing"] == 40_000
    assert (datetime.now(UTC) - began).total_seconds() < 10
