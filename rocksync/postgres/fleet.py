"""All tenants at once: how they stand, for metrics and for ``status``."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

import asyncpg
import msgspec

from rocksync import sql
from rocksync.domain.fleet import FleetStanding, KindStanding, LagRow, TenantStanding
from rocksync.domain.reasons import BY_MAPPER
from rocksync.domain.tenancy import Kind, Mode, TenantId, TenantStatus
from rocksync.postgres.pool import connect

_QUERIES = sql.load("rocksync.postgres", "fleet.sql")
_TIMEOUT_S = 20.0
_decode_counts = msgspec.json.Decoder(dict[str, int]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A kind that was asked for and has not completed since; ``failure`` of the last pass, unless one runs."""

    kind: Kind
    is_paused: bool
    paused_reason: str | None
    failure: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOver:
    """Items of a kind that were not delivered: they are tried again from ``next_at``; None: they were set aside."""

    kind: Kind
    reason: str
    items: int
    next_at: datetime | None


class Fleet:
    """What operators ask of all tenants, or of one."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def lag(self, slug: str | None = None, *, behind: bool = False) -> list[LagRow]:
        """Tenants and kinds by lag, the worst first; only of *slug*, only those *behind*."""
        return [
            LagRow(
                slug=row["tenant"],
                kind=Kind(row["kind"]),
                status=TenantStatus(row["status"]),
                status_reason=row["status_reason"],
                mode=Mode(row["mode"]),
                every=row["every"],
                lag_s=row["lag_s"],
                staleness_s=row["staleness_s"],
                pending=row["pending"],
                quarantined=row["quarantined"],
                cause=row["cause"],
                detail=row["by_mapper"] if row["detail"] is None and row["cause"] in BY_MAPPER else row["detail"],
                per_s=row["per_s"],
                took_ms=row["took_ms"],
                has_worker=row["has_worker"],
            )
            for row in await self._pool.fetch(_QUERIES.lag, slug, behind)
        ]

    async def mapper_faults(self) -> dict[str, str]:
        """What running workers refuse of the mappers of tenants, by slug."""
        faults: dict[str, str] = {}
        for row in await self._pool.fetch(_QUERIES.mapper_faults):
            faults[row["slug"]] = f"mapper {row['name']}: {row['detail']}"
        return faults

    async def quarantine_reasons(self, slug: str) -> list[tuple[Kind, str, int]]:
        """What is set aside of a tenant: kind, reason and how many, the most first."""
        rows = await self._pool.fetch(_QUERIES.quarantine_reasons, slug)
        return [(Kind(row["kind"]), row["reason"], row["items"]) for row in rows]

    async def unfinished(self, tenant: TenantId, kinds: Sequence[Kind]) -> list[Unfinished]:
        """Those of *kinds* that were asked for and have not completed since."""
        return [
            Unfinished(
                kind=Kind(row["kind"]),
                is_paused=bool(row["is_paused"]),
                paused_reason=row["paused_reason"],
                failure=row["failure"],
            )
            for row in await self._pool.fetch(_QUERIES.unfinished_requests, tenant, list(kinds))
        ]

    async def moment(self) -> datetime:
        """What time it is by the database's clock."""
        now: datetime = await self._pool.fetchval(_QUERIES.moment)
        return now

    async def left_over(self, tenant: TenantId, kinds: Sequence[Kind], since: datetime) -> list[LeftOver]:
        """What of *kinds* waits to be tried again, or was set aside *since* then."""
        return [
            LeftOver(kind=Kind(row["kind"]), reason=row["reason"], items=row["items"], next_at=row["next_at"])
            for row in await self._pool.fetch(_QUERIES.left_over, tenant, list(kinds), since)
        ]

    async def has_credentials(self, tenant: TenantId) -> bool:
        """Whether the tenant has any; without, nothing of it runs."""
        return bool(await self._pool.fetchval(_QUERIES.has_credentials, tenant))

    async def workers(self) -> int:
        """How many workers are alive."""
        return int(await self._pool.fetchval(_QUERIES.workers))


class FleetReader:
    """Reads how the fleet stands over a connection of its own, made when it is needed, in the loop it is called from.

    Raises: SettingsError when there is none, OSError and asyncpg's errors when it breaks; the next call tries anew.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: asyncpg.Connection | None = None

    async def read(self, tenants: int) -> FleetStanding:
        """Return how all stand, with up to *tenants* of them, the worst by lag, one by one."""
        connection = await self._connected()
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                rows = await connection.fetch(_QUERIES.standings, tenants, timeout=_TIMEOUT_S)
                ids = sorted({row["id"] for row in rows if row["id"] is not None})
                counts = await connection.fetch(_QUERIES.counts, ids, timeout=_TIMEOUT_S)
                troubles = await connection.fetch(_QUERIES.troubles, ids, timeout=_TIMEOUT_S)
                totals = await connection.fetchrow(_QUERIES.totals, timeout=_TIMEOUT_S)
        except BaseException:
            await self.close()
            raise
        return _standing(rows, counts, troubles, totals)

    async def close(self) -> None:
        """Give the connection up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._dsn, application_name="rocksync metrics")
        return self._connection


def _standing(
    rows: Sequence[asyncpg.Record],
    counts: Sequence[asyncpg.Record],
    troubles: Sequence[asyncpg.Record],
    totals: asyncpg.Record | None,
) -> FleetStanding:
    if totals is None:
        raise AssertionError("a query of constants has a row")
    items: dict[tuple[int, str], dict[str, int]] = {}
    for row in counts:
        items.setdefault((row["tenant_id"], row["kind"]), {})[row["state"]] = row["items"]
    troubled: dict[tuple[int, str, str], dict[str, int]] = {}
    for row in troubles:
        troubled.setdefault((row["tenant_id"], row["kind"], row["state"]), {})[row["reason"]] = row["items"]
    over_all = [row for row in rows if row["id"] is None]
    of_tenants = groupby((row for row in rows if row["id"] is not None), key=lambda row: row["slug"])
    return FleetStanding(
        taken_at=totals["taken_at"],
        slugs=frozenset(totals["slugs"]),
        tenants=tuple(_tenant(slug, list(kinds), items, troubled) for slug, kinds in of_tenants),
        oldest_at={Kind(row["kind"]): row["oldest_at"] for row in over_all},
        behind_at={Kind(row["kind"]): tuple(row["behind_at"] or ()) for row in over_all},
        statuses={TenantStatus(name): count for name, count in _decode_counts(totals["statuses"] or "{}").items()},
        workers=totals["workers"],
        leases=totals["leases"],
        expired=totals["expired"],
        waiting=totals["waiting"],
        waiting_since=totals["waiting_since"],
    )


def _tenant(
    slug: str,
    rows: Sequence[asyncpg.Record],
    items: dict[tuple[int, str], dict[str, int]],
    troubled: dict[tuple[int, str, str], dict[str, int]],
) -> TenantStanding:
    return TenantStanding(
        slug=slug,
        status=TenantStatus(rows[0]["status"]),
        kinds=tuple(
            KindStanding(
                kind=Kind(row["kind"]),
                oldest_at=row["oldest_at"],
                completed_at=row["completed_at"],
                every=row["every"],
                items=items.get((row["id"], row["kind"]), {}),
                scheduled=row["scheduled"],
                quarantined=troubled.get((row["id"], row["kind"], "quarantined"), {}),
                unconfirmed=sum(troubled.get((row["id"], row["kind"], "pending"), {}).values()),
            )
            for row in rows
        ),
    )
