"""Mappers in a running worker: picked up at once, for their own tenant alone, and never to a neighbour's harm."""

import re
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from rocksync.app import open_app
from rocksync.cli.chain import chain
from rocksync.cli.preflight import of_app
from rocksync.domain.tenancy import Kind
from tests.worker.test_running import is_idle, quantity, running
from tests.worker.waiting import until
from tests.worker.world import Shop, World


def write(world: World, name: str, text: str) -> Path:
    folder = world.settings.mappers.dir
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(dedent(text), encoding="utf-8")
    return path


DEAR = """
    from rocksync.mapping import hookimpl

    @hookimpl
    def rocksync_map_price(price, payload):
        if price.sku == "A":
            payload["price"] = payload["special_price"] = 99
"""


async def test_a_mapper_that_is_dropped_in_resends_what_it_alters_and_nothing_else(world: World) -> None:
    shop, other = await world.shop("um"), await world.shop("dois")
    for each in (shop, other):
        await each.simple("A")
        await each.simple("B")
    async with running(world.app):
        await until(lambda: quantity(shop, "B", 5))
        await until(lambda: quantity(other, "B", 5))
        await until(lambda: is_idle(world))
        mark = world.mark()

        write(world, "um", DEAR)

        await until(lambda: costs(shop, 99), within_s=10)
        await until(lambda: is_idle(world))

    assert [(e["account"], e["path"]) for e in world.sent(mark)] == [(shop.user, "/skus/A")]
    assert shop.at_hub("B")["price"] == 10
    assert other.at_hub("A")["price"] == 10


async def test_a_broken_version_leaves_the_one_before_in_use(world: World) -> None:
    shop = await world.shop("um")
    await shop.simple("A")
    async with running(world.app):
        await until(lambda: quantity(shop, "A", 5))
        await until(lambda: is_idle(world))
        write(world, "um", DEAR)

        await until(lambda: costs(shop, 99))
        write(world, "um", "def broken(:\n")

        async def is_told() -> bool:
            return any(fault.name == "um" for fault in world.app.mappers.faults())

        await until(is_told)
        await shop.sql("UPDATE store.price SET price = 11 WHERE tenant_id = $1")
        await world.pool.execute("SELECT rocksync.request_sync('um', 'price')")
        await until(lambda: is_idle(world))

    assert shop.at_hub("A")["price"] == 99


async def test_a_fault_in_words_that_cannot_be_stored_keeps_no_other_from_being_told(world: World) -> None:
    write(world, "um", "raise ValueError('a NUL \\0 here')\n")
    write(world, "dois", "import not_there_at_all\n")

    async def told() -> list[str]:
        return [name for (name,) in await world.pool.fetch("SELECT name FROM rocksync.mapper_fault ORDER BY name")]

    async def are_told() -> bool:
        return await told() == ["dois", "um"]

    async with running(world.app):
        await until(are_told)


async def test_nothing_goes_out_unmapped_because_the_folder_of_mappers_is_missing(world: World) -> None:
    shop, other = await world.shop("um"), await world.shop("dois")
    for each in (shop, other):
        await each.simple("A")
    folder = write(world, "um", DEAR).parent
    async with open_app(world.settings) as app:
        await app.run_once(tenants=[shop.id, other.id])
    assert shop.at_hub("A")["price"] == 99
    folder.rename(folder.with_name("elsewhere"))
    for each in (shop, other):
        await each.sql("UPDATE store.price SET price = 11 WHERE tenant_id = $1")

    async with open_app(world.settings) as app:
        await app.run_once(tenants=[shop.id, other.id], kinds=[Kind.PRICE])

    assert (shop.at_hub("A")["price"], other.at_hub("A")["price"]) == (99, 11)
    reason, failure = await world.pool.fetchrow(
        "SELECT failure_reason, failure FROM rocksync.schedule WHERE tenant_id = $1 AND kind = 'price'", shop.id
    )
    assert reason == "mapper_error"
    assert f"{folder} is not there" in failure


async def test_it_is_told_that_a_tenant_has_no_mapper_any_more(world: World, caplog: pytest.LogCaptureFixture) -> None:
    shop, pinned = await world.shop("um"), await world.shop("dois", mappers=["dois"])
    paths = [write(world, slug, DEAR) for slug in ("um", "dois")]
    await until(lambda: has_mappers(world, {"um", "dois"}))
    for each in (shop, pinned):
        await each.simple("A")
    await world.sync()
    assert "mapper_gone" not in await findings(world, "um")
    for path in paths:
        path.unlink()
    await until(lambda: has_mappers(world, set()))
    assert "mapper_gone" in await findings(world, "um")
    assert "mapper_gone" not in await findings(world, "dois")

    await world.sync()

    told = {record.__dict__["tenant"] for record in caplog.records if record.getMessage() == "mappers_gone"}
    assert told == {"um"}
    assert (shop.at_hub("A")["price"], pinned.at_hub("A")["price"]) == (10, 99)
    assert await pinned.why("price", "A") == ("quarantined", "mapper_error")


