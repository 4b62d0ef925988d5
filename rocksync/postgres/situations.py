"""What is kept around one SKU or order, for those who ask why. Reads only."""

from collections.abc import Mapping
from typing import Any

import asyncpg
import msgspec

from rocksync import sql
from rocksync.domain.errors import MisuseError
from rocksync.domain.explanation import ItemSituation, KindSituation, Situation
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind, Mode, TenantId, TenantStatus

_QUERIES = sql.load("rocksync.postgres", "situations.sql")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def situation(pool: asyncpg.Pool, tenant: TenantId, keys: Mapping[Kind, str]) -> Situation:
    """Return what is kept of the items of *keys* and of what they depend on. Raises: MisuseError."""
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        of_tenant = await connection.fetchrow(_QUERIES.tenant, tenant)
        kinds = await connection.fetch(_QUERIES.kinds, tenant)
        items = await connection.fetch(_QUERIES.items, tenant, list(keys), list(keys.values()))
    if of_tenant is None:
        raise MisuseError("the tenant was removed meanwhile")
    return Situation(
        status=TenantStatus(of_tenant["status"]),
        status_reason=of_tenant["status_reason"],
        workers=of_tenant["workers"],
        is_sealing=of_tenant["is_sealing"],
        kinds={Kind(row["kind"]): _kind(row) for row in kinds},
        items={Kind(row["kind"]): _item(row) for row in items if row["state"] is not None},
        changed=frozenset(Kind(row["kind"]) for row in items if row["is_changed"]),
    )


def _kind(row: asyncpg.Record) -> KindSituation:
    return KindSituation(
        mode=Mode(row["mode"]),
        is_requested=row["is_requested"],
        is_running=row["is_running"],
        due_at=row["due_at"],
        backoff_until=row["backoff_until"],
        failure=row["failure"],
        failure_reason=Reason(row["failure_reason"]) if row["failure_reason"] else None,
        is_paused=row["is_paused"],
        paused_reason=row["paused_reason"],
        mapper_version=row["mapper_version"],
    )


def _item(row: asyncpg.Record) -> ItemSituation:
    return ItemSituation(
        key=row["key"],
        state=row["state"],
        reason=Reason(row["reason"]),
        detail=row["detail"],
        revision=row["revision"],
        resend=row["resend"],
        attempts=row["attempts"],
        changed_at=row["changed_at"],
        next_attempt_at=row["next_attempt_at"],
        attempted_at=row["attempted_at"],
        accepted=_decode(row["accepted"]) if row["accepted"] else None,
        accepted_at=row["accepted_at"],
        is_changed=row["is_changed"],
    )
