"""Schedules and leases: which passes are due, who runs them, and when the next ones are."""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

import asyncpg

from rocksync import sql
from rocksync.domain.tenancy import Kind, Lease, Mode, Tenant, TenantId
from rocksync.postgres.tenants import tenant_of
from rocksync.postgres.together import Together

_QUERIES = sql.load("rocksync.postgres", "schedules.sql")

_MANY_CHANGES = 10_000


class Schedules:
    """``rocksync.schedule`` as workers use it. Times are the database's."""

    def __init__(self, pool: asyncpg.Pool, *, lease_s: float) -> None:
        self._pool = pool
        self._lease_s = lease_s
        self._given_back = Together(self._give_back)

    async def claim(
        self,
        worker: str,
        slots: int,
        *,
        long: int | None = None,
        tenants: Sequence[TenantId] | None = None,
        kinds: Sequence[Kind] | None = None,
    ) -> list[Lease]:
        """Lease up to *slots* due passes; up to *long* neither over orders nor of what is to be sent at once."""
        rows = await self._pool.fetch(_QUERIES.claim, worker, slots, float(self._lease_s), tenants, kinds, long)
        return [_lease(row) for row in rows]

    async def give_back(self, lease: Lease) -> bool:
        """End a pass for which nothing is due, as one without a failure, together with others that end now.

        False: something is, its row is in use, or the lease was lost. Of orders, the hub was read.
        """
        return await self._given_back(lease)

    async def _give_back(self, leases: Sequence[Lease]) -> set[int]:
        rows = await self._pool.fetch(
            _QUERIES.give_back,
            [lease.tenant.id for lease in leases],
            [lease.kind for lease in leases],
            [lease.token for lease in leases],
        )
        return {row["n"] - 1 for row in rows}

    async def extend(self, leases: Sequence[Lease]) -> set[tuple[TenantId, Kind]]:
        """Hold *leases* for longer, by one statement; returns those that are still held."""
        rows = await self._pool.fetch(
            _QUERIES.extend,
            [lease.tenant.id for lease in leases],
            [lease.kind for lease in leases],
            [lease.token for lease in leases],
            float(self._lease_s),
        )
        return {(TenantId(row["tenant_id"]), Kind(row["kind"])) for row in rows}

    async def halted(self, leases: Sequence[Lease]) -> set[tuple[TenantId, Kind]]:
        """Those of *leases* that may not go on: their tenant is not served any more, or their kind is paused."""
        if not leases:
            return set()
        rows = await self._pool.fetch(
            _QUERIES.halted, [lease.tenant.id for lease in leases], [lease.kind for lease in leases]
        )
        return {(TenantId(row["tenant_id"]), Kind(row["kind"])) for row in rows}

    async def end_abandoned(self) -> None:
        """End connections of workers that stopped while a statement was being prepared: what they locked is free.

        Postgres has no time limit for these, as it has for idle transactions.
        """
        await self._pool.execute(_QUERIES.end_abandoned, float(self._lease_s / 2))

    async def finish(self, lease: Lease, *, complete: bool, reached: bool) -> bool:
        """Give a lease back after a pass, or a slice of one, that *reached* the hub or not; False: it was lost."""
        return bool(
            await self._pool.fetchval(_QUERIES.finish, lease.tenant.id, lease.kind, lease.token, complete, reached)
        )

    async def fail(self, lease: Lease, *, backoff_s: float, reason: str, detail: str, doubtful: bool) -> None:
        """Give a lease back, unless it was lost, after a pass that failed, *doubtful* if not all it did is recorded."""
        await self._pool.execute(
            _QUERIES.fail, lease.tenant.id, lease.kind, lease.token, backoff_s, reason, detail, doubtful
        )

    async def failures(self, lease: Lease) -> int:
        """How many passes of the tenant and kind failed one after another so far."""
        return int(await self._pool.fetchval(_QUERIES.failures, lease.tenant.id, lease.kind) or 0)

    async def wake_changed(self, tenants: Sequence[TenantId] | None = None) -> None:
        """Make immediate schedules due of which something changed."""
        await self._pool.execute(_QUERIES.wake_changed, tenants)

    async def wake_mapped(self, names: Sequence[str]) -> None:
        """Make the tenants due that use one of these mappers, by name or by being named like it."""
        slugs = [*names, *(name.replace("_", "-") for name in names)]
        await self._pool.execute(_QUERIES.wake_mapped, list(names), slugs)

    async def wake_differing(self, version: Callable[[Tenant], str]) -> None:
        """Make due what was last mapped with another *version* than the tenant's of now."""
        rows = await self._pool.fetch(_QUERIES.mapped)
        stale = [row for row in rows if row["mapper_version"] != version(tenant_of(row, row["tenant_id"]))]
        if stale:
            await self._pool.execute(_QUERIES.wake, [row["tenant_id"] for row in stale], [row["kind"] for row in stale])

    async def request(self, *, tenants: Sequence[TenantId] | None, kinds: Sequence[Kind] | None, manual: bool) -> None:
        """Make passes due, whatever their interval; *manual*: also those that only run on request."""
        await self._pool.execute(_QUERIES.request, tenants, kinds, manual)

    async def request_deliverable(self, *, tenants: Sequence[TenantId] | None, kinds: Sequence[Kind] | None) -> int:
        """Make passes due for which something could be delivered now; returns how many."""
        return int(await self._pool.fetchval(_QUERIES.request_deliverable, tenants, kinds))

    async def held_elsewhere(self, *, tenants: Sequence[TenantId] | None, kinds: Sequence[Kind] | None) -> int:
        """How many passes are due that wait for a worker, perhaps a dead one, to let go of their tenant."""
        return int(await self._pool.fetchval(_QUERIES.held_elsewhere, tenants, kinds))

    async def resume_paused(self) -> None:
        """Resume tenants and kinds whose pause is over."""
        await self._pool.execute(_QUERIES.resume_paused)

    async def beat(self, worker: str, version: str) -> None:
        """Note that *worker* is alive."""
        await self._pool.execute(_QUERIES.beat, worker, version)

    async def tell_faults(self, worker: str, faults: Mapping[str, str]) -> None:
        """Let those who ask know what *worker* refuses of mappers, by name."""
        await self._pool.execute(_QUERIES.tell_faults, worker, list(faults), list(faults.values()))

    async def leave(self, worker: str) -> None:
        """Note that *worker* has ended and free what it still held."""
        await self._pool.execute(_QUERIES.leave, worker)

    async def set_default_intervals(self, intervals: Mapping[Kind, timedelta]) -> None:
        """Let the database know the intervals of tenants that chose none."""
        await self._pool.execute(
            _QUERIES.set_default_intervals, list(intervals), [every.total_seconds() for every in intervals.values()]
        )

    async def sweep(self, *, keep_history_days: int, keep_orders_days: int) -> None:
        """Delete what nobody needs any more, and end waits that only a clock that was set back explains."""
        await self._pool.execute(_QUERIES.sweep_clock, float(self._lease_s))
        await self._pool.execute(_QUERIES.sweep_clock_of_items)
        await self._pool.execute(_QUERIES.sweep_history, keep_history_days)
        await self._pool.execute(_QUERIES.sweep_orders, keep_orders_days)
        await self._pool.execute(_QUERIES.sweep_workers)
        await self._pool.execute(_QUERIES.sweep_changes)
        await self._pool.execute(_QUERIES.sweep_repeated_changes, _MANY_CHANGES)


def _lease(row: asyncpg.Record) -> Lease:
    return Lease(
        tenant=tenant_of(row, row["tenant_id"]),
        kind=Kind(row["kind"]),
        mode=Mode(row["mode"]),
        token=row["lease_token"],
        mapper_version=row["mapper_version"],
        watermark=row["watermark"],
        reconciled_at=row["reconciled_at"],
        due_at=row["due_at"],
        in_doubt=row["in_doubt"],
        quiet=row["quiet"],
    )
