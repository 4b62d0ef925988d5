"""Items: the desired state of every thing, and the outcomes that passes record of them."""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from rocksync import sql
from rocksync.domain.documents import OfferRevisions
from rocksync.domain.errors import LeaseLostError
from rocksync.domain.outcomes import (
    Accepted,
    Delivery,
    Folded,
    Forgotten,
    Held,
    Item,
    Known,
    Outcome,
    Postponed,
    Refused,
    Skipped,
    Zeroing,
)
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind, Lease, TenantId

_QUERIES = sql.load("rocksync.postgres", "items.sql")
_FOLD_LIMIT = 20_000
_EARLIEST = datetime.min.replace(tzinfo=UTC)
_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_NOT_SENT = Delivery(action="")


class Items:
    """``rocksync.item`` and what belongs to it. Every write names its lease and raises LeaseLostError without it."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def fold(self, lease: Lease) -> Folded:
        """Turn committed changes into pending items, at most 20,000 at a time."""
        row = await self._pool.fetchrow(_QUERIES.fold, lease.tenant.id, lease.kind, lease.token, _FOLD_LIMIT)
        if row is None or not row["held"]:
            raise LeaseLostError.taken_over(lease)
        return Folded(
            changes=row["folded"],
            more=row["folded"] == _FOLD_LIMIT,
            deliverable=row["deliverable"],
        )

    async def reconsider(self, lease: Lease, mapper_version: str) -> int:
        """Make all items pending if they were mapped with another version; returns how many."""
        if lease.mapper_version == mapper_version:
            return 0
        async with self._pool.acquire() as connection, connection.transaction():
            await _hold(connection, lease)
            marked = "UPDATE 0"
            if lease.mapper_version is not None or mapper_version:
                marked = await connection.execute(_QUERIES.reconsider, lease.tenant.id, lease.kind)
            await connection.execute(_QUERIES.set_mapper_version, lease.tenant.id, lease.kind, mapper_version)
        return int(marked.split()[-1])

    async def deliverable(self, lease: Lease, *, after: Item | None, limit: int) -> Sequence[Item]:
        """Pending items that are due, the longest undelivered first, behind *after*."""
        rows = await self._pool.fetch(
            _QUERIES.deliverable,
            lease.tenant.id,
            lease.kind,
            after.changed_at if after else _EARLIEST,
            after.key if after else "",
            limit,
        )
        return [
            Item(
                key=row["key"],
                revision=row["revision"],
                changed_at=row["changed_at"],
                attempts=row["attempts"],
                resend=row["resend"],
                accepted=_decode(row["accepted"]) if row["accepted"] else None,
                sending=_decode(row["sending"]) if row["sending"] else None,
            )
            for row in rows
        ]

    async def announce(self, lease: Lease, payloads: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Note down what is about to be sent of products, by key, until it is recorded as accepted; None: nothing."""
        texts = [None if payload is None else _encode(payload).decode() for payload in payloads.values()]
        held = await self._pool.fetchval(
            _QUERIES.announce, lease.tenant.id, lease.kind, lease.token, list(payloads), texts
        )
        if not held:
            raise LeaseLostError.taken_over(lease)

    async def doubt(self, lease: Lease) -> None:
        """Have sent again what an earlier pass may have delivered without recording it."""
        async with self._pool.acquire() as connection, connection.transaction():
            await _hold(connection, lease)
            await connection.execute(_QUERIES.doubt, lease.tenant.id, lease.kind)
            await connection.execute(_QUERIES.dispel_doubt, lease.tenant.id, lease.kind)

    async def suspect(self, lease: Lease, outcomes: Sequence[Outcome]) -> None:
        """Have sent again what was sent under a lease that is lost: it may have arrived after what its holder sent.

        Orders are read back anyway.
        """
        if lease.kind is Kind.ORDER:
            return
        payloads = [_encode(o.payload).decode() if isinstance(o, Accepted) else None for o in outcomes]
        keys = [o.key for o in outcomes]
        await self._pool.execute(_QUERIES.suspect, lease.tenant.id, lease.kind, keys, payloads)
        await self._pool.execute(_QUERIES.hurry, lease.tenant.id, lease.kind)

    async def known(self, tenant: TenantId, kind: Kind, keys: Sequence[str]) -> Mapping[str, Known]:
        """Where the items of *keys* are, for those that there are."""
        rows = await self._pool.fetch(_QUERIES.known, tenant, kind, list(keys))
        return {
            row["key"]: Known(
                state=row["state"],
                reason=Reason(row["reason"]),
                accepted=_decode(row["accepted"]) if row["accepted"] else None,
            )
            for row in rows
        }

    async def offer_revisions(self, tenant: TenantId, skus: Sequence[str]) -> Mapping[str, OfferRevisions]:
        """Where the price and stock items are of products that were never accepted, by sellable SKU."""
        found: dict[str, dict[str, int]] = {}
        for row in await self._pool.fetch(_QUERIES.offer_revisions, tenant, list(skus)):
            found.setdefault(row["key"], {})[row["kind"]] = row["revision"]
        return {sku: OfferRevisions(**of_kinds) for sku, of_kinds in found.items()}

    async def approved(self, tenant: TenantId, kind: Kind, keys: Sequence[str]) -> Mapping[str, int]:
        """Those of *keys* whose held change an operator approved, with the revision of the item that may go out."""
        rows = await self._pool.fetch(_QUERIES.approved, tenant, kind, list(keys))
        return {row["key"]: row["revision"] for row in rows}

    async def zeroing(self, tenant: TenantId) -> Zeroing:
        """What a limit to stocks that go to zero is measured against."""
        row = await self._pool.fetchrow(_QUERIES.zeroing, tenant)
        if row is None:
            raise AssertionError("a query of counts has a row")
        return Zeroing(skus=row["skus"], pending=row["pending"], held=row["held"])

    async def record(self, lease: Lease, outcomes: Sequence[Outcome]) -> None:
        """Write down what became of items, in one transaction.

        A product pass also writes price and stock items, so two passes of a tenant can deadlock; the loser starts over.
        """
        for _ in range(2):
            with contextlib.suppress(asyncpg.DeadlockDetectedError):
                await self._record(lease, outcomes)
                return
        await self._record(lease, outcomes)

    async def _record(self, lease: Lease, outcomes: Sequence[Outcome]) -> None:
        tenant, kind = lease.tenant.id, lease.kind
        losable = all(_is_losable(kind, outcome) for outcome in outcomes)
        accepted = [o for o in outcomes if isinstance(o, Accepted)]
        if len(accepted) == len(outcomes) and not any(_has_consequences(o) for o in accepted):
            await _record_accepted(self._pool, lease, accepted, losable=losable)
            return
        async with self._pool.acquire() as connection, connection.transaction():
            if accepted:
                await _record_accepted(connection, lease, accepted, losable=losable)
                await _record_consequences(connection, tenant, accepted)
            else:
                await _hold(connection, lease, losable=losable)
            if skipped := [o for o in outcomes if isinstance(o, Skipped)]:
                await _record_skipped(connection, tenant, kind, skipped)
            if refused := [o for o in outcomes if isinstance(o, Refused)]:
                await connection.execute(
                    _QUERIES.record_refused,
                    tenant,
                    kind,
                    *_columns(refused, "key", "revision", "attempts", "reason", "detail", "delay_s"),
                )
                if wake := sorted({o.wake for o in refused if o.wake}):
                    # Only what is settled: two that stand in each other's way would wake each other for ever.
                    known = await connection.fetch(_QUERIES.known, tenant, Kind.PRODUCT, wake)
                    settled = [row["key"] for row in known if row["state"] in {"synced", "skipped"}]
                    await _mark(connection, tenant, Kind.PRODUCT, settled)
            if postponed := [o for o in outcomes if isinstance(o, Postponed)]:
                await connection.execute(
                    _QUERIES.record_postponed,
                    tenant,
                    kind,
                    *_columns(postponed, "key", "revision", "reason", "detail", "delay_s", "doubtful", "late_s"),
                )
            if held := [o for o in outcomes if isinstance(o, Held)]:
                await connection.execute(
                    _QUERIES.record_held,
                    tenant,
                    kind,
                    *_columns(held, "key", "revision", "detail"),
                    [_encode(o.before).decode() for o in held],
                    [_encode(o.after).decode() for o in held],
                )
            if forgotten := [o for o in outcomes if isinstance(o, Forgotten)]:
                await connection.execute(
                    _QUERIES.record_forgotten, tenant, kind, *_columns(forgotten, "key", "revision")
                )
            await _record_history(connection, tenant, kind, [o for o in outcomes if not isinstance(o, Accepted)])

    async def count(self, tenant: TenantId, kind: Kind) -> None:
        """Count the items of the tenant and kind by state, for metrics."""
        await self._pool.execute(_QUERIES.count_items, tenant, kind)


