from datetime import UTC, datetime

import pytest

from rocksync.sandbox.profile import PROFILES, parse_profile

DAY_S = 86_400


@pytest.fixture
async def skus(hub, call):
    """Return a function that lists SKUs; there are P0 to P119, one made a second, from 2026-05-28T20:26:41Z on."""
    for number in range(120):
        hub.advance(1)
        sent = {"sku": f"P{number}", "ean": f"789{number}", "brand": "odd" if number % 2 else "even"}
        hub.account(129).shelf.create(sent, hub.profile)

    async def skus(query=""):
        answer = await call("GET", f"/products{query}")
        assert answer.status == 200, answer.body
        return [row["Product"]["sku"] for row in answer.body["result"]], answer.body

    return skus


async def test_a_page_has_50_rows_by_default_and_100_at_most(skus):
    default, envelope = await skus()
    capped, wide = await skus("?limit=500")

    assert (len(default), envelope["limit"], envelope["showing"], envelope["total"]) == (50, 50, 50, 120)
    assert (len(capped), wide["limit"]) == (100, 100)


async def test_the_cursor_is_the_id_of_the_last_row(skus):
    found, cursor = [], ""
    while True:
        page, envelope = await skus(f"?limit=50{cursor}")
        if not page:
            break
        found += page
        cursor = f"&next={envelope['result'][-1]['Product']['id']}"

    assert found == [f"P{number}" for number in range(120)]


async def test_pages_are_numbered_from_1(skus):
    page, _ = await skus("?limit=50&page=3")

    assert page == [f"P{number}" for number in range(100, 120)]


async def test_a_cursor_survives_the_deletion_of_its_row(skus, call):
    _, envelope = await skus("?limit=10")
    await call("DELETE", "/skus/P9")

    following, _ = await skus(f"?limit=2&next={envelope['result'][-1]['Product']['id']}")

    assert following == ["P10", "P11"]


async def test_rows_are_filtered_by_sku_ean_attribute_and_date(skus):
    assert (await skus("?bysku=P7"))[0] == ["P7"]
    assert (await skus("?bysku=none"))[0] == []
    assert (await skus("?ean=7897"))[0] == ["P7"]
    assert len((await skus("?brand=odd&limit=100"))[0]) == 60
    assert (await skus("?modified=2026-05-28T20:26:41.000Zto2026-05-28T20:26:43.000Z"))[0] == ["P0", "P1", "P2"]
    assert (await skus("?created=2026-05-28"))[1]["total"] == 120
    assert (await skus("?created=2026-05-29"))[1]["total"] == 0


async def test_bysku_finds_the_parent_of_a_variation(call):
    await call("POST", "/products", {"sku": "PAI", "variations": [{"sku": "FILHO"}]})

    answer = await call("GET", "/products?bysku=FILHO")

    assert answer.body["result"][0]["Product"]["sku"] == "PAI"


async def test_the_last_bare_day_of_a_range_is_left_out_unless_the_hub_includes_it(hub, skus):
    strict = (await skus("?created=2026-05-27to2026-05-28"))[1]["total"]
    hub.profile = parse_profile("strict+end_day_inclusive")
    inclusive = (await skus("?created=2026-05-27to2026-05-28"))[1]["total"]

    assert (strict, inclusive) == (0, 120)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "page=-1", "created=28/05/2026", "colour=x", "next=a&page=2", "modified=9999-12-31"]
)
async def test_nonsense_is_refused_by_a_strict_hub_only(hub, call, query):
    strict = await call("GET", f"/products?{query}")
    hub.profile = PROFILES["lenient"]
    lenient = await call("GET", f"/products?{query}")

    assert (strict.status, lenient.status) == (400, 200)


async def test_orders_are_filtered_by_one_status_and_by_external(hub, call):
    market = hub.market(129)
    first = market.create_order([{"sku": "A"}], status="approved", original_id="X-1")
    market.create_order([{"sku": "A"}], status="pending")

    approved = await call("GET", "/orders?status=approved")
    both = await call("GET", "/orders?status=approved,pending")
    external = await call("GET", "/orders?external=X-1")
    hub.profile = parse_profile("strict+status_lists")
    listed = await call("GET", "/orders?status=approved,pending")

    assert [row["Order"]["id"] for row in approved.body["result"]] == [first["id"]]
    assert both.body["total"] == 0
    assert [row["Order"]["id"] for row in external.body["result"]] == [first["id"]]
    assert listed.body["total"] == 2


async def test_a_change_moves_an_order_into_a_later_window(hub, call):
    order = hub.market(129).create_order([{"sku": "A"}], status="pending")
    hub.advance(3 * DAY_S)
    hub.market(129).approve(order["id"])
    await call.log_in()
    today = datetime.fromtimestamp(hub.clock.now(), UTC).date()

    modified = await call("GET", f"/orders?modified={today}")
    created = await call("GET", f"/orders?created={today}")

    assert (modified.body["total"], created.body["total"]) == (1, 0)


async def test_total_may_be_what_is_left(hub, skus):
    hub.profile = parse_profile("strict+total_is_remaining")

    assert (await skus("?limit=50&page=2"))[1]["total"] == 70


async def test_an_empty_list_has_the_same_envelope(call):
    assert (await call("GET", "/orders?limit=100")).body == {"total": 0, "showing": 0, "limit": 100, "result": []}
