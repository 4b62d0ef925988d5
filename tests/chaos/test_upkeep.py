"""What goes on beside passes must survive as well: hearing, sweeping, logging in."""

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

import asyncpg
import pytest

from rocksync.app import open_app
from rocksync.domain.errors import SettingsError, TenantError
from rocksync.domain.tenancy import Kind
from rocksync.postgres.listener import News, listening
from rocksync.postgres.schedules import Schedules
from tests.chaos.arena import through
from tests.chaos.proxy import proxying
from tests.worker.conftest import world  # noqa: F401 - a fixture
from tests.worker.waiting import until
from tests.worker.world import World


async def test_a_listener_whose_connection_is_swallowed_without_a_word_hears_again(
    database: str, pool: asyncpg.Pool
) -> None:
    port = urlsplit(database).port
    assert port is not None
    heard: list[News] = []

    async def has_heard(topic: str) -> bool:
        return topic in [news.topic for news in heard]

    async with proxying(port, "postgres") as proxy, listening(through(database, proxy.port), heard.append, check_s=0.3):
        await until(lambda: tells(pool, has_heard, "first"))
        proxy.strand()

        await until(lambda: has_heard("reconnected"), within_s=20)
        await until(lambda: tells(pool, has_heard, "second"))


async def tells(pool: asyncpg.Pool, has_heard, topic: str) -> bool:
    await pool.execute("SELECT pg_notify('rocksync', $1)", topic)
    return await has_heard(topic)


