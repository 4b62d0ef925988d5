"""The operator's desk: what was set aside, held and sent of single items, and what is decided about it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rocksync import sql
from rocksync.domain.desk import Attempt, AuditLine, Filter, Hold, Released, SetAside
from rocksync.domain.errors import MisuseError
from rocksync.domain.reasons import POSTPONED, Reason
from rocksync.domain.tenancy import Kind, TenantId
from rocksync.postgres.changing import audited, changing, hold, tell

_QUERIES = sql.load("rocksync.postgres", "desk.sql")
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_SKU_KINDS = (Kind.PRICE, Kind.STOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """The items that a SKU or an order is: their keys by kind, and the SKU or id they were asked by."""

    name: str
    by_kind: Mapping[Kind, str] = field(default_factory=dict)


class Desk:
    """Everything raises MisuseError for what cannot be. *operator* is whom the audit table names."""

    def __init__(self, pool: asyncpg.Pool, *, operator: str | None = None) -> None:
        self._pool = pool
        self._operator = operator

    async def quarantined(self, which: Filter, *, limit: int | None = None) -> list[SetAside]:
        """Items that are set aside, the oldest first."""
        return [
            SetAside(
                slug=row["slug"],
                kind=Kind(row["kind"]),
                key=row["key"],
                reason=Reason(row["reason"]),
                detail=row["detail"],
                attempts=row["attempts"],
                changed_at=row["changed_at"],
                attempted_at=row["attempted_at"],
            )
            for row in await self._pool.fetch(_QUERIES.quarantined, *_arguments(which), _chosen(which.reasons), limit)
        ]

    async def count_quarantined(self, which: Filter) -> int:
        """How many items are set aside."""
        return int(await self._pool.fetchval(_QUERIES.count_quarantined, *_arguments(which), _chosen(which.reasons)))

    async def release(self, which: Filter) -> Released:
        """Let items try again: those that are set aside, and at once those that were refused and wait.

        One tenant and kind after another, so that nobody waits for all of them: where it fails, a note of the error
        says what had been done by then.
        """
        released = retried = 0
        try:
            for row in await self._pool.fetch(_QUERIES.refused, *_arguments(which), _chosen(which.reasons)):
                found = await self._release(TenantId(row["tenant_id"]), row["slug"], row["kind"], which)
                released, retried = released + found.released, retried + found.retried
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            error.add_note(f"({released} had been released, {retried} that waited are tried at once)")
            raise
        return Released(released=released, retried=retried)

    async def _release(self, tenant: TenantId, slug: str, kind: str, which: Filter) -> Released:
        meant = (tenant, kind, _chosen(which.keys), _chosen(which.reasons))
        async with self._changing() as connection:
            await hold(connection, tenant, [kind])
            retried = await connection.fetchval(_QUERIES.retry, *meant, list(POSTPONED))
            released = await connection.fetchval(_QUERIES.release, *meant)
            if released or retried:
                await self._wake(connection, tenant, [kind])
                asked = {"kinds": which.kinds, "keys": which.keys, "reasons": which.reasons}
                what: dict[str, Any] = {name: list(value) for name, value in asked.items() if value}
                what["released"] = {kind: released} if released else {}
                if retried:
                    what["retried"] = {kind: retried}
                await audited(connection, "quarantine release", tenant, slug, what)
        return Released(released=released, retried=retried)

    async def resend(self, tenant: TenantId, slug: str, keys: Keys) -> list[Kind]:
        """Send the items of *keys* although Plugg.to holds the same; returns the kinds that wait for a request."""
        kinds = list(keys.by_kind)
        async with self._changing() as connection:
            if not await connection.fetchval(_QUERIES.is_known, tenant, kinds, list(keys.by_kind.values())):
                what = "order" if Kind.ORDER in keys.by_kind else "SKU"
                raise MisuseError(
                    f'there is no {what} "{keys.name}" of tenant {slug}, neither in the store nor among what was sent'
                )
            await hold(connection, tenant, kinds)
            await connection.execute(_QUERIES.resend, tenant, kinds, list(keys.by_kind.values()))
            if Kind.ORDER in keys.by_kind:
                await connection.execute(_QUERIES.import_again, tenant, [keys.by_kind[Kind.ORDER]])
            await self._wake(connection, tenant, kinds)
            await audited(connection, "resend", tenant, slug, {"kinds": kinds, "key": keys.name})
            manual = await connection.fetch(_QUERIES.manual_kinds, tenant, kinds)
        return [Kind(row["kind"]) for row in manual]

    async def history(self, tenant: TenantId, keys: Keys, *, limit: int) -> list[Attempt]:
        """What was sent and answered, the latest first."""
        rows = await self._pool.fetch(_QUERIES.history, tenant, list(keys.by_kind), list(keys.by_kind.values()), limit)
        return [
            Attempt(
                kind=Kind(row["kind"]),
                key=row["key"],
                at=row["at"],
                action=row["action"],
                status=row["status"],
                reason=row["reason"],
                detail=row["detail"],
                sent=_decode(row["sent"]) if row["sent"] else None,
                took_ms=row["took_ms"],
            )
            for row in rows
        ]

    async def holds(self, which: Filter) -> list[Hold]:
        """Changes that wait for an operator, the oldest first."""
        return [
            Hold(
                slug=row["slug"],
                kind=Kind(row["kind"]),
                key=row["key"],
                before=_decode(row["before"]),
                after=_decode(row["after"]),
                why=row["why"],
                held_at=row["held_at"],
            )
            for row in await self._pool.fetch(_QUERIES.holds, *_arguments(which))
        ]

    async def approve(self, tenant: TenantId, which: Filter) -> int:
        """Let held changes of a tenant go out as they are; returns how many."""
        return await self._decide(tenant, which, "approved")

    async def reject(self, tenant: TenantId, which: Filter) -> int:
        """Leave Plugg.to as it is; a later change is judged anew. Returns how many."""
        return await self._decide(tenant, which, "rejected")

    async def _decide(self, tenant: TenantId, which: Filter, decision: str) -> int:
        async with self._changing() as connection:
            await hold(connection, tenant, which.kinds or _SKU_KINDS)
            rows = await connection.fetch(
                _QUERIES.decide, tenant, _chosen(which.kinds), _chosen(which.keys), decision, self._operator or "SQL"
            )
            if not rows:
                return 0
            await self._wake(connection, tenant, [row["kind"] for row in rows])
            what: dict[str, Any] = {decision: {row["kind"]: row["items"] for row in rows}}
            if which.keys:
                what["keys"] = list(which.keys)
            action = "holds approve" if decision == "approved" else "holds reject"
            await audited(connection, action, tenant, which.slug, what)
        return sum(row["items"] for row in rows)

    async def keys_of_sku(self, tenant: TenantId, sku: str) -> Keys:
        """The items of a SKU: its product, which may be its parent, its price and its stock."""
        product = await self._pool.fetchval(_QUERIES.variation_of, tenant, sku)
        product = product or await self._pool.fetchval(_QUERIES.product_with, tenant, sku)
        return Keys(name=sku, by_kind={Kind.PRODUCT: product or sku} | dict.fromkeys(_SKU_KINDS, sku))

    async def keys_of_order(self, tenant: TenantId, name: str) -> Keys:
        """The item of an order, by Plugg.to's id or the store's own. Raises: MisuseError for one of the store alone."""
        row = await self._pool.fetchrow(_QUERIES.order_keys, tenant, name)
        if row is not None and row["pluggto_id"] is None:
            raise MisuseError(f"order {name} is the store's own: Plugg.to never had it")
        return Keys(name=name, by_kind={Kind.ORDER: row["pluggto_id"] if row else name})

    async def some_products(self, tenant: TenantId, limit: int) -> list[str]:
        """SKUs of the first products of the store."""
        return [row["sku"] for row in await self._pool.fetch(_QUERIES.some_products, tenant, limit)]

    async def audit(self, slug: str | None, *, limit: int) -> list[AuditLine]:
        """What operators changed, the latest first."""
        return [
            AuditLine(at=row["at"], who=row["who"], action=row["action"], slug=row["slug"], what=_decode(row["what"]))
            for row in await self._pool.fetch(_QUERIES.audit_lines, slug, limit)
        ]

    async def note(self, action: str, what: Mapping[str, Any]) -> None:
        """Write a change that concerns no single tenant into the audit table."""
        async with self._changing() as connection:
            await audited(connection, action, None, None, what)

    def _changing(self) -> AbstractAsyncContextManager[PoolConnectionProxy]:
        return changing(self._pool, self._operator)

    @staticmethod
    async def _wake(connection: PoolConnectionProxy, tenant: TenantId, kinds: Sequence[str]) -> None:
        await connection.execute(_QUERIES.hurry, tenant, list(kinds))
        await tell(connection, tenant)


def _chosen(values: Sequence[str]) -> list[str] | None:
    return list(values) or None


def _arguments(which: Filter) -> tuple[str | None, list[str] | None, list[str] | None]:
    return which.slug, _chosen(which.kinds), _chosen(which.keys)