async def test_a_mapper_of_a_package_installed_since_is_told_to_need_a_restart(world: World) -> None:
    shop = await world.shop("um", mappers=["lojas_rules"])
    await shop.simple("A")
    await world.sync()

    told = await chain(world.app, "um", "sku", "A", attempts=1)

    assert told.verdict.detail == "there is no mapper lojas_rules"
    assert "restart the worker" in told.next_action


async def findings(world: World, slug: str) -> set[str]:
    return {each.code for each in await of_app(world.app).findings((await world.app.tenants.get(slug)).tenant)}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("raise RuntimeError('no')", "mapper_error"),
        ("while True: pass", "mapper_timeout"),
        ("import time; time.sleep(1000)", "mapper_timeout"),
        ("return 'rubbish'", "mapper_error"),
        ("payload['price'] = 'rubbish'", "mapper_error"),
        ("raise SystemExit(3)", "mapper_error"),
        ("import os; os._exit(3)", "mapper_error"),
        ("price.sku = 'other'", "mapper_error"),
        ("import not_there_at_all", "mapper_error"),
        ("payload = [bytes(2 ** 24) for _ in range(10 ** 6)]", "mapper_error"),
    ],
    ids=[
        "raises",
        "loops",
        "sleeps",
        "returns rubbish",
        "writes rubbish",
        "exits",
        "exits at once",
        "changes its row",
        "misses an import",
        "allocates",
    ],
)
async def test_a_mapper_gone_wrong_hurts_its_own_tenant_only(world: World, body: str, reason: str) -> None:
    shop, other = await world.shop("um"), await world.shop("dois")
    for each in (shop, other):
        await each.simple("A")
    await world.sync()
    write(
        world,
        "um",
        f"""
        from rocksync.mapping import hookimpl

        @hookimpl
        def rocksync_map_price(price, payload):
            {body}
        """,
    )
    write(world, "dois", DEAR)

    await until(lambda: has_mappers(world, {"um", "dois"}))
    for each in (shop, other):
        await each.sql("UPDATE store.price SET price = 12 WHERE tenant_id = $1")

    await world.sync(None, Kind.PRICE)

    assert other.at_hub("A")["price"] == 99
    assert shop.at_hub("A")["price"] == 10
    assert (await shop.why("price", "A"))[1] == reason
    assert re.match(r"mapper um, um\.py line [56]: ", (await shop.item("price", "A"))["detail"])


@pytest.mark.parametrize(
    ("body", "state"),
    [("payload['quantity'] //= stock.on_hand", "quarantined"), ("while not stock.on_hand: pass", "pending")],
    ids=["raises", "hangs"],
)
async def test_what_is_sold_out_goes_to_0_though_a_mapper_fails_and_the_fault_is_told(
    world: World, body: str, state: str
) -> None:
    shop = await world.shop("um")
    await shop.simple("A")
    path = write(
        world,
        "um",
        f"""
        from rocksync.mapping import hookimpl

        @hookimpl
        def rocksync_map_stock(stock, payload):
            {body}
        """,
    )
    await until(lambda: has_mappers(world, {"um"}))
    await world.sync()
    await shop.sql("UPDATE store.stock SET on_hand = 0 WHERE tenant_id = $1")

    summary = await world.sync(shop, Kind.STOCK)

    assert shop.at_hub("A")["quantity"] == 0
    item = await shop.item("stock", "A")
    assert (item["state"], item["reason"]) == (state, "mapper_error" if state == "quarantined" else "mapper_timeout")
    assert "um.py line 6" in item["detail"]
    assert summary.refused == 1
    told = await chain(world.app, "um", "sku", "A", attempts=1)
    assert (told.verdict.reason, told.verdict.detail) == (item["reason"], item["detail"])

    mark = world.mark()
    await shop.sql("UPDATE rocksync.item SET state = 'pending', next_attempt_at = now() WHERE tenant_id = $1")
    await world.sync(shop, Kind.STOCK)
    assert world.sent(mark) == []
    assert (await shop.why("stock", "A"))[1] == item["reason"]

    path.unlink()
    await until(lambda: has_mappers(world, set()))
    await world.sync(shop, Kind.STOCK)
    assert await shop.why("stock", "A") == ("synced", "in_sync")