async def _hold(connection: asyncpg.pool.PoolConnectionProxy, lease: Lease, *, losable: bool = False) -> None:
    query = _QUERIES.hold_losable if losable else _QUERIES.hold
    if not await connection.fetchval(query, lease.tenant.id, lease.kind, lease.token):
        raise LeaseLostError.taken_over(lease)


def _is_losable(kind: Kind, outcome: Outcome) -> bool:
    """Whether a crash of the server may lose the record: nothing was sent, or it is noted down what was being sent."""
    if kind is Kind.ORDER:
        return False
    if kind is Kind.PRODUCT:
        return True
    return getattr(outcome, "delivery", None) is None and not isinstance(outcome, Postponed | Refused)


def _columns(outcomes: Sequence[Outcome], *names: str) -> list[list[Any]]:
    return [[getattr(outcome, name) for outcome in outcomes] for name in names]


def _has_consequences(accepted: Accepted) -> bool:
    """Whether more than the item itself is to be written."""
    created = accepted.delivery and accepted.delivery.created
    return bool(accepted.restock or accepted.reprice or accepted.gone or created)


async def _record_accepted(
    connection: asyncpg.Pool | asyncpg.pool.PoolConnectionProxy,
    lease: Lease,
    accepted: Sequence[Accepted],
    *,
    losable: bool,
) -> None:
    """Write down what the hub accepted, and in history what was sent. Raises: LeaseLostError."""
    deliveries = [o.delivery or _NOT_SENT for o in accepted]
    held = await connection.fetchval(
        _QUERIES.record_accepted,
        lease.tenant.id,
        lease.kind,
        lease.token,
        losable,
        [o.key for o in accepted],
        [o.revision for o in accepted],
        [_encode(o.payload).decode() if o.delivery else None for o in accepted],
        [o.reason for o in accepted],
        [o.delivery.action if o.delivery else None for o in accepted],
        [d.status for d in deliveries],
        [None if d.sent is None else _encode(d.sent).decode() for d in deliveries],
        [d.took_ms for d in deliveries],
    )
    if not held:
        raise LeaseLostError.taken_over(lease)


