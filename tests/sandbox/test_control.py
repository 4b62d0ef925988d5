import pytest


@pytest.fixture
async def control(hub, call):
    async def control(method, path, body=None):
        answer = await call(method, f"/_sandbox/{path}", body)
        return answer.status, answer.body

    return control


async def test_an_account_is_registered_and_found_by_id_or_api_user(control, call):
    credentials = {"client_id": "c", "client_secret": "s", "api_user": "shop@x", "api_secret": "t"}

    status, account = await control("POST", "accounts", {**credentials, "user_id": 500})
    logged_in = await call.log_in(client_id="c", client_secret="s", username="shop@x", password="t")

    assert (status, account["user_id"], logged_in.status) == (200, 500, 200)
    assert (await control("GET", "accounts/shop%40x"))[1] == (await control("GET", "accounts/500"))[1]
    assert (await control("POST", "accounts", {"user_id": 500}))[0] == 400
    assert "secret" not in str(await control("GET", "accounts"))


async def test_orders_are_played_from_outside(control, call):
    status, order = await control(
        "POST",
        "accounts/129/orders",
        {"items": [{"sku": "A", "quantity": 2}], "status": "pending", "channel": "Shopee"},
    )
    path = f"accounts/129/orders/{order['id']}"

    approved = await control("POST", f"{path}/approve", {"shipment": True})
    reviewed = await control("POST", f"{path}/status", {"status": "under_review"})
    canceled = await control("POST", f"{path}/cancel")
    changed = await control("PUT", path, {"receiver_city": "Olinda"})
    seen = await call("GET", f"/orders/{order['id']}")

    assert (status, order["channel"], order["items"][0]["quantity"]) == (200, "Shopee", 2)
    assert len(approved[1]["shipments"]) == 1
    assert [answer[1]["status"] for answer in (approved, reviewed, canceled)] == [
        "approved",
        "under_review",
        "canceled",
    ]
    assert seen.body["Order"] == changed[1] == (await control("GET", path))[1]


async def test_faults_are_put_in_and_out_of_force(control, call):
    status, fault = await control("POST", "faults", {"fault": "429:1@productsx9", "account": 129})
    struck = await call("GET", "/products")
    listed = (await control("GET", "faults"))[1]
    await control("DELETE", "faults/429")
    wrong = await control("POST", "faults", {"fault": "nonsense"})

    assert (status, fault["count"], struck.status) == (200, 9, 429)
    assert [row["struck"] for row in listed] == [1]
    assert (await control("GET", "faults"))[1] == []
    assert wrong[0] == 400
    assert "drop-after-write" in wrong[1]["error"]


async def test_tokens_clock_and_profile_are_changed_from_outside(control, call):
    await control("POST", "tokens/expire", {"account": 129})
    expired = await call("GET", "/orders")
    before = (await control("GET", "status"))[1]
    await control("POST", "clock", {"advance_s": 60})
    await control("PUT", "profile", {"name": "strict+upsert"})
    await call.log_in()

    after = (await control("GET", "status"))[1]

    assert expired.status == 401
    assert (before["now"][14:16], after["now"][14:16]) == ("26", "27")
    assert (await call("PUT", "/skus/A", {"name": "x"})).status == 200
    assert after["profile"] == "strict+upsert"
    assert (await control("PUT", "profile", {"name": "loose"}))[0] == 400


async def test_requests_are_logged_and_counted(hub, control, call):
    await call("POST", "/products", {"sku": "Ç/1"})
    await call("PUT", "/skus/%C3%87%2F1", {"name": "x"})

    (entry,) = (await control("GET", "requests?method=PUT&route=/skus/{sku}"))[1]
    counters = (await control("GET", "counters"))[1]

    assert (entry["path"], entry["status"], entry["body"]) == ("/skus/%C3%87%2F1", 200, {"name": "x"})
    assert (entry["account"], entry["at"]) == (129, "2026-05-28T20:26:40.000Z")
    assert {"method": "PUT", "route": "/skus/{sku}", "status": 200, "count": 1} in counters
    assert hub.count("PUT") == 1
    assert (await control("GET", f"requests?after={entry['number']}"))[1] == []


async def test_stored_products_are_read_from_outside(control, call):
    await call("POST", "/products", {"sku": "A/1"})

    assert (await control("GET", "accounts/129/products/A%2F1"))[1]["sku"] == "A/1"
    assert len((await control("GET", "accounts/129/products"))[1]) == 1
    assert (await control("GET", "accounts/129/products/B"))[0] == 404


async def test_a_reset_forgets_accounts_and_faults(hub, control, call):
    hub.add_fault("429")
    await control("POST", "reset")

    status = (await control("GET", "status"))[1]

    assert (status["accounts"], status["products"], (await control("GET", "faults"))[1]) == (0, 0, [])
    assert (await call.log_in()).status == 400


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "nothing", None, 404),
        ("GET", "accounts/999", None, 404),
        ("POST", "accounts", {"colour": 1}, 400),
        ("POST", "accounts/129/orders", {}, 404),
        ("POST", "accounts/129/orders/x/approve", None, 404),
        ("POST", "clock", {"advance_s": "soon"}, 400),
        ("POST", "clock", [1], 400),
    ],
)
async def test_a_wrong_control_request_is_refused(control, method, path, body, status):
    assert (await control(method, path, body))[0] == status
