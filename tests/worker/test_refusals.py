"""What the hub refuses, and goes on refusing, is tried a few times, later and later, and then set aside."""

import itertools

from rocksync.domain.tenancy import Kind
from rocksync.sync.engine import ATTEMPTS
from tests.worker.world import Shop, World

WAIT_S = """
SELECT extract(epoch FROM next_attempt_at - now())::float8 FROM rocksync.item WHERE tenant_id = $1 AND attempts > 0
"""
TIME_PASSES = "UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1"


async def refused(world: World, times: int) -> tuple[Shop, list[float]]:
    """A shop one stock of which was refused so often; how long it was to wait after each time."""
    shop = await world.shop()
    await shop.simple("A")
    await shop.simple("B")
    await world.sync(shop)
    world.hub.add_fault(f"400@stockx{times}")
    await shop.sql("UPDATE store.stock SET on_hand = 9 WHERE tenant_id = $1 AND sku = 'A'")
    waits = []
    for _ in range(times):
        await shop.sql(TIME_PASSES)
        await world.sync(shop, Kind.STOCK)
        waits.append(await shop.sql(WAIT_S))
    return shop, waits


async def test_an_item_that_is_refused_waits_longer_each_time_and_no_other_waits(world: World) -> None:
    shop, waits = await refused(world, ATTEMPTS - 1)

    await shop.sql("UPDATE store.stock SET on_hand = 7 WHERE tenant_id = $1 AND sku = 'B'")
    await world.sync(shop, Kind.STOCK)

    assert await shop.why("stock", "A") == ("pending", "rejected")
    assert all(later > 2 * sooner for sooner, later in itertools.pairwise(waits))
    assert shop.at_hub("A")["quantity"] == 5
    assert shop.at_hub("B")["quantity"] == 7


async def test_an_item_that_is_refused_often_enough_is_set_aside_until_its_row_changes(world: World) -> None:
    shop, _ = await refused(world, ATTEMPTS)
    set_aside, before = await shop.why("stock", "A"), world.mark()
    await shop.sql(TIME_PASSES)
    await world.sync(shop, Kind.STOCK)
    sent_meanwhile = world.sent(before)

    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1 AND sku = 'A'")
    await world.sync(shop, Kind.STOCK)

    assert set_aside == ("quarantined", "rejected")
    assert sent_meanwhile == []
    assert await shop.why("stock", "A") == ("synced", "in_sync")
    assert (await shop.item("stock", "A"))["attempts"] == 0
    assert shop.at_hub("A")["quantity"] == 8


async def test_why_a_pass_failed_is_not_told_any_more_once_its_items_meet_something_else(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)
    cause = "SELECT cause FROM rocksync.lag WHERE tenant = 'loja' AND kind = 'stock' AND $1::bigint > 0"
    world.hub.add_fault("429@stock")
    await shop.sql("UPDATE store.stock SET on_hand = 9 WHERE tenant_id = $1")
    await world.sync(shop, Kind.STOCK)
    at_first = await shop.sql(cause)
    await shop.sql("UPDATE rocksync.schedule SET backoff_until = NULL WHERE tenant_id = $1")
    await world.sync(shop, Kind.STOCK)  # which finds nothing that may be sent yet
    meanwhile = await shop.sql(cause)
    world.hub.remove_faults()
    world.hub.add_fault("5xx-json@stock")

    await shop.sql(TIME_PASSES)
    await shop.sql("UPDATE rocksync.schedule SET backoff_until = NULL WHERE tenant_id = $1")
    await world.sync(shop, Kind.STOCK)

    assert (at_first, meanwhile) == ("rate_limited", "rate_limited")
    assert await shop.why("stock", "A") == ("pending", "hub_unavailable")
    assert await shop.sql(cause) == "hub_unavailable"
