"""Do tables take more room than their rows? Each is compared with a fresh copy of itself while the round goes on."""

import asyncpg

from tests.chaos.arena import Arena

_DAY_S = 86_400.0
_TABLES = """
SELECT c.relname AS name FROM pg_class c
 WHERE c.relnamespace = 'rocksync'::regnamespace AND c.relkind = 'r'
 ORDER BY c.relname
"""
# As if a day of history passed in less: each row is as old as it will be when it may be deleted. What was blamed stays
# for the verdict.
_AGED = """
CREATE FUNCTION chaos.aged() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF NEW.action <> 'refuse' THEN
        NEW.at := NEW.at - {seconds} * interval '1 second';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER aged BEFORE INSERT ON rocksync.history FOR EACH ROW EXECUTE FUNCTION chaos.aged();
"""


async def keep_history_for(ring: Arena, seconds: float) -> None:
    """Where ``history.keep_days`` is 1: have history kept for so long only. Nothing may have been recorded yet."""
    await ring.patiently(lambda: ring.pool.execute(_AGED.format(seconds=_DAY_S - seconds)))


async def oldest_history_s(ring: Arena, seconds: float) -> float:
    """How long ago the oldest history was recorded, where it is kept for *seconds*."""
    age_s = await ring.sql(
        "SELECT extract(epoch FROM clock_timestamp() - min(at))::float8 FROM rocksync.history WHERE action <> 'refuse'"
    )
    return 0.0 if age_s is None else age_s - _DAY_S + seconds


async def slack(ring: Arena) -> dict[str, float]:
    """By table of rocksync, kilobytes that it takes beyond those of its rows and their indexes written anew."""
    return {f"{row['name']}_kb": (await _measured(ring, row["name"]))[0] for row in await ring.rows(_TABLES)}


async def history_kb(ring: Arena) -> float:
    """Kilobytes of history and its indexes, written anew."""
    return (await _measured(ring, "history"))[1]


async def _measured(ring: Arena, table: str) -> tuple[float, float]:
    """Kilobytes beyond its rows, and of these."""

    async def measured() -> tuple[float, float]:
        async with ring.pool.acquire() as connection, connection.transaction():
            return await _beside_a_copy(connection, table)

    found: tuple[float, float] = await ring.patiently(measured)
    return found


async def _beside_a_copy(connection: asyncpg.Connection, table: str) -> tuple[float, float]:
    await connection.execute(
        f"CREATE TEMP TABLE anew (LIKE rocksync.{table} INCLUDING INDEXES INCLUDING COMPRESSION) ON COMMIT DROP;"
        f"INSERT INTO anew SELECT * FROM rocksync.{table}"
    )
    takes: int = await connection.fetchval(f"SELECT pg_total_relation_size('rocksync.{table}')")
    anew: int = await connection.fetchval("SELECT pg_total_relation_size('anew')")
    return (takes - anew) / 1024, anew / 1024
