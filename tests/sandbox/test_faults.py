import json

import aiohttp
import pytest

from rocksync.sandbox.faults import FAULTS, Fault, Faults, parse_fault
from rocksync.sandbox.server import serve

PRODUCT = {"sku": "A", "name": "x", "price": 10.5, "brand": "b"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("429", Fault(name="429")),
        ("429:0.1", Fault(name="429", rate=0.1)),
        ("429-retry-after=3:0.5@stockx5", Fault(name="429-retry-after", value=3, rate=0.5, route="stock", count=5)),
        ("stall=0.2@PUT /skus/{sku}x2", Fault(name="stall", value=0.2, route="PUT /skus/{sku}", count=2)),
        ("5xx-html@orders", Fault(name="5xx-html", route="orders")),
        ("limit-cap-50", Fault(name="limit-cap-50")),
    ],
)
def test_a_fault_is_written_as_name_value_rate_route_and_count(text, expected):
    assert parse_fault(text) == expected


@pytest.mark.parametrize("text", ["503", "", "429:2", "429:often", "429x0", "stall=-1", "x5"])
def test_a_wrong_fault_is_refused_with_its_text(text):
    with pytest.raises(ValueError, match="fault") as caught:
        parse_fault(text)

    assert "\n" not in str(caught.value)


def test_a_wrong_name_is_answered_with_the_names_there_are():
    with pytest.raises(ValueError, match="drop-after-write"):
        parse_fault("dropped")


def test_strikes_follow_from_the_seed_whatever_the_interleaving():
    def struck(seed, requests):
        faults = Faults(seed, [parse_fault("429:0.5")])
        return sorted((path, turn) for turn, path in requests if faults.striking("PUT", "/skus/{sku}", path, 129))

    straight = [(turn, path) for path in ("/skus/a", "/skus/b") for turn in range(50)]
    mixed = [(turn, path) for turn in range(50) for path in ("/skus/b", "/skus/a")]

    assert struck(1, straight) == struck(1, mixed)
    assert struck(1, straight) != struck(2, straight)
    assert 30 < len(struck(1, straight)) < 70


async def test_a_counted_fault_strikes_so_many_times_on_its_route_only(hub, call):
    hub.add_fault("429@productsx2")

    answers = [await call("GET", path) for path in ("/orders", "/products", "/products", "/products")]

    assert [answer.status for answer in answers] == [200, 429, 429, 200]


async def test_a_fault_may_concern_one_account_only(hub, call):
    hub.add_account()
    hub.add_fault(Fault(name="429", account=130))

    mine = await call("GET", "/orders")
    await call.log_in(130)
    other = await call("GET", "/orders")

    assert (mine.status, other.status) == (200, 429)


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        ("429", 429, "application/json"),
        ("429-retry-after=3", 429, "application/json"),
        ("5xx-html", None, "text/html"),
        ("5xx-empty", None, "application/json"),
        ("5xx-json", 500, "application/json"),
        ("400", 400, "application/json"),
        ("redirect", 302, "application/json"),
        ("expired-tokens", 401, "application/json"),
        ("revoked-tokens", 401, "application/json"),
    ],
)
async def test_a_refused_write_is_not_made(hub, call, fault, status, content_type):
    hub.add_fault(fault)

    answer = await call("POST", "/products", PRODUCT)

    assert answer.status == status or (status is None and answer.status in {500, 502, 503, 504})
    assert answer.headers["Content-Type"].startswith(content_type)
    assert answer.headers.get("Retry-After") == ("3" if "=" in fault else None)
    assert hub.products(129) == []


async def test_an_expired_token_is_over_and_a_new_one_works(hub, call):
    hub.add_fault("expired-tokensx1")

    first = await call("GET", "/orders")
    same = await call("GET", "/orders")
    await call.log_in()
    fresh = await call("GET", "/orders")

    assert (first.status, same.status, fresh.status) == (401, 401, 200)


async def test_the_token_endpoint_fails_in_its_own_ways(hub, call):
    refresh = (await call.log_in()).body["refresh_token"]
    statuses = []
    for fault, form in (
        ("refused-credentials", {}),
        ("refused-refresh", {"grant_type": "refresh_token", "refresh_token": refresh}),
        ("no-access-token", {}),
        ("5xx-html@token", {}),
    ):
        hub.add_fault(fault)
        statuses.append((await call.log_in(**form)).status)
        hub.remove_faults()

    assert statuses[:3] == [400, 400, 200]
    assert statuses[3] >= 500
    assert call.token == ""


@pytest.mark.parametrize(
    ("fault", "stored"), [("outage", 0), ("stall=0.05", 0), ("drop-after-write", 1), ("cut-body", 1)]
)
async def test_a_connection_is_lost_before_or_after_the_write(hub, call, fault, stored):
    hub.add_fault(fault)

    with pytest.raises(aiohttp.ClientError):
        await call("POST", "/products", PRODUCT)

    assert len(hub.products(129)) == stored
    assert hub.requests()[-1]["status"] == 0


async def test_a_write_may_take_effect_after_the_next_request(hub, call):
    hub.add_fault("late-writesx1")

    with pytest.raises(aiohttp.ClientError):
        await call("POST", "/products", PRODUCT)
    stored = [len(hub.products(129))]
    await call("GET", "/orders")
    stored.append(len(hub.products(129)))

    assert stored == [0, 1]


