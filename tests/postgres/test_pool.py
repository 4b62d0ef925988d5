import asyncio
import datetime
import socket
from decimal import Decimal
from urllib.parse import urlsplit

import asyncpg
import pytest

from rocksync.domain.errors import SettingsError
from rocksync.postgres.pool import connect, open_pool


async def complaint(dsn: str) -> str:
    with pytest.raises(SettingsError) as caught:
        await open_pool(dsn, size=2, application_name="test")
    assert caught.value.__cause__ is None
    return str(caught.value)


async def test_values_come_as_decimal_json_text_and_utc(empty_database: str):
    pool = await open_pool(empty_database, size=2, application_name="a test")
    try:
        row = await pool.fetchrow("""SELECT 1.10::numeric AS money, '{"a": 1}'::jsonb AS document, now() AS at""")

        assert (row["money"], str(row["money"])) == (Decimal("1.10"), "1.10")
        assert row["document"] == '{"a": 1}'
        assert row["at"].utcoffset() == datetime.timedelta(0)
        assert await pool.fetchval("SHOW timezone") == "UTC"
        assert await pool.fetchval("SHOW application_name") == "a test"
    finally:
        await pool.close()


async def test_a_database_may_isolate_transactions_more_by_default(
    empty_database: str, server: asyncpg.Connection
) -> None:
    name = urlsplit(empty_database).path.lstrip("/")
    await server.execute(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'")

    pool = await open_pool(empty_database, size=2, application_name="test")
    alone = await connect(empty_database, application_name="test")
    try:
        assert await pool.fetchval("SHOW transaction_isolation") == "read committed"
        assert await alone.fetchval("SHOW transaction_isolation") == "read committed"
    finally:
        await alone.close()
        await pool.close()


async def test_a_wrong_password_is_told_without_it(empty_database: str):
    wrong = empty_database.replace(urlsplit(empty_database).password or "", "a-wrong-secret")

    told = await complaint(wrong)

    assert "refuses the user or password: correct database.dsn" in told
    assert "a-wrong-secret" not in told


async def test_a_missing_database_is_told(empty_database: str):
    told = await complaint(f"{empty_database}_missing")

    assert "has no such database: create it" in told
    assert (urlsplit(empty_database).password or "") not in told


async def test_a_lack_of_connections_is_told_with_the_setting_that_they_follow(
    empty_database: str, server: asyncpg.Connection
):
    at = urlsplit(empty_database)
    role = f"crowded_{at.path.lstrip('/')}"
    await server.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD 'p' CONNECTION LIMIT 0")
    try:
        told = await complaint(at._replace(netloc=f"{role}:p@{at.netloc.rpartition('@')[2]}").geturl())
    finally:
        await server.execute(f'DROP ROLE "{role}"')

    assert told.endswith("has no free connection: raise its max_connections, or lower database.pool_size")


async def test_an_unreachable_server_is_told():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]

        told = await complaint(f"postgresql://me:a-secret@127.0.0.1:{port}/shop")

    assert told.startswith(f"the database shop at 127.0.0.1:{port} cannot be reached")
    assert "a-secret" not in told


@pytest.mark.parametrize(
    "dsn",
    [
        "a-secret",
        "postgresql://me:a-secret@host:port/db",
        "mysql://me:a-secret@127.0.0.1/db",
        "postgresql://me:a-secret@[::1/db",
    ],
)
async def test_text_that_is_no_dsn_is_told_without_quoting_it(dsn: str):
    told = await complaint(dsn)

    assert "correct database.dsn" in told
    assert "a-secret" not in told


async def test_a_cancellation_stays_one_although_the_connection_is_lost_in_its_wake(pool: asyncpg.Pool) -> None:
    begun = asyncio.Event()
    held: list[asyncpg.pool.PoolConnectionProxy] = []

    async def write() -> None:
        async with pool.acquire() as connection, connection.transaction():
            held.append(connection)
            await connection.execute("SELECT 1")
            begun.set()
            await connection.execute("SELECT pg_sleep(60)")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(write())
        await begun.wait()
        await asyncio.sleep(0)  # the long statement is on its way
        task.cancel()
        held[0].terminate()  # rolling back finds no connection any more

    assert task.cancelled()
