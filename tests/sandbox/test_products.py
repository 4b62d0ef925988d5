from urllib.parse import quote

import pytest

from rocksync.sandbox.profile import PROFILES, parse_profile

NOT_UPDATED = {
    "error": True,
    "type": "not_updated",
    "message": "An error occurred, see details for more information.",
    "details": "Changes not found in the document",
}
SHIRT = {
    "sku": "PAI",
    "name": "Camiseta",
    "price": 59.9,
    "variations": [{"sku": "PAI-P", "quantity": 4, "price": 59.9}, {"sku": "PAI-M", "quantity": 0, "price": 59.9}],
}


async def test_a_created_product_is_shown_with_ids_and_nulls(hub, call):
    answer = await call("POST", "/products", {**SHIRT, "photos": [{"url": "https://img.example/1.jpg"}]})

    product = answer.body["Product"]
    assert answer.status == 201
    assert len(product["id"]) == 24
    assert product["ean"] is None
    assert product["variations"][0]["special_price"] is None
    assert product["inspected_fields"]["name"] == {"valid": True}
    assert product["user_id"] == "129"
    assert product["created"] == product["modified"] == "2026-05-28T20:26:40.000Z"


async def test_a_put_changes_what_it_names_and_nothing_else(hub, call):
    await call("POST", "/products", {"sku": "A", "name": "x", "price": 10.5, "quantity": 3})

    answer = await call("PUT", "/skus/A", {"name": "y", "dimension": {"weight": 1.5}})

    product = answer.body["Product"]
    assert (answer.status, product["name"], product["price"], product["quantity"]) == (200, "y", 10.5, 3)
    assert product["dimension"] == {"length": None, "width": None, "height": None, "weight": 1.5}


async def test_a_put_that_changes_nothing_is_not_updated(hub, call):
    await call("POST", "/products", SHIRT)
    hub.advance(5)

    answer = await call("PUT", "/skus/PAI", SHIRT)

    assert (answer.status, answer.body) == (400, NOT_UPDATED)
    assert hub.product(129, "PAI")["modified"] == "2026-05-28T20:26:40.000Z"


async def test_an_unknown_sku_is_404_unless_the_hub_upserts(hub, call):
    strict = await call("PUT", "/skus/A", {"sku": "A", "name": "x"})
    hub.profile = parse_profile("strict+upsert")
    upsert = await call("PUT", "/skus/A", {"sku": "A", "name": "x"})

    assert (strict.status, strict.body["type"]) == (404, "not_found")
    assert (upsert.status, upsert.body["Product"]["sku"]) == (200, "A")


@pytest.mark.parametrize("sku", ["A/B", "A B", "Calça-é", "007", "100%", "a+b", "..", "*", "tabledata", "x?y#z"])
async def test_any_sku_is_reached_when_it_is_percent_encoded(hub, call, sku):
    path = "/skus/" + quote(sku, safe="")
    created = await call("POST", "/products", {"sku": sku, "name": "x"})

    put = await call("PUT", path, {"sku": sku, "name": "y"})
    stock = await call("PUT", f"{path}/stock", {"action": "update", "quantity": 2})
    got = await call("GET", path)
    found = await call("GET", "/products?bysku=" + quote(sku, safe=""))

    assert [answer.status for answer in (created, put, stock, got, found)] == [201, 200, 200, 200, 200]
    assert (got.body["Product"]["sku"], got.body["Product"]["name"], got.body["Product"]["quantity"]) == (sku, "y", 2)
    assert found.body["total"] == 1


async def test_a_sku_with_a_slash_sent_as_it_is_is_not_found(call):
    await call("POST", "/products", {"sku": "A/B"})

    assert (await call("PUT", "/skus/A/B", {"name": "y"})).status == 404


async def test_a_sku_lives_once_in_an_account(call):
    await call("POST", "/products", SHIRT)

    clashes = [
        await call("POST", "/products", {"sku": "PAI"}),
        await call("POST", "/products", {"sku": "PAI-P"}),
        await call("POST", "/products", {"sku": "B", "variations": [{"sku": "PAI-M"}]}),
        await call("POST", "/products", {"sku": "B", "variations": [{"sku": "B"}]}),
        await call("POST", "/products", {"sku": "B", "variations": [{"sku": "C"}, {"sku": "C"}]}),
        await call("PUT", "/skus/PAI", {"variations": [{"sku": "PAI"}]}),
    ]

    assert [clash.status for clash in clashes] == [400] * 6
    assert "already exists" in clashes[0].body["details"]["message"]
    assert all(clash.body["type"] != "not_updated" for clash in clashes)


async def test_a_removed_variation_frees_its_sku(hub, call):
    await call("POST", "/products", SHIRT)
    await call("PUT", "/skus/PAI", {"variations": [{"sku": "PAI-M", "remove": True}]})

    reused = await call("POST", "/products", {"sku": "PAI-M"})

    assert reused.status == 201
    assert [row["sku"] for row in hub.product(129, "PAI")["variations"]] == ["PAI-P"]


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"name": None}, "name: must not be null"),
        ({"name": ""}, "name: must not be empty"),
        ({"photos": []}, "photos: must not be empty"),
        ({"sku": 7}, "sku: must be a string"),
        ({"nmae": "x"}, "nmae: unknown member"),
        ({"variations": [{"sku": "V", "colour": "x"}]}, "variations[0].colour: unknown member"),
        ({"variations": [{"name": "V"}]}, "variations.sku: is required"),
        ({"price": "10.50"}, "price: must be a number"),
        ({"price": 0}, "price: must be greater than 0"),
        ({"quantity": -1}, "quantity: must not be negative"),
        ({"quantity": 1.5}, "quantity: must be an integer"),
        ({"available": True}, "available: must be 0 or 1"),
        ({"id": "60c76e2c6c2d0b7c3fb20064"}, "id: unknown member"),
        ({"attributes": [{"id": "60c76e2c6c2d0b7c3fb20064"}]}, "attributes.id: names no stored element"),
        ({"sku": "OTHER"}, "sku: differs from the one in the path"),
        ({"price_table": [{"code": "c", "action": "double"}]}, "price_table[0].action: must be one of"),
    ],
)
async def test_a_strict_hub_refuses_a_wrong_member_and_names_it(hub, call, body, member):
    await call("POST", "/products", {"sku": "A", "name": "x"})

    answer = await call("PUT", "/skus/A", body)

    assert (answer.status, answer.body["type"]) == (400, "invalid_field")
    assert answer.body["details"].startswith(member)
    assert hub.product(129, "A")["name"] == "x"


