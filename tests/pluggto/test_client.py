import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from rocksync.domain.documents import StockDocument
from rocksync.domain.errors import LeaseLostError, PassError
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Credentials, TenantId
from rocksync.pluggto.facts import BreakerMoved
from rocksync.pluggto.hub import open_hub
from rocksync.pluggto.transport import NoAnswerError, open_transport

from .conftest import TENANT, Open, World, of, simple

STOCK = StockDocument(key="PANELA-1", product_sku="PANELA-1", payload={"quantity": 5})


async def stocked(world: World) -> None:
    await world.hub.put_product(TENANT, simple(), None, full=False)


@pytest.mark.parametrize(
    "fault",
    [
        "5xx-html", "5xx-empty", "5xx-json", "outage", "cut-body", "not-json", "invalid-utf8", "empty-200",
        "deep-nesting", "drop-after-write", "5xx-after-write",
    ],
)  # fmt: skip
async def test_a_write_that_may_be_repeated_is(opened: Open, fault: str) -> None:
    async with opened() as world:
        await stocked(world)
        world.sandbox.add_fault(f"{fault}@stockx2")

        await world.hub.put_stock(TENANT, STOCK)

        assert world.shown("PANELA-1")["quantity"] == 5
        assert len(world.slept) in {1, 2}
        assert all(0.1 < wait_s < 2 for wait_s in world.slept)


@pytest.mark.parametrize("fault", ["5xx-html", "5xx-empty", "outage", "redirect", "cut-body"])
async def test_a_hub_that_goes_on_failing_ends_the_pass(opened: Open, fault: str) -> None:
    async with opened() as world:
        await stocked(world)
        world.sandbox.add_fault(f"{fault}@stock")

        with pytest.raises(PassError) as caught:
            await world.hub.put_stock(TENANT, STOCK)

        assert caught.value.reason is Reason.HUB_UNAVAILABLE
        assert world.sandbox.count("PUT", "/skus/{sku}/stock") == 4


@pytest.mark.parametrize("fault", ["not-json", "invalid-utf8", "empty-200", "deep-nesting"])
async def test_an_answer_that_makes_no_sense_ends_the_pass_but_opens_no_breaker(opened: Open, fault: str) -> None:
    async with opened() as world:
        await stocked(world)
        world.sandbox.add_fault(f"{fault}@GET")

        for _ in range(5):
            with pytest.raises(PassError, match="makes no sense"):
                await world.hub.product(TENANT, "PANELA-1")

        assert world.client.breaker.state == "closed"


async def test_a_stall_ends_with_the_time_limit(opened: Open) -> None:
    async with opened(timeout_s=0.1) as world:
        await stocked(world)
        world.sandbox.add_fault("stall@stock")

        with pytest.raises(PassError, match="no answer"):
            await world.hub.put_stock(TENANT, STOCK)


async def test_a_short_pause_that_is_asked_for_is_kept(opened: Open) -> None:
    async with opened() as world:
        await stocked(world)
        world.sandbox.add_fault("429-retry-after=3@stockx1")
        started_at = world.now

        await world.hub.put_stock(TENANT, STOCK)

        assert world.now - started_at >= 3
        assert world.shown("PANELA-1")["quantity"] == 5


async def test_a_long_pause_that_is_asked_for_ends_the_pass_and_holds(opened: Open) -> None:
    async with opened() as world:
        await stocked(world)
        world.sandbox.add_fault("429-retry-after=30@stockx1")

        with pytest.raises(PassError) as caught:
            await world.hub.put_stock(TENANT, STOCK)
        with pytest.raises(PassError) as again:
            await world.hub.put_stock(TENANT, STOCK)

        assert (caught.value.reason, caught.value.retry_after_s) == (Reason.RATE_LIMITED, 30)
        assert again.value.reason is Reason.RATE_LIMITED
        assert world.sandbox.count("PUT", "/skus/{sku}/stock") == 1
        world.now += 31
        await world.hub.put_stock(TENANT, STOCK)


async def test_endless_429_without_a_pause_ends_the_pass_as_rate_limited(opened: Open) -> None:
    async with opened() as world:
        await stocked(world)
        world.sandbox.add_fault("429@stock")

        with pytest.raises(PassError) as caught:
            await world.hub.put_stock(TENANT, STOCK)

        assert caught.value.reason is Reason.RATE_LIMITED
        assert world.client.breaker.state == "closed"


