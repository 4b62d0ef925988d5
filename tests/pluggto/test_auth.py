import asyncio
import logging
from dataclasses import replace

import pytest

from rocksync.domain.documents import StockDocument
from rocksync.domain.errors import PassError, TenantError
from rocksync.domain.reasons import Reason

from .conftest import TENANT, Open, World, of, simple


async def ask(world: World) -> None:
    assert await world.hub.product(TENANT, "NONE") is None


async def test_one_login_serves_many_requests(world: World) -> None:
    await asyncio.gather(*(ask(world) for _ in range(20)))

    assert world.logins() == [("password", "granted")]


async def test_a_token_is_refreshed_before_it_expires(world: World) -> None:
    await ask(world)
    world.now += 3600 - 61
    await ask(world)
    assert world.logins() == [("password", "granted")]

    world.now += 2
    await asyncio.gather(*(ask(world) for _ in range(5)))
    world.now += 3600
    await ask(world)

    assert world.logins() == [("password", "granted"), ("refresh_token", "granted"), ("refresh_token", "granted")]


async def test_a_refused_refresh_falls_back_to_the_password(opened: Open) -> None:
    async with opened(faults=("refused-refresh",)) as world:
        await ask(world)
        world.now += 3600
        await ask(world)

        assert world.logins() == [("password", "granted"), ("refresh_token", "refused"), ("password", "granted")]


@pytest.mark.parametrize("revoke", [False, True])
async def test_a_token_that_ends_in_mid_pass_costs_one_login(world: World, revoke: bool) -> None:
    await world.hub.put_product(TENANT, simple(), None, full=False)
    (world.sandbox.tokens.revoke if revoke else world.sandbox.tokens.expire)(world.account)

    await asyncio.gather(
        *(
            world.hub.put_stock(TENANT, StockDocument(key="PANELA-1", product_sku=f"p{n}", payload={"quantity": n}))
            for n in range(5)
        )
    )

    assert world.logins() == [("password", "granted"), ("password", "granted")]


async def test_a_fresh_token_that_is_refused_stops_the_tenant(opened: Open) -> None:
    async with opened(faults=("revoked-tokens",)) as world:
        results = await asyncio.gather(*(ask(world) for _ in range(10)), return_exceptions=True)

        assert all(isinstance(result, TenantError) for result in results)
        assert len(world.logins()) <= 3


async def test_a_hub_may_end_two_fresh_tokens_in_a_row(opened: Open) -> None:
    async with opened(faults=("revoked-tokensx2",)) as world:
        began = world.now
        await ask(world)

        assert world.logins() == [("password", "granted")] * 3
        assert world.now - began >= 5, "a hub that knows its new tokens late is given time"


async def test_the_third_fresh_token_refused_stops_the_tenant_at_once_although_one_served_before(world: World) -> None:
    await ask(world)
    world.sandbox.add_fault("expired-tokens")

    with pytest.raises(TenantError):
        await ask(world)
    assert world.logins() == [("password", "granted")] * 4


async def test_refusals_count_no_more_once_a_token_was_good(opened: Open) -> None:
    async with opened(faults=("refused-refresh", "expired-tokensx2")) as world:
        await ask(world)
        world.now += 3600
        world.sandbox.add_fault("expired-tokensx1")

        await ask(world)


async def test_refused_credentials_stop_the_tenant_with_few_logins(world: World) -> None:
    good = world.credentials[1]
    world.credentials[1] = replace(good, api_secret="wrong-and-secret")

    results = await asyncio.gather(*(ask(world) for _ in range(50)), return_exceptions=True)

    assert all(isinstance(r, TenantError) and r.reason is Reason.NEEDS_CREDENTIALS for r in results)
    assert world.logins() == [("password", "refused")]
    assert "secret" not in "".join(map(repr, results))

    world.credentials[1] = good
    await ask(world)


@pytest.mark.parametrize("secret", [None, "wrong"])
async def test_a_login_that_was_under_way_when_its_credentials_were_replaced_counts_for_nothing(
    opened: Open, secret: str | None
) -> None:
    async with opened(faults=("5xx-html@tokenx1",)) as world:
        other = world.sandbox.add_account()
        if secret is not None:
            world.credentials[1] = replace(world.credentials[1], api_secret=secret)

        def replaced() -> None:
            world.credentials[1] = of(other)
            world.client.forget(TENANT.id)

        world.meanwhile = replaced
        await ask(world)

        assert world.logins() == [("password", "refused" if secret else "granted"), ("password", "granted")]
        assert {entry["account"] for entry in world.sandbox.requests(method="GET")} == {other.user_id}


async def test_a_tenant_without_credentials_is_stopped_without_a_request(world: World) -> None:
    world.credentials.clear()

    with pytest.raises(TenantError):
        await ask(world)
    assert world.exchanges() == []


async def test_a_login_answered_without_a_token_stops_the_pass_only(opened: Open) -> None:
    async with opened(faults=("no-access-token",)) as world:
        results = await asyncio.gather(*(ask(world) for _ in range(5)), return_exceptions=True)

        assert all(isinstance(result, PassError) for result in results)
        assert len(world.logins()) == 1


async def test_a_login_is_tried_again_when_the_hub_stumbles(opened: Open) -> None:
    async with opened(faults=("5xx-html@tokenx1", "drop-after-write@tokenx1", "outage@tokenx1")) as world:
        await ask(world)

        assert world.logins() == [("password", "granted")]


async def test_pinging_logs_in_and_tells_the_skew_of_the_clock(world: World) -> None:
    skew_s = await world.hub.ping(TENANT)

    assert skew_s is not None
    assert abs(skew_s) < 5
    assert world.exchanges() == [("POST", "/oauth/token", 200)]


async def test_pinging_with_wrong_credentials_says_so(world: World) -> None:
    world.credentials[1] = replace(world.credentials[1], client_secret="wrong")

    with pytest.raises(TenantError, match="casa-da-panela"):
        await world.hub.ping(TENANT)


async def test_no_secret_is_in_an_address_a_log_or_an_error(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened(faults=("cut-body:0.3", "5xx-html:0.3", "invalid-utf8:0.2")) as world:
        errors = []
        for number in range(10):
            try:
                await world.hub.put_product(TENANT, simple(f"A{number}"), None, full=False)
            except PassError as error:
                errors.append(repr(error) + repr(error.__cause__))
                world.now += 120
        known = world.credentials[1]
        told = "".join(errors) + caplog.text + "".join(entry["path"] for entry in world.sandbox.requests())
        told += repr(known) + repr(world.facts)

        for secret in (known.client_secret, known.api_secret, *world.sandbox.tokens._access):
            assert secret not in told
