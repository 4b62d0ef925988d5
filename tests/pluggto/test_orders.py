from dataclasses import replace
from datetime import date

import pytest

from rocksync.domain.errors import ItemError, PassError
from rocksync.domain.orders import HubOrder
from rocksync.domain.reasons import Reason
from rocksync.pluggto.client import AmbiguousError

from .conftest import TENANT, Open, World

SINCE, UNTIL = date(2020, 1, 1), date(2100, 1, 1)
INVOICE = {
    "nfe_key": "4" * 44,
    "nfe_number": "12",
    "nfe_serie": "1",
    "nfe_date": "2026-03-15T18:07:07.000Z",
    "nfe_link": "https://nfe.example/1.xml",
}
TRACKING = {
    "shipping_company": "Jadlog",
    "shipping_method": ".Package",
    "track_code": "AA1",
    "track_url": "https://track.example/AA1",
    "date_shipped": "2026-03-16T10:00:00.000Z",
}


def place(world: World, count: int = 1, **more: object) -> list[str]:
    market = world.sandbox.market(world.account.user_id)
    return [market.create_order([{"sku": "A", "price": 10}], **more)["id"] for _ in range(count)]  # type: ignore[arg-type]  # any option


async def listed(world: World) -> list[list[HubOrder]]:
    return [page async for page in world.hub.orders(TENANT, since=SINCE, until=UNTIL)]


async def read(world: World, order_id: str) -> HubOrder:
    order = await world.hub.order(TENANT, order_id)
    assert order is not None
    return order


async def test_all_orders_are_read_page_by_page(world: World) -> None:
    ids = place(world, 250)

    pages = await listed(world)

    assert [order.id for page in pages for order in page] == ids
    assert [len(page) for page in pages] == [100, 100, 50]
    assert world.sandbox.count("GET", "/orders") == 3


async def test_no_order_needs_one_request(world: World) -> None:
    assert await listed(world) == []
    assert world.sandbox.count("GET", "/orders") == 1


@pytest.mark.parametrize(
    "fault",
    [
        "limit-cap-50",
        "short-pages",
        "reordered-pages",
        "strings-for-numbers",
        "unknown-members",
        "external-maps",
        "nulls",
    ],
)
async def test_no_order_is_missed_however_the_list_is_cut(opened: Open, fault: str) -> None:
    async with opened(faults=(fault,)) as world:
        ids = place(world, 230)

        pages = await listed(world)

        assert sorted(order.id for page in pages for order in page) == sorted(ids)


async def test_remaining_totals_read_the_same(opened: Open) -> None:
    async with opened("strict+total_is_remaining", faults=("short-pages",)) as world:
        ids = place(world, 130)

        assert [order.id for page in await listed(world) for order in page] == ids


async def test_a_list_that_repeats_itself_ends(opened: Open) -> None:
    async with opened(faults=("repeated-pages",)) as world:
        place(world, 120)

        assert [len(page) for page in await listed(world)] == [100]
        assert world.sandbox.count("GET", "/orders") == 2


async def test_an_order_that_is_not_there_is_none(world: World) -> None:
    assert await world.hub.order(TENANT, "65" + "0" * 22) is None


async def test_acknowledging_binds_the_stores_number(world: World) -> None:
    (order_id,) = place(world)

    first = await world.hub.acknowledge(TENANT, order_id, "9001")
    again = await world.hub.acknowledge(TENANT, order_id, "9001")

    order = await read(world, order_id)
    assert (order.ack, order.externals) == (True, ("9001",))
    assert (first.action, again.action) == ("acknowledge", "unchanged")
    assert world.bodies("PUT", "/orders/{id}")[0] == {"external": "9001", "ack": True, "update": False}


async def test_an_order_is_invoiced_and_shipped_in_the_shipment_it_has(world: World) -> None:
    (order_id,) = place(world, shipment=True)

    await world.hub.write_invoice(TENANT, await read(world, order_id), INVOICE)
    await world.hub.write_shipment(TENANT, await read(world, order_id), TRACKING)

    order = await read(world, order_id)
    assert order.status == "shipping_informed"
    assert [(one.carrier, one.method, one.tracking_code, one.invoice_key) for one in order.shipments] == [
        ("Correios", "PAC", "AA1", "4" * 44)
    ]


async def test_an_order_without_a_shipment_gets_one(world: World) -> None:
    (order_id,) = place(world)

    await world.hub.write_invoice(TENANT, await read(world, order_id), INVOICE)
    await world.hub.write_shipment(TENANT, await read(world, order_id), TRACKING)

    order = await read(world, order_id)
    assert [(one.carrier, one.tracking_code, one.invoice_key) for one in order.shipments] == [
        ("Jadlog", "AA1", "4" * 44)
    ]


@pytest.mark.parametrize("fault", ["drop-after-write", "5xx-after-write", "cut-body"])
async def test_a_lost_reply_makes_no_second_shipment(opened: Open, fault: str) -> None:
    async with opened() as world:
        (order_id,) = place(world)
        order = await read(world, order_id)
        world.sandbox.add_fault(f"{fault}@PUT /orders/{{id}}x1")

        await world.hub.write_invoice(TENANT, order, INVOICE)

        assert len((await read(world, order_id)).shipments) == 1


