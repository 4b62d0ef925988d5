"""A tenant's store to read from, and orders as Plugg.to shows them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg

from rocksync.domain.documents import OrderDocument
from rocksync.domain.orders import HubOrder
from rocksync.domain.tenancy import Kind, Lease, Mode, Tenant, TenantId

PLACED_AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """An active tenant whose passes this process holds."""

    pool: asyncpg.Pool
    lease: Lease

    @property
    def id(self) -> TenantId:
        return self.lease.tenant.id

    async def sell(self, *skus: str, on_hand: int = 10) -> None:
        """Simple products with a price and a stock."""
        await self.pool.execute(
            "INSERT INTO store.product (tenant_id, sku, name) SELECT $1, s, 'Caneca ' || s FROM unnest($2::text[]) s",
            self.id,
            list(skus),
        )
        await self.pool.execute(
            "INSERT INTO store.price (tenant_id, sku, price) SELECT $1, s, 19.90 FROM unnest($2::text[]) s",
            self.id,
            list(skus),
        )
        await self.pool.execute(
            "INSERT INTO store.stock (tenant_id, sku, on_hand) SELECT $1, s, $3 FROM unnest($2::text[]) s",
            self.id,
            list(skus),
            on_hand,
        )

    async def vary(self, product: str, *skus: str) -> None:
        """Variations of a product, without price and stock."""
        await self.pool.execute(
            "INSERT INTO store.variation (tenant_id, sku, product_sku) SELECT $1, s, $3 FROM unnest($2::text[]) s",
            self.id,
            list(skus),
            product,
        )

    async def stock(self, sku: str) -> tuple[int, int]:
        """On hand and reserved."""
        row = await self.pool.fetchrow(
            "SELECT on_hand, reserved FROM store.stock WHERE tenant_id = $1 AND sku = $2", self.id, sku
        )
        return row["on_hand"], row["reserved"]

    async def value(self, query: str, *arguments: object) -> Any:
        """One value; $1 of *query* is the tenant's id."""
        return await self.pool.fetchval(query, self.id, *arguments)

    async def item(self, key: str, kind: str = "order") -> asyncpg.Record | None:
        return await self.pool.fetchrow(
            "SELECT * FROM rocksync.item WHERE tenant_id = $1 AND kind = $2 AND key = $3", self.id, kind, key
        )

    async def forget_changes(self) -> None:
        await self.pool.execute("DELETE FROM rocksync.change")

    async def changes(self) -> set[tuple[str, str]]:
        """Kind and key of every change not folded yet."""
        rows = await self.pool.fetch("SELECT kind, key FROM rocksync.change WHERE tenant_id = $1", self.id)
        return {(row["kind"], row["key"]) for row in rows}


async def open_shop(pool: asyncpg.Pool, slug: str) -> Shop:
    tenant_id = await pool.fetchval(
        "SELECT rocksync.add_tenant($1, 'Loja', $1 || '.example', 'client', 'secret', 'user', 'pass')", slug
    )
    await pool.execute("INSERT INTO rocksync.credential (tenant_id, sealed) VALUES ($1, 'sealed')", tenant_id)
    await pool.execute("SELECT rocksync.activate_tenant($1)", slug)
    row = await pool.fetchrow(
        "SELECT * FROM rocksync.claim('worker', 1, interval '1 hour', ARRAY[$1::bigint], ARRAY['order'])", tenant_id
    )
    tenant = Tenant(id=TenantId(tenant_id), slug=slug, name="Loja", domain=f"{slug}.example")
    lease = Lease(tenant=tenant, kind=Kind.ORDER, mode=Mode.AUTOMATIC, token=row["lease_token"])
    return Shop(pool=pool, lease=lease)


def hub_order(key: str = "5f00000000000000000000a1", status: str = "pending", **changes: Any) -> HubOrder:
    """An order as Plugg.to shows it; *note* in it is a member of the document alone."""
    note = changes.pop("note", None)
    order = HubOrder(
        id=key,
        status=status,
        ack=False,
        externals=(),
        modified_at=datetime(2026, 11, 20, 13, tzinfo=UTC),
        placed_at=PLACED_AT,
        channel="MercadoLivre",
        channel_order="2000",
        user="7",
        lines=(),
        shipments=(),
        customer={},
        delivery={},
        payments=(),
        subtotal=None,
        shipping=None,
        discount=None,
        total=Decimal("10.00"),
        document={},
    )
    order = replace(order, **changes)
    return replace(order, document={"id": key, "status": status, "modified": str(order.modified_at), "note": note})


def document(key: str, *lines: tuple[str, int], status: str = "pending", **changes: Any) -> OrderDocument:
    """An order to import, by SKU and quantity."""
    order: OrderDocument = {
        "pluggto_id": key,
        "channel": "MercadoLivre",
        "channel_order": "2000",
        "status": status,
        "customer": {"name": "Ana Conceição"},
        "delivery": {"city": "São Paulo"},
        "payments": [{"method": "pix", "total": Decimal("10.10")}],
        "subtotal": Decimal("9.00"),
        "shipping": Decimal("1.10"),
        "discount": Decimal(0),
        "total": Decimal("10.10"),
        "placed_at": PLACED_AT,
        "items": [
            {
                "sku": sku,
                "name": f"Caneca {sku}",
                "quantity": quantity,
                "unit_price": Decimal("0.1") + Decimal("0.2"),
                "discount": Decimal(0),
                "total": Decimal("0.30") * quantity,
            }
            for sku, quantity in lines
        ],
    }
    order.update(changes)  # type: ignore[typeddict-item]  # tests name members of the document
    return order


ID = "5f00000000000000000000a1"
RAW = '{"id": "5f00000000000000000000a1", "total": 10.10}'


def lost(shop: Shop) -> Shop:
    """The same shop as a worker sees it whose lease was taken over."""
    return replace(shop, lease=replace(shop.lease, token=shop.lease.token - 1))


async def invoice(connection: asyncpg.Connection | asyncpg.Pool, shop: Shop, order_id: int) -> None:
    await connection.execute(
        """INSERT INTO store.invoice (tenant_id, order_id, key, number, series, issued_at)
           VALUES ($1, $2, '35', '1', '1', now())""",
        shop.id,
        order_id,
    )
