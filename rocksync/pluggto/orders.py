"""Orders from the hub, and what the store writes back to them. Source: pluggto-api 4."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

from rocksync.domain.documents import InvoicePayload, ShipmentPayload
from rocksync.domain.errors import ItemError, PassError
from rocksync.domain.orders import HubOrder
from rocksync.domain.outcomes import Delivery
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Tenant
from rocksync.domain.texts import stamp
from rocksync.pluggto import order_decoding, order_writes, requests
from rocksync.pluggto.client import AmbiguousError, Client
from rocksync.pluggto.encoding import body
from rocksync.pluggto.replies import Page

_NOT_FOUND = 404
_MOST_PAGES = 5_000


class Orders:
    """The hub's orders."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def orders(self, tenant: Tenant, *, since: date, until: date) -> AsyncIterator[list[HubOrder]]:
        """Orders modified from *since* to *until*, page by page; more than asked may come, twice, in any order."""
        seen = set[str]()
        after: str | None = None
        first: Page | None = None
        for _ in range(_MOST_PAGES):
            page = await self._page(tenant, since, until, after)
            found = list[HubOrder]()
            for row in page.rows:
                with suppress(ItemError):  # a row without an id is no order
                    found.append(order_decoding.decode(row))
            new = [order for order in found if order.id not in seen]
            if not new:
                return
            seen.update(order.id for order in new)
            yield new
            first = first or page
            if _is_last(page, first, len(seen)):
                return
            after = found[-1].id

    async def _page(self, tenant: Tenant, since: date, until: date, after: str | None) -> Page:
        reply = await self._client.send(tenant, requests.list_orders(since, until, after))
        if reply.value is None:
            said = f": {reply.details}" if reply.details else ""
            raise PassError(f"Plugg.to refused to list orders ({reply.status}{said})")
        return reply.value

    async def order(self, tenant: Tenant, order_id: str) -> HubOrder | None:
        """One order as it is now; None: there is none. Raises: ItemError."""
        reply = await self._client.send(tenant, requests.get_order(order_id))
        if reply.value is None:
            if reply.status == _NOT_FOUND:
                return None
            raise reply.refusal(order_id) or _gone(order_id)
        return order_decoding.decode(reply.value)

    async def acknowledge(self, tenant: Tenant, order_id: str, external: str) -> Delivery:
        """Tell the hub the store's number of an order, and that it has it. Raises: ItemError."""
        return await self._write(tenant, order_id, "acknowledge", order_writes.acknowledgement(external))

    async def log_message(self, tenant: Tenant, order_id: str, text: str) -> Delivery:
        """Add a line to the log that people see in Plugg.to's panel. Raises: ItemError."""
        members = order_writes.log_entry(text, stamp(datetime.now(UTC)))
        return await self._write(tenant, order_id, "log", members, repeatable=False)

    async def write_invoice(
        self, tenant: Tenant, order: HubOrder, payload: InvoicePayload, before: str | None = None
    ) -> Delivery:
        """Set an order to invoiced with its NF-e, which replaces that with the key *before*. *order* was just read.

        Raises: ItemError.
        """
        return await self._write_shipment(
            tenant, order, "invoice", lambda now: order_writes.invoice(now, payload, before)
        )

    async def write_shipment(
        self, tenant: Tenant, order: HubOrder, payload: ShipmentPayload, key: str | None = None
    ) -> Delivery:
        """Set an order to shipping_informed with its tracking; its NF-e has *key*. *order* was just read.

        Raises: ItemError.
        """
        return await self._write_shipment(tenant, order, "ship", lambda now: order_writes.tracking(now, payload, key))

    async def _write_shipment(
        self, tenant: Tenant, order: HubOrder, action: str, build: Callable[[HubOrder], dict[str, Any]]
    ) -> Delivery:
        """Write to an order's shipment. Without its id each write adds a delivery, so such a one is not repeated.

        Raises: AmbiguousError if nobody knows whether it arrived and the order shows no shipment, which may come late.
        Source: https://developers.plugg.to/reference/update-order-tracking-status.
        """
        members = build(order)
        repeatable = "id" in members["shipments"][0]
        try:
            return await self._write(tenant, order.id, action, members, repeatable=repeatable)
        except AmbiguousError:
            now = None
            with suppress(ItemError):  # what the look is answered says nothing of the write
                now = await self.order(tenant, order.id)
            if now is None or not now.shipments:
                raise
            return await self._write(tenant, order.id, action, build(now))

    async def _write(
        self, tenant: Tenant, order_id: str, action: str, members: Mapping[str, Any], *, repeatable: bool = True
    ) -> Delivery:
        sent, content = body(order_id, members)
        async with self._client.writing(tenant, order_id):
            reply = await self._client.send(tenant, requests.put_order(order_id, content, repeatable=repeatable))
        if reply.status == _NOT_FOUND:
            raise _gone(order_id)
        return reply.delivery(order_id, action, sent)


def _is_last(page: Page, first: Page, seen: int) -> bool:
    """Whether *page* is short, so that no more follow; unless ``total`` says that they do.

    Source: pluggto-api 3.2; 9 X6 (``total`` counts all matches, or what is left from the cursor on: then it changes).
    """
    limit = min(requests.PAGE, page.limit) if page.limit is not None and page.limit > 0 else requests.PAGE
    told = page.total or 0
    return len(page.rows) < limit and told <= (seen if page.total == first.total else len(page.rows))


def _gone(order_id: str) -> ItemError:
    return ItemError(order_id, f"Plugg.to has no order {order_id}", reason=Reason.REJECTED, final=False)
