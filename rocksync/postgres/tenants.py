"""Tenants as operators keep them: by the same constraints and functions that SQL meets."""

import difflib
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import msgspec
from asyncpg.pool import PoolConnectionProxy

from rocksync import sql
from rocksync.domain.errors import MisuseError, TenantError
from rocksync.domain.tenancy import Credentials, Kind, Lease, Mode, Tenant, TenantId, TenantStatus
from rocksync.postgres.changing import audited, changing, hold, tell
from rocksync.postgres.credentials import store_credentials
from rocksync.postgres.vault import Vault

_QUERIES = sql.load("rocksync.postgres", "tenants.sql")
_REMOVAL_TIMEOUT_S = 3600.0
_NO_TABLE = "55000"  # what is to be deleted from is a view
_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantRow:
    """One tenant with how it stands; ``paused_until`` None: not paused, or until somebody resumes it."""

    tenant: Tenant
    status: TenantStatus
    status_reason: str | None
    paused_until: datetime | None
    created_at: datetime
    activated_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """The schedule of one kind. ``every`` None: the default, which ``interval`` shows."""

    kind: Kind
    mode: Mode
    every: timedelta | None
    interval: timedelta
    due_at: datetime | None
    last_started_at: datetime | None
    last_completed_at: datetime | None
    is_running: bool
    is_paused: bool
    paused_until: datetime | None
    paused_reason: str | None
    failure: str | None
    failure_reason: str | None
    backoff_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTenant:
    """What a tenant is added with."""

    slug: str
    name: str
    domain: str
    mappers: Sequence[str] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


