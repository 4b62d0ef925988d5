import asyncio
from dataclasses import replace
from decimal import Decimal

import msgspec
import pytest

from rocksync.domain.documents import PriceDocument, ProductDocument, StockDocument
from rocksync.domain.errors import ItemError, MissingAtHubError, PassError
from rocksync.domain.reasons import Reason

from .conftest import TENANT, Open, World, offer, simple, varied

_encode = msgspec.json.Encoder(decimal_format="number").encode


def accepted(document: ProductDocument) -> dict:
    return msgspec.json.decode(_encode(document.payload))


def changed(document: ProductDocument, **members: object) -> ProductDocument:
    return replace(document, payload={**document.payload, **members})


async def test_a_new_product_is_put_then_posted_with_its_price_and_stock(world: World) -> None:
    delivery = await world.hub.put_product(TENANT, simple(), None, full=False)

    shown = world.shown("PANELA-1")
    assert world.exchanges()[1:] == [("PUT", "/skus/{sku}", 404), ("POST", "/products", 201)]
    assert (delivery.action, delivery.status) == ("create", 201)
    assert (shown["price"], shown["special_price"], shown["quantity"]) == (129.9, 99.9, 12)
    assert [(created.sku, created.stock) for created in delivery.created] == [("PANELA-1", {"quantity": 12})]
    assert delivery.created[0].price == {"price": Decimal("129.90"), "special_price": Decimal("99.90")}


async def test_without_a_promotion_the_special_price_equals_the_price(world: World) -> None:
    await world.hub.put_product(TENANT, varied(), None, full=False)

    assert [(row["price"], row["special_price"]) for row in world.shown("CAMISETA")["variations"]] == [(59.9, 59.9)] * 2


async def test_an_upserting_hub_needs_one_request(opened: Open) -> None:
    async with opened("strict+upsert") as world:
        delivery = await world.hub.put_product(TENANT, varied(), None, full=False)

        assert world.exchanges()[1:] == [("PUT", "/skus/{sku}", 200)]
        assert [created.sku for created in delivery.created] == ["CAMISETA-P", "CAMISETA-M"]


async def test_an_update_carries_no_price_no_stock_and_no_equal_array(world: World) -> None:
    first = simple()
    await world.hub.put_product(TENANT, first, None, full=False)

    delivery = await world.hub.put_product(TENANT, changed(first, name="Nova"), accepted(first), full=False)

    sent = world.bodies("PUT", "/skus/{sku}")[-1]
    assert set(sent) == {"sku", "name", "description", "available", "dimension"}
    assert (delivery.action, delivery.created) == ("update", ())
    assert world.exchanges()[-1] == ("PUT", "/skus/{sku}", 200)


async def test_repeating_what_the_hub_holds_is_a_success(world: World) -> None:
    first = simple()
    await world.hub.put_product(TENANT, first, None, full=False)

    delivery = await world.hub.put_product(TENANT, first, accepted(first), full=True)

    assert (delivery.action, delivery.status) == ("unchanged", 400)


async def test_what_left_the_store_is_removed_and_what_others_added_stays(world: World) -> None:
    first = simple()
    await world.hub.put_product(TENANT, first, None, full=False)
    shown = world.shown("PANELA-1")
    shown["categories"].append({"name": "Ofertas", "id": "feedfeedfeedfeedfeedfeed"})
    attributes = [{"code": "cor", "label": "Cor", "value": {"code": "Preto", "label": "Preto"}}]

    document = changed(
        first,
        attributes=attributes,
        categories=[{"name": "Casa"}],
        photos=[{"url": "https://img.example/2.jpg", "external": "https://img.example/2.jpg", "order": 0}],
    )
    await world.hub.put_product(TENANT, document, accepted(first), full=False)

    shown = world.shown("PANELA-1")
    assert [(row["code"], row["value"]["code"]) for row in shown["attributes"]] == [("cor", "Preto")]
    assert [row["name"] for row in shown["categories"]] == ["Casa", "Ofertas"]
    assert [row["external"] for row in shown["photos"]] == ["https://img.example/2.jpg"]


async def test_what_is_to_be_removed_is_not_said_to_be_when_the_hub_does_not_show_it(world: World) -> None:
    """Attributes and categories go by the hub's own ids: without them nothing is removed."""
    first = simple()
    await world.hub.put_product(TENANT, first, None, full=False)
    before = world.shown("PANELA-1")["attributes"]
    world.sandbox.add_fault("400-reads")

    with pytest.raises(ItemError):
        await world.hub.put_product(TENANT, changed(first, attributes=[]), accepted(first), full=False)

    assert before
    assert world.shown("PANELA-1")["attributes"] == before


