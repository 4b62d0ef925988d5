"""Rounds of sheer numbers: many items beside one, many orders, many tenants that fail at once."""

import asyncio
import statistics
import time
from collections.abc import Sequence

from tests.chaos.arena import Arena, Server, Tenant, Worker, arena
from tests.chaos.shopkeeper import SHELVES, Shopkeeper
from tests.chaos.storm import Outcome, conclude, settle


async def fairness(server: Server, seed: int, *, items: int = 5_000, busy: int = 1, window_s: float = 15.0) -> Outcome:
    """*busy* tenants change thousands of stocks; another changes one and gets one order: it waits for nobody."""
    outcome = Outcome(name=f"fairness, {busy} busy", seed=seed, workers=1)
    began, limit = time.monotonic(), 40.0 if busy == 1 else 1.0
    settings = {
        "pluggto.requests_per_second_per_tenant": limit,
        "worker.concurrency": max(16, 2 * busy),
        "worker.slice_s": 2 if busy == 1 else 30,
    }
    async with arena(server, seed=seed, settings=settings) as ring:
        crowd = [await ring.add_tenant(f"cheia-{n}") for n in range(busy)]
        small = await add_small(ring)
        for tenant in crowd:
            await ring.sql(SHELVES, tenant.id, items)
        await ring.workers[0].start()
        await settle(ring, outcome, within_s=240)
        await ring.sql(
            "WITH c AS (UPDATE store.stock SET on_hand = on_hand + 1 WHERE tenant_id = ANY ($1)"
            " RETURNING tenant_id, sku) INSERT INTO chaos.delta SELECT tenant_id, sku, 1 FROM c",
            [tenant.id for tenant in crowd],
        )
        await asyncio.sleep(3)
        mark = time.time()
        sent = _sent(ring, crowd)
        served_s = await serve_one(ring, small)
        await asyncio.sleep(max(window_s - (time.time() - mark), 0))
        rate = (_sent(ring, crowd) - sent) / (time.time() - mark) / busy
        outcome.figures |= {"served_s": served_s, "share_of_limit": rate / limit}
        if served_s > 10:
            outcome.wrong.append(f"the small tenant was served after {served_s:.1f} s")
        if rate < 0.9 * limit:
            outcome.wrong.append(f"the busy ones ran at {rate / limit:.0%} of their limit")
        await ring.workers[0].stop()
        ring.workers[0].environment["ROCKSYNC_PLUGGTO__REQUESTS_PER_SECOND_PER_TENANT"] = "1000"  # the rest in a hurry
        await ring.workers[0].start()
        outcome.recover_s = await settle(ring, outcome, within_s=600)
        await conclude(ring, outcome, [])
        outcome.changes, outcome.orders = items * busy + 1, 1
    outcome.took_s = time.monotonic() - began
    return outcome


def _sent(ring: Arena, tenants: Sequence[Tenant]) -> int:
    users = {tenant.user for tenant in tenants}
    return sum(1 for write in ring.writes if write.user in users)


async def add_small(ring: Arena) -> Tenant:
    """A tenant with fifty SKUs, and an order by which the worker learns whose notifications are this tenant's."""
    small = await ring.add_tenant("pequena")
    await ring.sql(SHELVES, small.id, 50)
    ring.hub.market(small.user).create_order([{"sku": "P1.3", "quantity": 1}])
    return small


async def serve_one(ring: Arena, tenant: Tenant) -> float:
    """Seconds until one stock and one order of *tenant* have arrived; the worker is notified of the order."""
    began = time.monotonic()
    told_at = f"http://127.0.0.1:{ring.workers[0].http_port}/notifications/pluggto"
    ring.hub.account(tenant.user).webhook = told_at
    await ring.sql(_SOLD_BESIDE, tenant.id)
    order = ring.hub.market(tenant.user).create_order([{"sku": "P1.2", "quantity": 1}])

    async def served() -> bool:
        product = ring.hub.product(tenant.user, "P1.1")
        there = product is not None and any(v["sku"] == "P1.1" and v["quantity"] == 77 for v in product["variations"])
        return there and bool(await ring.sql("SELECT true FROM store.sales_order WHERE pluggto_id = $1", order["id"]))

    await ring.until(served, within_s=60, what="one stock and one order are served")
    return time.monotonic() - began


_SOLD_BESIDE = """
WITH c AS (UPDATE store.stock SET on_hand = 77 WHERE tenant_id = $1 AND sku = 'P1.1' RETURNING sku)
INSERT INTO chaos.delta SELECT $1, sku, 77 - 100 FROM c
"""


async def order_storm(server: Server, seed: int, *, orders: int = 300) -> Outcome:
    """Many orders at once, with a worker killed in the middle."""
    outcome = Outcome(name="order storm", seed=seed, workers=2)
    began = time.monotonic()
    async with arena(server, seed=seed, workers=2) as ring:
        keeper = Shopkeeper(ring, await ring.add_tenant("loja-0"), f"orders {seed}")
        await keeper.open_shop(20)
        for _ in range(orders):
            await keeper._place_order()
        await asyncio.gather(*(worker.start() for worker in ring.workers))

        async def half() -> bool:
            return bool(await ring.sql("SELECT count(*) > $1 FROM store.sales_order", orders // 2))

        await ring.until(half, within_s=60 + orders / 5, what="half of the orders")
        for worker in ring.workers:
            await worker.kill()
            await worker.start()
        outcome.attacks["kill worker"] = 2
        outcome.recover_s = await settle(ring, outcome, within_s=90 + orders / 5)
        await conclude(ring, outcome, [keeper])
    outcome.took_s = time.monotonic() - began
    return outcome


async def all_at_once(server: Server, seed: int, *, tenants: int = 60) -> Outcome:
    """Every tenant fails at the same time: they do not come back as one, and connections stay few."""
    outcome = Outcome(name=f"{tenants} tenants failing", seed=seed, workers=2)
    began = time.monotonic()
    async with arena(server, seed=seed, workers=2) as ring:
        ring.hub.add_fault("outage")
        for number in range(tenants):
            tenant = await ring.add_tenant(f"loja-{number}")
            await ring.sql(SHELVES, tenant.id, 50)
        await asyncio.gather(*(worker.start() for worker in ring.workers))

        async def failed() -> bool:
            return bool(await ring.sql("SELECT count(*) >= $1 FROM rocksync.schedule WHERE failures > 0", tenants))

        await ring.until(failed, within_s=90, what="all have failed")
        due = [row[0] for row in await ring.rows(_BACKOFFS)]
        outcome.figures["backoff_spread_s"] = statistics.pstdev(due) if due else 0.0
        ring.hub.remove_faults()
        outcome.recover_s = await settle(ring, outcome, within_s=180)
        _bound(outcome, ring.workers)
        await conclude(ring, outcome, [])
        outcome.changes, outcome.attacks["outage of the hub"] = tenants * 151, tenants
        if outcome.figures["backoff_spread_s"] < 0.3:
            outcome.wrong.append("tenants come back as one")
    outcome.took_s = time.monotonic() - began
    return outcome


_BACKOFFS = "SELECT extract(epoch FROM backoff_until)::float8 FROM rocksync.schedule WHERE backoff_until > now()"


def _bound(outcome: Outcome, workers: Sequence[Worker]) -> None:
    hub = max(worker.hub.most_connected for worker in workers)
    postgres = max(worker.postgres.most_connected for worker in workers)
    outcome.figures |= {"hub_connections": hub, "postgres_connections": postgres}
    if hub > 200 or postgres > 12:
        outcome.wrong.append(f"{hub} connections to the hub, {postgres} to Postgres")
