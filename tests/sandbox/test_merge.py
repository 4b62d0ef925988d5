import pytest

from rocksync.sandbox.profile import parse_profile

ATTRIBUTE = {"code": "cor", "label": "Cor", "value": {"code": "azul", "label": "Azul"}}
PHOTO = {"url": "https://img.example/1.jpg", "external": "https://img.example/1.jpg", "order": 0}


@pytest.fixture
async def put(call):
    """Change product A and return it, or None if nothing changed."""
    await call("POST", "/products", {"sku": "A", "name": "x"})

    async def put(**members):
        answer = await call("PUT", "/skus/A", {"sku": "A", **members})
        assert answer.status == 200 or answer.body["type"] == "not_updated", answer.body
        return answer.body.get("Product")

    return put


@pytest.mark.parametrize("array", ["price_table", "stock_table"])
async def test_tables_merge_by_code(put, array):
    first = (await put(**{array: [{"code": "b2w", "price": 10}, {"code": "x", "price": 1}]}))[array]
    changed = (await put(**{array: [{"code": "b2w", "special_price": 8}]}))[array]
    left = (await put(**{array: [{"code": "x", "remove": True}]}))[array]

    assert [row["id"] for row in changed] == [row["id"] for row in first]
    assert (changed[0]["price"], changed[0]["special_price"]) == (10, 8)
    assert [row["code"] for row in left] == ["b2w"]


async def test_attributes_merge_by_id_and_those_without_one_by_code(put):
    first = (await put(attributes=[ATTRIBUTE]))["attributes"][0]

    same = await put(attributes=[ATTRIBUTE])
    by_code = (await put(attributes=[{**ATTRIBUTE, "value": {"code": "verde", "label": "Verde"}}]))["attributes"]
    by_id = (await put(attributes=[{"id": first["id"], "value": {"code": "rosa", "label": "Rosa"}}]))["attributes"]
    none = (await put(attributes=[{"id": first["id"], "remove": True}]))["attributes"]

    assert same is None
    assert [(row["id"], row["value"]["code"]) for row in by_code] == [(first["id"], "verde")]
    assert [(row["id"], row["value"]["code"]) for row in by_id] == [(first["id"], "rosa")]
    assert none == []


async def test_attributes_merge_by_id_alone_on_request(hub, put):
    hub.profile = parse_profile("strict+attributes_by_id")
    first = (await put(attributes=[ATTRIBUTE]))["attributes"][0]

    twice = (await put(attributes=[ATTRIBUTE]))["attributes"]
    by_id = (await put(attributes=[{"id": first["id"], "value": {"code": "rosa", "label": "Rosa"}}]))["attributes"]
    left = (await put(attributes=[{"id": first["id"], "remove": True}]))["attributes"]

    assert [row["code"] for row in twice] == ["cor", "cor"]
    assert [row["value"]["code"] for row in by_id] == ["rosa", "azul"]
    assert left == [by_id[1]]


async def test_categories_merge_by_id_or_name(hub, put):
    paths = ["Casa", "Casa > Cozinha", "Casa > Cozinha > Panelas"]
    first = (await put(categories=[{"name": name} for name in paths]))["categories"]

    same = await put(categories=[{"name": "Casa"}])
    renamed = (await put(categories=[{"id": first[2]["id"], "name": "Casa > Bar"}]))["categories"]
    less = (await put(categories=[{"name": "Casa > Cozinha", "remove": True}]))["categories"]
    hub.profile = parse_profile("strict+category_subtree")
    none = (await put(categories=[{"id": first[0]["id"], "remove": True}]))["categories"]

    assert same is None
    assert [row["name"] for row in renamed] == ["Casa", "Casa > Cozinha", "Casa > Bar"]
    assert [row["name"] for row in less] == ["Casa", "Casa > Bar"]
    assert none == []


async def test_a_photo_is_stored_under_another_url_and_known_by_its_source(put):
    stored = (await put(photos=[PHOTO]))["photos"][0]

    same = await put(photos=[PHOTO])
    by_stored_url = (await put(photos=[{"url": stored["url"], "order": 3}]))["photos"]

    assert stored["url"].startswith("https://s3-sa-east-1.amazonaws.com/pluggto/129/")
    assert stored["external"] == PHOTO["url"]
    assert same is None
    assert [(row["id"], row["order"]) for row in by_stored_url] == [(stored["id"], 3)]


async def test_a_photo_without_external_is_known_by_its_url(put):
    stored = (await put(photos=[{"url": "https://img.example/1.jpg"}]))["photos"][0]

    assert stored["external"] == "https://img.example/1.jpg"
    assert await put(photos=[{"url": "https://img.example/1.jpg"}]) is None


async def test_another_url_under_the_same_external_is_fetched_anew(put):
    first = (await put(photos=[{"url": "https://img.example/1.jpg", "external": "main"}]))["photos"][0]

    again = (await put(photos=[{"url": "https://img.example/2.jpg", "external": "main"}]))["photos"]

    assert [row["id"] for row in again] == [first["id"]]
    assert again[0]["url"] != first["url"]


async def test_photos_left_out_stay_and_removed_ones_go(put):
    other = {"url": "https://img.example/2.jpg", "external": "https://img.example/2.jpg"}
    await put(photos=[PHOTO, other])

    unchanged = await put(photos=[other])
    left = (await put(photos=[{"url": PHOTO["url"], "remove": True}]))["photos"]

    assert unchanged is None
    assert [row["external"] for row in left] == [other["external"]]


async def test_removing_and_adding_a_photo_in_one_put_downloads_it_again(put):
    first = (await put(photos=[PHOTO]))["photos"][0]

    again = (await put(photos=[{"url": PHOTO["url"], "remove": True}, PHOTO]))["photos"]

    assert [row["external"] for row in again] == [PHOTO["url"]]
    assert again[0]["id"] != first["id"]


async def test_removing_what_is_not_there_changes_nothing(put):
    assert await put(variations=[{"sku": "NONE", "remove": True}]) is None


async def test_variations_merge_by_sku_with_their_own_arrays(put):
    await put(variations=[{"sku": "A-1", "price": 5, "attributes": [ATTRIBUTE]}, {"sku": "A-2"}])

    rows = (await put(variations=[{"sku": "A-1", "ean": "789"}, {"sku": "A-3"}]))["variations"]

    assert [row["sku"] for row in rows] == ["A-1", "A-2", "A-3"]
    assert (rows[0]["price"], rows[0]["ean"], rows[0]["attributes"][0]["code"]) == (5, "789", "cor")
    assert len({row["id"] for row in rows}) == 3
