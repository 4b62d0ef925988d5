import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web


@pytest.fixture
async def receiver(hub):
    """A webhook of the account: what it got, and the statuses it answers next (then 200)."""
    received, statuses, arrived = [], [], asyncio.Condition()

    async def take(request):
        async with arrived:
            received.append(await request.json())
            arrived.notify_all()
        return web.Response(status=statuses.pop(0) if statuses else 200)

    @asynccontextmanager
    async def listening():
        app = web.Application()
        app.router.add_post("/hook", take)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        hub.account(129).webhook = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
        yield
        await runner.cleanup()

    async def got(count):
        async with asyncio.timeout(10), arrived:
            await arrived.wait_for(lambda: len(received) >= count)
        return received

    async with listening():
        yield got, statuses


async def test_changes_are_notified(hub, call, receiver):
    got, _ = receiver
    product = (await call("POST", "/products", {"sku": "A", "quantity": 1})).body["Product"]
    await call("PUT", "/skus/A/stock", {"action": "update", "quantity": 2})
    await call("DELETE", "/skus/A")
    order = hub.market(129).create_order([{"sku": "A"}])

    received = await got(4)

    by_action = {(notice["type"], notice["action"]): notice for notice in received}
    assert by_action["products", "created"]["id"] == product["id"]
    assert by_action["products", "updated"]["changes"] == {"status": False, "stock": True, "price": False}
    assert by_action["skus", "deleted"]["id"] == "A"
    assert by_action["orders", "created"]["id"] == order["id"]
    assert by_action["orders", "created"]["user"] == 129


async def test_a_notice_is_sent_again_until_it_is_answered_200(hub, receiver):
    got, statuses = receiver
    statuses.append(500)
    hub.market(129).create_order([{"sku": "A"}])

    received = await got(2)

    assert received[0] == received[1]


async def test_an_acknowledgement_with_update_false_is_not_notified(hub, call, receiver):
    got, _ = receiver
    order = hub.market(129).create_order([{"sku": "A"}])
    await call("PUT", f"/orders/{order['id']}", {"ack": True, "update": False})
    await call("PUT", f"/orders/{order['id']}", {"status": "invoiced"})

    assert sorted(notice["action"] for notice in await got(2)) == ["created", "updated"]


async def test_notices_are_lost_doubled_and_reordered_on_request(hub, receiver):
    got, _ = receiver
    hub.add_fault("lost-noticesx1")
    hub.market(129).create_order([])
    hub.add_fault("duplicated-noticesx1")
    doubled = hub.market(129).create_order([])
    await got(2)
    hub.add_fault("reordered-noticesx1")
    held = hub.market(129).create_order([])
    hub.market(129).create_order([])

    received = await got(4)

    assert [notice["id"] for notice in received[:2]] == [doubled["id"]] * 2
    assert held["id"] in {notice["id"] for notice in received[2:]}
    assert len(received) == 4