async def test_categories_that_went_with_a_removed_one_come_back(opened: Open) -> None:
    async with opened("strict+category_subtree") as world:
        first = simple()
        await world.hub.put_product(TENANT, first, None, full=False)

        document = changed(first, categories=[{"name": "Casa > Cozinha"}])
        await world.hub.put_product(TENANT, document, accepted(first), full=False)

        assert [row["name"] for row in world.shown("PANELA-1")["categories"]] == ["Casa > Cozinha"]


async def test_a_new_variation_comes_with_its_offer_and_a_moved_one_is_removed(world: World) -> None:
    first = varied("CAMISETA", "P", "M")
    await world.hub.put_product(TENANT, first, None, full=False)

    second = replace(varied("CAMISETA", "P", "G"), moved=("CAMISETA-M",))
    delivery = await world.hub.put_product(TENANT, second, accepted(first), full=False)

    sent = world.bodies("PUT", "/skus/{sku}")[-1]["variations"]
    assert [(row["sku"], row.get("quantity"), row.get("remove")) for row in sent] == [
        ("CAMISETA-G", 4, None),
        ("CAMISETA-M", None, True),
    ]
    assert [row["sku"] for row in world.shown("CAMISETA")["variations"]] == ["CAMISETA-P", "CAMISETA-G"]
    assert [created.sku for created in delivery.created] == ["CAMISETA-G"]


async def test_a_variation_without_price_or_stock_is_left_out(world: World) -> None:
    document = varied("CAMISETA", "P", "M")
    document = replace(document, offers={"CAMISETA-P": offer("10", 1)})

    await world.hub.put_product(TENANT, document, None, full=False)

    assert [row["sku"] for row in world.shown("CAMISETA")["variations"]] == ["CAMISETA-P"]


async def test_a_product_that_the_hub_has_lost_is_created_again_with_its_offers(world: World) -> None:
    document = varied()

    delivery = await world.hub.put_product(TENANT, document, accepted(document), full=False)

    assert (delivery.action, delivery.status) == ("create", 201)
    assert [row["quantity"] for row in world.shown("CAMISETA")["variations"]] == [4, 4]


async def test_a_first_write_onto_an_existing_product_leaves_no_double(world: World) -> None:
    await world.hub.put_product(TENANT, simple(), None, full=False)
    shown = world.shown("PANELA-1")
    shown["attributes"].insert(0, {"code": "cor", "label": "Cor", "value": None, "id": "a" * 24})
    shown["categories"].append({"name": "Casa", "id": "b" * 24})

    await world.hub.put_product(TENANT, simple(name="Outra"), None, full=False)

    shown = world.shown("PANELA-1")
    assert sorted(row["code"] for row in shown["attributes"]) == ["cor", "voltagem"]
    assert sorted(row["name"] for row in shown["categories"]) == ["Casa", "Casa > Cozinha"]


async def test_a_variation_that_is_another_products_is_a_conflict(world: World) -> None:
    await world.hub.put_product(TENANT, varied("CAMISETA", "P"), None, full=False)

    with pytest.raises(ItemError) as caught:
        await world.hub.put_product(TENANT, simple("CAMISETA-P"), None, full=False)
    document = varied("BLUSA", "P")
    document.payload["variations"][0]["sku"] = "CAMISETA-P"
    document.offers["CAMISETA-P"] = offer("10", 1)
    with pytest.raises(ItemError) as other:
        await world.hub.put_product(TENANT, document, None, full=False)

    assert (caught.value.reason, caught.value.key) == (Reason.SKU_CONFLICT, "CAMISETA-P")
    assert (other.value.reason, other.value.key) == (Reason.SKU_CONFLICT, "BLUSA")
    assert not caught.value.final


async def test_a_refusal_says_what_the_hub_said(world: World) -> None:
    with pytest.raises(ItemError, match="surpresa") as caught:
        await world.hub.put_product(TENANT, simple(surpresa="sim"), None, full=False)

    assert (caught.value.reason, caught.value.final) == (Reason.REJECTED, False)


async def test_an_update_that_is_refused_is_not_sent_again_as_it_is(world: World) -> None:
    first = simple(attributes=[], categories=[], photos=[])
    await world.hub.put_product(TENANT, first, None, full=False)
    before = len(world.exchanges())

    with pytest.raises(ItemError, match="surpresa"):
        await world.hub.put_product(TENANT, changed(first, surpresa="sim"), accepted(first), full=False)

    assert world.exchanges()[before:] == [("PUT", "/skus/{sku}", 400), ("GET", "/skus/{sku}", 200)]


