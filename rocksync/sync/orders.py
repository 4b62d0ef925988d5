"""Orders from the hub into the store; invoices and tracking back."""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import msgspec

from rocksync.domain.documents import InvoicePayload, OrderTask, ShipmentPayload, Skip
from rocksync.domain.errors import ItemError
from rocksync.domain.orders import (
    CANCELED,
    HubOrder,
    OrderRow,
    OrderStatus,
    StoreOrder,
    deleted_by_store,
    never_imported,
)
from rocksync.domain.outcomes import (
    Accepted,
    Delivery,
    Forgotten,
    Item,
    Outcome,
    PassReport,
    Postponed,
    Skipped,
)
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Lease
from rocksync.sync.deps import Deps
from rocksync.sync.engine import Flow, Slice, refused, run_pass
from rocksync.sync.order_rules import (
    INVOICE_REFUSED,
    as_imported,
    canceled_by_store_alone,
    is_acknowledged,
    is_invoiced_unseen,
    lacks_invoice,
    lacks_skus,
    moved_to,
    refuses_invoice,
    shows_invoice,
    shows_tracking,
)

_encode = msgspec.json.Encoder(decimal_format="number").encode
_MOVES = {OrderStatus.APPROVED: "approve", OrderStatus.CANCELED: "cancel"}
_CONFIRM_AFTER_S = 30.0
_LOCKED_RETRY_S = 5.0
_POLL_AGAIN_S = 60.0
_DAY = timedelta(days=1)


async def look_for_orders(lease: Lease, deps: Deps, limits: Slice) -> Slice:
    """Read what is new at the hub; return what time and strength there is for it.

    Reading many orders can take longer than a slice. So what is done about them has a slice of its own, and slices that
    only go on with what was found do not read all of it again: the last of them has another pass follow that does.
    """
    looked_at = deps.polled.pop(lease.tenant.id, None)
    if looked_at is not None and deps.clock() - looked_at < _POLL_AGAIN_S:
        return replace(limits, looked_at=looked_at)
    await poll(lease, deps)
    return limits.renewed()


async def sync_orders(lease: Lease, deps: Deps, limits: Slice) -> PassReport:
    """Import what was new at the hub, follow what changed there, and tell it of invoices and tracking."""
    goes_on = limits.looked_at is not None
    looked_at = limits.looked_at if limits.looked_at is not None else deps.clock()
    await deps.orders.catch_up(lease, reserve=_reserves(lease))
    advance = _Advance(lease, deps, limits)
    report = await run_pass(
        lease,
        deps.items,
        Flow(
            read=partial(deps.orders.rows, lease.tenant.id),
            convert=advance.convert,
            deliver=advance.deliver,
            unchanged=lambda _item, _task: None,
        ),
        limits,
    )
    if not report.complete:
        deps.polled[lease.tenant.id] = looked_at
    return replace(report, complete=report.complete and not goes_on)


async def poll(lease: Lease, deps: Deps) -> None:
    """Read what changed at the hub since the watermark; once a day the last days again.

    Days, not instants: the only form all sources agree on (pluggto-api X9). A day more at each end, since neither the
    hub's time zone nor whether the last day counts is known. What was seen before is dropped by ``note``.
    """
    now = deps.now()
    reconcile = lease.reconciled_at is None or now - lease.reconciled_at >= _DAY
    since = lease.watermark or lease.tenant.orders_since or now
    if reconcile:
        since = min(since, now - timedelta(days=deps.reconcile_days))
    watermark, user = lease.watermark, None
    async for page in deps.hub.orders(
        lease.tenant, since=(since - deps.order_overlap - _DAY).date(), until=(now + _DAY).date()
    ):
        await deps.orders.note(lease, page)
        for order in page:
            watermark = _later(watermark, order.modified_at, now)
            user = order.user or user
    if watermark != lease.watermark or reconcile:
        await deps.orders.saw(lease, watermark=watermark, reconciled=reconcile, hub_user=user)