async def test_a_hub_that_answers_nobody_is_left_alone_for_a_while(opened: Open) -> None:
    async with opened() as world:
        await stocked(world)
        world.sandbox.add_fault("outage")
        for _ in range(3):
            with pytest.raises(PassError):
                await world.hub.put_stock(TENANT, STOCK)
        asked = world.sandbox.count()

        with pytest.raises(PassError) as caught:
            await world.hub.put_stock(TENANT, STOCK)

        assert (world.client.breaker.state, world.sandbox.count()) == ("open", asked)
        assert caught.value.retry_after_s is not None
        world.sandbox.remove_faults()
        world.now += 30
        await world.hub.put_stock(TENANT, STOCK)
        assert [fact.state for fact in world.facts if isinstance(fact, BreakerMoved)] == ["open", "half_open", "closed"]


async def test_a_probe_that_fails_lengthens_the_rest(opened: Open) -> None:
    async with opened() as world:
        await stocked(world)
        world.sandbox.add_fault("5xx-empty")
        rests = []
        for _ in range(4):
            for _ in range(4):
                with pytest.raises(PassError) as caught:
                    await world.hub.put_stock(TENANT, STOCK)
            rests.append(caught.value.retry_after_s or 0)
            world.now += 90

        assert rests[0] < rests[1] < rests[2]


async def test_requests_in_flight_and_their_rate_stay_within_the_limits(opened: Open) -> None:
    async with opened(rate=10, faults=("latency=0.01",)) as world:
        await stocked(world)
        started_at = world.now

        await asyncio.gather(*(world.hub.product(TENANT, "PANELA-1") for _ in range(30)))

        assert world.now - started_at >= 2.4


async def test_an_hour_of_retry_after_is_the_most_that_is_believed(opened: Open) -> None:
    async with opened(faults=("429-retry-after=999999@GET",)) as world:
        with pytest.raises(PassError) as caught:
            await world.hub.product(TENANT, "A")

        assert caught.value.retry_after_s == 3600


async def test_a_hub_that_cannot_be_reached_ends_the_pass(opened: Open) -> None:
    async with opened() as world:
        gone = world.sandbox.url

    async def credentials(_: TenantId) -> Credentials:
        return of(world.account)

    async with open_hub(gone, credentials=credentials) as hub:
        with pytest.raises(PassError, match="no answer"):
            await hub.product(TENANT, "A")


@asynccontextmanager
async def answering(answer: web.Response | None, chunks: int = 0) -> AsyncIterator[str]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if answer is not None:
            return answer
        stream = web.StreamResponse()
        await stream.prepare(request)
        for _ in range(chunks):
            await stream.write(b" " * 2**20)
        return stream

    runner = web.ServerRunner(web.Server(handle), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_a_reply_without_end_is_not_read_to_the_end() -> None:
    async with answering(None, chunks=40) as url, open_transport(url, timeout_s=20, connections=1) as transport:
        with pytest.raises(NoAnswerError, match="too large"):
            await transport.send("GET", "/", None, "t")


async def test_a_compressed_reply_is_not_unpacked() -> None:
    answer = web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    async with answering(answer) as url, open_transport(url, timeout_s=5, connections=1) as transport:
        with pytest.raises(NoAnswerError, match="compressed"):
            await transport.send("GET", "/", None, "t")


async def test_a_redirect_is_not_followed_with_the_token() -> None:
    async with answering(web.Response(status=200)) as elsewhere:
        answer = web.Response(status=302, headers={"Location": elsewhere})
        async with answering(answer) as url, open_transport(url, timeout_s=5, connections=1) as transport:
            assert (await transport.send("GET", "/", None, "t")).status == 302


async def test_facts_name_routes_and_never_skus(world: World) -> None:
    await stocked(world)
    started_at = time.monotonic()

    await world.hub.put_stock(TENANT, STOCK)

    assert world.exchanges()[-1] == ("PUT", "/skus/{sku}/stock", 200)
    assert "PANELA" not in repr(world.facts)
    assert time.monotonic() - started_at < 5


async def test_whoever_may_send_is_asked_when_there_is_a_connection_and_before_the_first_byte() -> None:
    """A process may be suspended for longer than its lease while it connects."""
    came = list[bytes]()
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await reader.read())
        writer.close()
        over.set()

    def refuse() -> None:
        raise LeaseLostError("the lease has run out")

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with open_transport(url, timeout_s=5, connections=1) as transport:
            with pytest.raises(LeaseLostError):
                await transport.send("PUT", "/skus/A/stock", b"{}", "token", refuse)
        await asyncio.wait_for(over.wait(), 10)  # there was a connection

    assert came == [b""]