async def test_a_write_may_take_effect_behind_a_502(hub, call):
    hub.add_fault("5xx-after-write")

    answer = await call("POST", "/products", PRODUCT)

    assert (answer.status, len(hub.products(129))) == (502, 1)


async def test_a_dropped_write_is_answered_but_not_stored(hub, call):
    await call("POST", "/products", PRODUCT)
    order = hub.market(129).create_order([{"sku": "A"}])
    before = json.dumps([hub.products(129), hub.orders(129)])
    hub.add_fault("dropped-writes")

    answers = [
        await call("POST", "/products", {"sku": "B"}),
        await call("PUT", "/skus/A", {"name": "y", "variations": [{"sku": "A-1"}]}),
        await call("PUT", "/skus/A/stock", {"action": "update", "quantity": 5}),
        await call("PUT", f"/orders/{order['id']}", {"status": "invoiced", "external": "E"}),
        await call("DELETE", "/skus/A"),
    ]
    hub.remove_faults()

    assert [answer.status for answer in answers] == [201, 200, 200, 200, 200]
    assert answers[1].body["Product"]["name"] == "y"
    assert json.dumps([hub.products(129), hub.orders(129)]) == before
    assert (await call("POST", "/products", {"sku": "A-1"})).status == 201


async def test_stale_lists_leave_out_what_is_new_while_reads_show_it(hub, call):
    product = (await call("POST", "/products", PRODUCT)).body["Product"]
    hub.add_fault("stale-lists=30")

    fresh = await call("GET", "/products?bysku=A")
    direct = await call("GET", f"/products/{product['id']}")
    hub.advance(31)
    later = await call("GET", "/products?bysku=A")

    assert (fresh.body["total"], direct.status, later.body["total"]) == (0, 200, 1)


@pytest.fixture
async def seven(hub, call):
    for number in range(7):
        await call("POST", "/products", {"sku": f"P{number}"})

    async def skus(query):
        rows = (await call("GET", f"/products?{query}")).body["result"]
        return [row["Product"]["sku"] for row in rows], rows[-1]["Product"]["id"] if rows else ""

    return skus


async def test_lists_misbehave_on_request(hub, seven):
    _, cursor = await seven("limit=3")

    hub.add_fault("ignored-filters")
    assert len((await seven("bysku=P1"))[0]) == 7
    hub.remove_faults()
    hub.add_fault("repeated-pages")
    assert (await seven(f"limit=3&next={cursor}"))[0] == ["P0", "P1", "P2"]
    hub.remove_faults("repeated-pages")
    hub.add_fault("short-pages")
    assert (await seven("limit=4"))[0] == ["P0", "P1"]


async def test_reordered_pages_are_in_no_order_but_lose_nothing(hub, seven):
    hub.add_fault("reordered-pages")
    found, cursor = await seven("limit=3")
    while cursor:
        page, cursor = await seven(f"limit=3&next={cursor}")
        found += page

    assert sorted(found) == [f"P{number}" for number in range(7)]
    assert found != sorted(found)


async def test_a_hub_may_cap_pages_at_50(hub, call):
    hub.add_fault("limit-cap-50")

    assert (await call("GET", "/products?limit=100")).body["limit"] == 50


async def test_shapes_are_bent_in_the_reply_only(hub, call):
    order = hub.market(129).create_order([{"sku": "A", "price": 3}])
    hub.market(129).add_shipment(order["id"], {"nfe_key": "35", "nfe_date": "2026-03-15T18:07:07.000Z"})
    path = f"/orders/{order['id']}"
    before = json.dumps(order)

    async def shown(fault):
        hub.remove_faults()
        hub.add_fault(fault)
        return (await call("GET", path)).body

    assert (await shown("strings-for-numbers"))["Order"]["items"][0]["price"] == "3.0"
    assert (await shown("unknown-status"))["Order"]["status"] == "quantum_review"
    assert isinstance((await shown("external-maps"))["Order"]["external"], dict)
    assert (await shown("hidden-externals"))["Order"]["external"] is None
    assert (await shown("reworded-invoices"))["Order"]["shipments"][0]["nfe_date"] == "2026-03-15"
    assert "x_new_member" in (await shown("unknown-members"))["Order"]["items"][0]
    assert (await shown("nulls"))["Order"]["id"] == order["id"]
    assert sum(value is None for value in (await shown("nulls"))["Order"].values()) > sum(
        value is None for value in order.values()
    )
    assert json.dumps(order) == before


@pytest.mark.parametrize("fault", ["not-json", "invalid-utf8", "empty-200", "deep-nesting", "huge-body=2"])
async def test_a_reply_may_be_no_reply(hub, call, fault):
    await call("POST", "/products", PRODUCT)
    hub.add_fault(fault)

    async with call.session.get(f"{hub.url}/skus/A", headers={"Authorization": f"Bearer {call.token}"}) as reply:
        raw = await reply.read()

    assert reply.status == 200
    if fault.startswith("huge-body"):
        assert len(raw) > 2 * 2**20
        assert json.loads(raw)["Product"]["sku"] == "A"
    else:
        with pytest.raises((ValueError, RecursionError)):
            json.loads(raw)


async def test_faults_given_at_the_start_are_in_force(call):
    async with serve(faults=["outage@orders"], seed=3) as hub, aiohttp.ClientSession() as session:
        hub.add_account()
        with pytest.raises(aiohttp.ClientError):
            await session.get(f"{hub.url}/orders")


def test_every_fault_says_what_it_does():
    assert all(text and "\n" not in text for text in FAULTS.values())