@pytest.mark.parametrize("fault", ["late-writes", "outage"])
async def test_a_lost_write_of_which_nothing_shows_is_not_repeated(opened: Open, fault: str) -> None:
    async with opened() as world:
        (order_id,) = place(world)
        order = await read(world, order_id)
        world.sandbox.add_fault(f"{fault}@PUT /orders/{{id}}x1")

        with pytest.raises(PassError):
            await world.hub.write_invoice(TENANT, order, INVOICE)

        assert world.sandbox.count("PUT") == 1


@pytest.mark.parametrize("look", ["refused", "gone"])
async def test_a_lost_write_stays_in_doubt_whatever_the_look_for_it_is_answered(world: World, look: str) -> None:
    (order_id,) = place(world)
    order = await read(world, order_id)
    world.sandbox.add_fault("outage@PUT /orders/{id}x2")
    if look == "refused":
        world.sandbox.add_fault("400-reads@GET /orders/{id}x2")
    else:
        order = replace(order, id="65" + "0" * 22)

    with pytest.raises(AmbiguousError):
        await world.hub.write_invoice(TENANT, order, INVOICE)
    with pytest.raises(AmbiguousError):
        await world.hub.write_shipment(TENANT, order, TRACKING)

    assert world.sandbox.count("PUT") == 2


async def test_a_status_never_moves_back(world: World) -> None:
    (order_id,) = place(world, shipment=True)
    world.sandbox.market(world.account.user_id).deliver(order_id)

    await world.hub.write_invoice(TENANT, await read(world, order_id), INVOICE)
    await world.hub.write_shipment(TENANT, await read(world, order_id), TRACKING)

    order = await read(world, order_id)
    assert (order.status, order.shipments[0].status) == ("delivered", "delivered")
    assert order.shipments[0].tracking_code == "AA1"
    assert all("status" not in body for body in world.bodies("PUT", "/orders/{id}"))


async def test_a_cancelled_order_is_not_invoiced(world: World) -> None:
    (order_id,) = place(world)
    world.sandbox.market(world.account.user_id).cancel(order_id)

    with pytest.raises(ItemError) as caught:
        await world.hub.write_invoice(TENANT, await read(world, order_id), INVOICE)

    assert (caught.value.reason, caught.value.key) == (Reason.STATUS_CONFLICT, order_id)


@pytest.mark.parametrize("status", ["shipping_error", "waiting_invoice"])
async def test_states_before_shipping_move_on(world: World, status: str) -> None:
    (order_id,) = place(world, shipment=True)
    world.sandbox.market(world.account.user_id).set_status(order_id, status)

    await world.hub.write_shipment(TENANT, await read(world, order_id), TRACKING)

    assert (await read(world, order_id)).status == "shipping_informed"


@pytest.mark.parametrize("status", ["quantum_review", "in_transit", "partial_canceled"])
async def test_an_unknown_status_stays(world: World, status: str) -> None:
    (order_id,) = place(world, shipment=True)
    world.sandbox.market(world.account.user_id).set_status(order_id, status)

    await world.hub.write_invoice(TENANT, await read(world, order_id), INVOICE)
    await world.hub.write_shipment(TENANT, await read(world, order_id), TRACKING)

    order = await read(world, order_id)
    assert (order.status, order.shipments[0].tracking_code) == (status, "AA1")


async def test_of_several_shipments_the_one_with_our_key_is_written_to(world: World) -> None:
    (order_id,) = place(world, shipment=True)
    market = world.sandbox.market(world.account.user_id)
    market.add_shipment(order_id, {"shipping_company": "Outra", "nfe_key": "4" * 44})

    await world.hub.write_invoice(TENANT, await read(world, order_id), INVOICE)

    order = await read(world, order_id)
    assert [shipment.invoice_key for shipment in order.shipments] == [None, "4" * 44]


async def test_of_several_shipments_the_only_open_one_is_written_to(world: World) -> None:
    (order_id,) = place(world, shipment=True)
    market = world.sandbox.market(world.account.user_id)
    market.add_shipment(order_id, {"shipping_company": "Outra", "status": "shipped"})

    await world.hub.write_shipment(TENANT, await read(world, order_id), TRACKING)

    order = await read(world, order_id)
    assert [shipment.tracking_code for shipment in order.shipments] == ["AA1", None]


async def test_several_open_shipments_are_ambiguous(world: World) -> None:
    (order_id,) = place(world, shipment=True)
    world.sandbox.market(world.account.user_id).add_shipment(order_id, {"shipping_company": "Outra"})

    with pytest.raises(ItemError) as caught:
        await world.hub.write_invoice(TENANT, await read(world, order_id), INVOICE)

    assert caught.value.reason is Reason.AMBIGUOUS_SHIPMENT
    assert world.sandbox.count("PUT") == 0


async def test_a_line_reaches_the_orders_log_once(world: World) -> None:
    (order_id,) = place(world)

    await world.hub.log_message(TENANT, order_id, "A loja não conhece o SKU A")
    world.sandbox.add_fault("drop-after-write@PUT /orders/{id}x1")
    with pytest.raises(PassError):
        await world.hub.log_message(TENANT, order_id, "Outra")

    log = world.sandbox.order(world.account.user_id, order_id)["log_history"]
    assert [entry["message"] for entry in log] == ["A loja não conhece o SKU A", "Outra"]


async def test_a_refused_write_is_the_orders_fault(world: World) -> None:
    (order_id,) = place(world)

    with pytest.raises(ItemError) as caught:
        await world.hub.write_invoice(TENANT, await read(world, order_id), {**INVOICE, "nfe_key": "abc"})

    assert (caught.value.key, caught.value.reason, caught.value.final) == (order_id, Reason.REJECTED, False)
