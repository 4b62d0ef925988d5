"""Leases of passes: held by one worker at a time, taken over, and given back."""

import asyncio
from dataclasses import replace
from typing import Any

import asyncpg

from rocksync.app import open_app
from rocksync.domain.tenancy import Kind, Lease
from rocksync.postgres.schedules import Schedules
from tests.worker.test_running import is_idle, quantity, running
from tests.worker.waiting import until
from tests.worker.world import World


async def test_a_stopped_worker_holds_no_lease_and_is_forgotten(world: World) -> None:
    async with running(world.app):
        shop = await world.shop()
        await shop.simple("A")
        await until(lambda: quantity(shop, "A", 5))

    assert await world.pool.fetchval("SELECT count(*) FROM rocksync.schedule WHERE lease_worker IS NOT NULL") == 0
    assert await world.pool.fetchval("SELECT count(*) FROM rocksync.worker") == 0


async def test_two_workers_share_the_tenants_and_never_one_at_a_time(world: World) -> None:
    shops = [await world.shop(f"loja-{n}") for n in range(6)]
    for shop in shops:
        for sku in range(20):
            await shop.simple(f"S{sku}")
    seen: list[asyncpg.Record] = []

    async def look() -> bool:
        seen.extend(
            await world.pool.fetch(
                "SELECT tenant_id, count(DISTINCT lease_worker) AS workers FROM rocksync.schedule"
                " WHERE leased_until > clock_timestamp() GROUP BY tenant_id"
            )
        )
        return await is_idle(world)

    async with open_app(world.settings) as second, running(world.app), running(second):
        await until(look, within_s=60)

    assert all(len(world.hub.products(shop.user)) == 20 for shop in shops)
    assert {row["workers"] for row in seen} == {1}
    creations = [e for e in world.sent(method="POST") if e["route"] == "/products"]
    assert len(creations) == len({(e["account"], e["body"]["sku"]) for e in creations}) == 120


async def test_what_a_worker_held_when_it_died_is_taken_over(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.app.credentials.seal_inbox()
    dead = await world.app.schedules.claim("dead", 10)
    assert len(dead) == 4
    await world.pool.execute("UPDATE rocksync.schedule SET leased_until = now() - interval '1 second'")

    async with running(world.app):
        await until(lambda: quantity(shop, "A", 5))

    assert not await world.app.schedules.finish(dead[0], complete=True, reached=True)


class Overlapping(Schedules):
    """Has the next stock pass claimed, with something to deliver, while the first is still hearing that it is over."""

    claimed: asyncio.Event | None = None

    async def claim(self, *arguments: Any, **options: Any) -> list[Lease]:
        leases = await super().claim(*arguments, **options)
        if self.claimed is not None and any(lease.kind is Kind.STOCK for lease in leases):
            self.claimed.set()
        return leases

    async def finish(self, lease: Lease, *, complete: bool, reached: bool) -> bool:
        is_held = await super().finish(lease, complete=complete, reached=reached)
        if lease.kind is Kind.STOCK and self.claimed is None:
            self.claimed = asyncio.Event()
            await self._pool.execute("UPDATE store.stock SET on_hand = 9")
            await self.request(tenants=[lease.tenant.id], kinds=[Kind.STOCK], manual=True)
            await self.claimed.wait()
        return is_held


async def test_a_pass_that_is_claimed_while_the_one_before_ends_keeps_its_lease(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.sync(shop)
    await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1")
    await world.pool.execute("SELECT rocksync.request_sync('loja', 'stock')")

    async with running(replace(world.app, schedules=Overlapping(world.pool, lease_s=60))):
        await until(lambda: quantity(shop, "A", 9), within_s=10)


async def test_once_waits_for_what_a_dead_worker_still_holds(world: World) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.app.credentials.seal_inbox()
    await world.app.schedules.claim("dead", 10)
    await world.pool.execute("UPDATE rocksync.schedule SET leased_until = now() + interval '2 seconds'")

    await world.sync(shop)

    assert shop.at_hub("A")["quantity"] == 5


class Finishing(Schedules):
    """Counts the statements that end a pass and do nothing else."""

    ended = 0

    async def finish(self, lease: Lease, *, complete: bool, reached: bool) -> bool:
        self.ended += 1
        return await super().finish(lease, complete=complete, reached=reached)


async def test_a_pass_that_finds_nothing_ends_in_the_statement_that_finds_that(world: World) -> None:
    """A thousand tenants have fifteen passes a second, most of which find nothing."""
    shop = await world.shop()
    await shop.simple("A")
    shop.market.create_order([{"sku": "A", "quantity": 2, "price": 10}])
    await world.sync(shop)
    assert await shop.stock("A") == (5, 2)
    await world.sync(shop)
    schedules = Finishing(world.pool, lease_s=60)
    mark = world.mark()

    summary = await replace(world.app, schedules=schedules).run_once(tenants=[shop.id])

    assert summary.passes["complete"] == 4
    assert [entry["route"] for entry in world.hub.requests(after=mark)] == ["/orders"]
    assert schedules.ended == 0
