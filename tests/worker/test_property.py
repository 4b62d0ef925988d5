"""Whatever changes, fails and stops in between: in the end the hub equals the store, and every order is there once."""

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rocksync.app import App, open_app
from rocksync.sandbox.hub import Sandbox
from tests.worker import waiting
from tests.worker.mirror import differences
from tests.worker.world import Shop, World, settings_for

FAULTS = [
    "429:0.2",
    "5xx-html:0.2",
    "5xx-empty:0.2",
    "drop-after-write:0.3",
    "cut-body:0.2",
    "expired-tokens:0.3",
    "stale-lists:0.5",
    "ignored-filters",
    "repeated-pages:0.5",
    "strings-for-numbers",
    "nulls",
    "unknown-members",
]
PRODUCTS = [f"P{n}" for n in range(3)]
VARIATIONS = [f"{product}-V{n}" for product in PRODUCTS for n in range(2)]
SKUS = PRODUCTS + VARIATIONS

product = st.tuples(st.just("product"), st.sampled_from(PRODUCTS), st.integers(1, 3), st.booleans())
variation = st.tuples(st.just("variation"), st.sampled_from(VARIATIONS), st.booleans())
drop = st.tuples(st.just("drop"), st.sampled_from(["product", "variation", "stock"]), st.sampled_from(SKUS))
price = st.tuples(st.just("price"), st.sampled_from(SKUS), st.integers(1, 9))
stock = st.tuples(st.just("stock"), st.sampled_from(SKUS), st.integers(-1, 9))
order = st.tuples(st.just("order"), st.sampled_from(SKUS), st.sampled_from(["pending", "approved"]))
follow = st.tuples(st.just("follow"), st.integers(0, 3), st.sampled_from(["approved", "canceled", "refunded"]))
fault = st.tuples(st.just("fault"), st.sampled_from(FAULTS))
crash = st.tuples(st.just("crash"), st.integers(1, 25))
sync = st.tuples(st.just("sync"))
step = st.one_of(
    product, product, variation, price, price, stock, stock, drop, order, order, follow, fault, crash, sync
)


@dataclass
class Story:
    """One example as it is played: a shop, and a worker that comes and goes."""

    shop: Shop
    world: World
    orders: list[dict[str, Any]] = field(default_factory=list)

    async def play(self, steps: list[tuple[Any, ...]]) -> None:
        for name, *arguments in steps:
            await getattr(self, name)(*arguments)

    async def product(self, sku: str, name: int, active: bool) -> None:
        await self.shop.sql(
            "INSERT INTO store.product (tenant_id, sku, name, active) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (tenant_id, sku) DO UPDATE SET name = excluded.name, active = excluded.active",
            sku,
            f"Nome {name}",
            active,
        )

    async def variation(self, sku: str, active: bool) -> None:
        await self.shop.sql(
            "INSERT INTO store.variation (tenant_id, sku, product_sku, active) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (tenant_id, sku) DO UPDATE SET active = excluded.active",
            sku,
            sku[:2],
            active,
        )

    async def drop(self, table: str, sku: str) -> None:
        await self.shop.sql(f"DELETE FROM store.{table} WHERE tenant_id = $1 AND sku = $2", sku)

    async def price(self, sku: str, price: int) -> None:
        await self.shop.sql(
            "INSERT INTO store.price (tenant_id, sku, price) VALUES ($1, $2, $3)"
            " ON CONFLICT (tenant_id, sku) DO UPDATE SET price = excluded.price",
            sku,
            price,
        )

    async def stock(self, sku: str, on_hand: int) -> None:
        await self.shop.sql(
            "INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES ($1, $2, $3)"
            " ON CONFLICT (tenant_id, sku) DO UPDATE SET on_hand = excluded.on_hand",
            sku,
            on_hand,
        )

    async def order(self, sku: str, status: str) -> None:
        self.orders.append(self.shop.market.create_order([{"sku": sku, "quantity": 1, "price": 5}], status=status))

    async def follow(self, number: int, status: str) -> None:
        if number < len(self.orders) and self.orders[number]["status"] not in {status, "canceled", "refunded"}:
            self.shop.market.set_status(self.orders[number]["id"], status)

    async def fault(self, name: str) -> None:
        self.world.hub.remove_faults()
        self.world.hub.add_fault(name)

    async def sync(self) -> None:
        await self.run(self.world.app)

    async def crash(self, requests: int) -> None:
        """A worker that is stopped dead after some requests; nothing of it goes on, nothing is handed over."""
        until = self.world.mark() + requests
        async with open_app(self.world.settings) as app:
            task = asyncio.create_task(self.run(app))

            async def is_over() -> bool:
                return task.done() or self.world.mark() >= until

            await waiting.until(is_over, every_s=0)
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self.shop.pool.execute("UPDATE rocksync.schedule SET leased_until = now()")

    async def run(self, app: App) -> None:
        await self.shop.pool.execute("UPDATE rocksync.schedule SET backoff_until = NULL")
        await self.shop.pool.execute("UPDATE rocksync.item SET next_attempt_at = now()")
        await app.run_once(tenants=[self.shop.id])

    async def settle(self) -> None:
        """Calm: no faults, a fresh worker, and time enough for everything that was put off."""
        self.world.hub.remove_faults()
        if await self.shop.sql("SELECT status = 'needs_credentials' FROM rocksync.tenant WHERE id = $1"):
            await self.shop.pool.execute("SELECT rocksync.resume_tenant($1)", self.shop.slug)
        async with open_app(self.world.settings) as app:
            for _ in range(3):
                await self.run(app)

    async def check(self) -> None:
        assert await differences(self.shop) == []
        for order in self.orders:
            row = await self.shop.order(order["id"])
            if row is None:
                why = await self.shop.why("order", order["id"])
                assert why in {("quarantined", "unknown_sku"), ("skipped", "not_selected")}, why
                continue
            expected = {"refunded": "canceled"}.get(order["status"], order["status"])
            assert row["status"] == expected
        assert await self.shop.sql(
            "SELECT bool_and(lines = 1) IS NOT FALSE FROM (SELECT count(i.line) AS lines FROM store.sales_order o"
            " LEFT JOIN store.sales_order_item i ON i.tenant_id = o.tenant_id AND i.order_id = o.id"
            " WHERE o.tenant_id = $1 GROUP BY o.id) n"
        )
        assert await self.shop.sql("SELECT count(*) FROM rocksync.item WHERE tenant_id = $1 AND state = 'pending'") == 0


@pytest.fixture
async def numbers() -> Any:
    return itertools.count()


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(step, min_size=5, max_size=20))
async def test_in_the_end_the_hub_equals_the_store(
    database: str, pool: asyncpg.Pool, hub: Sandbox, tmp_path: Path, numbers: Any, steps: list[tuple[Any, ...]]
) -> None:
    configured = settings_for(database, hub, tmp_path)
    async with open_app(configured) as app:
        world = World(app=app, hub=hub, pool=pool, database=database, settings=configured, shops={})
        story = Story(shop=await world.shop(f"loja-{next(numbers)}"), world=world)

        await story.play(steps)
        await story.settle()

        await story.check()
