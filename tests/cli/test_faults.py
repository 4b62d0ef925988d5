"""Whatever goes wrong with a SKU or an order, ``explain`` names it by its code, and writes nothing anywhere."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from rocksync.cli.chain import chain
from rocksync.domain.explanation import Explanation
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind
from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.server import serve
from tests.worker.waiting import until
from tests.worker.world import Shop, World, open_world

KEY = "35240711222333000181550010000000121000000122"
Fault = Callable[[World], Awaitable[tuple[str, str]]]
FAULTS: dict[str, tuple[str, Fault]] = {}


@pytest.fixture
async def hub() -> AsyncIterator[Sandbox]:
    async with serve(host="127.0.0.1", port=0, profile="strict") as sandbox:
        yield sandbox


@pytest.fixture
async def world(database: str, pool: asyncpg.Pool, hub: Sandbox, tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "mappers").mkdir()
    async with open_world(database, pool, hub, tmp_path) as opened:
        yield opened


async def explained(world: World, what: str, name: str, slug: str = "loja") -> Explanation:
    return await chain(world.app, slug, what, name, attempts=5)


async def fingerprint(world: World) -> str:
    """All rows of all our tables and of the store, with the transaction that wrote each."""
    tables = await world.pool.fetch(
        "SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables"
        " WHERE schemaname IN ('rocksync', 'store') ORDER BY 1"
    )
    digest = hashlib.sha256()
    for table in tables:
        rows = await world.pool.fetch(f"SELECT xmin::text, ctid::text, t::text FROM {table['name']} t ORDER BY ctid")
        digest.update(repr((table["name"], [tuple(row) for row in rows])).encode())
    return digest.hexdigest()


def fault(code: str) -> Callable[[Fault], Fault]:
    def named(function: Fault) -> Fault:
        FAULTS[function.__name__] = (code, function)
        return function

    return named


async def synced(world: World, sku: str = "A", **settings: Any) -> Shop:
    shop = await world.shop(**settings)
    await shop.simple(sku)
    await world.sync(shop)
    return shop


async def ordered(world: World, **order: Any) -> tuple[Shop, str]:
    shop = await synced(world)
    placed = shop.market.create_order([{"sku": "A", "quantity": 2, "price": 10}], **order)
    await world.sync(shop, Kind.ORDER)
    return shop, placed["id"]


async def store_id(shop: Shop) -> int:
    return int(await shop.sql("SELECT id FROM store.sales_order WHERE tenant_id = $1"))


async def invoice(shop: Shop, key: str = KEY) -> None:
    await shop.sql(
        "INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at)"
        " VALUES ($1, $2, $3, '12', '1', $4)",
        await store_id(shop),
        key,
        datetime(2026, 7, 15, tzinfo=UTC),
    )


async def ship(shop: Shop) -> None:
    await shop.sql(
        "INSERT INTO store.shipment (tenant_id, order_id, carrier, tracking_code) VALUES ($1, $2, 'T', 'QC1BR')",
        await store_id(shop),
    )


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


# --- products, prices, stock


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


# --- passes and tenants


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
    await a_change_is_held(world)
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


# --- orders


@fault("in_sync")
async def an_order_is_imported(world: World) -> tuple[str, str]:
    _, key = await ordered(world)
    return "order", key


@fault("in_sync")
async def an_order_goes_by_the_number_of_the_store(world: World) -> tuple[str, str]:
    shop, _ = await ordered(world)
    return "order", str(await store_id(shop))


@fault("pending")
async def an_order_was_not_read_yet(world: World) -> tuple[str, str]:
    shop = await synced(world)
    return "order", shop.market.create_order([{"sku": "A", "quantity": 1, "price": 10}])["id"]


@fault("not_selected")
async def an_order_came_too_late_to_be_imported(world: World) -> tuple[str, str]:
    _, key = await ordered(world, status="shipped")
    return "order", key


@fault("not_selected")
async def nobody_knows_the_order(world: World) -> tuple[str, str]:
    await synced(world)
    return "order", "0" * 24


@fault("unknown_sku")
async def an_order_has_a_sku_that_the_store_does_not_know(world: World) -> tuple[str, str]:
    shop = await synced(world)
    placed = shop.market.create_order([{"sku": "GHOST", "quantity": 1, "price": 10}])
    await world.sync(shop, Kind.ORDER)
    return "order", placed["id"]


@fault("invalid_invoice")
async def an_invoice_has_a_wrong_key(world: World) -> tuple[str, str]:
    shop, key = await ordered(world)
    await invoice(shop, "123")
    await world.sync(shop, Kind.ORDER)
    return "order", key


@fault("invalid_invoice")
async def tracking_waits_for_an_invoice(world: World) -> tuple[str, str]:
    shop, key = await ordered(world)
    await ship(shop)
    await world.sync(shop, Kind.ORDER)
    return "order", key


@fault("status_conflict")
async def a_cancelled_order_was_invoiced(world: World) -> tuple[str, str]:
    shop, key = await ordered(world)
    shop.market.set_status(key, "canceled")
    await invoice(shop)
    await world.sync(shop, Kind.ORDER)
    return "order", key


@fault("unconfirmed")
async def an_invoice_does_not_read_back(world: World) -> tuple[str, str]:
    shop, key = await ordered(world)
    await invoice(shop, with_check_digit(KEY[:43]))
    world.hub.add_fault("dropped-writes@orders")
    await world.sync(shop, Kind.ORDER)
    return "order", key


@fault("ambiguous_shipment")
async def an_order_has_several_deliveries(world: World) -> tuple[str, str]:
    shop, key = await ordered(world)
    order = world.hub.order(shop.user, key)
    order["shipments"] = [{"id": "a" * 24, "shipping_company": "X"}, {"id": "b" * 24, "shipping_company": "Y"}]
    await invoice(shop, with_check_digit(KEY[:43]))
    await world.sync(shop, Kind.ORDER)
    return "order", key


def with_check_digit(first_43: str) -> str:
    weights = [2, 3, 4, 5, 6, 7, 8, 9]
    digit = 11 - sum(int(d) * weights[i % 8] for i, d in enumerate(reversed(first_43))) % 11
    return first_43 + str(0 if digit > 9 else digit)


@pytest.mark.parametrize("name", FAULTS)
async def test_explain_names_the_fault_and_writes_nothing(world: World, name: str) -> None:
    code, inject = FAULTS[name]
    what, key = await inject(world)
    before, mark = await fingerprint(world), world.mark()

    told = await explained(world, what, key)

    assert told.verdict.reason == code, told.verdict.detail
    assert told.next_action
    assert await fingerprint(world) == before
    writes = [e for e in world.hub.requests(after=mark) if e["method"] != "GET" and e["route"] != "/oauth/token"]
    assert writes == []


def test_every_code_is_met_by_a_fault() -> None:
    assert len(FAULTS) >= 25
    assert {code for code, _ in FAULTS.values()} == set(Reason)
