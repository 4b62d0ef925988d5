"""The blast-radius gate: what goes beyond a tenant's limits waits for an operator, and the rest goes on."""

from rocksync.domain.desk import Filter
from rocksync.domain.tenancy import Kind
from rocksync.postgres.desk import Desk
from tests.worker.world import Shop, World

GATE = {"max_zero_percent": 40, "max_price_change_percent": 50}


async def full_shop(world: World, **settings: object) -> Shop:
    """Five SKUs at the hub, price 10 and stock 5 each."""
    shop = await world.shop(**settings)
    for number in range(5):
        await shop.simple(f"S{number}")
    await world.sync(shop)
    return shop


async def to_zero(shop: Shop, *skus: str) -> None:
    await shop.sql("UPDATE store.stock SET on_hand = 0 WHERE tenant_id = $1 AND sku = ANY ($2)", list(skus))


def desk(world: World) -> Desk:
    return Desk(world.pool, operator="ana")


async def test_zeros_beyond_the_limit_are_held_and_the_rest_goes_on(world: World) -> None:
    shop = await full_shop(world, gate=GATE)
    await to_zero(shop, "S0", "S1", "S2")
    await shop.sql("UPDATE store.stock SET on_hand = 9 WHERE tenant_id = $1 AND sku = 'S3'")

    await world.sync(shop)

    assert [shop.at_hub(f"S{n}")["quantity"] for n in range(5)] == [5, 5, 5, 9, 5]
    assert await shop.why("stock", "S0") == ("quarantined", "unconfirmed")
    [first, *_] = await desk(world).holds(Filter(slug="loja"))
    assert (first.key, first.before, first.after) == ("S0", {"quantity": 5}, {"quantity": 0})
    assert "3 of 5 SKUs would go to zero (60 %), and gate.max_zero_percent is 40" in first.why


async def test_zeros_within_the_limit_go_out(world: World) -> None:
    shop = await full_shop(world, gate=GATE)

    await to_zero(shop, "S0", "S1")
    await world.sync(shop)

    assert [shop.at_hub(f"S{n}")["quantity"] for n in range(5)] == [0, 0, 5, 5, 5]


async def test_without_a_gate_everything_goes_out(world: World) -> None:
    shop = await full_shop(world)

    await to_zero(shop, "S0", "S1", "S2", "S3", "S4")
    await shop.sql("UPDATE store.price SET price = 900 WHERE tenant_id = $1")
    await world.sync(shop)

    assert {shop.at_hub(f"S{n}")["quantity"] for n in range(5)} == {0}
    assert shop.at_hub("S0")["price"] == 900


async def test_what_is_held_counts_with_what_would_follow(world: World) -> None:
    shop = await full_shop(world, gate=GATE)
    await to_zero(shop, "S0", "S1", "S2")
    await world.sync(shop)

    await to_zero(shop, "S3")
    await world.sync(shop)

    assert shop.at_hub("S3")["quantity"] == 5


async def test_an_approved_change_goes_out_as_it_was_seen_and_no_other(world: World) -> None:
    shop = await full_shop(world, gate=GATE)
    await shop.sql("UPDATE store.price SET price = 1 WHERE tenant_id = $1 AND sku IN ('S0', 'S1')")
    await shop.sql("UPDATE store.price SET price = 14 WHERE tenant_id = $1 AND sku = 'S2'")
    await world.sync(shop)
    assert [shop.at_hub(f"S{n}")["price"] for n in range(3)] == [10, 10, 14]

    assert await desk(world).approve(shop.id, Filter(slug="loja", kinds=(Kind.PRICE,))) == 2
    await shop.sql("UPDATE store.price SET price = 0.5 WHERE tenant_id = $1 AND sku = 'S1'")
    await world.sync(shop)

    assert [shop.at_hub(f"S{n}")["price"] for n in range(3)] == [1, 10, 14]
    [held] = await desk(world).holds(Filter(slug="loja"))
    assert (held.key, held.after["price"]) == ("S1", 0.5)


async def test_a_rejected_change_leaves_the_hub_as_it_is_until_the_row_changes(world: World) -> None:
    shop = await full_shop(world, gate=GATE)
    await shop.sql("UPDATE store.price SET price = 1 WHERE tenant_id = $1 AND sku = 'S0'")
    await world.sync(shop)

    assert await desk(world).reject(shop.id, Filter(slug="loja", keys=("S0",))) == 1
    await world.sync(shop)

    assert shop.at_hub("S0")["price"] == 10
    assert await shop.why("price", "S0") == ("skipped", "not_selected")
    assert await desk(world).holds(Filter()) == []

    await shop.sql("UPDATE store.price SET price = 12 WHERE tenant_id = $1 AND sku = 'S0'")
    await world.sync(shop)

    assert shop.at_hub("S0")["price"] == 12


async def test_approved_zeros_go_out_together(world: World) -> None:
    shop = await full_shop(world, gate=GATE)
    await to_zero(shop, "S0", "S1", "S2", "S3")
    await world.sync(shop)

    assert await desk(world).approve(shop.id, Filter(slug="loja")) == 4
    await world.sync(shop)

    assert [shop.at_hub(f"S{n}")["quantity"] for n in range(5)] == [0, 0, 0, 0, 5]
    assert await desk(world).holds(Filter()) == []


async def test_a_change_that_is_taken_back_is_held_no_more(world: World) -> None:
    shop = await full_shop(world, gate=GATE)
    await shop.sql("UPDATE store.price SET price = 1 WHERE tenant_id = $1 AND sku = 'S0'")
    await world.sync(shop)

    await shop.sql("UPDATE store.price SET price = 10 WHERE tenant_id = $1 AND sku = 'S0'")
    await world.sync(shop)

    assert await shop.why("price", "S0") == ("synced", "in_sync")
    assert await desk(world).holds(Filter()) == []


async def test_a_first_creation_is_never_held(world: World) -> None:
    shop = await world.shop(gate={"max_zero_percent": 0, "max_price_change_percent": 0})
    await shop.simple("A", price=900, on_hand=0)

    await world.sync(shop)

    assert (shop.at_hub("A")["price"], shop.at_hub("A")["quantity"]) == (900, 0)
