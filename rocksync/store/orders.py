"""The store's orders, what was last seen of them at the hub, and the stock that they hold."""

import contextlib
import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from rocksync import sql
from rocksync.domain.documents import OrderDocument
from rocksync.domain.errors import ItemError, LeaseLostError
from rocksync.domain.orders import (
    CANCELED,
    IMPORTED_AS,
    HubOrder,
    OrderRow,
    OrderStatus,
    StoreOrder,
    deleted_by_store,
    never_imported,
)
from rocksync.domain.tenancy import Lease, TenantId
from rocksync.domain.texts import storable
from rocksync.failures import explained
from rocksync.store.order_rows import order_row
from rocksync.store.refusals import blamed
from rocksync.store.texts import json_text, storable_json

_QUERIES = sql.load("rocksync.store", "orders.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Note:
    """An order that differs from what was last seen; ``uninteresting`` says why nothing is to be done about it."""

    order: HubOrder
    document: str
    digest: bytes
    uninteresting: str | None


class StoreOrders:
    """Orders in the store, and what was last seen of them at the hub. Writes raise LeaseLostError without a lease."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def note(self, lease: Lease, orders: Sequence[HubOrder]) -> int:
        """Keep what the hub showed; items of orders that differ from last time become pending. Returns how many.

        An order shown as it was before is not written; one that was modified before what was last seen is stale.
        """
        newest = _newest(orders)
        if not newest:
            return 0
        with explained():
            rows = await self._pool.fetch(_QUERIES.known, lease.tenant.id, list(newest))
        known = {row["id"]: row for row in rows}
        notes = [note for order in newest.values() if (note := _note(lease, order, known.get(order.id))) is not None]
        if not notes:
            return 0
        async with self._writing(lease) as connection:
            await connection.execute(
                _QUERIES.note,
                lease.tenant.id,
                [note.order.id for note in notes],
                [storable(note.order.status) for note in notes],
                [note.order.modified_at for note in notes],
                [note.digest for note in notes],
                [None if note.uninteresting else note.document for note in notes],
                [IMPORTED_AS.get(note.order.status) for note in notes],
            )
            await connection.execute(
                _QUERIES.note_items,
                lease.tenant.id,
                [note.order.id for note in notes],
                [note.order.modified_at for note in notes],
                [note.uninteresting for note in notes],
            )
        return sum(1 for note in notes if note.uninteresting is None)

    async def rows(self, tenant: TenantId, ids: Sequence[str]) -> Mapping[str, OrderRow]:
        """Both sides of each order; of one that nobody knows, neither."""
        with explained():
            rows = await self._pool.fetch(_QUERIES.rows, tenant, list(dict.fromkeys(ids)))
        return {row["pluggto_id"]: order_row(row) for row in rows}

    async def unknown_skus(self, tenant: TenantId, skus: Sequence[str]) -> frozenset[str]:
        """Those of *skus* that are neither a variation of the store nor a product without variations."""
        with explained():
            rows = await self._pool.fetch(_QUERIES.unknown_skus, tenant, list(dict.fromkeys(skus)))
        return frozenset(row["sku"] for row in rows)

    async def park(self, lease: Lease, order_id: str, missing: Sequence[str]) -> None:
        """Let an order wait for SKUs that the store does not know."""
        async with self._writing(lease) as connection:
            await connection.execute(_QUERIES.park, lease.tenant.id, order_id, sorted(set(missing)))

    async def doubt(self, lease: Lease, order_id: str) -> None:
        """Have the next poll look at an order again even if it is shown as before.

        The hub may drop what is written, or say of an order that it lists that there is none.
        """
        async with self._writing(lease) as connection:
            await connection.execute(_QUERIES.doubt, lease.tenant.id, order_id)

    async def looked(self, lease: Lease, order: HubOrder) -> None:
        """Note what an order was just read as by itself: a poll that shows it otherwise has it looked at again."""
        digest = _digest(json_text(order.document))
        async with self._writing(lease) as connection:
            await connection.execute(
                _QUERIES.looked,
                lease.tenant.id,
                order.id,
                storable(order.status),
                digest,
                IMPORTED_AS.get(order.status),
            )

    async def told(self, lease: Lease, order_id: str, part: str, what: object) -> None:
        """Remember what the hub was told of one part of an order."""
        async with self._writing(lease) as connection:
            await connection.execute(_QUERIES.told, lease.tenant.id, order_id, part, json_text(what))

    async def may_create_shipment(self, lease: Lease, order_id: str, late: timedelta) -> bool:
        """Note that a shipment is about to be created; False: so it was less than *late* ago."""
        async with self._writing(lease) as connection:
            return await connection.fetchval(_QUERIES.create_shipment, lease.tenant.id, order_id, late) is not None

    async def created_no_shipment(self, lease: Lease, order_id: str) -> None:
        """Note that the hub refused what was to create a shipment: it may be tried again."""
        async with self._writing(lease) as connection:
            await connection.execute(_QUERIES.no_shipment, lease.tenant.id, order_id)

    async def catch_up(self, lease: Lease, *, reserve: bool) -> None:
        """Settle what stock rows were locked for, and look again at orders that wait for SKUs.

        Where the tenant reserves stock now and did not, or the other way round, all open orders follow.
        """
        with explained():
            row = await self._pool.fetchrow(_QUERIES.catch_up, lease.tenant.id)
        if row is not None and row["parked"]:
            await self.unpark(lease)
        if row is not None and row["reserves"] is not reserve:
            await self._bring_in_line(lease, before=row["reserves"], reserve=reserve)

    async def _bring_in_line(self, lease: Lease, *, before: bool | None, reserve: bool) -> None:
        tenant = lease.tenant.id
        async with self._writing(lease) as connection:
            if before is not None:
                if reserve:
                    await connection.execute(_QUERIES.forget_released, tenant)
                rows = await connection.fetch(_QUERIES.hold_open if reserve else _QUERIES.hold_nothing, tenant)
                await connection.execute(_QUERIES.settle, tenant)
                await connection.execute(_QUERIES.mark_stock, tenant, sorted({row["sku"] for row in rows}))
            await connection.execute(_QUERIES.note_reserves, tenant, reserve)

    async def unpark(self, lease: Lease) -> int:
        """Make pending the parked orders of which the store knows all SKUs by now; returns how many."""
        async with self._writing(lease) as connection:
            return _count(await connection.execute(_QUERIES.unpark, lease.tenant.id))

    async def import_order(self, lease: Lease, document: OrderDocument, raw: str, *, reserve: bool) -> StoreOrder:
        """Write the order, all its lines and its reservations in one transaction, once; returns the store's order.

        An order that is there already is returned as it is.

        Raises: ItemError with what the store refused.
        """
        tenant, key = lease.tenant.id, document["pluggto_id"]
        if not document["items"]:
            raise ItemError(key, "the order has no lines")
        with blamed(key):
            try:
                await self._import(lease, document, raw, reserve=reserve)
            except asyncpg.UniqueViolationError:
                with explained():
                    await self._pool.execute(_QUERIES.skip_taken_ids, tenant)
                await self._import(lease, document, raw, reserve=reserve)
        stored = (await self.rows(tenant, [key]))[key].store
        if stored is None:
            raise ItemError(key, "the order was deleted from the store while it was imported", final=False)
        return stored

    async def _import(self, lease: Lease, document: OrderDocument, raw: str, *, reserve: bool) -> None:
        tenant = lease.tenant.id
        async with self._writing(lease) as connection:
            order_id = await _insert(connection, tenant, document, raw)
            await connection.execute(_QUERIES.imported, tenant, document["pluggto_id"])
            if order_id is not None and reserve and document["status"] != OrderStatus.CANCELED:
                wanted = "reserved" if document["status"] in {OrderStatus.PENDING, OrderStatus.APPROVED} else "taken"
                await connection.execute(_QUERIES.reserve, tenant, order_id, wanted)
                await connection.execute(_QUERIES.settle, tenant)
                await connection.execute(_QUERIES.mark_held, tenant, order_id)

    async def move(self, lease: Lease, order: StoreOrder, status: OrderStatus, raw: str, *, reserve: bool) -> bool:
        """Set the order's status and what its reservations want; False: its row is locked, try again later.

        A status that would be a step back is not set: then only the reservations follow the status that the order has.

        Raises: ItemError with what the store refused.
        """
        tenant = lease.tenant.id
        with blamed(order.pluggto_id):
            async with self._writing(lease) as connection:
                row = await connection.fetchrow(_QUERIES.lock_order, tenant, order.id)
                if row is None:
                    return not await connection.fetchval(_QUERIES.has_order, tenant, order.id)
                now = OrderStatus(row["status"])
                if now.precedes(status):
                    await connection.execute(_QUERIES.set_status, tenant, order.id, status, storable_json(raw))
                    now = status
                aligned = await connection.fetch(_QUERIES.align, tenant, order.id, now, reserve)
                if aligned:
                    await connection.execute(_QUERIES.settle, tenant)
                    await connection.execute(_QUERIES.mark_stock, tenant, [each["sku"] for each in aligned])
        return True

    async def settle(self, tenant: TenantId) -> int:
        """Show reservations in ``store.stock`` as far as its rows are free; returns how many."""
        with explained():
            settled: int = await self._pool.fetchval(_QUERIES.settle, tenant)
        return settled

    async def saw(self, lease: Lease, *, watermark: datetime | None, reconciled: bool, hub_user: str | None) -> None:
        """Note up to which modification time orders were read, and that the last days were read again.

        Documents of orders with which nothing is left to do are dropped.
        """
        tenant = lease.tenant.id
        with explained():
            async with self._pool.acquire() as connection, connection.transaction():
                held = await connection.fetchval(_QUERIES.saw, tenant, lease.kind, lease.token, watermark, reconciled)
                if not held:
                    raise LeaseLostError.taken_over(lease)
                if hub_user:
                    await connection.execute(_QUERIES.set_hub_user, tenant, storable(hub_user))
                await connection.execute(_QUERIES.drop_documents, tenant)

    @contextlib.asynccontextmanager
    async def _writing(self, lease: Lease) -> AsyncIterator[PoolConnectionProxy]:
        """A transaction that only the holder of the lease enters, and during which nobody can take the lease over."""
        with explained():
            async with self._pool.acquire() as connection, connection.transaction():
                if not await connection.fetchval(_QUERIES.hold, lease.tenant.id, lease.kind, lease.token):
                    raise LeaseLostError.taken_over(lease)
                yield connection


def _newest(orders: Sequence[HubOrder]) -> dict[str, HubOrder]:
    """Orders by id, of each the one modified last; of equals the last one."""
    newest: dict[str, HubOrder] = {}
    for order in orders:
        before = newest.get(order.id)
        if before is None or not _is_older(order.modified_at, before.modified_at):
            newest[order.id] = order
    return newest


def _is_older(modified_at: datetime | None, than: datetime | None) -> bool:
    return modified_at is not None and than is not None and modified_at < than


def _note(lease: Lease, order: HubOrder, known: asyncpg.Record | None) -> _Note | None:
    """What is to be noted of *order*; None: it is as it was, or stale."""
    document = json_text(order.document)
    digest = _digest(document)
    if known is not None and (known["digest"] == digest or _is_older(order.modified_at, known["modified_at"])):
        return None
    in_store = known is not None and known["in_store"]
    return _Note(
        order=order,
        document=document,
        digest=digest,
        uninteresting=None if in_store else _why_uninteresting(lease, order, known),
    )


def _digest(document: str) -> bytes:
    return hashlib.sha256(document.encode()).digest()


def _why_uninteresting(lease: Lease, order: HubOrder, known: asyncpg.Record | None) -> str | None:
    since = lease.tenant.orders_since
    if known is not None and known["was_imported"]:
        return deleted_by_store(lease.tenant.slug, order.id, order.status)
    was_importable = known is not None and known["importable_as"] is not None
    if order.status in CANCELED or (order.status not in IMPORTED_AS and not was_importable):
        return never_imported(lease.tenant.slug, order.id, order.status)
    if since is not None and _is_older(order.placed_at, since):
        return f"placed before {since:%Y-%m-%d %H:%M} UTC, since when orders are imported"
    return None


async def _insert(connection: PoolConnectionProxy, tenant: TenantId, document: OrderDocument, raw: str) -> int | None:
    """The number of the order that was written with its lines; None: it was there."""
    order_id: int | None = await connection.fetchval(
        _QUERIES.insert_order,
        tenant,
        document["pluggto_id"],
        _text(document["channel"]),
        _text(document["channel_order"]),
        document["status"],
        json_text(document["customer"]),
        json_text(document["delivery"]),
        json_text(document["payments"]),
        document["subtotal"],
        document["shipping"],
        document["discount"],
        document["total"],
        document["placed_at"],
        storable_json(raw),
    )
    if order_id is not None:
        lines = document["items"]
        await connection.execute(
            _QUERIES.insert_lines,
            tenant,
            order_id,
            [line["sku"] for line in lines],
            [_text(line["name"]) for line in lines],
            [line["quantity"] for line in lines],
            [line["unit_price"] for line in lines],
            [line["discount"] for line in lines],
            [line["total"] for line in lines],
        )
    return order_id


def _text(value: str | None) -> str | None:
    return None if value is None else storable(value)


def _count(tag: str) -> int:
    return int(tag.rsplit(" ", 1)[-1])
