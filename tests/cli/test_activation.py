"""``rocksync tenant activate``: check, plan, question, export; and what a Ctrl-C leaves behind."""

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.server import serve
from tests.worker.waiting import until

from .conftest import Command
from .test_worker import Shop, added, running

PRODUCTS = 120


@pytest.fixture
async def hub() -> AsyncIterator[Sandbox]:
    async with serve(latency_s=0.02) as sandbox:
        yield sandbox


@pytest.fixture
def environment(environment: dict[str, str], hub: Sandbox) -> dict[str, str]:
    return environment | {
        "ROCKSYNC_PLUGGTO__BASE_URL": hub.url,
        "ROCKSYNC_PLUGGTO__REQUESTS_PER_SECOND_PER_TENANT": "500",
        "ROCKSYNC_HTTP__PORT": "0",
    }


@pytest.fixture
async def shop(hub: Sandbox, rocksync: Command, connection: asyncpg.Connection) -> Shop:
    shop, tenant = await added(hub, rocksync)
    await connection.execute(
        f"""
        WITH skus AS (SELECT 'P' || n AS sku FROM generate_series(1, {PRODUCTS}) n),
             products AS (INSERT INTO store.product (tenant_id, sku, name) SELECT $1, sku, 'Produto ' || sku FROM skus),
             prices AS (INSERT INTO store.price (tenant_id, sku, price) SELECT $1, sku, 10 FROM skus)
        INSERT INTO store.stock (tenant_id, sku, on_hand) SELECT $1, sku, 5 FROM skus
        """,
        tenant,
    )
    return shop


async def status(connection: asyncpg.Connection) -> str:
    return str(await connection.fetchval("SELECT status FROM rocksync.tenant"))


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "no\n", "maybe\n", "yesterday\n"])
async def test_anything_but_yes_leaves_a_draft_and_plugg_to_untouched(
    rocksync: Command, shop: Shop, hub: Sandbox, connection: asyncpg.Connection, answer: str
):
    ended = await rocksync("tenant", "activate", "acme", given=answer)

    assert ended.code == 1
    assert "create 120, update 0, blocked 0 products" in ended.err
    assert "stays a draft" in ended.err
    assert await status(connection) == "draft"
    assert {each["method"] for each in hub.requests() if each["route"] != "/oauth/token"} <= {"GET"}
    assert hub.products(shop.user) == []


async def test_a_declined_activation_says_so_in_json(rocksync: Command, shop: Shop):
    ended = await rocksync("tenant", "activate", "acme", "--json", given="n\n")

    assert ended.code == 1
    assert ended.json == {"slug": "acme", "status": "draft", "activated": False}


async def test_yes_on_standard_input_exports_and_tells_the_plan_with_what_plugg_to_has(
    rocksync: Command, shop: Shop, hub: Sandbox, connection: asyncpg.Connection
):
    await connection.execute("DELETE FROM store.product WHERE sku NOT IN ('P1', 'P2')")
    await connection.execute("UPDATE store.product SET name = '' WHERE sku = 'P2'")
    await connection.execute("UPDATE store.price SET special_price = 10.004")  # which is sent as 10.00
    hub.account(shop.user).shelf.create({"sku": "P1", "name": "Antigo", "price": 1, "quantity": 1}, hub.profile)

    ended = await rocksync("tenant", "activate", "acme", "--json", given="yes\n")

    assert ended.code == 1, ended.err  # one item is refused
    assert "create 0, update 1, blocked 1 products" in ended.err
    assert "blocked 1: invalid_item" in ended.err
    assert ended.json["status"] == "active"
    product = hub.product(shop.user, "P1")
    assert product is not None
    assert product["name"] == "Produto P1"


async def test_what_blocks_the_whole_tenant_stops_an_activation(
    rocksync: Command, shop: Shop, hub: Sandbox, connection: asyncpg.Connection
):
    await rocksync("tenant", "credentials", "acme", **(shop.secrets | {"ROCKSYNC_API_SECRET": "hunter2"}))

    ended = await rocksync("tenant", "activate", "acme", "--yes")

    assert ended.code == 1
    assert ended.err.startswith("login_refused: Plugg.to refuses the credentials")
    assert "hunter2" not in ended.err
    assert await status(connection) == "draft"


