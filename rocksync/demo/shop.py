"""The platform of a demo store: people who set prices, count stock, write invoices and hand parcels over."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import asyncpg

from rocksync import sql
from rocksync.demo.fiscal import SERIES, nfe_key
from rocksync.demo.loading import Tenancy, load
from rocksync.domain.catalog import Price

_QUERIES = sql.load("rocksync.demo", "shop.sql")
_FACTORS = tuple(Decimal(text) for text in ("0.95", "0.97", "1.02", "1.05", "1.08"))
_LARGEST_DELIVERY = 12
_ROOM = 500


@dataclass(frozen=True, slots=True)
class Shop:
    """The platform of one tenant, writing plain SQL."""

    pool: asyncpg.Pool
    tenancy: Tenancy
    rng: random.Random

    async def reprice(self, count: int) -> None:
        """Change the prices of *count* SKUs in one statement, to somewhat more or less than in the catalogue."""
        factor = self.rng.choice(_FACTORS)
        rows = [(price.sku, price.price, price.special_price) for price in self._some(count)]
        await self.pool.execute(
            _QUERIES.reprice,
            self.tenancy.tenant,
            [sku for sku, _, _ in rows],
            [round(price * factor, 2) for _, price, _ in rows],
            [None if special is None else round(special * factor, 2) for _, _, special in rows],
        )

    async def restock(self, count: int) -> None:
        """Add to the stock of *count* SKUs in one statement, as far as there is room."""
        units = self.rng.randint(1, _LARGEST_DELIVERY)
        skus = [price.sku for price in self._some(count)]
        await self.pool.execute(_QUERIES.restock, self.tenancy.tenant, skus, units, _ROOM)

    async def take_in(self) -> None:
        """Add the product that somebody ordered before the store had it."""
        async with self.pool.acquire() as connection, connection.transaction():
            await load(connection, self.tenancy.tenant, [self.tenancy.catalogue.reserve])

    async def invoice(self) -> int:
        """Write the invoices of all approved orders; returns how many."""
        tenant, store = self.tenancy.tenant, self.tenancy.store
        orders = [row["id"] for row in await self.pool.fetch(_QUERIES.to_invoice, tenant)]
        issued_at = datetime.now(UTC).replace(microsecond=0)
        keys = [nfe_key(store.cnpj, order, issued_at) for order in orders]
        await self.pool.execute(
            _QUERIES.invoice,
            tenant,
            orders,
            keys,
            [str(order) for order in orders],
            SERIES,
            issued_at,
            [f"https://nfe.{store.domain}/{key}.xml" for key in keys],
        )
        return len(orders)

    async def ship(self) -> None:
        """Hand over the parcels of all invoiced orders."""
        prefix = self.tenancy.store.slug[:2].upper()
        await self.pool.execute(
            _QUERIES.ship, self.tenancy.tenant, prefix, f"https://rastreio.{self.tenancy.store.domain}/"
        )

    async def arrive(self, travel: timedelta) -> list[str]:
        """Let parcels arrive that have travelled for *travel*; returns the Plugg.to ids of their orders."""
        rows = await self.pool.fetch(_QUERIES.arrive, self.tenancy.tenant, travel)
        return [row["pluggto_id"] for row in rows]

    def _some(self, count: int) -> list[Price]:
        """Return *count* SKUs by chance, those of half-filled products apart, with their prices in the catalogue."""
        catalogue = self.tenancy.catalogue
        whole = [
            price
            for listing in catalogue.listings
            if listing.product.sku not in catalogue.half_filled
            for price in listing.prices.values()
        ]
        return self.rng.sample(whole, min(count, len(whole)))