async def _record_consequences(
    connection: asyncpg.pool.PoolConnectionProxy, tenant: TenantId, accepted: Sequence[Accepted]
) -> None:
    gone = [sku for o in accepted for sku in o.gone]
    if gone:
        await connection.execute(_QUERIES.record_gone, tenant, gone)
    made = [(o.key, created) for o in accepted if o.delivery for created in o.delivery.created]
    if made:
        products, created = zip(*made, strict=True)
        await connection.execute(
            _QUERIES.record_created,
            tenant,
            [c.sku for c in created] * 2,
            [Kind.PRICE] * len(created) + [Kind.STOCK] * len(created),
            [_encode(c.price).decode() for c in created] + [_encode(c.stock).decode() for c in created],
            [c.revisions.price for c in created] + [c.revisions.stock for c in created],
            [*products] * 2,
        )
    await _mark(connection, tenant, Kind.PRICE, gone + [sku for o in accepted for sku in o.reprice])
    await _mark(connection, tenant, Kind.STOCK, gone + [sku for o in accepted for sku in o.restock])


async def _record_skipped(
    connection: asyncpg.pool.PoolConnectionProxy, tenant: TenantId, kind: Kind, skipped: Sequence[Skipped]
) -> None:
    await connection.execute(
        _QUERIES.record_skipped,
        tenant,
        kind,
        *_columns(skipped, "key", "revision", "reason", "detail", "forget"),
    )
    lost = {o.wake for o in skipped if o.wake and o.forget}
    if lost:
        skus = [o.key for o in skipped if o.forget]
        await connection.execute(_QUERIES.record_lost, tenant, list(lost), skus)
        await connection.execute(_QUERIES.record_gone, tenant, skus)
    await _mark(connection, tenant, Kind.PRODUCT, sorted({o.wake for o in skipped if o.wake and not o.forget}))


async def _mark(
    connection: asyncpg.pool.PoolConnectionProxy, tenant: TenantId, kind: Kind, keys: Sequence[str]
) -> None:
    if keys:
        await connection.execute(_QUERIES.mark, tenant, [kind] * len(keys), list(keys))
        await connection.execute(_QUERIES.hurry, tenant, kind)


async def _record_history(
    connection: asyncpg.pool.PoolConnectionProxy, tenant: TenantId, kind: Kind, outcomes: Sequence[Outcome]
) -> None:
    lines = [line for outcome in outcomes if (line := _history_line(outcome)) is not None]
    if lines:
        await connection.execute(_QUERIES.record_history, tenant, kind, *(list(c) for c in zip(*lines, strict=True)))


def _history_line(outcome: Outcome) -> tuple[Any, ...] | None:
    """Key, action, status, reason, detail, sent, took_ms; None: nothing was done that anybody would look for."""
    delivery: Delivery | None = getattr(outcome, "delivery", None)
    match outcome:
        case Postponed() if delivery is None:
            return None
        case Skipped() | Forgotten():
            return None
        case Held():
            after = _encode(outcome.after).decode()
            return outcome.key, "hold", None, Reason.UNCONFIRMED, outcome.detail, after, None
    reason = getattr(outcome, "reason", Reason.IN_SYNC)
    detail = getattr(outcome, "detail", None)
    if delivery is None:
        return outcome.key, "refuse", None, reason, detail, None, None
    sent = None if delivery.sent is None else _encode(delivery.sent).decode()
    return outcome.key, delivery.action, delivery.status, reason, detail, sent, delivery.took_ms