async def test_a_refused_post_of_a_product_that_is_there_becomes_a_put(opened: Open) -> None:
    async with opened() as world:
        await world.hub.put_product(TENANT, simple(), None, full=False)
        world.sandbox.add_fault("400@PUT /skus/{sku}x1")

        delivery = await world.hub.put_product(TENANT, simple(name="Nova"), None, full=False)

        assert world.exchanges()[-3:] == [
            ("PUT", "/skus/{sku}", 400),
            ("GET", "/skus/{sku}", 200),
            ("PUT", "/skus/{sku}", 200),
        ]
        assert world.shown("PANELA-1")["name"] == "Nova"
        assert [created.sku for created in delivery.created] == ["PANELA-1"]


@pytest.mark.parametrize("fault", ["drop-after-write@POSTx1", "5xx-after-write@POSTx1", "cut-body@POSTx1"])
async def test_a_lost_reply_to_a_post_makes_no_second_product(opened: Open, fault: str) -> None:
    async with opened(faults=(fault,)) as world:
        delivery = await world.hub.put_product(TENANT, simple(), None, full=False)

        assert len(world.sandbox.products(world.account.user_id)) == 1
        assert world.sandbox.count("POST", "/products") == 1
        assert [created.sku for created in delivery.created] == ["PANELA-1"]


async def test_a_removal_whose_reply_was_lost_is_not_refused_for_good(opened: Open) -> None:
    async with opened(faults=("stale-lists",)) as world:
        first = simple()
        await world.hub.put_product(TENANT, first, None, full=False)
        world.sandbox.add_fault("5xx-after-write@PUT /skus/{sku}x1")

        await world.hub.put_product(TENANT, changed(first, categories=[{"name": "Casa"}]), accepted(first), full=False)

        assert [row["name"] for row in world.shown("PANELA-1")["categories"]] == ["Casa"]


async def test_a_post_that_was_not_carried_out_is_sent_again(opened: Open) -> None:
    async with opened(faults=("outage@POST /productsx1",)) as world:
        await world.hub.put_product(TENANT, simple(), None, full=False)

        assert world.shown("PANELA-1")["quantity"] == 12


@pytest.mark.parametrize(
    "sku", ["a/b", "ç ã", "007", "50% off", "a?b#c", "a+b&c=d", "a\\b", "..a", "x;y", "'\"", "%2F", "日本"]
)
async def test_odd_skus_arrive_as_they_are(world: World, sku: str) -> None:
    document = simple(sku)
    await world.hub.put_product(TENANT, document, None, full=False)
    await world.hub.put_product(TENANT, changed(document, name="Nova"), accepted(document), full=True)
    await world.hub.put_stock(TENANT, StockDocument(key=sku, product_sku=sku, payload={"quantity": 3}))

    assert (world.shown(sku)["name"], world.shown(sku)["quantity"]) == ("Nova", 3)
    assert (await world.hub.product(TENANT, sku) or {})["sku"] == sku


@pytest.mark.parametrize("sku", [" a", "a ", ".", "..", "a\nb", "", "\t"])
async def test_skus_that_no_address_carries_are_refused_here(world: World, sku: str) -> None:
    with pytest.raises(ItemError) as caught:
        await world.hub.put_product(TENANT, simple(sku), None, full=False)

    assert caught.value.reason is Reason.INVALID_ITEM
    assert world.exchanges() == []


async def test_prices_of_one_product_go_in_one_request(world: World) -> None:
    await world.hub.put_product(TENANT, varied(), None, full=False)

    delivery = await world.hub.put_prices(
        TENANT,
        [
            PriceDocument(key="CAMISETA-P", product_sku="CAMISETA", payload={"price": Decimal(70)}),
            PriceDocument(
                key="CAMISETA-M",
                product_sku="CAMISETA",
                payload={"price": Decimal("71.005"), "special_price": Decimal(60)},
            ),
        ],
    )

    rows = world.shown("CAMISETA")["variations"]
    assert [(row["price"], row["special_price"]) for row in rows] == [(70, 70), (71.01, 60)]
    assert (delivery.action, delivery.status) == ("price", 200)
    assert world.exchanges()[-1] == ("PUT", "/skus/{sku}", 200)


async def test_a_price_of_a_simple_product_is_its_own_member(world: World) -> None:
    await world.hub.put_product(TENANT, simple(), None, full=False)
    document = PriceDocument(key="PANELA-1", product_sku="PANELA-1", payload={"price": Decimal(5)})

    await world.hub.put_prices(TENANT, [document])
    again = await world.hub.put_prices(TENANT, [document])

    assert world.bodies("PUT", "/skus/{sku}")[-1] == {"sku": "PANELA-1", "price": 5.0, "special_price": 5.0}
    assert again.action == "unchanged"


