"""A whole world for a test: a database, a sandbox hub, tenants with stores, and the worker between them."""

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import asyncpg

from rocksync.app import App, Summary, open_app
from rocksync.domain.tenancy import Kind, TenantId
from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.marketplace import Marketplace
from rocksync.settings import Database, Mappers, Pluggto, Secrets, Settings

KEY = base64.b64encode(bytes(range(32))).decode()


def settings_for(database: str, hub: Sandbox, tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        database=Database(dsn=database, pool_size=8),
        pluggto=Pluggto(base_url=hub.url, requests_per_second_per_tenant=1000.0, timeout_s=5.0),
        secrets=Secrets(keys=(KEY,)),
        mappers=Mappers(dir=tmp_path / "mappers", deadline_s=1.0),
    )


@dataclass
class Shop:
    """One tenant: its store, written as the platform does, and its account at the hub."""

    id: TenantId
    slug: str
    user: int
    pool: asyncpg.Pool
    hub: Sandbox

    @property
    def market(self) -> Marketplace:
        return self.hub.market(self.user)

    async def simple(self, sku: str, *, price: Any = 10, on_hand: int | None = 5, **columns: Any) -> None:
        """A simple product with price and stock; None leaves the row out."""
        await self.product(sku, **columns)
        await self.offer(sku, price=price, on_hand=on_hand)

    async def varied(self, sku: str, *variations: str, **columns: Any) -> None:
        """A product with variations, each with price and stock."""
        await self.product(sku, **columns)
        for number, variation in enumerate(variations):
            await self.variation(variation, sku, attributes={"Tamanho": f"T{number}"})
            await self.offer(variation)

    async def product(self, sku: str, **columns: Any) -> None:
        await self._insert("product", {"sku": sku, "name": f"Produto {sku}", **columns})

    async def variation(self, sku: str, product_sku: str, **columns: Any) -> None:
        await self._insert("variation", {"sku": sku, "product_sku": product_sku, **columns})

    async def offer(self, sku: str, *, price: Any = 10, special: Any = None, on_hand: int | None = 5) -> None:
        if price is not None:
            await self._insert("price", {"sku": sku, "price": price, "special_price": special})
        if on_hand is not None:
            await self._insert("stock", {"sku": sku, "on_hand": on_hand})

    async def _insert(self, table: str, columns: dict[str, Any]) -> None:
        values = {k: json.dumps(v) if k == "attributes" else v for k, v in columns.items()}
        names = ", ".join(values)
        marks = ", ".join(f"${n}" for n in range(2, len(values) + 2))
        await self.pool.execute(
            f"INSERT INTO store.{table} (tenant_id, {names}) VALUES ($1, {marks})", self.id, *values.values()
        )

    async def sql(self, statement: str, *arguments: Any) -> Any:
        """Run a statement in which $1 is the tenant's id; returns the first value."""
        return await self.pool.fetchval(statement, self.id, *arguments)

    async def item(self, kind: str, key: str) -> asyncpg.Record:
        row = await self.pool.fetchrow(
            "SELECT * FROM rocksync.item WHERE tenant_id = $1 AND kind = $2 AND key = $3", self.id, kind, key
        )
        assert row is not None, f"no item {kind} {key}"
        return row

    async def why(self, kind: str, key: str) -> tuple[str, str]:
        row = await self.item(kind, key)
        return row["state"], row["reason"]

    async def order(self, pluggto_id: str) -> asyncpg.Record | None:
        return await self.pool.fetchrow(
            "SELECT * FROM store.sales_order WHERE tenant_id = $1 AND pluggto_id = $2", self.id, pluggto_id
        )

    async def stock(self, sku: str) -> tuple[int, int]:
        row = await self.pool.fetchrow(
            "SELECT on_hand, reserved FROM store.stock WHERE tenant_id = $1 AND sku = $2", self.id, sku
        )
        assert row is not None
        return row["on_hand"], row["reserved"]

    def at_hub(self, sku: str) -> dict[str, Any]:
        """The product or variation as the hub holds it."""
        product = self.hub.product(self.user, sku)
        assert product is not None, f"the hub has no {sku}"
        return next((v for v in product["variations"] if v["sku"] == sku), product)


@dataclass
class World:
    """Everything open. Tenants are onboarded and activated by SQL, as an operator does."""

    app: App
    hub: Sandbox
    pool: asyncpg.Pool
    database: str
    settings: Settings
    shops: dict[str, Shop]

    async def shop(
        self, slug: str = "loja", *, active: bool = True, api_secret: str | None = None, **settings: Any
    ) -> Shop:
        account = self.hub.add_account()
        secrets = account.credentials
        tenant_id = await self.pool.fetchval(
            "SELECT rocksync.add_tenant($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            slug,
            f"Loja {slug}",
            f"{slug}.example",
            secrets.client_id,
            secrets.client_secret,
            secrets.api_user,
            api_secret or secrets.api_secret,
            settings.pop("mappers", []),
            json.dumps(settings),
        )
        shop = Shop(id=TenantId(tenant_id), slug=slug, user=account.user_id, pool=self.pool, hub=self.hub)
        self.shops[slug] = shop
        if active:
            await self.pool.execute("SELECT rocksync.activate_tenant($1)", slug)
        return shop

    async def sync(self, shop: Shop | None = None, *kinds: Kind) -> Summary:
        """Run everything of one shop, or of all, until nothing is deliverable."""
        shops = [shop] if shop else list(self.shops.values())
        return await self.app.run_once(tenants=[s.id for s in shops], kinds=kinds or None)

    async def again(self, shop: Shop) -> None:
        """Run everything of *shop* when faults are over, and what waits for its next attempt has waited."""
        self.hub.remove_faults()
        await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() WHERE tenant_id = $1")
        await shop.sql("UPDATE rocksync.schedule SET backoff_until = NULL WHERE tenant_id = $1")
        async with open_app(self.settings) as fresh:  # which does not hold back requests after so many failures
            await fresh.run_once(tenants=[shop.id])

    def sent(self, after: int = 0, method: str | None = None) -> list[dict[str, Any]]:
        """Requests to the hub other than logins and order polls, since number *after*."""
        return [
            entry
            for entry in self.hub.requests(after=after, method=method)
            if entry["route"] not in {"/oauth/token", "/orders"}
        ]

    def mark(self) -> int:
        """The number of the last request so far."""
        entries = self.hub.requests()
        return entries[-1]["number"] if entries else 0


@contextlib.asynccontextmanager
async def open_world(
    database: str, pool: asyncpg.Pool, hub: Sandbox, tmp_path: Path, **worker: Any
) -> AsyncIterator[World]:
    settings = settings_for(database, hub, tmp_path)
    settings = replace(settings, worker=replace(settings.worker, **worker))
    async with open_app(settings) as app:
        yield World(app=app, hub=hub, pool=pool, database=database, settings=settings, shops={})