async def test_orders_are_imported_from_the_date_given(
    rocksync: Command, shop: Shop, hub: Sandbox, connection: asyncpg.Connection
):
    market = hub.market(shop.user)
    await connection.execute("DELETE FROM store.product WHERE sku <> 'P1'")
    market.create_order([{"sku": "P1", "quantity": 1, "price": 10}], created="2026-01-05T12:00:00.000Z")

    ended = await rocksync("tenant", "activate", "acme", "--yes", "--orders-since", "2026-01-01")

    assert ended.code == 0, ended.err
    since = await connection.fetchval("SELECT orders_since FROM rocksync.tenant")
    assert (since.year, since.month, since.day) in {(2026, 1, 1), (2025, 12, 31)}


async def test_another_date_of_orders_for_an_active_tenant_is_misuse_that_names_what_sets_it(
    rocksync: Command, shop: Shop, connection: asyncpg.Connection
):
    await connection.execute("DELETE FROM store.product WHERE sku <> 'P1'")
    activate = ("tenant", "activate", "acme", "--yes", "--orders-since")
    since = "2026-01-05T12:00:00.5+00:00"
    first = await rocksync(*activate, since)

    same = await rocksync(*activate, since)
    other = await rocksync(*activate, "2026-01-02T00:00:00Z")

    assert (first.code, same.code, other.code) == (0, 0, 2), other.err
    assert "UPDATE rocksync.tenant SET orders_since = '2026-01-02 00:00:00Z' WHERE slug = 'acme'" in other.err
    assert "rocksync resend acme order ID" in other.err
    assert (await connection.fetchval("SELECT orders_since FROM rocksync.tenant")).isoformat() == (
        "2026-01-05T12:00:00.500000+00:00"
    )


async def test_a_date_of_orders_that_is_still_to_come_is_warned_of(rocksync: Command, shop: Shop):
    ended = await rocksync("tenant", "activate", "acme", "--orders-since", "2999-01-02T00:00:00Z", given="n\n")

    told = "--orders-since 2999-01-02 00:00:00Z is still to come: orders placed before are never imported\n"
    assert ended.err.startswith(told)


async def test_an_export_broken_off_by_ctrl_c_goes_on_where_it_was(
    rocksync: Command, environment: dict[str, str], shop: Shop, hub: Sandbox, tmp_path: Path
):
    async with running(["tenant", "activate", "acme", "--yes"], environment, tmp_path) as process:

        async def some() -> bool:
            return len(hub.products(shop.user)) >= 10

        await until(some)
        process.send_signal(signal.SIGINT)
        code = await asyncio.wait_for(process.wait(), 15)
        assert process.stderr is not None
        told = (await process.stderr.read()).decode()
    there = len(hub.products(shop.user))
    again = await rocksync("tenant", "activate", "acme", "--yes")

    assert code == 130
    assert "broken off: rocksync tenant activate acme, or a worker, goes on" in told
    assert 10 <= there < PRODUCTS
    assert again.code == 0, again.err
    assert "tenant acme is active already: its export goes on" in again.err
    assert len(hub.products(shop.user)) == PRODUCTS
    assert hub.count("POST", "/products", 201) == PRODUCTS


async def test_what_another_worker_set_aside_is_not_done(rocksync: Command, shop: Shop, connection: asyncpg.Connection):
    await connection.execute("DELETE FROM store.product WHERE sku <> 'P1'")
    await rocksync("tenant", "activate", "acme", "--yes")
    await connection.execute("UPDATE rocksync.item SET state = 'quarantined', reason = 'rejected' WHERE kind = 'price'")

    ended = await rocksync("tenant", "activate", "acme", "--yes", "--json")

    assert ended.code == 1
    assert (ended.json["complete"], ended.json["pending"], ended.json["quarantined"]) == (False, 0, 120)


async def test_progress_without_a_terminal_is_plain_lines(rocksync: Command, shop: Shop):
    ended = await rocksync("tenant", "activate", "acme", "--yes")

    assert ended.code == 0, ended.err
    assert "\x1b" not in ended.err + ended.out
    assert ended.out == "tenant acme is active: all delivered, 0 quarantined\n"
