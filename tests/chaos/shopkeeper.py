"""What platforms, buyers and marketplaces do all day: drawn from a seed, and never told by the worker what to do.

Units of stock are only ever added and taken, and noted with what did it, so that in the end they can be counted.
"""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from tests.chaos.arena import Arena, Tenant

_CATEGORIES = ("Casa > Cozinha > Panelas", "Casa > Jardim", "Moda", "Moda > Infantil", "Livros")
_LABELS = ("Cor", "Voltagem", "Tensão (V)", "Material")
_WORDS = ("Panela", "Camiseta", "Livro", "Vaso", "Ação", "Coração", "<b>Negrito</b>", "'; DROP TABLE x; --", "50% off")
_ODD_SKUS = ("CJ/5 PÇS", "000123", "50%#?x", "a+b&c=d", "Ünï")


def nfe_key(number: int) -> str:
    """44 digits, the last of which checks the others."""
    first = f"3524071122233300018155001{number:09d}1{number % 10**8:08d}"
    weighed = sum(int(digit) * (2 + place % 8) for place, digit in enumerate(reversed(first)))
    check = 11 - weighed % 11
    return first + str(0 if check > 9 else check)


@dataclass
class Shopkeeper:
    """Acts on one tenant. ``changes`` and ``orders`` count what was done.

    ``buying`` is how often an order is placed, of about a hundred acts.
    """

    ring: Arena
    tenant: Tenant
    seed: str
    buying: int = 22
    products: dict[str, list[str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    changes: int = 0
    orders: int = 0
    _acts: int = 0

    def __post_init__(self) -> None:
        self._rng = random.Random(f"{self.seed} {self.tenant.slug}")  # noqa: S311 - repeatable, no secret

    @property
    def sellable(self) -> list[str]:
        return [sku for parent, children in self.products.items() for sku in children or [parent]]

    async def open_shop(self, products: int) -> None:
        """Fill the shelves."""
        for number in range(products):
            await self._new_product(f"P{number:04}" if number % 7 else f"{_ODD_SKUS[number // 7 % 5]}-{number}")

    async def act(self) -> None:
        """Do one thing."""
        acts: list[tuple[Callable[[], Awaitable[None]], int]] = [
            (self._change_stock, 30),
            (self._change_price, 16),
            (self._describe, 12),
            (self._place_order, self.buying),
            (self._follow_order, 14),
            (self._invoice, 10),
            (self._ship, 8),
            (self._switch, 4),
            (self._vary, 4),
            (self._add_product, 3),
            (self._delete_product, 1),
            (self._reprice_all, 1),
        ]
        chosen = self._rng.choices([act for act, _ in acts], [weight for _, weight in acts])[0]
        await chosen()

    async def _commit(self, *statements: tuple[str, tuple[object, ...]]) -> None:
        self._acts += 1
        self.changes += 1
        await self.ring.once(f"{self.tenant.slug} {self._acts}", *statements)

    async def _new_product(self, sku: str) -> None:
        rng, tenant = self._rng, self.tenant.id
        children = [f"{sku}.{n}" for n in range(rng.choice((0, 0, 1, 2, 3)))]
        statements = [(_INSERT_PRODUCT, (tenant, sku, *self._description()))]
        statements += [
            (_INSERT_VARIATION, (tenant, child, sku, json.dumps({"Tamanho": f"T{n}"})))
            for n, child in enumerate(children)
        ]
        for each in children or [sku]:
            statements += self._offer(each)
        self.products[sku] = children
        await self._commit(*statements)

    def _description(self) -> tuple[object, ...]:
        rng = self._rng
        attributes = {
            label: rng.choice(("Azul", "220V", "Aço", "é")) for label in rng.sample(_LABELS, rng.randint(0, 3))
        }
        photos = [f"https://img.example/{rng.randint(1, 30)}.jpg" for _ in range(rng.randint(0, 3))]
        return (
            f"{rng.choice(_WORDS)} {rng.randint(1, 999)}",
            f"<p>{rng.choice(_WORDS)} é {rng.randint(1, 999)}</p>",
            rng.choice(("Marca", "Outra", None)),
            rng.sample(_CATEGORIES, rng.randint(0, 2)),
            json.dumps(attributes),
            list(dict.fromkeys(photos)),
        )

    def _money(self) -> tuple[Decimal, Decimal | None]:
        price = Decimal(self._rng.randint(500, 50_000)) / 100
        special = (price * self._rng.randint(50, 100) / 100).quantize(Decimal("0.01"))
        return price, special if self._rng.random() < 0.4 else None

    def _offer(self, sku: str) -> list[tuple[str, tuple[object, ...]]]:
        units = self._rng.randint(50, 500)
        return [
            (_INSERT_PRICE, (self.tenant.id, sku, *self._money())),
            (_INSERT_STOCK, (self.tenant.id, sku, units)),
            (_NOTE_UNITS, (self.tenant.id, sku, units)),
        ]

    def _any(self) -> str:
        return self._rng.choice(self.sellable)

    async def _change_stock(self) -> None:
        units, sku = self._rng.randint(-9, 20), self._any()
        await self._commit(
            (
                "UPDATE store.stock SET on_hand = on_hand + $3 WHERE tenant_id = $1 AND sku = $2",
                (self.tenant.id, sku, units),
            ),
            (_NOTE_UNITS, (self.tenant.id, sku, units)),
        )

    async def _change_price(self) -> None:
        statement = "UPDATE store.price SET price = $3, special_price = $4 WHERE tenant_id = $1 AND sku = $2"
        await self._commit((statement, (self.tenant.id, self._any(), *self._money())))

    async def _reprice_all(self) -> None:
        statement = "UPDATE store.price SET price = price + 1 WHERE tenant_id = $1"
        self.changes += len(self.sellable) - 1
        await self._commit((statement, (self.tenant.id,)))

    async def _describe(self) -> None:
        statement = (
            "UPDATE store.product SET name = $3, description = $4, brand = $5, categories = $6, attributes = $7,"
            " photos = $8 WHERE tenant_id = $1 AND sku = $2"
        )
        await self._commit((statement, (self.tenant.id, self._rng.choice(list(self.products)), *self._description())))

    async def _switch(self) -> None:
        table = self._rng.choice(("product", "variation"))
        skus = list(self.products) if table == "product" else [c for cs in self.products.values() for c in cs]
        if skus:
            statement = f"UPDATE store.{table} SET active = NOT active WHERE tenant_id = $1 AND sku = $2"
            await self._commit((statement, (self.tenant.id, self._rng.choice(skus))))

    async def _vary(self) -> None:
        parents = [sku for sku, children in self.products.items() if children]
        if parents:
            sku = self._rng.choice(parents)
            child = f"{sku}.{len(self.products[sku])}"
            self.products[sku].append(child)
            attributes = json.dumps({"Tamanho": f"T{len(self.products[sku])}"})
            await self._commit((_INSERT_VARIATION, (self.tenant.id, child, sku, attributes)), *self._offer(child))

    async def _add_product(self) -> None:
        await self._new_product(f"N{len(self.products) + len(self.deleted):04}")

    async def _delete_product(self) -> None:
        simple = [sku for sku, children in self.products.items() if not children]
        if len(simple) > 4:
            sku = self._rng.choice(simple)
            del self.products[sku]
            self.deleted.add(sku)
            await self._commit(("DELETE FROM store.product WHERE tenant_id = $1 AND sku = $2", (self.tenant.id, sku)))

    async def _place_order(self, status: str | None = None) -> None:
        skus = self._rng.sample(self.sellable, min(self._rng.randint(1, 4), len(self.sellable)))
        lines = [
            {"sku": s, "quantity": self._rng.randint(1, 3), "price": float(self._rng.randint(5, 200))} for s in skus
        ]
        status = status or self._rng.choice(("pending", "approved", "approved", "paid"))
        market = self.ring.hub.market(self.tenant.user)
        market.create_order(lines, status=status, shipment=self._rng.random() < 0.5)
        self.orders += 1

    async def _follow_order(self) -> None:
        market = self.ring.hub.market(self.tenant.user)
        waiting = [o for o in self.ring.hub.orders(self.tenant.user) if o["status"] in {"pending", "approved", "paid"}]
        if not waiting:
            return
        order = self._rng.choice(waiting)
        if order["status"] == "pending" and self._rng.random() < 0.7:
            market.approve(order["id"])
        elif self._rng.random() < 0.35:
            market.cancel(order["id"])

    async def _invoice(self) -> None:
        order_id = await self.ring.sql(
            "SELECT o.id FROM store.sales_order o WHERE o.tenant_id = $1 AND o.status = 'approved'"
            " AND NOT EXISTS (SELECT FROM store.invoice i WHERE i.tenant_id = $1 AND i.order_id = o.id)"
            " ORDER BY o.id LIMIT 1",
            self.tenant.id,
        )
        if order_id is not None:
            values = (self.tenant.id, order_id, nfe_key(order_id), str(order_id), datetime.now(UTC))
            await self._commit((_INSERT_INVOICE, values))

    async def _ship(self) -> None:
        order_id = await self.ring.sql(
            "SELECT i.order_id FROM store.invoice i WHERE i.tenant_id = $1"
            " AND NOT EXISTS (SELECT FROM store.shipment d WHERE d.tenant_id = $1 AND d.order_id = i.order_id)"
            " ORDER BY i.order_id LIMIT 1",
            self.tenant.id,
        )
        if order_id is not None:
            await self._commit((_INSERT_SHIPMENT, (self.tenant.id, order_id, f"BR{order_id:09d}", datetime.now(UTC))))


async def busy(keepers: Sequence[Shopkeeper], seconds: float) -> None:
    """Let *keepers* act, one after the other, for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for keeper in keepers:
            await keeper.act()
        await asyncio.sleep(0.02)


_INSERT_PRODUCT = (
    "INSERT INTO store.product (tenant_id, sku, name, description, brand, categories, attributes, photos)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
)
_INSERT_VARIATION = "INSERT INTO store.variation (tenant_id, sku, product_sku, attributes) VALUES ($1, $2, $3, $4)"
_INSERT_PRICE = "INSERT INTO store.price (tenant_id, sku, price, special_price) VALUES ($1, $2, $3, $4)"
_INSERT_STOCK = "INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES ($1, $2, $3)"
_NOTE_UNITS = "INSERT INTO chaos.delta VALUES ($1, $2, $3)"
_INSERT_INVOICE = (
    "INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at, xml_url, cfops)"
    " VALUES ($1, $2, $3, $4, '1', $5, 'https://nfe.example/' || $4 || '.xml', '5102') ON CONFLICT DO NOTHING"
)
_INSERT_SHIPMENT = (
    "INSERT INTO store.shipment (tenant_id, order_id, carrier, method, tracking_code, tracking_url, shipped_at)"
    " VALUES ($1, $2, 'Transportadora', 'Expressa', $3, 'https://rastreio.example/' || $3::text, $4)"
    " ON CONFLICT DO NOTHING"
)
SHELVES = """
WITH parents AS (SELECT n FROM generate_series(1, $2 / 50) n),
p AS (INSERT INTO store.product (tenant_id, sku, name) SELECT $1, 'P' || n, 'Produto ' || n FROM parents),
v AS (INSERT INTO store.variation (tenant_id, sku, product_sku, attributes)
      SELECT $1, 'P' || n || '.' || m, 'P' || n, jsonb_build_object('Tamanho', m::text)
        FROM parents, generate_series(1, 50) m
      RETURNING sku),
r AS (INSERT INTO store.price (tenant_id, sku, price) SELECT $1, sku, 10 FROM v),
d AS (INSERT INTO chaos.delta SELECT $1, sku, 100 FROM v)
INSERT INTO store.stock (tenant_id, sku, on_hand) SELECT $1, sku, 100 FROM v
"""
"""Products of fifty variations each: many items, few requests to create them."""
