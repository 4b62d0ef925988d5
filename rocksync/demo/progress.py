"""How far the demo is: read from the database, as an operator would."""

from dataclasses import dataclass, field
from datetime import timedelta

import asyncpg

from rocksync import sql
from rocksync.domain.tenancy import Kind

_LATELY = timedelta(seconds=10)
_QUERIES = sql.load("rocksync.demo", "progress.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class KindProgress:
    """One tenant and kind: lag in seconds, items by state, and deliveries a second."""

    tenant: str
    kind: Kind
    lag_s: float
    pending: int
    cause: str
    delivered: int = 0
    skipped: int = 0
    quarantined: int = 0
    rate: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderProgress:
    """The store's orders of one tenant; ``parked`` ones are not in the store yet."""

    imported: int = 0
    pending: int = 0
    canceled: int = 0
    invoiced: int = 0
    shipped: int = 0
    parked: int = 0

    @property
    def approved(self) -> int:
        """Orders that were paid for, whatever came after."""
        return self.imported - self.pending - self.canceled


@dataclass(frozen=True, slots=True, kw_only=True)
class NotDelivered:
    """One item that is not in step with Plugg.to, and why; ``state`` is pending, skipped or quarantined."""

    tenant: str
    kind: Kind
    key: str
    state: str
    reason: str
    detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """All of it at one moment: by tenant and kind, and the orders by tenant."""

    kinds: tuple[KindProgress, ...]
    orders: dict[str, OrderProgress] = field(default_factory=dict)

    @property
    def pending(self) -> int:
        """Items that wait to be delivered, whatever their tenant."""
        return sum(row.pending for row in self.kinds)

    def of(self, tenant: str) -> OrderProgress:
        """The orders of one tenant."""
        return self.orders.get(tenant, OrderProgress())


async def read_progress(pool: asyncpg.Pool) -> Progress:
    """Return how far everything is now."""
    items = await pool.fetch(_QUERIES.items, _LATELY)
    states = {(row["tenant"], row["kind"], row["state"]): row["items"] for row in items}
    lately: dict[tuple[str, str], int] = {}
    for row in items:
        lately[row["tenant"], row["kind"]] = lately.get((row["tenant"], row["kind"]), 0) + row["lately"]
    kinds = [
        KindProgress(
            tenant=row["tenant"],
            kind=Kind(row["kind"]),
            lag_s=row["lag_s"],
            pending=row["pending"],
            cause=row["cause"],
            delivered=states.get((row["tenant"], row["kind"], "synced"), 0),
            skipped=states.get((row["tenant"], row["kind"], "skipped"), 0),
            quarantined=states.get((row["tenant"], row["kind"], "quarantined"), 0),
            rate=lately.get((row["tenant"], row["kind"]), 0) / _LATELY.total_seconds(),
        )
        for row in await pool.fetch(_QUERIES.lag)
    ]
    parked = {row["tenant"]: row["orders"] for row in await pool.fetch(_QUERIES.parked)}
    orders = {tenant: OrderProgress(parked=count) for tenant, count in parked.items()}
    for row in await pool.fetch(_QUERIES.orders):
        counts = {name: row[name] for name in ("imported", "pending", "canceled", "invoiced", "shipped")}
        orders[row["tenant"]] = OrderProgress(**counts, parked=parked.get(row["tenant"], 0))
    order_of = list(Kind)
    return Progress(kinds=tuple(sorted(kinds, key=lambda row: (row.tenant, order_of.index(row.kind)))), orders=orders)


async def read_not_delivered(pool: asyncpg.Pool) -> list[NotDelivered]:
    """Return every item that waits or was set aside."""
    return [
        NotDelivered(
            tenant=row["tenant"],
            kind=Kind(row["kind"]),
            key=row["key"],
            state=row["state"],
            reason=row["reason"],
            detail=row["detail"],
        )
        for row in await pool.fetch(_QUERIES.not_delivered)
    ]
