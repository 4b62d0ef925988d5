"""The worker as it runs: what is written by SQL reaches it without a restart, and it stops cleanly."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
import pytest

from rocksync.app import App, counting, new_metrics, open_app, watched
from rocksync.domain.tenancy import Kind
from rocksync.postgres.vault import Vault, key_id, new_key
from tests.worker.waiting import until
from tests.worker.world import KEY, Shop, World


@contextlib.asynccontextmanager
async def running(app: App) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(app.run(stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def quantity(shop: Shop, sku: str, expected: int) -> bool:
    product = shop.hub.product(shop.user, sku)
    return product is not None and product["quantity"] == expected


async def is_idle(world: World) -> bool:
    return not await world.pool.fetchval(
        "SELECT EXISTS (SELECT FROM rocksync.change) OR EXISTS (SELECT FROM rocksync.item WHERE state = 'pending')"
        " OR EXISTS (SELECT FROM rocksync.schedule WHERE lease_worker IS NOT NULL)"
    )


async def at_once(world: World) -> Shop:
    """A shop whose stocks are delivered as soon as they change; it has one product, A, with 5 units, at the hub."""
    shop = await world.shop()
    await shop.simple("A")
    await world.pool.execute("SELECT rocksync.set_schedule('loja', 'stock', 'immediate', NULL)")
    await until(lambda: quantity(shop, "A", 5))
    await until(lambda: is_idle(world))
    return shop


async def test_a_tenant_onboarded_by_sql_is_served_without_a_restart(world: World) -> None:
    async with running(world.app):
        shop = await world.shop(active=False)
        await shop.simple("A", on_hand=3)
        await world.pool.execute("SELECT rocksync.activate_tenant('loja')")

        await until(lambda: quantity(shop, "A", 3))

    assert await world.pool.fetchval("SELECT count(*) FROM rocksync.credential_inbox") == 0


async def test_an_immediate_schedule_delivers_a_change_at_once(world: World) -> None:
    async with running(world.app):
        shop = await at_once(world)

        await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1")

        await until(lambda: quantity(shop, "A", 8), within_s=5)


async def test_what_is_to_be_sent_at_once_has_a_slot_while_others_have_much_to_send(world: World) -> None:
    settings = replace(
        world.settings,
        worker=replace(world.settings.worker, concurrency=4, drain_s=0.1),
        pluggto=replace(world.settings.pluggto, timeout_s=60.0),
    )
    async with open_app(settings) as app, running(app):
        shop = await at_once(world)
        for n in range(4):
            other = await world.shop(f"outra-{n}")
            await other.simple(f"O{n}")
        await until(lambda: is_idle(world))
        world.hub.add_fault("stall=600@PUT /skus/{sku}")
        await shop.sql("UPDATE store.price SET price = 99 WHERE tenant_id <> $1")
        await world.pool.execute("SELECT rocksync.request_sync(slug, 'price') FROM rocksync.tenant")
        await until(lambda: prices_under_way(world, 3))

        await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1")
        await until(lambda: quantity(shop, "A", 8), within_s=5)

        assert await prices_under_way(world, 3)


async def test_a_worker_does_not_stand_still_while_more_is_due_than_it_has_slots(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    shops = [await world.shop(f"loja-{n}") for n in range(16)]
    for n, shop in enumerate(shops):
        await shop.simple(f"A{n}")
    await world.sync()
    monkeypatch.setattr("rocksync.sync.worker._POLL_S", 3600.0)
    settings = replace(world.settings, worker=replace(world.settings.worker, concurrency=4))
    async with open_app(settings) as app, running(app):
        for on_hand in range(10, 14):
            await world.pool.execute("UPDATE store.stock SET on_hand = $1", on_hand)
            await world.pool.execute(
                """SELECT rocksync.request_sync(t.slug, k.kind)
                     FROM rocksync.tenant t, unnest('{stock,price,product}'::text[]) AS k (kind)"""
            )
            await until(lambda: is_idle(world))

    assert {shop.at_hub(f"A{n}")["quantity"] for n, shop in enumerate(shops)} == {13}


async def prices_under_way(world: World, expected: int) -> bool:
    leased = "SELECT count(*) FROM rocksync.schedule WHERE kind = 'price' AND lease_worker IS NOT NULL"
    return await world.pool.fetchval(leased) == expected


async def test_a_change_is_found_by_the_poll_when_its_notification_is_lost(world: World) -> None:
    async with running(world.app):
        shop = await at_once(world)
        for n in range(3):
            await world.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'rocksync listener' AND datname = current_database()"
            )
            await shop.sql("UPDATE store.stock SET on_hand = $2 WHERE tenant_id = $1", 20 + n)

            await until(lambda n=n: quantity(shop, "A", 20 + n), within_s=5)


async def test_whoever_has_the_inbox_of_credentials_locked_holds_up_nothing_else(world: World) -> None:
    async with running(world.app):
        shop = await at_once(world)
        async with world.pool.acquire() as operator, operator.transaction():
            await operator.execute("LOCK TABLE rocksync.credential_inbox")
            await shop.sql("SELECT pg_notify('rocksync', 'credentials ' || $1::bigint)")
            for n in range(3):
                await shop.sql("UPDATE store.stock SET on_hand = $2 WHERE tenant_id = $1", 20 + n)

                await until(lambda n=n: quantity(shop, "A", 20 + n), within_s=5)


async def test_whoever_has_a_schedule_locked_holds_up_no_other(world: World) -> None:
    async with running(world.app):
        shop = await at_once(world)
        locked = await world.shop("presa")
        await world.pool.execute("SELECT rocksync.set_schedule('presa', 'stock', 'immediate', NULL)")
        waits = "SELECT due_at > now() FROM rocksync.schedule WHERE tenant_id = $1 AND kind = 'stock'"
        await until(lambda: locked.sql(waits))
        async with world.pool.acquire() as operator, operator.transaction():
            await operator.execute("SELECT rocksync.set_schedule('presa', 'stock', 'immediate', NULL)")
            await locked.simple("A")
            await shop.sql("UPDATE rocksync.schedule SET paused_until = now() WHERE tenant_id = $1 AND kind = 'price'")
            for n in range(3):
                await shop.sql("UPDATE store.stock SET on_hand = $2 WHERE tenant_id = $1", 20 + n)
                await until(lambda n=n: quantity(shop, "A", 20 + n), within_s=5)
            resumed = "SELECT paused_until IS NULL FROM rocksync.schedule WHERE tenant_id = $1 AND kind = 'price'"
            await until(lambda: shop.sql(resumed), within_s=5)


async def test_a_manual_kind_runs_only_on_request(world: World) -> None:
    async with running(world.app):
        shop = await world.shop()
        await world.pool.execute("SELECT rocksync.set_schedule('loja', 'stock', 'manual', NULL)")
        await shop.simple("A")
        await world.pool.execute("SELECT rocksync.request_sync('loja', 'product')")
        await until(lambda: quantity(shop, "A", 5))
        await shop.sql("UPDATE store.stock SET on_hand = 8 WHERE tenant_id = $1")
        await world.pool.execute("SELECT rocksync.request_sync('loja', 'price')")
        await until(lambda: completed(shop, Kind.PRICE))
        assert await quantity(shop, "A", 5)

        await world.pool.execute("SELECT rocksync.request_sync('loja', 'stock')")

        await until(lambda: quantity(shop, "A", 8))


async def completed(shop: Shop, kind: Kind) -> bool:
    return bool(
        await shop.sql(
            "SELECT requested_at IS NULL AND lease_worker IS NULL AND last_completed_at IS NOT NULL"
            " FROM rocksync.schedule WHERE tenant_id = $1 AND kind = $2",
            kind,
        )
    )


async def test_a_paused_tenant_gets_nothing_until_it_is_resumed(world: World) -> None:
    async with running(world.app):
        shop, other = await world.shop("um"), await world.shop("dois")
        await world.pool.execute("SELECT rocksync.pause_tenant('um', 'férias')")
        await shop.simple("A")
        await other.simple("A")
        await world.pool.execute("SELECT rocksync.request_sync('dois', 'product')")
        await until(lambda: quantity(other, "A", 5))
        assert world.hub.products(shop.user) == []

        await world.pool.execute("SELECT rocksync.resume_tenant('um')")

        await until(lambda: quantity(shop, "A", 5))


async def test_new_credentials_bring_a_stopped_tenant_back(world: World) -> None:
    async with running(world.app):
        shop = await world.shop(api_secret="errado")
        await shop.simple("A")

        async def is_stopped() -> bool:
            return bool(await shop.sql("SELECT status = 'needs_credentials' FROM rocksync.tenant WHERE id = $1"))

        await until(is_stopped)
        secrets = world.hub.account(shop.user).credentials
        await shop.sql(
            "INSERT INTO rocksync.credential_inbox VALUES ($1, $2, $3, $4, $5)",
            secrets.client_id,
            secrets.client_secret,
            secrets.api_user,
            secrets.api_secret,
        )

        await until(lambda: quantity(shop, "A", 5))


async def test_a_worker_that_lacks_a_key_fails_the_pass_and_leaves_the_tenant_to_those_that_have_it(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    shop = await world.shop()
    await shop.simple("A", on_hand=3)
    await world.app.credentials.seal_inbox()
    credentials = await world.app.credentials.get(shop.id)
    other = Vault([new_key()]).seal(shop.id, credentials)
    await shop.sql("UPDATE rocksync.credential SET sealed = $2 WHERE tenant_id = $1", other)

    await world.sync(shop)

    assert await shop.sql("SELECT status FROM rocksync.tenant WHERE id = $1") == "active"
    failure = await shop.sql("SELECT failure FROM rocksync.schedule WHERE tenant_id = $1 AND kind = 'order'")
    assert f"key {key_id(other).hex()}, which secrets.keys does not hold: add that key" in failure
    assert failure in {getattr(record, "detail", None) for record in caplog.records}
    await shop.sql(
        "UPDATE rocksync.credential SET sealed = $2 WHERE tenant_id = $1", Vault([KEY]).seal(shop.id, credentials)
    )
    await world.again(shop)
    assert await quantity(shop, "A", 3)


async def test_a_connection_lost_within_a_pass_is_told_as_that_and_the_pass_goes_on(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    waiting = """FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'rocksync'
                  AND wait_event_type = 'Lock' AND query NOT LIKE '%DELETE FROM rocksync.history%'"""
    async with running(world.app):
        shop = await world.shop()
        async with world.pool.acquire() as operator, operator.transaction():
            await operator.execute("LOCK TABLE rocksync.history")
            await shop.simple("A")
            await world.pool.execute("SELECT rocksync.request_sync('loja', 'product')")
            await until(lambda: world.pool.fetchval(f"SELECT count(pg_terminate_backend(pid)) {waiting}"))
            failure = "SELECT failure_reason, failure FROM rocksync.schedule WHERE failure IS NOT NULL"
            await until(lambda: world.pool.fetchrow(failure))
            assert tuple(await world.pool.fetchrow(failure) or ()) == (
                "pending",
                "the connection to the database was lost",
            )
        await world.pool.execute("UPDATE rocksync.schedule SET backoff_until = NULL")

        await until(lambda: quantity(shop, "A", 5))

    assert [record.msg for record in caplog.records if record.exc_info] == []


async def test_what_goes_wrong_is_logged_with_tenant_kind_and_reason(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(world.app):
        shop, wrong = await world.shop("um"), await world.shop("dois", api_secret="errado")
        await wrong.simple("A")
        await until(lambda: logged(caplog, "tenant_stopped", tenant="dois"))
        await world.pool.execute("SELECT rocksync.set_schedule('um', 'product', 'immediate')")
        world.hub.add_fault("outage")
        for sku in range(5):
            await shop.simple(f"A{sku}")
        await until(lambda: logged(caplog, "pass_failed", tenant="um", kind="product", reason="hub_unavailable"))


async def logged(caplog: pytest.LogCaptureFixture, event: str, **fields: str) -> bool:
    found = [record for record in caplog.records if record.getMessage() == event]
    return any(all(str(getattr(record, name)) == value for name, value in fields.items()) for record in found)


def logins(world: World) -> int:
    return sum(entry["route"] == "/oauth/token" for entry in world.hub.requests())


async def test_no_news_but_of_credentials_makes_a_tenant_log_in_again(world: World) -> None:
    async with running(world.app):
        shop = await world.shop()
        await shop.simple("A")
        await until(lambda: quantity(shop, "A", 5))
        await shop.sql("SELECT rocksync.set_schedule(slug, 'stock', 'immediate') FROM rocksync.tenant WHERE id = $1")
        before = logins(world)

        for on_hand in (6, 7, 8):
            await shop.sql("UPDATE rocksync.tenant SET name = name || '.' WHERE id = $1")
            await shop.sql("UPDATE store.stock SET on_hand = $2 WHERE tenant_id = $1", on_hand)
            await until(lambda on_hand=on_hand: quantity(shop, "A", on_hand))  # type: ignore[misc]

        assert logins(world) == before


async def test_a_worker_is_not_ready_while_the_database_takes_no_beat(world: World) -> None:
    settings = replace(world.settings, http=replace(world.settings.http, port=0))
    metrics = new_metrics(settings)
    async with watched(settings, world.app.database, metrics) as url, aiohttp.ClientSession() as session:
        counting(metrics).beaten("the database's disk is full")

        async with session.get(f"{url}/readyz") as reply:
            told = (reply.status, await reply.text())

    assert told == (503, "the database's disk is full\n")


@pytest.mark.parametrize("paused", ["tenant", "kind"])
async def test_a_pass_gives_way_when_it_is_paused_and_goes_on_when_that_is_over(world: World, paused: str) -> None:
    shop = await world.shop()
    for n in range(150):
        await shop.simple(f"P{n}")
    world.hub.add_fault("latency=0.2@products")
    async with running(world.app):
        await until(lambda: created(world, 10))

        if paused == "tenant":
            await world.pool.execute("SELECT rocksync.pause_tenant('loja', 'wrong prices')")
        else:
            await world.app.tenants.pause("loja", "wrong prices", kinds=[Kind.PRODUCT])

        await until(lambda: is_given_back(shop, Kind.PRODUCT), within_s=3)
        assert len(world.sent(method="POST")) < 150
        pending = "SELECT count(*) FROM rocksync.item WHERE tenant_id = $1 AND kind = 'product' AND state = 'pending'"
        assert await shop.sql(pending) == 150 - len(world.sent(method="POST"))

        world.hub.remove_faults()
        await world.pool.execute("SELECT rocksync.resume_tenant('loja')")
        await until(lambda: created(world, 150))

    assert len(world.sent(method="POST")) == 150


async def created(world: World, count: int) -> bool:
    return len(world.sent(method="POST")) >= count


async def is_given_back(shop: Shop, kind: Kind) -> bool:
    return bool(
        await shop.sql("SELECT lease_worker IS NULL FROM rocksync.schedule WHERE tenant_id = $1 AND kind = $2", kind)
    )
