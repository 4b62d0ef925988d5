"""Changes of the store that no trigger saw: that they are told apart from those that wait, and how they are sent."""

import shlex
from pathlib import Path

import asyncpg
import pytest

from tests.worker.world import Shop, World

from .conftest import Command

UNNOTED = "the store's row differs from what was sent, but its change was never noted"
MAPPER = """from rocksync.mapping import *


@hookimpl
def rocksync_map_stock(stock, payload):
    payload["quantity"] = 1
"""


@pytest.fixture
async def shop(world: World) -> Shop:
    shop = await world.shop()
    await shop.simple("A 1", on_hand=20)
    await world.sync(shop)
    return shop


async def write_unseen(shop: Shop) -> None:
    async with shop.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE store.stock SET on_hand = 3 WHERE tenant_id = $1", shop.id)


async def test_a_change_that_nobody_noted_is_told_with_what_sends_it(
    rocksync: Command, world: World, shop: Shop
) -> None:
    await write_unseen(shop)

    told = (await rocksync("explain", "loja", "sku", "A 1", "--json")).json
    shown = await rocksync("explain", "loja", "sku", "A 1")
    await rocksync("resend", "loja", "sku", "A 1")
    resent = (await rocksync("explain", "loja", "sku", "A 1", "--json")).json
    await world.sync(shop)

    fix = "`rocksync resend loja sku 'A 1'` sends it; `rocksync sync loja stock --all-items` sends all that differ."
    assert (told["reason"], told["who"], told["fix"], told["next_action"]) == ("pending", "operator", fix, fix)
    assert told["detail"].startswith(UNNOTED)
    assert UNNOTED in shown.out
    assert UNNOTED not in str(resent)
    assert shop.at_hub("A 1")["quantity"] == 3


@pytest.mark.parametrize("sku", ["KIND-1", "SLUG", "'KIND'"])
async def test_a_sku_is_named_as_it_is_whatever_letters_it_has(
    rocksync: Command, world: World, shop: Shop, sku: str
) -> None:
    await shop.simple(sku, on_hand=20)
    await world.sync(shop)
    await write_unseen(shop)

    told = (await rocksync("explain", "loja", "sku", sku, "--json")).json

    assert told["fix"].startswith(f"`rocksync resend loja sku {shlex.quote(sku)}` sends it; `rocksync sync loja stock ")


async def test_a_noted_change_and_another_mapper_go_out_by_themselves(
    rocksync: Command, shop: Shop, tmp_path: Path
) -> None:
    await shop.sql("UPDATE store.stock SET on_hand = 3 WHERE tenant_id = $1")
    changed = (await rocksync("explain", "loja", "sku", "A 1", "--json")).json
    await shop.sql("DELETE FROM rocksync.change WHERE tenant_id = $1")
    (tmp_path / "mappers" / "loja.py").write_text(MAPPER)
    mapped = (await rocksync("explain", "loja", "sku", "A 1", "--json")).json

    for told, quantity in ((changed, 3), (mapped, 1)):
        assert (told["reason"], told["detail"], told["mapped"]["stock"]["quantity"]) == ("pending", None, quantity)
        assert told["next_action"].startswith("the next stock pass looks at it")


async def test_the_check_names_tables_whose_triggers_are_off(
    rocksync: Command, shop: Shop, connection: asyncpg.Connection
) -> None:
    sound = await rocksync("tenant", "check", "loja", "--json")
    await connection.execute("ALTER TABLE store.stock DISABLE TRIGGER changed_by_update")
    await connection.execute("ALTER TABLE store.price ENABLE REPLICA TRIGGER changed_by_update")
    await connection.execute("ALTER TABLE store.product ENABLE ALWAYS TRIGGER changed_by_update")

    ended = await rocksync("tenant", "check", "loja", "--json")

    found = [each for each in ended.json["findings"] if each["code"] == "triggers_off"]
    assert [each["message"].rpartition(": ")[2] for each in found] == ["store.price", "store.stock"]
    assert "ENABLE TRIGGER USER, then rocksync sync loja --all-items" in found[0]["fix"]
    assert "triggers_off" not in str(sound.json)