async def test_changes_of_a_tenant_that_is_not_served_stay_bounded_and_none_is_lost(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    await shop.simple("A", on_hand=1)
    await world.sync(shop)
    await shop.sql("UPDATE rocksync.tenant SET status = 'paused' WHERE id = $1")
    for units in range(3):
        await shop.sql("UPDATE store.stock SET on_hand = 5 + $2 WHERE tenant_id = $1", units)
        await shop.sql(
            "INSERT INTO rocksync.change (tenant_id, kind, key) SELECT $1, 'stock', 'A' FROM generate_series(1, 4000)"
        )
    oldest = await shop.sql("SELECT min(changed_at) FROM rocksync.change WHERE tenant_id = $1")

    await Schedules(world.pool, lease_s=60).sweep(keep_history_days=30, keep_orders_days=30)

    assert await shop.sql("SELECT count(*) FROM rocksync.change WHERE tenant_id = $1") == 1
    assert await shop.sql("SELECT min(changed_at) FROM rocksync.change WHERE tenant_id = $1") == oldest
    await shop.sql("UPDATE rocksync.tenant SET status = 'active' WHERE id = $1")
    await world.sync(shop, Kind.STOCK)
    assert shop.at_hub("A")["quantity"] == 7


async def test_a_token_that_the_hub_ends_fresh_from_login_does_not_stop_its_tenant(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    await shop.simple("A")
    world.hub.add_fault("revoked-tokensx1")

    await world.sync(shop)

    assert shop.at_hub("A")["quantity"] == 5
    assert await shop.sql("SELECT status FROM rocksync.tenant WHERE id = $1") == "active"


async def test_a_pass_that_knew_other_credentials_does_not_stop_its_tenant(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    await world.app.credentials.seal_inbox()
    [late] = await world.app.schedules.claim("late-1-a", 1, tenants=[shop.id], kinds=[Kind.STOCK])
    secrets = world.hub.account(shop.user).credentials
    await shop.sql(
        "INSERT INTO rocksync.credential_inbox VALUES ($1, $2, $3, $4, $5)",
        *(secrets.client_id, secrets.client_secret, secrets.api_user, secrets.api_secret),
    )
    await world.app.credentials.seal_inbox()

    await world.app.tenants.stop(late, TenantError("refused"))

    assert await shop.sql("SELECT status FROM rocksync.tenant WHERE id = $1") == "active"


async def test_new_credentials_are_used_at_once_even_by_a_worker_that_was_not_told(world: World) -> None:  # noqa: F811
    shop = await world.shop(api_secret="wrong")
    await shop.simple("A")
    await world.sync(shop)
    assert await shop.sql("SELECT status FROM rocksync.tenant WHERE id = $1") == "needs_credentials"
    secrets = world.hub.account(shop.user).credentials
    async with open_app(world.settings) as elsewhere:
        await shop.sql(
            "INSERT INTO rocksync.credential_inbox VALUES ($1, $2, $3, $4, $5)",
            *(secrets.client_id, secrets.client_secret, secrets.api_user, secrets.api_secret),
        )
        await elsewhere.credentials.seal_inbox()

    await world.sync(shop)

    assert shop.at_hub("A")["quantity"] == 5


async def test_a_clock_of_the_database_that_is_set_back_stops_nothing_for_long(world: World) -> None:  # noqa: F811
    shop = await world.shop()
    await shop.simple("A", on_hand=1)
    await world.sync(shop)
    await shop.sql("UPDATE store.stock SET on_hand = 5 WHERE tenant_id = $1")
    await shop.sql(
        "SELECT rocksync.fold($1, 'stock', (SELECT lease_token FROM rocksync.schedule"
        " WHERE tenant_id = $1 AND kind = 'stock'), 100)"
    )
    await shop.sql(
        "UPDATE rocksync.schedule SET due_at = due_at + interval '1 day', backoff_until = now() + interval '1 day',"
        " lease_worker = 'dead', leased_until = now() + interval '1 day' WHERE tenant_id = $1"
    )
    await shop.sql("UPDATE rocksync.item SET next_attempt_at = now() + interval '1 day' WHERE tenant_id = $1")

    schedules = Schedules(world.pool, lease_s=6)

    assert not await schedules.claim("living", 10)
    await schedules.sweep(keep_history_days=30, keep_orders_days=30)

    claimed = {lease.kind for lease in await schedules.claim("living", 10)}
    await schedules.leave("living")
    await world.sync(shop, Kind.STOCK)
    assert claimed == set(Kind)
    assert shop.at_hub("A")["quantity"] == 5


async def test_a_worker_whose_database_goes_away_while_it_starts_ends_with_one_line(world: World) -> None:  # noqa: F811
    port = urlsplit(world.database).port
    assert port is not None
    async with proxying(port, "postgres") as proxy:
        database = replace(world.settings.database, dsn=through(world.database, proxy.port))
        async with open_app(replace(world.settings, database=database)) as app:
            proxy.refusing = True
            proxy.cut()

            with pytest.raises(SettingsError, match="the database went away while the worker started"):
                await app.run(asyncio.Event())


@pytest.mark.parametrize("prepares", [False, True])
async def test_what_a_worker_is_suspended_in_the_middle_of_is_taken_over_when_its_lease_ends(
    world: World,  # noqa: F811
    prepares: bool,
) -> None:
    shop = await world.shop()
    await shop.simple("A")
    await world.app.credentials.seal_inbox()
    hasty = replace(world.settings, worker=replace(world.settings.worker, lease_s=1.0))
    stop = asyncio.Event()
    async with open_app(hasty) as suspended, open_app(hasty) as other:
        [lease] = await suspended.schedules.claim("suspended-1-a", 1, tenants=[shop.id], kinds=[Kind.STOCK])
        connection = await suspended.database.pool.acquire()
        await connection.execute("BEGIN")
        assert await connection.fetchval("SELECT rocksync.hold_lease($1, 'stock', $2)", shop.id, lease.token)
        if prepares:
            await connection.prepare("SELECT 1")

        async def is_taken_over() -> bool:
            token = await shop.sql("SELECT lease_token FROM rocksync.schedule WHERE tenant_id = $1 AND kind = 'stock'")
            return bool(token > lease.token)

        running = asyncio.create_task(other.run(stop))
        try:
            await until(is_taken_over, within_s=5)
        finally:
            stop.set()
            await running
