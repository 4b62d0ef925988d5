"""Stores in the database: loaded as a platform loads them, then worked in."""

import random
from datetime import timedelta

import asyncpg
import pytest

from rocksync.demo.loading import Tenancy, onboard
from rocksync.demo.shop import Shop
from rocksync.demo.stores import demo_stores
from rocksync.domain.tenancy import Credentials
from rocksync.mapping.validation import check_nfe_key

STORE = demo_stores()[1]
CREDENTIALS = Credentials(client_id="c", client_secret="s", api_user="u", api_secret="p")


@pytest.fixture
async def shop(pool: asyncpg.Pool) -> Shop:
    tenant = await onboard(pool, STORE, CREDENTIALS, STORE.modes)
    return Shop(pool, Tenancy(store=STORE, tenant=tenant, account=129), random.Random(1))  # noqa: S311 (repeatable, not secret)


async def order(shop: Shop, status: str) -> int:
    """An order as the worker imports it."""
    query = "INSERT INTO store.sales_order (tenant_id, pluggto_id, status, total) VALUES ($1, $2, $3, 10) RETURNING id"
    return await shop.pool.fetchval(query, shop.tenancy.tenant, f"{status}-1", status)


async def status_of(shop: Shop, order_id: int) -> str:
    return await shop.pool.fetchval("SELECT status FROM store.sales_order WHERE id = $1", order_id)


async def test_an_onboarded_store_is_active_and_all_that_it_has_is_to_be_delivered(shop: Shop):
    listings = STORE.catalogue.listings
    rows = {
        "product": len(listings),
        "variation": sum(len(listing.product.variations) for listing in listings),
        "price": sum(len(listing.prices) for listing in listings),
        "stock": sum(len(listing.stocks) for listing in listings),
    }

    for table, count in rows.items():
        assert await shop.pool.fetchval(f"SELECT count(*) FROM store.{table}") == count
    assert await shop.pool.fetchval("SELECT status FROM rocksync.tenant") == "active"
    pending = {row["kind"]: row["pending"] for row in await shop.pool.fetch("SELECT kind, pending FROM rocksync.lag")}
    assert pending["product"] >= rows["product"]
    assert pending["price"] >= rows["price"]
    assert pending["stock"] >= rows["stock"]


async def test_prices_and_stocks_change_only_where_nothing_is_half_filled(shop: Shop):
    whole = len(STORE.catalogue.skus)
    before = dict(await shop.pool.fetch("SELECT sku, price FROM store.price"))

    await shop.reprice(whole)
    await shop.restock(whole)

    after = dict(await shop.pool.fetch("SELECT sku, price FROM store.price"))
    lacking = {"BROCHE-ERRADO", "JAQ-PV-PRETO-P", "JAQ-PV-PRETO-M"}
    assert {sku for sku in after if after[sku] == before[sku]} == lacking
    assert await shop.pool.fetchval("SELECT count(*) FROM store.price WHERE special_price > price") == 1


async def test_a_paid_order_is_invoiced_shipped_and_arrives(shop: Shop):
    paid, unpaid = await order(shop, "approved"), await order(shop, "pending")

    assert await shop.invoice() == 1
    check_nfe_key(await shop.pool.fetchval("SELECT key FROM store.invoice WHERE order_id = $1", paid))
    assert await status_of(shop, paid) == "invoiced"

    await shop.ship()
    assert await status_of(shop, paid) == "shipped"

    assert await shop.arrive(timedelta(hours=1)) == []
    assert await shop.arrive(timedelta(0)) == ["approved-1"]
    assert await status_of(shop, paid) == "delivered"
    assert await status_of(shop, unpaid) == "pending"


async def test_the_reserve_product_is_new_to_the_store_until_it_is_taken_in(shop: Shop):
    sku = STORE.catalogue.reserve.product.sku
    query = "SELECT count(*) FROM store.product WHERE sku = $1"
    assert await shop.pool.fetchval(query, sku) == 0

    await shop.take_in()

    assert await shop.pool.fetchval(query, sku) == 1
