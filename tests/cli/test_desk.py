"""The operator's console as processes: what each command prints, decides and leaves in the audit table."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from rocksync.cli.lazy import LazyGroup
from rocksync.cli.main import cli
from rocksync.sandbox.hub import Sandbox
from tests.worker.world import KEY, Shop, World, open_world

from .conftest import Command
from .desk_shapes import SHAPES
from .shapes import fits
from .test_main import every_command

MAPPER = """from rocksync.mapping import *


@hookimpl
def rocksync_map_stock(stock, payload):
    payload["quantity"] = max(payload["quantity"] - 1, 0)
"""


@pytest.fixture
async def world(database: str, pool: asyncpg.Pool, hub: Sandbox, tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "mappers").mkdir()
    (tmp_path / "mappers" / "loja.py").write_text(MAPPER)
    async with open_world(database, pool, hub, tmp_path) as opened:
        yield opened


@pytest.fixture
async def shop(world: World) -> Shop:
    """A sound SKU A with two reserved, a bad one B in quarantine, and held prices H and I."""
    shop = await world.shop(gate={"max_price_change_percent": 50})
    for sku in ("A", "H", "I"):
        await shop.simple(sku, on_hand=7)
    await shop.simple("B", name=" ")
    await world.sync(shop)
    await shop.sql("UPDATE store.price SET price = 90 WHERE tenant_id = $1 AND sku IN ('H', 'I')")
    await shop.sql("UPDATE store.stock SET reserved = 2 WHERE tenant_id = $1 AND sku = 'A'")
    await world.sync(shop)
    return shop


@pytest.fixture
def environment(environment: dict[str, str], hub: Sandbox) -> dict[str, str]:
    return environment | {"ROCKSYNC_SECRETS__KEYS": KEY, "ROCKSYNC_PLUGGTO__BASE_URL": hub.url}


async def test_every_command_prints_json_of_its_shape(rocksync: Command, shop: Shop) -> None:
    for line, shape in SHAPES.items():
        ended = await rocksync(*line.split(), "--json")

        assert ended.code == 0, f"{line}: {ended.err}"
        assert fits(ended.json, shape) == [], line
        assert "\x1b" not in ended.out


def test_every_command_takes_json() -> None:
    lacking = [
        " ".join(path)
        for path, command in every_command(cli)
        if not isinstance(command, LazyGroup) and not any("--json" in each.opts for each in command.params)
    ]

    assert lacking == []


async def test_tables_fit_100_columns_and_have_no_colours(rocksync: Command, shop: Shop) -> None:
    for line in (
        *("status", "status loja", "explain loja sku A", "explain loja sku B", "history loja sku A", "quarantine list"),
        *("holds list", "audit", "mapper list", "mapper preview loja loja", "tenant show loja"),
    ):
        ended = await rocksync(*line.split(), NO_COLOR="1")

        assert ended.code == 0, f"{line}: {ended.err}"
        assert max(len(each) for each in ended.out.splitlines()) <= 100, line
        assert "\x1b" not in ended.out


async def test_json_tells_what_is_set_aside_by_kind_and_reason(rocksync: Command, shop: Shop) -> None:
    status = (await rocksync("status", "loja", "--json")).json
    shown = (await rocksync("tenant", "show", "loja", "--json")).json

    by_reason = {each["kind"]: each["quarantined_by_reason"] for each in status}
    assert by_reason["product"] == {"invalid_item": 1}
    assert by_reason["price"]["unconfirmed"] == 2
    assert by_reason["order"] == {}
    for kind, told in shown["kinds"].items():
        assert told["quarantined"] == sum(by_reason[kind].values())


async def test_explain_shows_the_sum_of_a_stock_and_its_chain(rocksync: Command, shop: Shop) -> None:
    told = (await rocksync("explain", "loja", "sku", "A", "--json")).json
    text = (await rocksync("explain", "loja", "sku", "A")).out

    assert told["reason"] == "in_sync"
    assert told["stock"]["sum"] == "7 on hand - 2 reserved - 1 buffer = 4"
    assert (told["live"]["shown"]["quantity"], told["accepted"]["stock"]) == (4, {"quantity": 4})
    assert "7 on hand - 2 reserved - 1 buffer = 4" in text
    assert "Nothing to do" in text


async def test_explain_says_that_the_hub_cannot_be_asked(rocksync: Command, shop: Shop) -> None:
    told = await rocksync("explain", "loja", "sku", "A", "--json", ROCKSYNC_PLUGGTO__BASE_URL="http://127.0.0.1:1")

    assert told.code == 0
    assert told.json["reason"] == "in_sync"
    assert "no answer from Plugg.to" in told.json["live"]["error"]


async def test_a_release_lets_what_matches_try_again(rocksync: Command, shop: Shop, connection: asyncpg.Connection):
    nothing = await rocksync("quarantine", "release")
    other = await rocksync("quarantine", "release", "loja", "--kind", "price", "--reason", "invalid_item")
    listed = (await rocksync("quarantine", "list", "loja", "--reason", "invalid_item", "--json")).json
    released = await rocksync("quarantine", "release", "loja", "--key", "B")

    assert nothing.code == 2
    assert other.out == "0 released\n"
    assert [(row["kind"], row["key"]) for row in listed] == [("product", "B")]
    assert released.out == "1 released\n"
    assert await shop.why("product", "B") == ("pending", "pending")


async def test_a_resent_sku_goes_out_although_nothing_changed(rocksync: Command, world: World, shop: Shop) -> None:
    mark = world.mark()

    ended = await rocksync("resend", "loja", "sku", "A")
    await world.sync(shop)

    assert ended.code == 0, ended.err
    assert {(entry["method"], entry["route"]) for entry in world.sent(mark, "PUT")} == {
        ("PUT", "/skus/{sku}"),
        ("PUT", "/skus/{sku}/stock"),
    }
    told = (await rocksync("history", "loja", "sku", "A", "--json")).json
    assert {line["kind"] for line in told} >= {"product", "price", "stock"}


async def test_what_is_held_is_said_to_want_approval_when_it_is_tried_again(rocksync: Command, shop: Shop) -> None:
    resent = await rocksync("resend", "loja", "sku", "H")
    other = await rocksync("quarantine", "release", "--reason", "invalid_item")
    released = await rocksync("quarantine", "release", "--kind", "price", "--reason", "unconfirmed", "--json")

    told = (
        "1 of it held by the limits of tenant loja, and again by the next pass: rocksync holds list loja, then rocksync"
    )
    told += " holds approve loja --key KEY\n"
    assert (resent.code, resent.err) == (0, told)
    assert (other.code, other.err) == (0, "")
    assert (released.code, released.json, released.err) == (0, {"released": 1, "retried": 0}, told)


@pytest.mark.parametrize("thing", [("sku", "NOSUCH"), ("sku", ""), ("order", "77777")])
async def test_what_is_not_there_is_not_resent(
    rocksync: Command, shop: Shop, connection: asyncpg.Connection, thing: tuple[str, str]
) -> None:
    before = await connection.fetchval("SELECT count(*) FROM rocksync.item")

    ended = await rocksync("resend", "loja", *thing)

    assert ended.code == 2
    assert f'"{thing[1]}" of tenant loja, neither in the store nor among what was sent' in ended.err
    assert len(ended.err.splitlines()) == 1
    assert await connection.fetchval("SELECT count(*) FROM rocksync.item") == before


async def test_an_order_that_only_plugg_to_knows_is_fetched(rocksync: Command, world: World, shop: Shop) -> None:
    order = shop.market.create_order([{"sku": "A", "quantity": 1}])
    world.hub.add_fault("stale-lists=3600")

    ended = await rocksync("resend", "loja", "order", order["id"])
    await world.sync(shop)

    assert ended.code == 0, ended.err
    assert await shop.order(order["id"]) is not None


async def test_what_is_gone_from_the_store_is_resent(
    rocksync: Command, shop: Shop, connection: asyncpg.Connection
) -> None:
    await connection.execute("DELETE FROM store.product WHERE sku = 'A'")

    ended = await rocksync("resend", "loja", "sku", "A")

    assert ended.code == 0, ended.err


async def test_held_changes_are_approved_and_rejected_by_key(rocksync: Command, world: World, shop: Shop) -> None:
    nothing = await rocksync("holds", "approve", "loja")
    approved = await rocksync("holds", "approve", "loja", "--key", "H")
    rejected = await rocksync("holds", "reject", "loja", "--key", "I")
    await world.sync(shop)

    assert nothing.code == 2
    assert (approved.out, rejected.out) == ("1 approved\n", "1 rejected\n")
    assert (shop.at_hub("H")["price"], shop.at_hub("I")["price"]) == (90, 10)
    assert (await rocksync("holds", "list")).out == "nothing is held\n"


@pytest.mark.parametrize("limit", ['"muito"', '"30"', "-1"])
async def test_a_gate_that_cannot_be_meant_is_refused(rocksync: Command, shop: Shop, limit: str) -> None:
    ended = await rocksync("tenant", "set", "loja", "--setting", f'gate={{"max_zero_percent": {limit}}}')

    assert ended.code == 2
    assert "the limits of gate are numbers from 0" in ended.err


async def test_every_change_by_an_operator_is_in_the_audit_table(rocksync: Command, shop: Shop) -> None:
    changes = (
        *("holds approve loja --key H", "holds reject loja --all", "quarantine release loja", "resend loja sku A"),
        *("tenant set loja --name Nova", "tenant pause loja --reason x --until 2h", "tenant resume loja"),
        *("schedule set loja stock --manual", "sync loja stock --all-items", "secrets rotate"),
        "tenant remove loja --yes",
    )
    for line in changes:
        ended = await rocksync(*line.split())
        assert ended.code == 0, f"{line}: {ended.err}"

    lines = (await rocksync("audit", "--json")).json
    actions = {line["action"] for line in lines if line["who"] == "ana"}
    assert actions == {
        *("quarantine release", "resend", "holds approve", "holds reject", "tenant set", "tenant pause"),
        *("tenant resume", "schedule set", "sync", "mark all", "secrets rotate", "tenant remove"),
    }
    assert any("until" in line["what"] for line in lines)


async def test_a_mapper_is_begun_checked_and_previewed(rocksync: Command, shop: Shop, tmp_path: Path) -> None:
    begun = await rocksync("mapper", "new", "marca")
    twice = await rocksync("mapper", "new", "marca")
    checked = await rocksync("mapper", "check", "marca")
    (tmp_path / "mappers" / "quebrado.py").write_text("def oops(:\n")
    broken = await rocksync("mapper", "check", "quebrado")
    listed = await rocksync("mapper", "list")
    (tmp_path / "mappers" / "loja.py").write_text(MAPPER.replace("- 1", "- 3"))
    preview = (await rocksync("mapper", "preview", "loja", "loja", "A", "--json")).json
    nobody = await rocksync("mapper", "preview", "loja", "loja", "NEVER")
    unmapped = await rocksync("mapper", "preview", "loja", "loja", "B")
    (tmp_path / "mappers" / "loja.py").write_text(MAPPER + "    raise ItemError('not today')\n")
    set_aside = await rocksync("mapper", "preview", "loja", "loja", "A")

    assert (begun.code, twice.code, checked.code) == (0, 2, 0)
    assert (broken.code, listed.code) == (1, 1)
    assert "quebrado.py" in broken.out
    assert "quebrado.py" in listed.err
    changed = {item["kind"]: item["differences"] for item in preview["items"] if item["differences"]}
    assert changed == {"stock": [{"path": "quantity", "before": 4, "after": 2}]}
    assert (nobody.code, unmapped.code, set_aside.code) == (2, 0, 1)
    assert "invalid_item: not today" in set_aside.out


async def test_a_mapper_that_shows_more_than_can_be_sold_is_warned_of(
    rocksync: Command, shop: Shop, tmp_path: Path
) -> None:
    (tmp_path / "mappers" / "loja.py").write_text(MAPPER + "    payload['quantity'] += 501\n")

    checked = await rocksync("mapper", "check", "loja")
    found = (await rocksync("tenant", "check", "loja", "--json")).json["findings"]
    told = (await rocksync("explain", "loja", "sku", "A", "--json")).json["stock"]

    assert checked.code == 0
    assert re.search(r"stock SAMPLE-\S+ would be sold \d{3} times, and the store has \d+ \(no fault\)", checked.out)
    [oversells] = [each for each in found if each["code"] == "mapper_oversells"]
    assert (oversells["severity"], oversells["items"]) == ("warns", 4)
    assert told["sum"] == "7 on hand - 2 reserved + 500 added by a mapper = 505"


async def test_mapper_commands_tell_only_of_what_they_were_asked_for(
    rocksync: Command, shop: Shop, tmp_path: Path
) -> None:
    (tmp_path / "mappers" / "quebrado.py").write_text("def oops(:\n")

    sound = await rocksync("mapper", "check", "loja")
    listed = await rocksync("mapper", "list")
    preview = await rocksync("mapper", "preview", "loja", "loja", "A")
    broken = await rocksync("mapper", "check", "quebrado")

    assert (sound.code, sound.err) == (0, "")
    assert (listed.code, listed.err.count("\n"), listed.err.count("quebrado.py")) == (1, 1, 1)
    assert (preview.code, preview.err) == (0, "")
    assert (broken.code, broken.err) == (1, "")
    assert "quebrado.py" in broken.out


async def test_a_mapper_that_is_not_there_or_cannot_be_is_misuse(rocksync: Command, shop: Shop) -> None:
    missing = await rocksync("mapper", "check", "nosuch")
    long = await rocksync("mapper", "new", "a" * 300)

    assert (missing.code, long.code) == (2, 2)
    assert "there is no mapper nosuch in mappers: " in missing.err
    assert "at most 100 characters" in long.err
    assert [ended.err.count("\n") for ended in (missing, long)] == [1, 1]


async def test_status_shows_the_mapper_that_a_running_worker_refuses(
    rocksync: Command, shop: Shop, pool: asyncpg.Pool
) -> None:
    await pool.execute("INSERT INTO rocksync.worker (name, version) VALUES ('w', '1')")
    await pool.execute("INSERT INTO rocksync.mapper_fault VALUES ('w', 'loja', 'loja.py line 3: no')")

    told = (await rocksync("status", "loja", "--json")).json

    assert {row["mapper_fault"] for row in told} == {"mapper loja: loja.py line 3: no"}
    assert "mapper" in (await rocksync("status", "loja")).out


@pytest.mark.parametrize("state", ["quarantined", "pending"])
async def test_status_tells_what_a_mapper_stops_a_kind_for(rocksync: Command, shop: Shop, state: str) -> None:
    await shop.sql(
        "UPDATE rocksync.item SET state = $2, reason = 'mapper_error', detail = 'there is no mapper nosuch',"
        " changed_at = now() WHERE tenant_id = $1 AND kind = 'price'",
        state,
    )

    rows = {row["kind"]: row for row in (await rocksync("status", "loja", "--json")).json}

    assert (rows["price"]["cause"], rows["price"]["detail"]) == ("mapper_error", "there is no mapper nosuch")
    assert rows["stock"]["detail"] is None


async def test_status_tells_causes_and_when_a_backlog_ends(rocksync: Command, shop: Shop, pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO rocksync.worker (name, version) VALUES ('w', '1')")
    await shop.sql("UPDATE rocksync.item SET state = 'pending', changed_at = now() WHERE tenant_id = $1")

    rows = {row["kind"]: row for row in (await rocksync("status", "loja", "--json")).json}

    assert (rows["order"]["cause"], rows["order"]["why"], rows["order"]["eta_s"]) == ("in_sync", "in step", None)
    assert rows["product"]["eta_s"] > 0
    assert rows["product"]["items_per_s"] > 0


async def test_a_backlog_that_nobody_works_off_has_no_end(rocksync: Command, shop: Shop, pool: asyncpg.Pool) -> None:
    await shop.sql(
        "UPDATE rocksync.item SET state = 'pending', reason = 'pending', changed_at = now() WHERE tenant_id = $1"
    )
    await pool.execute("DELETE FROM rocksync.worker")

    told, shown = await rocksync("status", "loja", "--json"), await rocksync("status", "loja")

    [stock] = [row for row in told.json if row["kind"] == "stock"]
    assert (stock["cause"], stock["why"], stock["eta_s"]) == ("pending", "no worker", None)
    assert told.err == shown.err == "no worker runs: rocksync worker\n"
    assert "no worker" in shown.out