def _later(watermark: datetime | None, modified_at: datetime | None, now: datetime) -> datetime | None:
    """The later of the two; a time in the future is a clock gone wrong and would hide what comes until then."""
    if modified_at is None:
        return watermark
    modified_at = min(modified_at, now)
    return modified_at if watermark is None else max(watermark, modified_at)


@dataclass(frozen=True, slots=True)
class _Advance:
    """What is to be done about pending orders, one by one."""

    lease: Lease
    deps: Deps
    limits: Slice

    async def convert(
        self, pairs: Sequence[tuple[Item, OrderRow | None]]
    ) -> Sequence[OrderTask | Skip | Skipped | Forgotten | ItemError]:
        """Decode and map; an order that the store knows of but that was not seen at the hub is fetched.

        What lists have shown of a fetched one before counts no more: if they go on showing it, it is looked at again.
        """
        answers: dict[str, OrderTask | Skip | Skipped | Forgotten | ItemError] = {}
        ready: dict[str, tuple[HubOrder, OrderRow]] = {}
        strength = asyncio.Semaphore(self.limits.senders)
        orders = await asyncio.gather(*(self._hub_order(item, row, strength) for item, row in pairs))
        for (item, row), order in zip(pairs, orders, strict=True):
            if isinstance(order, ItemError):
                answers[item.key] = order
            elif order is None:
                answers[item.key] = _absent(item, row)
            elif row is not None and row.was_imported and row.store is None:
                detail = deleted_by_store(self.lease.tenant.slug, item.key, order.status)
                answers[item.key] = Skip(key=item.key, reason=Reason.NOT_SELECTED, detail=detail)
            else:
                ready[item.key] = (order, row or OrderRow(id=item.key))
        seen = [(as_imported(order, row), row.store) for order, row in ready.values()]
        tasks = await self.deps.mapper.orders(self.lease.tenant, seen)
        for (key, (order, row)), task in zip(ready.items(), tasks, strict=True):
            if isinstance(task, ItemError):
                answers[key] = task
                with suppress(ItemError):  # the order is set aside already
                    await self._follow(order, row.store)
            else:
                answers[key] = replace(task, hub=order, told=row.told)
        return [answers[item.key] for item, _ in pairs]

    async def _hub_order(
        self, item: Item, row: OrderRow | None, strength: asyncio.Semaphore
    ) -> HubOrder | ItemError | None:
        try:
            if row is not None and row.document is not None and not item.resend:
                return self.deps.hub.decode_order(row.document)
            async with strength:
                order = await self.deps.hub.order(self.lease.tenant, item.key)
        except ItemError as error:
            return error
        if order is None:
            await self.deps.orders.doubt(self.lease, item.key)
        else:
            await self.deps.orders.looked(self.lease, order)
        return order

    async def _follow(self, order: HubOrder, store: StoreOrder | None) -> None:
        """Move status and stock in the store although the hub cannot be told, of a wrong invoice for example."""
        if store is not None:
            status = moved_to(store.reached, order.status)
            await self.deps.orders.move(self.lease, store, status, _raw(order), reserve=_reserves(self.lease))

    async def deliver(self, parcel: Sequence[tuple[Item, OrderTask]]) -> Sequence[Outcome]:
        """Bring one order forward as far as it goes now."""
        [(item, task)] = parcel
        return [await self._steps(item, task, list[Delivery]())]

    async def _steps(self, item: Item, task: OrderTask, done: list[Delivery]) -> Outcome:
        store = task.store
        if store is None:
            waiting = await self._import(item, task)
            if isinstance(waiting, Outcome):
                return waiting
            store = waiting
            done.append(Delivery(action="import"))
        status = moved_to(store.reached, task.hub.status)
        if not await self.deps.orders.move(self.lease, store, status, _raw(task.hub), reserve=_reserves(self.lease)):
            return Postponed(
                key=item.key,
                revision=item.revision,
                reason=Reason.PENDING,
                detail="the store's order is locked by a transaction of the platform",
                delay_s=_LOCKED_RETRY_S,
            )
        if status is not store.status and status in _MOVES:
            done.append(Delivery(action=_MOVES[status]))
        if not is_acknowledged(task, store):
            await self.deps.orders.doubt(self.lease, item.key)
        if item.resend or not is_acknowledged(task, store):
            done.append(await self.deps.hub.acknowledge(self.lease.tenant, item.key, str(store.id)))
            await self.deps.orders.told(self.lease, item.key, "external", str(store.id))
        return await self._tell(item, task, status, done)

    async def _import(self, item: Item, task: OrderTask) -> StoreOrder | Outcome:
        """The imported order, or why it is not imported."""
        document, since = task.document, self.lease.tenant.orders_since
        if document is None:
            return _not_imported(item, never_imported(self.lease.tenant.slug, item.key, task.hub.status))
        if since is not None and task.hub.placed_at is not None and task.hub.placed_at < since:
            return _not_imported(item, f"placed before {since:%Y-%m-%d %H:%M} UTC, when the tenant was activated")
        missing = await self.deps.orders.unknown_skus(self.lease.tenant.id, [i["sku"] for i in document["items"]])
        if missing:
            await self.deps.orders.park(self.lease, item.key, sorted(missing))
            raise ItemError(item.key, lacks_skus(missing), reason=Reason.UNKNOWN_SKU)
        return await self.deps.orders.import_order(self.lease, document, _raw(task.hub), reserve=_reserves(self.lease))

    async def _tell(self, item: Item, task: OrderTask, status: OrderStatus, done: list[Delivery]) -> Outcome:
        """Invoice first, then tracking; each only where the hub does not have it yet, and confirmed by a reading."""
        hub = task.hub
        if hub.status in CANCELED or status is OrderStatus.CANCELED:
            _check_cancellation(item, task, status)
            return _settled(item, hub, done)
        if task.invoice is not None and (item.resend or not shows_invoice(hub, task)):
            hub, task = await self._write_invoice(item, task, task.invoice, done)
            if refuses_invoice(hub, task):
                error = ItemError(item.key, INVOICE_REFUSED, reason=Reason.REJECTED)
                return replace(refused(item, error), delivery=_joined(done))
            if not shows_invoice(hub, task):
                return _unconfirmed(item, "invoice", done)
        if task.invoice is not None and "invoice" not in task.told:  # so that another key goes to the same shipment
            told = {"payload": task.invoice, "done": True}
            await self.deps.orders.told(self.lease, item.key, "invoice", told)
        if detail := lacks_invoice(task, hub, status):
            return Skipped(key=item.key, revision=item.revision, reason=Reason.INVALID_INVOICE, detail=detail)
        if task.shipment is not None and (item.resend or not shows_tracking(hub, task)):
            hub, task = await self._write_shipment(item, task, task.shipment, done)
            if not shows_tracking(hub, task):
                return _unconfirmed(item, "tracking", done)
        return _settled(item, hub, done)

    async def _write_invoice(
        self, item: Item, task: OrderTask, payload: InvoicePayload, done: list[Delivery]
    ) -> tuple[HubOrder, OrderTask]:
        fresh = await self._fresh(item)
        if (shows_invoice(fresh, task) or refuses_invoice(fresh, task)) and not item.resend:
            return fresh, task
        if not fresh.shipments and not await self._may_create_shipment(item):
            return fresh, task
        before = task.told.get("invoice", {}).get("payload", {}).get("nfe_key")
        done.append(await self._sent(item, self.deps.hub.write_invoice(self.lease.tenant, fresh, payload, before)))
        return await self._read_back(task, "invoice", payload, fresh, await self._fresh(item))

    async def _write_shipment(
        self, item: Item, task: OrderTask, payload: ShipmentPayload, done: list[Delivery]
    ) -> tuple[HubOrder, OrderTask]:
        fresh = await self._fresh(item)
        if shows_tracking(fresh, task) and not item.resend:
            return fresh, task
        if not fresh.shipments and not await self._may_create_shipment(item):
            return fresh, task
        key = task.invoice["nfe_key"] if task.invoice is not None else None
        done.append(await self._sent(item, self.deps.hub.write_shipment(self.lease.tenant, fresh, payload, key)))
        return await self._read_back(task, "tracking", payload, fresh, await self._fresh(item))

    async def _sent(self, item: Item, write: Awaitable[Delivery]) -> Delivery:
        try:
            return await write
        except ItemError:  # an answer: it has created none
            await self.deps.orders.created_no_shipment(self.lease, item.key)
            raise

    async def _may_create_shipment(self, item: Item) -> bool:
        return await self.deps.orders.may_create_shipment(self.lease, item.key, self.deps.late_writes)

    async def _read_back(
        self, task: OrderTask, part: str, payload: Mapping[str, Any], before: HubOrder, after: HubOrder
    ) -> tuple[HubOrder, OrderTask]:
        """The order after a write, and its task with what the hub has been told.

        A hub that shows a member otherwise than it was sent, or not at all, has it all the same if the write changed
        something. If it did not, it was lost, or the hub had it already: then it is written once more, and no more.
        """
        is_again = task.told.get(part, {}).get("payload") == payload
        told = {"payload": payload, "done": is_again or after.shipments != before.shipments}
        await self.deps.orders.told(self.lease, task.key, part, told)
        return after, replace(task, told={**task.told, part: told})

    async def _fresh(self, item: Item) -> HubOrder:
        order = await self.deps.hub.order(self.lease.tenant, item.key)
        if order is None:
            raise ItemError(item.key, "Plugg.to has no such order any more", reason=Reason.REJECTED, final=False)
        if order.status in CANCELED:
            raise ItemError(item.key, "the order was cancelled at Plugg.to meanwhile", reason=Reason.STATUS_CONFLICT)
        return order


