"""People who buy: they see what the hub shows, order it, pay, and sometimes think better of it."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from rocksync.demo.goods import sellable
from rocksync.demo.hub import DemoHub, Document
from rocksync.demo.loading import Tenancy

_CHANNELS = ("MercadoLivre", "Magalu", "Amazon", "Shopee")
_MOST_LINES = 2
_PAID_AT_ONCE = 0.6
_CANCELED = 0.25


@dataclass(frozen=True, slots=True)
class Marketplace:
    """Buyers of one tenant. ``unpaid`` are ids of orders that somebody still has to pay for."""

    hub: DemoHub
    tenancy: Tenancy
    rng: random.Random
    unpaid: list[str] = field(default_factory=list)

    async def buy(self, status: str, *, lines: int = 1) -> str | None:
        """Order something that the hub offers and return the order's id; None while it offers nothing."""
        offers = [offer for product in await self.hub.products(self.tenancy.account) for offer in _offers(product)]
        if not offers:
            return None
        items: list[Document] = [
            {"sku": sku, "quantity": self.rng.randint(1, min(2, quantity))}
            for sku, quantity in self.rng.sample(offers, min(lines, len(offers)))
        ]
        return await self._order(items, status)

    async def buy_unknown(self) -> str:
        """Order the product that the store does not have yet; return the order's id."""
        reserve = self.tenancy.catalogue.reserve
        sku = sellable(reserve.product)[0]
        price: Decimal = reserve.prices[sku].price
        return await self._order([{"sku": sku, "name": reserve.product.name, "price": float(price)}], "approved")

    async def pay(self, order_id: str) -> None:
        """Pay for an order."""
        await self.hub.move(self.tenancy.account, order_id, "approve")

    async def cancel(self, order_id: str) -> None:
        """Cancel an order."""
        await self.hub.move(self.tenancy.account, order_id, "cancel")

    async def receive(self, order_ids: Sequence[str]) -> None:
        """Report that orders have arrived."""
        for order_id in order_ids:
            await self.hub.move(self.tenancy.account, order_id, "deliver")

    async def stroll(self) -> None:
        """Do what happens by chance: pay for or cancel what is unpaid, or buy something."""
        if self.unpaid and self.rng.random() < 1 - _PAID_AT_ONCE:
            order_id = self.unpaid.pop(0)
            await (self.cancel if self.rng.random() < _CANCELED else self.pay)(order_id)
            return
        is_paid = self.rng.random() < _PAID_AT_ONCE
        order = await self.buy("approved" if is_paid else "pending", lines=self.rng.randint(1, _MOST_LINES))
        if order is not None and not is_paid:
            self.unpaid.append(order)

    async def _order(self, items: Sequence[Document], status: str) -> str:
        channel = self.rng.choice(_CHANNELS)
        return await self.hub.order(self.tenancy.account, items, status=status, channel=channel)


def _offers(product: Document) -> list[tuple[str, int]]:
    """Return SKU and quantity of what can be bought of a product."""
    if not product["available"]:
        return []
    rows = product["variations"] or [product]
    return [(row["sku"], row["quantity"]) for row in rows if row["available"] and row["quantity"]]
