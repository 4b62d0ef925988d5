import asyncio

import asyncpg

from rocksync.postgres.schedules import Schedules

TENANT = "SELECT rocksync.add_tenant($1, 'Loja', $1 || '.example', 'client', 'secret', 'user', 'pass')"
OVER = "UPDATE rocksync.tenant SET status = 'paused', paused_until = now()"


async def test_pauses_that_are_over_end_beside_a_tenant_and_a_kind_that_somebody_has_locked(
    pool: asyncpg.Pool, connection: asyncpg.Connection
) -> None:
    locked, free = [await pool.fetchval(TENANT, slug) for slug in ("a", "b")]
    await pool.execute(OVER)
    await pool.execute("UPDATE rocksync.schedule SET paused_until = now()")
    async with connection.transaction():
        await connection.execute("SELECT FROM rocksync.tenant WHERE id = $1 FOR UPDATE", locked)
        await connection.execute("SELECT FROM rocksync.schedule WHERE tenant_id = $1 FOR UPDATE", locked)

        async with asyncio.timeout(2):
            await Schedules(pool, lease_s=60).resume_paused()

    rows = await pool.fetch("SELECT id, status FROM rocksync.tenant ORDER BY id")
    assert [tuple(row) for row in rows] == [(locked, "paused"), (free, "active")]
    still = await pool.fetch("SELECT DISTINCT tenant_id FROM rocksync.schedule WHERE paused_until IS NOT NULL")
    assert [row["tenant_id"] for row in still] == [locked]
