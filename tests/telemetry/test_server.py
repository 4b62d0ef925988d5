import contextlib
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from rocksync.domain.errors import SettingsError
from rocksync.domain.fleet import FleetStanding
from rocksync.telemetry.metrics import Metrics
from rocksync.telemetry.notifications import Notice
from rocksync.telemetry.server import Watch, serving
from tests.worker.waiting import eventually

ORDER = "60a66dfbe3f2ab416d669e38"


class World:
    """What the server asks, and what it was told."""

    def __init__(self) -> None:
        self.why_not: str | None = None
        self.fails = False
        self.noticed: list[Notice] = []
        self.looks = 0

    async def look(self) -> FleetStanding:
        self.looks += 1
        if self.fails:
            raise OSError("gone")
        return FleetStanding(taken_at=datetime.now(UTC))

    async def ready(self) -> str | None:
        if self.fails:
            raise SettingsError("the database d at h:1 cannot be reached: check database.dsn")
        return self.why_not

    async def act(self, notices: list[Notice]) -> None:
        self.noticed += notices

    def watch(self, **changes: object) -> Watch:
        given = {
            "host": "127.0.0.1",
            "port": 0,
            "metrics": Metrics(CollectorRegistry(), tenant_series=10),
            "look": self.look,
            "ready": self.ready,
            "act": self.act,
            "refresh_s": 0.05,
        }
        return Watch(**(given | changes))  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    async with serving(world.watch()) as url:
        yield url


async def fetch(url: str, path: str, data: bytes | None = None) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session:
        method = "GET" if data is None else "POST"
        async with session.request(method, url + path, data=data, timeout=aiohttp.ClientTimeout(total=10)) as reply:
            return reply.status, await reply.text()


async def test_metrics_are_served(url: str, world: World):
    await eventually(lambda: world.looks)

    status, text = await fetch(url, "/metrics")

    assert status == 200
    assert "# HELP rocksync_sync_lag_seconds" in text
    assert 'rocksync_build_info{version="' in text
    assert "rocksync_event_loop_delay_seconds" in text


async def test_health_is_told(url: str):
    assert await fetch(url, "/healthz") == (200, "ok\n")
    assert (await fetch(url, "/nothing"))[0] == 404


async def test_readiness_names_what_is_missing_and_comes_back(world: World):
    async with serving(world.watch()) as url:
        assert await fetch(url, "/readyz") == (200, "ok\n")
    world.why_not = "the database lacks migration 0009_x.sql"
    async with serving(world.watch()) as url:
        assert await fetch(url, "/readyz") == (503, "the database lacks migration 0009_x.sql\n")
    world.fails = True
    async with serving(world.watch()) as url:
        status, text = await fetch(url, "/readyz")
        assert status == 503
        assert "cannot be reached" in text


async def test_a_lost_database_is_seen_in_the_metrics(url: str, world: World):
    world.fails = True
    looked = world.looks

    await eventually(lambda: world.looks > looked + 1)

    assert "rocksync_database_up 0.0" in (await fetch(url, "/metrics"))[1]


async def test_a_notification_is_answered_at_once_and_reaches_the_worker(url: str, world: World):
    status, _ = await fetch(url, "/notifications/pluggto", f'{{"type":"orders","id":"{ORDER}","user":7}}'.encode())
    await eventually(lambda: world.noticed)

    assert status == 200
    assert world.noticed == [Notice(order_id=ORDER, user="7")]


async def test_rubbish_is_answered_and_ignored_and_too_much_is_refused(url: str, world: World):
    rubbish = await fetch(url, "/notifications/pluggto", b"\x00\xffnonsense")
    too_much = await fetch(url, "/notifications/pluggto", b"x" * 70_000)

    assert (rubbish[0], too_much[0]) == (200, 413)
    assert world.noticed == []


async def test_a_database_that_the_worker_cannot_write_counts_as_down(world: World):
    watch = world.watch()

    async with serving(watch) as url:
        await eventually(lambda: world.looks > 1)
        watch.metrics.beaten("the database's disk is full")
        refused = await fetch(url, "/metrics")

    assert "\nrocksync_database_up 0.0\n" in refused[1]


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/nothing"])
async def test_who_asks_is_told_that_the_connection_ends(url: str, path: str):
    """Otherwise the next request may be written to a connection that is being closed, and be lost."""
    async with aiohttp.ClientSession() as session, session.get(url + path) as reply:
        await reply.read()

    assert reply.headers["Connection"] == "close"


async def test_it_answers_while_the_loop_of_the_worker_is_stuck(url: str):
    address = urlsplit(url)

    def ask() -> bytes:
        with socket.create_connection((address.hostname, address.port), timeout=5) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            return connection.recv(4096)

    assert b"200 OK" in ask()  # called in the loop itself, which runs nothing else meanwhile


async def test_those_who_never_finish_asking_do_not_keep_others_out(url: str):
    address = urlsplit(url)
    stalled = []
    with contextlib.ExitStack() as stack:
        for _ in range(300):
            connection = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=5))
            connection.sendall(b"GET /metr")
            stalled.append(connection)

        assert (await fetch(url, "/healthz"))[0] == 200


async def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(SettingsError, match=f"127.0.0.1:{port} cannot be listened at"):
            async with serving(World().watch(port=port)):
                pass


async def test_a_worker_that_breaks_while_notices_come_loses_only_them(world: World):
    async def break_down(_notices: list[Notice]) -> None:
        raise RuntimeError("broken")

    async with serving(world.watch(act=break_down)) as url:
        for number in range(2):
            data = f'{{"type":"orders","id":"{number:024x}","user":7}}'.encode()
            assert (await fetch(url, "/notifications/pluggto", data))[0] == 200
        assert (await fetch(url, "/healthz"))[0] == 200