@pytest.mark.parametrize("body", ["raise ValueError('a\\0b')", "raise ValueError('\\ud83d')", "payload['a\\0b'] = 1"])
async def test_a_fault_is_recorded_whatever_characters_tell_of_it(world: World, body: str) -> None:
    shop = await world.shop("um")
    for sku in ("A", "B"):
        await shop.simple(sku)
    write(
        world,
        "um",
        f"""
        from rocksync.mapping import hookimpl

        @hookimpl
        def rocksync_map_product(product, payload):
            if product.sku == "B":
                {body}
        """,
    )
    await until(lambda: has_mappers(world, {"um"}))

    await world.sync(shop)

    assert await shop.why("product", "A") == ("synced", "in_sync")
    assert await shop.why("product", "B") == ("quarantined", "mapper_error")
    assert re.match(r"mapper um, um\.py line \d: ", (await shop.item("product", "B"))["detail"])


async def test_what_waits_after_a_mappers_fault_goes_as_soon_as_the_mapper_is_mended(world: World) -> None:
    shop = await world.shop("um")
    await shop.simple("A")
    await world.sync()
    path = write(
        world,
        "um",
        """
        from rocksync.mapping import hookimpl

        @hookimpl
        def rocksync_map_price(price, payload):
            while True: pass
        """,
    )
    await until(lambda: has_mappers(world, {"um"}))
    await shop.sql("UPDATE store.price SET price = 12 WHERE tenant_id = $1")
    await world.sync(None, Kind.PRICE)
    assert (await shop.why("price", "A"))[1] == "mapper_timeout"

    path.unlink()
    await until(lambda: has_mappers(world, set()))
    await world.sync(None, Kind.PRICE)

    assert shop.at_hub("A")["price"] == 12


async def test_a_mapper_that_was_mended_while_no_worker_ran_is_used_at_once(world: World) -> None:
    shop = await world.shop("um")
    await shop.simple("A")
    await world.sync()
    path = write(world, "um", DEAR.replace("99", "1 / 0"))
    await until(lambda: has_mappers(world, {"um"}))
    await world.sync(None, Kind.PRICE)
    assert (await shop.why("price", "A"))[1] == "mapper_error"
    path.unlink()
    write(world, "um", DEAR)

    async with open_app(world.settings) as later, running(later):
        await until(lambda: costs(shop, 99))


async def test_a_product_that_stays_kept_off_has_no_stock_while_it_is_mapped_anew(world: World) -> None:
    shop = await world.shop("um")
    await shop.simple("A")
    await world.sync()
    keeps_off = "from rocksync.mapping import hookimpl\n\n@hookimpl\ndef rocksync_select_product():\n    return {}\n"
    write(world, "um", keeps_off.format("False"))
    await until(lambda: has_mappers(world, {"um"}))
    await world.sync()
    assert (shop.at_hub("A")["available"], shop.at_hub("A")["quantity"]) == (0, 0)
    before = world.app.mappers.version((await world.app.tenants.get("um")).tenant)

    write(world, "um", keeps_off.format("bool(0)"))
    await until(lambda: other_version(world, "um", before))
    # Its pass has begun: all products are to be looked at again, and this one was not yet.
    await shop.sql(
        "UPDATE rocksync.item SET state = 'pending', reason = 'pending' WHERE tenant_id = $1 AND kind = 'product'"
    )
    await world.sync(shop, Kind.STOCK)
    await world.sync()

    assert (shop.at_hub("A")["available"], shop.at_hub("A")["quantity"]) == (0, 0)


async def test_an_order_is_imported_whatever_a_mapper_makes_of_its_date(world: World) -> None:
    shop = await world.shop("um")
    await shop.simple("A")
    write(
        world,
        "um",
        """
        from datetime import timedelta
        from rocksync.mapping import hookimpl

        @hookimpl
        def rocksync_map_order(document):
            document["placed_at"] -= timedelta(hours=3)
        """,
    )
    await until(lambda: has_mappers(world, {"um"}))
    await world.sync()
    order = shop.market.create_order([{"sku": "A", "quantity": 1}])
    expected = await chain(world.app, "um", "order", order["id"], attempts=1)
    assert expected.verdict.reason == "pending"

    await world.sync()

    imported = await shop.order(order["id"])
    assert imported is not None
    assert imported["placed_at"] == datetime.fromisoformat(order["created"]) - timedelta(hours=3)


async def other_version(world: World, slug: str, than: str) -> bool:
    return world.app.mappers.version((await world.app.tenants.get(slug)).tenant) != than


async def costs(shop: Shop, price: int) -> bool:
    return bool(shop.at_hub("A")["price"] == price)


async def has_mappers(world: World, names: set[str]) -> bool:
    return {listed.name for listed in world.app.mappers.listing() if listed.digest} == names
