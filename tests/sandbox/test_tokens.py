import re

import pytest

from rocksync.sandbox.profile import parse_profile


async def test_a_password_grant_gives_an_hour_of_access(hub, call):
    answer = await call.log_in()

    assert answer.status == 200
    assert answer.body["expires_in"] == 3600
    assert re.fullmatch("[0-9a-f]{40}", answer.body["access_token"])
    assert set(answer.body) == {"token_type", "access_token", "expires_in", "refresh_token"}


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"password": "wrong"}, "invalid_grant"),
        ({"username": "nobody"}, "invalid_grant"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"grant_type": "client_credentials"}, "invalid_request"),
    ],
)
async def test_wrong_credentials_are_refused_with_400(call, changes, error):
    answer = await call.log_in(**changes)

    assert (answer.status, answer.body["code"], answer.body["error"]) == (400, 400, error)


async def test_a_token_request_in_json_is_refused(call):
    answer = await call("POST", "/oauth/token", {"grant_type": "password"})

    assert (answer.status, answer.body["error"]) == (400, "invalid_request")


async def test_a_refresh_token_works_once(call):
    first = (await call.log_in()).body["refresh_token"]

    fresh = await call.log_in(grant_type="refresh_token", refresh_token=first)
    again = await call.log_in(grant_type="refresh_token", refresh_token=first)
    rotated = await call.log_in(grant_type="refresh_token", refresh_token=fresh.body["refresh_token"])

    assert (fresh.status, again.status, rotated.status) == (200, 400, 200)


async def test_a_code_can_be_exchanged_once(hub, call):
    code = hub.tokens.issue_code(hub.account(129))

    once = await call.log_in(grant_type="authorization_code", code=code)
    twice = await call.log_in(grant_type="authorization_code", code=code)

    assert (once.status, twice.status) == (200, 400)


async def test_an_access_token_expires_after_an_hour(hub, call):
    before = await call("GET", "/products")
    hub.advance(3600)
    after = await call("GET", "/products")

    assert (before.status, after.status) == (200, 401)
    assert after.body["error"] == "invalid_token"


async def test_expiring_leaves_refresh_tokens_and_revoking_does_not(hub, call):
    refresh = (await call.log_in()).body["refresh_token"]
    hub.tokens.expire(hub.account(129))
    expired = await call("GET", "/orders")
    renewed = await call.log_in(grant_type="refresh_token", refresh_token=refresh)
    hub.tokens.revoke(hub.account(129))

    revoked = await call("GET", "/orders", headers={"Authorization": f"Bearer {renewed.body['access_token']}"})
    unrenewed = await call.log_in(grant_type="refresh_token", refresh_token=renewed.body["refresh_token"])

    assert (expired.status, renewed.status, revoked.status, unrenewed.status) == (401, 200, 401, 400)


async def test_a_token_goes_in_the_header_or_the_query_but_not_in_both(call):
    token, call.token = call.token, ""

    none = await call("GET", "/products")
    query = await call("GET", f"/products?access_token={token}")
    call.token = token
    both = await call("GET", f"/products?access_token={token}")
    call.token = "0" * 40
    unknown = await call("GET", "/products")

    assert (none.status, query.status, both.status, unknown.status) == (400, 200, 400, 401)


async def test_accounts_do_not_see_each_other(hub, call):
    hub.add_account()
    await call("POST", "/products", {"sku": "A"})
    await call.log_in(130)

    other = await call("GET", "/products")
    same_sku = await call("POST", "/products", {"sku": "A"})

    assert (other.body["total"], same_sku.status) == (0, 201)


async def test_a_lenient_hub_opens_an_account_for_new_credentials(hub, call):
    hub.profile = parse_profile("strict+open_accounts")

    opened = await call.log_in(client_id="new", client_secret="s", username="shop", password="p")
    wrong = await call.log_in(client_id="new", client_secret="s", username="shop", password="other")

    assert (opened.status, wrong.status) == (200, 400)
    assert hub.account_of("shop").user_id == 130


async def test_no_credential_is_kept_in_the_log(hub, call):
    await call.log_in()
    await call("GET", f"/products?access_token={call.token}", headers={"Authorization": ""})

    log = str(hub.requests())

    assert "user-secret-129" not in log
    assert call.token not in log