async def test_a_refused_put_changes_nothing_at_all(hub, call):
    await call("POST", "/products", {"sku": "A", "name": "x"})
    before = dict(hub.product(129, "A"))

    await call("PUT", "/skus/A", {"name": "y", "brand": "b", "price": "1"})

    assert hub.product(129, "A") == before


async def test_a_body_must_be_a_json_object_and_say_so(call):
    await call("POST", "/products", {"sku": "A"})
    form = await call("PUT", "/skus/A", data={"name": "y"})
    array = await call("PUT", "/skus/A", [1])
    cut = await call("PUT", "/skus/A", data=b'{"name":', headers={"Content-Type": "application/json"})
    latin = await call("PUT", "/skus/A", data=b'{"name":"\xe9"}', headers={"Content-Type": "application/json"})

    assert [answer.status for answer in (form, array, cut, latin)] == [400] * 4


async def test_a_lenient_hub_takes_nulls_and_unknown_members(hub, call):
    hub.profile = PROFILES["lenient"]

    answer = await call("PUT", "/skus/A", {"name": None, "photos": None, "colour": "x", "price": "9.90"})

    assert (answer.status, answer.body["Product"]["price"]) == (200, "9.90")


async def test_stock_is_set_raised_and_lowered(hub, call):
    await call("POST", "/products", SHIRT)

    answers = [
        await call("PUT", "/skus/PAI-P/stock", {"action": action, "quantity": quantity, "sku": "PAI-P"})
        for action, quantity in (("update", 10), ("increase", 5), ("decrease", 3))
    ]

    assert [row.body["Product"]["variations"][0]["quantity"] for row in answers] == [10, 15, 12]
    assert answers[0].body["Product"]["sku"] == "PAI"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "update", "quantity": 4}, 400),
        ({"action": "decrease", "quantity": 5}, 400),
        ({"action": "update", "quantity": "5"}, 400),
        ({"action": "set", "quantity": 5}, 400),
        ({"quantity": 5}, 400),
        ({"action": "update"}, 400),
        ({"action": "update", "quantity": 5, "sku": "PAI"}, 400),
        ({"action": "update", "quantity": 5, "quantty": 1}, 400),
        ({"action": "update", "quantity": 0}, 200),
    ],
)
async def test_a_wrong_stock_update_is_refused(call, body, status):
    await call("POST", "/products", SHIRT)

    assert (await call("PUT", "/skus/PAI-P/stock", body)).status == status


async def test_stock_of_an_unknown_sku_is_404(call):
    assert (await call("PUT", "/skus/X/stock", {"action": "update", "quantity": 1})).status == 404


async def test_a_variation_has_no_address_of_its_own_unless_lenient(hub, call):
    await call("POST", "/products", SHIRT)
    strict = [await call(method, "/skus/PAI-P", {"name": "P"}) for method in ("GET", "PUT", "DELETE")]
    hub.profile = parse_profile("strict+variation_by_sku")

    lenient = await call("PUT", "/skus/PAI-P", {"name": "P"})

    assert [answer.status for answer in strict] == [404] * 3
    assert lenient.body["Product"]["variations"][0]["name"] == "P"


async def test_a_product_is_reached_by_id_too(call):
    product_id = (await call("POST", "/products", {"sku": "A"})).body["Product"]["id"]

    put = await call("PUT", f"/products/{product_id}", {"name": "y"})
    stock = await call("PUT", f"/products/{product_id}/stock", {"action": "update", "quantity": 3})
    got = await call("GET", f"/products/{product_id}")
    deleted = await call("DELETE", f"/products/{product_id}")
    gone = await call("GET", f"/products/{product_id}")

    assert [answer.status for answer in (put, stock, got, deleted, gone)] == [200, 200, 200, 200, 404]
    assert (got.body["Product"]["name"], got.body["Product"]["quantity"]) == ("y", 3)


async def test_a_deleted_sku_is_gone_with_its_variations(call):
    await call("POST", "/products", SHIRT)

    deleted = await call("DELETE", "/skus/PAI")
    again = await call("DELETE", "/skus/PAI")
    reused = await call("POST", "/products", {"sku": "PAI-P"})

    assert [answer.status for answer in (deleted, again, reused)] == [200, 404, 201]


async def test_a_description_of_200_kilobytes_is_stored(call):
    answer = await call("POST", "/products", {"sku": "A", "description": "ç" * 200_000})

    assert len(answer.body["Product"]["description"]) == 200_000


async def test_tabledata_is_a_light_list(call):
    await call("POST", "/products", SHIRT)

    rows = (await call("GET", "/products/tabledata")).body["Products"]

    assert rows[0]["sku"] == "PAI"
    assert [row["quantity"] for row in rows[0]["variations"]] == [4, 0]