@pytest.mark.parametrize(("price", "special"), [("0", None), ("-1", None), ("10", "10.01"), ("0.004", None)])
async def test_prices_that_make_no_sense_are_refused_here(world: World, price: str, special: str | None) -> None:
    payload = offer(price, 1, special).price

    with pytest.raises(ItemError) as caught:
        await world.hub.put_prices(TENANT, [PriceDocument(key="A", product_sku="A", payload=payload)])

    assert (caught.value.reason, caught.value.final) == (Reason.INVALID_ITEM, True)
    assert world.exchanges() == []


async def test_stock_is_absolute_and_zero_is_sent(world: World) -> None:
    await world.hub.put_product(TENANT, varied(), None, full=False)

    await world.hub.put_stock(TENANT, StockDocument(key="CAMISETA-P", product_sku="CAMISETA", payload={"quantity": 0}))

    assert world.bodies("PUT", "/skus/{sku}/stock") == [{"action": "update", "quantity": 0, "sku": "CAMISETA-P"}]
    assert world.shown("CAMISETA")["variations"][0]["quantity"] == 0


async def test_a_price_or_stock_of_a_sku_that_the_hub_lost_says_so(world: World) -> None:
    with pytest.raises(MissingAtHubError):
        await world.hub.put_stock(TENANT, StockDocument(key="A", product_sku="A", payload={"quantity": 1}))
    with pytest.raises(MissingAtHubError):
        await world.hub.put_prices(TENANT, [PriceDocument(key="A", product_sku="A", payload={"price": Decimal(1)})])


async def test_a_price_of_a_variation_that_the_hub_lost_says_so(world: World) -> None:
    await world.hub.put_product(TENANT, varied("CAMISETA", "P"), None, full=False)

    delivery = await world.hub.put_prices(
        TENANT,
        [PriceDocument(key=f"CAMISETA-{size}", product_sku="CAMISETA", payload={"price": Decimal(1)}) for size in "PG"],
    )

    assert delivery.bare == {"CAMISETA-G": {"name", "attributes", "quantity"}}


async def test_no_two_writes_to_one_resource_at_a_time(opened: Open) -> None:
    async with opened(faults=("latency=0.02@PUT",)) as world:
        await world.hub.put_product(TENANT, varied(), None, full=False)
        begun = 0
        before = world.sandbox.count("PUT")
        most = 0

        def count() -> None:
            nonlocal begun, most
            begun += 1
            ended = sum(method == "PUT" for method, _, _ in world.exchanges()) - before
            most = max(most, begun - ended)

        with world.hub.guarded(count):
            await asyncio.gather(
                *(
                    world.hub.put_stock(
                        TENANT, StockDocument(key=sku, product_sku="CAMISETA", payload={"quantity": number})
                    )
                    for number in (7, 8)
                    for sku in ("CAMISETA-P", "CAMISETA-M")
                )
            )

        assert (begun, most) == (4, 1)


async def test_a_write_without_the_lease_is_not_sent(world: World) -> None:
    def lost() -> None:
        raise PassError("lease lost")

    with world.hub.guarded(lost), pytest.raises(PassError, match="lease lost"):
        await world.hub.put_product(TENANT, simple(), None, full=False)

    assert world.sandbox.count("PUT") == world.sandbox.count("POST", "/products") == 0


@pytest.mark.parametrize("fault", ["strings-for-numbers", "nulls", "unknown-members", "stale-lists", "ignored-filters"])
async def test_replies_of_a_strange_shape_are_understood(opened: Open, fault: str) -> None:
    async with opened(faults=(fault, "drop-after-write@POSTx1")) as world:
        first = varied()
        await world.hub.put_product(TENANT, first, None, full=False)
        await world.hub.put_product(TENANT, changed(first, name="Nova"), accepted(first), full=True)
        await world.hub.put_prices(
            TENANT, [PriceDocument(key="CAMISETA-P", product_sku="CAMISETA", payload={"price": Decimal(9)})]
        )

        shown = world.shown("CAMISETA")
        assert (shown["name"], shown["variations"][0]["price"]) == ("Nova", 9)
        assert [len(row["attributes"]) for row in shown["variations"]] == [1, 1]
        assert len(world.sandbox.products(world.account.user_id)) == 1


async def test_a_large_description_arrives(world: World) -> None:
    text = "<p>ção</p>" * 150_000

    await world.hub.put_product(TENANT, simple(description=text), None, full=False)

    assert world.shown("PANELA-1")["description"] == text
