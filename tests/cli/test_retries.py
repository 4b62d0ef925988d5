"""What was refused and waits for its next attempt: how an operator has it tried at once."""

import pytest

from tests.worker.world import Shop, World

from .conftest import Command


@pytest.fixture
async def shop(world: World) -> Shop:
    """Stocks of A and B that Plugg.to refused once, and would take by now."""
    shop = await world.shop()
    for sku in ("A", "B"):
        await shop.simple(sku)
    await world.sync(shop)
    world.hub.add_fault("400")
    await shop.sql("UPDATE store.stock SET on_hand = 9 WHERE tenant_id = $1")
    await world.sync(shop)
    world.hub.remove_faults()
    return shop


async def test_what_waits_after_a_refusal_is_tried_at_once_when_released(
    rocksync: Command, world: World, shop: Shop
) -> None:
    explained = (await rocksync("explain", "loja", "sku", "A", "--json")).json
    other = await rocksync("quarantine", "release", "loja", "--kind", "price")
    released = await rocksync("quarantine", "release", "loja", "--key", "A", "--reason", "rejected")
    item = await shop.item("stock", "A")
    await world.sync(shop)

    assert "; at once: rocksync quarantine release loja --key A" in explained["next_action"]
    assert (other.out, released.out) == ("0 released\n", "0 released, 1 that waited tried at once\n")
    assert (item["state"], item["reason"], item["attempts"]) == ("pending", "pending", 0)
    assert (shop.at_hub("A")["quantity"], shop.at_hub("B")["quantity"]) == (9, 5)
    assert (await rocksync("audit", "loja", "--json")).json[0]["what"]["retried"] == {"stock": 1}


@pytest.mark.parametrize(
    "postponed",
    [
        "reason = 'hub_unavailable'",
        "reason = 'unconfirmed'",
        "late_until = now() + interval '5 minutes'",
        "attempts = 0",
    ],
)
async def test_what_waits_for_something_else_goes_on_waiting(rocksync: Command, shop: Shop, postponed: str) -> None:
    await shop.sql(f"UPDATE rocksync.item SET {postponed} WHERE tenant_id = $1 AND key = 'A'")
    before = await shop.item("stock", "A")

    released = await rocksync("quarantine", "release", "loja", "--json")

    assert released.json == {"released": 0, "retried": 1}
    assert await shop.item("stock", "A") == before
    assert (await shop.item("stock", "B"))["attempts"] == 0
