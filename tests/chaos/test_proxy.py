"""The proxy fails as told: an attack that does not happen proves nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.chaos.proxy import Proxy, proxying


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    """A proxy in front of a server that answers each line with itself."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with proxying(server.sockets[0].getsockname()[1], "http") as opened:
        yield opened
    server.close()


async def said(proxy: Proxy, line: bytes, within_s: float = 5.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    try:
        async with asyncio.timeout(within_s):
            writer.write(line)
            return await reader.readline()
    finally:
        writer.close()


async def test_what_is_sent_comes_back_and_requests_are_counted(proxy: Proxy) -> None:
    seen: list[str] = []
    proxy.before = lambda _number, what, _owner: seen.append(what)

    assert await said(proxy, b"GET /orders HTTP/1.1\r\n") == b"GET /orders HTTP/1.1\r\n"

    assert (proxy.asked, seen) == (1, ["GET /orders "])


async def test_a_cut_is_a_reset(proxy: Proxy) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    writer.write(b"hello\n")
    await reader.readline()

    assert proxy.cut() == 1

    with pytest.raises(ConnectionResetError):
        await reader.readline()


async def test_what_refuses_resets_at_once_until_it_is_healed(proxy: Proxy) -> None:
    proxy.refusing = True
    with contextlib.suppress(ConnectionError):
        assert await said(proxy, b"hello\n") == b""

    proxy.heal()

    assert await said(proxy, b"hello\n") == b"hello\n"


async def test_what_is_swallowed_is_not_answered(proxy: Proxy) -> None:
    proxy.swallow()
    with pytest.raises(TimeoutError):
        await said(proxy, b"hello\n", within_s=0.2)

    proxy.heal()

    assert await said(proxy, b"hello\n") == b"hello\n"


async def test_nothing_is_left_of_a_proxy_that_has_ended_not_even_of_a_stranded_connection() -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\n")

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    before = asyncio.all_tasks()
    async with proxying(server.sockets[0].getsockname()[1], "http") as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        await reader.readline()
        proxy.strand()
        writer.write(b"hello\n")
        for _ in range(100):  # it is read, and kept
            await asyncio.sleep(0)
    writer.close()
    server.close()

    assert asyncio.all_tasks() == before