def _reserves(lease: Lease) -> bool:
    return lease.tenant.settings.get("reserve_stock", True) is not False


def _absent(item: Item, row: OrderRow | None) -> Forgotten | Skip:
    """What becomes of an order that the hub does not have: one that was only heard of is forgotten."""
    if row is None or row.store is None:
        return Forgotten(key=item.key, revision=item.revision)
    return Skip(key=item.key, reason=Reason.NOT_SELECTED, detail="Plugg.to has no order with this id any more")


def _raw(order: HubOrder) -> str:
    return _encode(order.document).decode()


def _check_cancellation(item: Item, task: OrderTask, status: OrderStatus) -> None:
    """Raise ItemError if only one side has cancelled, or if the store has invoiced what the hub cancelled unseen."""
    if detail := canceled_by_store_alone(task.hub, status):
        raise ItemError(item.key, detail, reason=Reason.STATUS_CONFLICT)
    if is_invoiced_unseen(task):
        raise ItemError(
            item.key,
            "the store has an invoice for an order that was cancelled at Plugg.to before it was told of it",
            reason=Reason.STATUS_CONFLICT,
        )


def _not_imported(item: Item, why: str) -> Skipped:
    return Skipped(key=item.key, revision=item.revision, reason=Reason.NOT_SELECTED, detail=f"not imported: {why}")


def _joined(done: Sequence[Delivery]) -> Delivery | None:
    """Several deliveries of one order as one line of history."""
    if not done:
        return None
    took = [delivery.took_ms for delivery in done if delivery.took_ms is not None]
    sent: dict[str, object] = {}
    for delivery in done:
        sent.update(delivery.sent or {})
    return Delivery(
        action=" ".join(delivery.action for delivery in done),
        status=next((d.status for d in reversed(done) if d.status is not None), None),
        sent=sent or None,
        took_ms=sum(took) if took else None,
    )


def _settled(item: Item, order: HubOrder, done: Sequence[Delivery]) -> Accepted:
    return Accepted(key=item.key, revision=item.revision, payload={"status": order.status}, delivery=_joined(done))


def _unconfirmed(item: Item, what: str, done: Sequence[Delivery]) -> Postponed:
    return Postponed(
        key=item.key,
        revision=item.revision,
        reason=Reason.UNCONFIRMED,
        detail=f"the {what} was sent, but Plugg.to does not show it yet",
        delay_s=_CONFIRM_AFTER_S,
        delivery=_joined(done),
    )
