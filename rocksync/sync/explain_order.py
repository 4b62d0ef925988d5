"""Why an order is where it is: a dry run of its next step that writes nothing anywhere, and shows no buyer's data."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rocksync.domain.desk import Attempt
from rocksync.domain.documents import OrderTask
from rocksync.domain.errors import ItemError
from rocksync.domain.explanation import Explanation, ItemSituation, Live, Part, Situation, Verdict
from rocksync.domain.orders import (
    CANCELED,
    HubOrder,
    OrderRow,
    OrderStatus,
    StoreOrder,
    deleted_by_store,
    never_imported,
)
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind, Tenant
from rocksync.sync import verdicts
from rocksync.sync.deps import Deps
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

_BY_HAND = "No resend imports it either: if it must be in the store, enter it there by hand."
_RESEND = "If it must be in the store, `rocksync resend SLUG order ID` imports it."
_RELEASE = "Correct what the detail names, then `rocksync quarantine release SLUG --key ID`: it is imported then."
_OTHER_ID = "Check the id: it is Plugg.to's, 24 hexadecimal digits, or the store's own number; and the tenant, SLUG."
_EARLIER = (
    "Enter it in the store by hand, or have what was placed since a day imported, by SQL: `UPDATE rocksync.tenant"
    " SET orders_since = 'YYYY-MM-DD' WHERE slug = 'SLUG'`, then `rocksync resend SLUG order ID`."
)


async def explain_order(
    tenant: Tenant,
    name: str,
    order_id: str,
    *,
    deps: Deps,
    situation: Situation,
    attempts: Sequence[Attempt],
) -> Explanation:
    """Return the whole chain of the order that goes by *name* and has *order_id* at Plugg.to."""
    return await _Run(tenant, order_id, deps, situation).explanation(name, attempts)


class _Run:
    """What is found out on the way."""

    def __init__(self, tenant: Tenant, order_id: str, deps: Deps, situation: Situation) -> None:
        self._tenant = tenant
        self._id = order_id
        self._deps = deps
        self._situation = situation
        self._item: ItemSituation | None = situation.items.get(Kind.ORDER)
        self._hub: HubOrder | None = None
        self._fault: ItemError | None = None

    async def explanation(self, name: str, attempts: Sequence[Attempt]) -> Explanation:
        row = (await self._deps.orders.rows(self._tenant.id, [self._id])).get(self._id)
        store = row.store if row else None
        live = await verdicts.look(self._read())
        if self._hub is None and live.error is not None and row is not None and row.document is not None:
            self._hub = self._decoded(row.document)
        task = await self._task(row or OrderRow(id=self._id))
        stopped = verdicts.of_tenant(self._situation, live)
        verdict = stopped or self._deleted(row) or await self._judged(task, store, live)
        kind = None if stopped else Kind.ORDER
        part = Part(
            kind=Kind.ORDER,
            key=self._id,
            verdict=verdict,
            store=_shown_store(store),
            mapped=_shown_task(task) if isinstance(task, OrderTask) else None,
            item=self._item,
        )
        return Explanation(
            slug=self._tenant.slug,
            what="order",
            name=name,
            verdict=verdict,
            next_action=verdicts.next_action(verdict, kind, self._item, self._situation),
            eligibility=self._eligibility(store),
            parts=(part,),
            live=live,
            attempts=tuple(attempts),
            decided_by=kind,
        )

    async def _read(self) -> Mapping[str, Any] | None:
        try:
            self._hub = await self._deps.hub.order(self._tenant, self._id)
        except ItemError as error:
            self._fault = error
            raise
        return None if self._hub is None else _shown_hub(self._hub)

    def _decoded(self, document: str) -> HubOrder | None:
        try:
            return self._deps.hub.decode_order(document)
        except ItemError as error:
            self._fault = error
            return None

    async def _task(self, row: OrderRow) -> OrderTask | ItemError | None:
        if self._hub is None:
            return self._fault
        [task] = await self._deps.mapper.orders(self._tenant, [(as_imported(self._hub, row), row.store)])
        return replace(task, hub=self._hub, told=row.told) if isinstance(task, OrderTask) else task

    def _eligibility(self, store: StoreOrder | None) -> dict[str, Any]:
        return {
            "in_store": store is not None,
            "status_at_plugg_to": self._hub.status if self._hub else None,
            "orders_since": self._tenant.orders_since,
            "placed_at": self._hub.placed_at if self._hub else None,
        }

    def _deleted(self, row: OrderRow | None) -> Verdict | None:
        if self._hub is None or row is None or row.store is not None or not row.was_imported:
            return None
        detail = deleted_by_store(self._tenant.slug, self._id, self._hub.status)
        return Verdict(reason=Reason.NOT_SELECTED, detail=detail, fix=_import_fix(self._hub))

    async def _judged(self, task: OrderTask | ItemError | None, store: StoreOrder | None, live: Live) -> Verdict:
        item = self._item
        if isinstance(task, ItemError):
            return Verdict(reason=task.reason, detail=task.detail)
        if task is None:
            return self._unread(store, live)
        verdict = await self._before_import(task) if store is None else _after_import(task, store)
        if verdict is not None and verdict.reason is not Reason.PENDING:
            return verdict
        is_told = Kind.ORDER in self._situation.changed
        if item is not None and item.state == "quarantined" and not is_told:
            is_refused = store is None and item.reason is Reason.INVALID_ITEM
            return Verdict(reason=item.reason, detail=item.detail, fix=_RELEASE if is_refused else None)
        if verdict is None:
            return Verdict(reason=Reason.IN_SYNC)
        found = verdicts.waiting(Kind.ORDER, item, self._situation, live)
        return Verdict(reason=found.reason, detail=found.detail or verdict.detail)

    def _unread(self, store: StoreOrder | None, live: Live) -> Verdict:
        """The verdict on an order of which Plugg.to shows nothing now."""
        item = self._item
        if item is not None and item.state in {"quarantined", "skipped"}:
            return Verdict(reason=item.reason, detail=item.detail)
        if live.error is not None and (item is None or item.state == "pending"):
            return Verdict(reason=live.reason or Reason.HUB_UNAVAILABLE, detail=live.error)
        if live.error is not None:
            return Verdict(reason=Reason.IN_SYNC, detail="by what Plugg.to last showed")
        if store is not None:
            return Verdict(
                reason=Reason.UNCONFIRMED, detail="the store has the order, and Plugg.to does not show it now"
            )
        return Verdict(reason=Reason.NOT_SELECTED, detail=f"Plugg.to has no order {self._id}", fix=_OTHER_ID)

    async def _before_import(self, task: OrderTask) -> Verdict:
        since, document = self._tenant.orders_since, task.document
        if document is None:
            detail = f"not imported: {never_imported(self._tenant.slug, self._id, task.hub.status)}"
            return Verdict(reason=Reason.NOT_SELECTED, detail=detail, fix=_import_fix(task.hub))
        if since is not None and task.hub.placed_at is not None and task.hub.placed_at < since:
            detail = f"not imported: placed before {since:%Y-%m-%d %H:%M} UTC"
            return Verdict(reason=Reason.NOT_SELECTED, detail=detail, fix=_EARLIER)
        missing = await self._deps.orders.unknown_skus(self._tenant.id, [line["sku"] for line in document["items"]])
        if missing:
            return Verdict(reason=Reason.UNKNOWN_SKU, detail=lacks_skus(missing))
        return Verdict(reason=Reason.PENDING, detail="it is imported by the next pass")


def _import_fix(order: HubOrder) -> str:
    return _BY_HAND if order.status in CANCELED else _RESEND


def _after_import(task: OrderTask, store: StoreOrder) -> Verdict | None:
    """What is still to be done about an imported order; None: nothing."""
    hub, status = task.hub, moved_to(store.reached, task.hub.status)
    if (hub.status in CANCELED or status is OrderStatus.CANCELED) and is_invoiced_unseen(task):
        return Verdict(reason=Reason.STATUS_CONFLICT, detail="the store has an invoice for a cancelled order")
    if detail := canceled_by_store_alone(hub, status):
        return Verdict(reason=Reason.STATUS_CONFLICT, detail=detail)
    if status is not store.status:
        return _to_do(f"the store's order is to be {status}")
    if hub.status in CANCELED or status is OrderStatus.CANCELED:
        return None
    if not is_acknowledged(task, store):
        return _to_do("Plugg.to is to be told the store's number")
    return _to_tell(task, status)


def _to_tell(task: OrderTask, status: OrderStatus) -> Verdict | None:
    if task.invoice is not None and refuses_invoice(task.hub, task):
        return Verdict(reason=Reason.REJECTED, detail=INVOICE_REFUSED)
    if task.invoice is not None and not shows_invoice(task.hub, task):
        return _to_do("the invoice is to be sent")
    if detail := lacks_invoice(task, task.hub, status):
        return Verdict(reason=Reason.INVALID_INVOICE, detail=detail)
    if task.shipment is None or shows_tracking(task.hub, task):
        return None
    return _to_do("the tracking is to be sent")


def _to_do(detail: str) -> Verdict:
    return Verdict(reason=Reason.PENDING, detail=detail)


def _shown_store(store: StoreOrder | None) -> Mapping[str, Any] | None:
    if store is None:
        return None
    return {
        "id": store.id,
        "status": store.status,
        "channel": store.channel,
        "channel_order": store.channel_order,
        "total": store.total,
        "placed_at": store.placed_at,
        "invoice": store.invoice.number if store.invoice else None,
        "tracking_code": store.shipment.tracking_code if store.shipment else None,
    }


def _shown_hub(order: HubOrder) -> Mapping[str, Any]:
    return {
        "status": order.status,
        "acknowledged": order.ack,
        "external": list(order.externals),
        "modified_at": order.modified_at,
        "lines": [{"sku": line.sku, "quantity": line.quantity} for line in order.lines],
        "shipments": [
            {"status": each.status, "tracking_code": each.tracking_code, "has_invoice": each.invoice_key is not None}
            for each in order.shipments
        ],
    }


def _shown_task(task: OrderTask) -> Mapping[str, Any]:
    """What would be written, without the buyer."""
    shown: dict[str, Any] = {}
    if task.document is not None:
        document = task.document
        lines = [
            {"sku": line["sku"], "quantity": line["quantity"], "total": line["total"]} for line in document["items"]
        ]
        shown["order"] = {"status": document["status"], "total": document["total"], "items": lines}
    if task.invoice is not None:
        shown["invoice"] = dict(task.invoice)
    if task.shipment is not None:
        shown["shipment"] = dict(task.shipment)
    return shown
