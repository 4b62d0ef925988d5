"""Does the hub equal the store? Worked out from the store's tables alone, not by the code under test."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import asyncpg

from tests.worker.world import Shop


@dataclass(frozen=True)
class Store:
    """The tables of one tenant, by SKU."""

    products: dict[str, asyncpg.Record]
    variations: dict[str, asyncpg.Record]
    prices: dict[str, asyncpg.Record]
    stocks: dict[str, asyncpg.Record]
    held: dict[str, int]

    def children(self, sku: str) -> list[asyncpg.Record]:
        return [v for v in self.variations.values() if v["product_sku"] == sku]

    def sellable(self, sku: str) -> list[str]:
        children = self.children(sku)
        return [v["sku"] for v in children if v["active"]] if children else [sku]

    def ready(self, sku: str) -> list[str]:
        """The SKUs of an active product that have all they need to be sold."""
        if not self.products[sku]["active"]:
            return []
        priced = [s for s in self.sellable(sku) if s in self.prices and self.prices[s]["price"] > 0]
        return [s for s in priced if s in self.stocks]

    def left(self, sku: str) -> int:
        row = self.stocks[sku]
        return max(row["on_hand"] - row["reserved"] - self.held.get(sku, 0), 0)


async def differences(shop: Shop) -> list[str]:
    """What the hub holds otherwise than the store of *shop* says; empty: nothing."""
    store = await _store(shop)
    hub = {row["sku"]: row for row in shop.hub.products(shop.user)}
    found = [f"{sku} is not at the hub" for sku in store.products if sku not in hub and store.ready(sku)]
    for sku, shown in hub.items():
        if sku in store.products:
            _compare_product(found, store, sku, shown)
        else:
            _compare_gone(found, shown)
    return found


def _compare_gone(found: list[str], shown: dict[str, Any]) -> None:
    _compare(found, shown["sku"], "available", shown["available"], 0)
    for each in shown["variations"] or [shown]:
        _compare(found, each["sku"], "quantity", each["quantity"] or 0, 0)


def _compare_product(found: list[str], store: Store, sku: str, shown: dict[str, Any]) -> None:
    product = store.products[sku]
    _compare(found, sku, "available", shown["available"], int(product["active"]))
    if product["active"]:
        _compare(found, sku, "name", shown["name"], product["name"])
    there = {v["sku"]: v for v in shown["variations"]} if store.children(sku) else {sku: shown}
    found.extend(f"{one} of {sku} is not at the hub" for one in store.ready(sku) if one not in there)
    for one, each in there.items():
        on_sale = product["active"] and one in store.sellable(sku) and one in store.stocks
        _compare(found, one, "quantity", each["quantity"] or 0, store.left(one) if on_sale else 0)
        if on_sale and one in store.prices:
            _compare(found, one, "price", Decimal(str(each["price"])), store.prices[one]["price"])


def _compare(found: list[str], sku: str, what: str, at_hub: Any, in_store: Any) -> None:
    if at_hub != in_store:
        found.append(f"{sku}: {what} is {at_hub} at the hub and {in_store} in the store")


async def _store(shop: Shop) -> Store:
    async def rows(table: str) -> dict[str, asyncpg.Record]:
        found = await shop.pool.fetch(f"SELECT * FROM store.{table} WHERE tenant_id = $1", shop.id)
        return {row["sku"]: row for row in found}

    held = await shop.pool.fetch(
        "SELECT sku, sum(quantity)::int AS held FROM rocksync.reservation"
        " WHERE tenant_id = $1 AND settled = 'none' AND wanted <> 'released' GROUP BY sku",
        shop.id,
    )
    return Store(
        products=await rows("product"),
        variations=await rows("variation"),
        prices=await rows("price"),
        stocks=await rows("stock"),
        held={row["sku"]: row["held"] for row in held},
    )
