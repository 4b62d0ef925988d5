"""The blast-radius gate: changes beyond a tenant's limits are held for an operator, and the rest goes on.

A tenant opts in by ``settings.gate``: ``max_zero_percent``, the share of its SKUs that may go to zero in one pass, and
``max_price_change_percent``, how far one price may move. The database takes no other names, and only numbers from 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from rocksync.domain.catalog import Price, Stock
from rocksync.domain.documents import PriceDocument, Skip, StockDocument
from rocksync.domain.errors import ItemError
from rocksync.domain.outcomes import Held, Item, Skipped
from rocksync.domain.tenancy import Kind, Lease, Tenant
from rocksync.sync.engine import PAGE, Flow, plain
from rocksync.sync.ports import Items

_ZEROS = "max_zero_percent"
_PRICES = "max_price_change_percent"
_ALL = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may go out unasked, in percent; None: anything."""

    zeros: Decimal | None = None
    price_change: Decimal | None = None


def limits_of(tenant: Tenant) -> Limits:
    """Return the limits that *tenant* has chosen."""
    chosen = tenant.settings.get("gate") or {}
    return Limits(zeros=_limit(chosen.get(_ZEROS)), price_change=_limit(chosen.get(_PRICES)))


def _limit(percent: float | None) -> Decimal | None:
    return None if percent is None else Decimal(str(percent))


def guarded_prices(tenant: Tenant, items: Items, flow: Flow[Price, PriceDocument]) -> Flow[Price, PriceDocument]:
    """*flow*, but for prices that would move too far, which are held."""
    limit = limits_of(tenant).price_change
    if limit is None:
        return flow

    async def convert(
        pairs: Sequence[tuple[Item, Price | None]],
    ) -> Sequence[PriceDocument | Skip | Skipped | Held | ItemError]:
        drafts = await flow.convert(pairs)
        held = {
            item.key: hold
            for (item, _), draft in zip(pairs, drafts, strict=True)
            if isinstance(draft, PriceDocument) and (hold := _held_price(item, draft, limit))
        }
        return await _unless_approved(tenant, items, Kind.PRICE, pairs, drafts, held)

    return replace(flow, convert=convert)


def _held_price(item: Item, document: PriceDocument, limit: Decimal) -> Held | None:
    if item.accepted is None:
        return None
    after = plain(document.payload)
    moves = [
        (name, old, new)
        for name, old, new in zip(("price", "special_price"), _money(item.accepted), _money(after), strict=True)
        if old > 0 and abs(new - old) * _ALL > limit * old
    ]
    if not moves:
        return None
    name, old, new = moves[0]
    change = (new - old) * _ALL / old
    detail = f"held: {name} {old} -> {new} ({change:+.0f} %), and gate.{_PRICES} is {limit}"
    return Held(key=item.key, revision=item.revision, detail=detail, before=item.accepted, after=after)


def _money(payload: Mapping[str, Any]) -> tuple[Decimal, Decimal]:
    price = Decimal(str(payload.get("price") or 0))
    return price, Decimal(str(payload.get("special_price") or price))


async def guarded_stock(lease: Lease, items: Items, flow: Flow[Stock, StockDocument]) -> Flow[Stock, StockDocument]:
    """*flow*, but if too many of the tenant's SKUs would go to zero, those are held.

    All that is pending is mapped once before, to be counted: the first ones to zero must not slip out.
    """
    tenant, limit = lease.tenant, limits_of(lease.tenant).zeros
    if limit is None:
        return flow
    standing = await items.zeroing(tenant.id)
    if (standing.pending + standing.held) * _ALL <= limit * standing.skus:
        return flow
    zeros = standing.held + await _count_zeros(lease, items, flow)
    if zeros * _ALL <= limit * standing.skus:
        return flow
    share = Decimal(zeros * _ALL) / standing.skus if standing.skus else Decimal(_ALL)
    why = f"held: {zeros} of {standing.skus} SKUs would go to zero ({share:.0f} %), and gate.{_ZEROS} is {limit}"

    async def convert(
        pairs: Sequence[tuple[Item, Stock | None]],
    ) -> Sequence[StockDocument | Skip | Skipped | Held | ItemError]:
        drafts = await flow.convert(pairs)
        held = {
            item.key: Held(key=item.key, revision=item.revision, detail=why, before=item.accepted or {}, after=after)
            for (item, _), draft in zip(pairs, drafts, strict=True)
            if isinstance(draft, StockDocument) and (after := _zero(item, draft))
        }
        return await _unless_approved(tenant, items, Kind.STOCK, pairs, drafts, held)

    return replace(flow, convert=convert)


async def _count_zeros(lease: Lease, items: Items, flow: Flow[Stock, StockDocument]) -> int:
    zeros, last = 0, None
    while page := await items.deliverable(lease, after=last, limit=PAGE):
        last = page[-1]
        rows = await flow.read([item.key for item in page])
        drafts = await flow.convert([(item, rows.get(item.key)) for item in page])
        going = {
            item.key: item.revision
            for item, draft in zip(page, drafts, strict=True)
            if isinstance(draft, StockDocument) and _zero(item, draft)
        }
        approved = await items.approved(lease.tenant.id, Kind.STOCK, list(going)) if going else {}
        zeros += sum(1 for key, revision in going.items() if approved.get(key) != revision)
    return zeros


def _zero(item: Item, document: StockDocument) -> dict[str, Any] | None:
    """The payload, if it takes something that is sold down to zero."""
    sold = item.accepted is not None and (item.accepted.get("quantity") or 0) > 0
    return plain(document.payload) if sold and document.payload["quantity"] == 0 else None


async def _unless_approved(
    tenant: Tenant,
    items: Items,
    kind: Kind,
    pairs: Sequence[tuple[Item, Any]],
    drafts: Sequence[Any],
    held: Mapping[str, Held],
) -> list[Any]:
    """*drafts* with what is held in their places, but for what an operator approved as it is now."""
    if not held:
        return list(drafts)
    approved = await items.approved(tenant.id, kind, list(held))
    return [
        held[item.key] if item.key in held and approved.get(item.key) != item.revision else draft
        for (item, _), draft in zip(pairs, drafts, strict=True)
    ]