class Tenants:
    """``rocksync.tenant`` and the schedules of tenants, for operators.

    Everything raises MisuseError for what cannot be, such as a slug that is not there. *operator* is whom the audit
    table names; None: the database's user.
    """

    def __init__(self, pool: asyncpg.Pool, *, operator: str | None = None) -> None:
        self._pool = pool
        self._operator = operator

    async def all(self) -> list[TenantRow]:
        """Every tenant, by slug."""
        return [_row(each) for each in await self._pool.fetch(_QUERIES.all)]

    async def get(self, slug: str) -> TenantRow:
        """The tenant of *slug*."""
        found = await self._pool.fetchrow(_QUERIES.by_slug, slug)
        if found is None:
            slugs = [each["slug"] for each in await self._pool.fetch(_QUERIES.slugs_like, slug)]
            near = difflib.get_close_matches(slug, slugs, n=1)
            hint = f"did you mean {near[0]}?" if near else "`rocksync tenant list` lists them"
            raise MisuseError(f'there is no tenant "{slug}": {hint}')
        return _row(found)

    async def schedules(self, tenant: TenantId) -> list[ScheduleRow]:
        """The schedules of a tenant: product, price, stock, order."""
        rows = await self._pool.fetch(_QUERIES.schedules, tenant)
        return [
            ScheduleRow(
                kind=Kind(row["kind"]),
                mode=Mode(row["mode"]),
                every=row["every"],
                interval=row["interval"],
                due_at=row["due_at"],
                last_started_at=row["last_started_at"],
                last_completed_at=row["last_completed_at"],
                is_running=bool(row["is_running"]),
                is_paused=bool(row["is_paused"]),
                paused_until=row["paused_until"] if row["is_paused"] else None,
                paused_reason=row["paused_reason"] if row["is_paused"] else None,
                failure=row["failure"],
                failure_reason=row["failure_reason"],
                backoff_until=row["backoff_until"],
            )
            for row in rows
        ]

    async def add(self, new: NewTenant, credentials: Credentials, vault: Vault) -> TenantId:
        """Add a draft tenant; its credentials reach the database sealed."""
        async with self._changing() as connection:
            tenant = TenantId(
                await connection.fetchval(
                    _QUERIES.add, new.slug, new.name, new.domain, list(new.mappers), _encode(new.settings).decode()
                )
            )
            await store_credentials(connection, vault, tenant, credentials)
            await audited(connection, "tenant add", tenant, new.slug, {"name": new.name, "domain": new.domain})
        return tenant

    async def set(
        self,
        slug: str,
        *,
        name: str | None = None,
        domain: str | None = None,
        mappers: Sequence[str] | None = None,
        settings: Mapping[str, Any] | None = None,
        unset: Sequence[str] = (),
    ) -> None:
        """Change what is given; *settings* are added to those that are there, those named in *unset* go."""
        row = await self.get(slug)
        for absent in (each for each in unset if each not in row.tenant.settings):
            there = ", ".join(sorted(row.tenant.settings)) or "none"
            raise MisuseError(f'tenant "{slug}" has no setting "{absent}": there are {there}')
        changed = settings or {}
        what = {
            "name": name,
            "domain": domain,
            "mappers": mappers,
            "settings": sorted(changed) or None,
            "unset": list(unset) or None,
        }
        async with self._changing() as connection:
            await connection.execute(
                _QUERIES.set,
                row.tenant.id,
                name,
                domain,
                None if mappers is None else list(mappers),
                _encode(changed).decode(),
                list(unset),
            )
            told = {key: value for key, value in what.items() if value is not None}
            await audited(connection, "tenant set", row.tenant.id, slug, told)

    async def activate(self, slug: str, *, orders_since: datetime | None = None) -> None:
        """Start serving a tenant: its catalogue becomes pending; orders placed before *orders_since* do not count."""
        row = await self.get(slug)
        async with self._changing() as connection:
            if orders_since is not None:
                await connection.execute(_QUERIES.set_orders_since, row.tenant.id, orders_since)
                await audited(connection, "tenant set", row.tenant.id, slug, {"orders_since": orders_since})
            await connection.execute(_QUERIES.activate, slug)

    async def pause(self, slug: str, reason: str, *, kinds: Sequence[Kind] = (), until: datetime | None = None) -> None:
        """Stop serving a tenant, or only *kinds* of it, until somebody resumes it or *until* comes."""
        row = await self.get(slug)
        async with self._changing() as connection:
            if not kinds:
                await connection.execute(_QUERIES.pause, slug, reason)
                await connection.execute(_QUERIES.set_paused_until, row.tenant.id, until)
                if until is not None:
                    await audited(connection, "tenant pause", row.tenant.id, slug, {"until": until})
                return
            if row.status is TenantStatus.DRAFT:
                raise MisuseError(f'tenant "{slug}" is a draft: nothing runs that could be paused')
            await connection.execute(_QUERIES.pause_kinds, row.tenant.id, list(kinds), until, reason)
            await tell(connection, row.tenant.id)
            what = {"kinds": list(kinds), "reason": reason, "until": until}
            await audited(connection, "tenant pause", row.tenant.id, slug, what)

    async def resume(self, slug: str, *, kinds: Sequence[Kind] = ()) -> None:
        """Serve a tenant, or *kinds* of it, again; kinds paused apart stay so if the tenant was stopped as a whole."""
        row = await self.get(slug)
        if row.status is TenantStatus.DRAFT:
            raise MisuseError(f'tenant "{slug}" is a draft: rocksync tenant activate {slug}')
        async with self._changing() as connection:
            if not kinds:
                await connection.execute(_QUERIES.resume, slug)
                return
            is_active = row.status is TenantStatus.ACTIVE
            await connection.execute(_QUERIES.resume_kinds, row.tenant.id, list(kinds), is_active)
            await tell(connection, row.tenant.id)
            await audited(connection, "tenant resume", row.tenant.id, slug, {"kinds": list(kinds)})

    async def set_schedule(self, slug: str, kind: Kind, mode: Mode, every: timedelta | None) -> None:
        """Choose when a kind runs; *every* None: at the default interval."""
        await self.get(slug)
        async with self._changing() as connection:
            await connection.execute(_QUERIES.set_schedule, slug, kind, mode, every)

    async def request_sync(self, slug: str, kinds: Sequence[Kind], *, all_items: bool = False) -> None:
        """Run *kinds* now, whatever their modes; *all_items* makes every item of them pending first."""
        row = await self.get(slug)
        async with self._changing() as connection:
            if all_items:
                await connection.execute(_QUERIES.mark_all, row.tenant.id, list(kinds))
                await audited(connection, "mark all", row.tenant.id, slug, {"kinds": list(kinds)})
            await hold(connection, row.tenant.id, kinds)
            for kind in kinds:
                await connection.execute(_QUERIES.request_sync, slug, kind)

    async def stop(self, lease: Lease, error: TenantError) -> None:
        """Stop an active tenant until its credentials are replaced, for *error* in the pass of *lease*.

        Nothing is done if they were replaced since that began: it knew others.
        """
        await self._pool.execute(_QUERIES.stop, lease.tenant.id, error.detail, lease.kind, lease.token)

    async def remove(self, slug: str, *, with_store: bool = False) -> None:
        """Delete all that we know of a tenant, its credentials too; *with_store*: also its rows in the store."""
        row = await self.get(slug)
        tenant = row.tenant.id
        steps = [_QUERIES.remove, _QUERIES.remove_history]
        if with_store:
            steps += [
                _QUERIES.remove_orders,
                _QUERIES.remove_variations,
                _QUERIES.remove_products,
                _QUERIES.remove_prices,
                _QUERIES.remove_stocks,
            ]
        async with self._changing() as connection:
            await connection.execute(_QUERIES.without_time_limit)
            await audited(connection, "tenant remove", tenant, slug, {"with_store": with_store})
            try:
                for step in [*steps, _QUERIES.remove_changes, _QUERIES.remove_replaced_stock]:
                    await connection.execute(step, tenant, timeout=_REMOVAL_TIMEOUT_S)
            except asyncpg.ObjectNotInPrerequisiteStateError as error:
                if error.sqlstate != _NO_TABLE:
                    raise
                refused = f"{error.args[0]}, which is the platform's"
                raise MisuseError(f"{refused}: remove tenant {slug} without --with-store") from error

    def _changing(self) -> AbstractAsyncContextManager[PoolConnectionProxy]:
        return changing(self._pool, self._operator)


def tenant_of(row: asyncpg.Record, number: int) -> Tenant:
    """The tenant *number* in a row that has the columns of one."""
    return Tenant(
        id=TenantId(number),
        slug=row["slug"],
        name=row["name"],
        domain=row["domain"],
        mappers=tuple(row["mappers"]),
        settings=_decode(row["settings"]),
        revision=row["revision"],
        orders_since=row["orders_since"],
    )


def _row(row: asyncpg.Record) -> TenantRow:
    return TenantRow(
        tenant=tenant_of(row, row["id"]),
        status=TenantStatus(row["status"]),
        status_reason=row["status_reason"],
        paused_until=row["paused_until"],
        created_at=row["created_at"],
        activated_at=row["activated_at"],
    )
