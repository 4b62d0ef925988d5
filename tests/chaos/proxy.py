"""A TCP proxy that fails on request: late, cut, refused, swallowed; and that says what goes through it."""

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

_CHUNK = 64 * 1024
_HTTP = re.compile(rb"^(GET|PUT|POST|DELETE) (\S+) HTTP/1\.1\r\n")
_BEARER = re.compile(rb"\r\nauthorization: bearer ([^\r]+)", re.IGNORECASE)


@dataclass(slots=True, eq=False)
class Link:
    """One proxied connection and what it was last asked."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    unread: bytearray = field(default_factory=bytearray)
    prepared: dict[bytes, str] = field(default_factory=dict)
    portals: dict[bytes, str] = field(default_factory=dict)
    owner: frozenset[int] = frozenset()
    started: bool = False
    stranded: bool = False
    ended: bool = False

    def reset(self) -> None:
        """End it with RST, as a box between does that has forgotten the connection."""
        self.ended = True
        for writer in (self.client, self.server):
            raw = writer.get_extra_info("socket")
            if raw is not None:
                with contextlib.suppress(OSError):
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


@dataclass
class Proxy:
    """Passes bytes on to a port of this machine. ``protocol`` (http or postgres) is what ``asked`` counts requests of.

    ``before`` is called with each request before it goes on, and with the processes that ``owner`` named when its
    connection was opened; ``after`` when its reply has come and has not gone on yet.
    """

    target: int
    protocol: str
    before: Callable[[int, str, frozenset[int]], None] = lambda _number, _what, _owner: None
    owner: Callable[[], frozenset[int]] = frozenset
    after: Callable[[int], None] = lambda _number: None
    delay_s: float = 0.0
    refusing: bool = False
    swallowing: bool = False
    asked: int = 0
    connected: int = 0
    most_connected: int = 0
    port: int = 0
    links: set[Link] = field(default_factory=set)
    _serving: set["asyncio.Task[None]"] = field(default_factory=set)
    _open: asyncio.Event = field(default_factory=asyncio.Event)

    def cut(self) -> int:
        """Reset every connection there is; returns how many there were."""
        links = list(self.links)
        for link in links:
            link.reset()
        return len(links)

    def swallow(self) -> None:
        """Pass nothing on, in either direction, and say so to nobody."""
        self.swallowing = True
        self._open.clear()

    def strand(self) -> None:
        """Pass nothing on over the connections that there are, for good; new ones are all right."""
        for link in self.links:
            link.stranded = True

    def heal(self) -> None:
        """Fail no more. What was swallowed stays lost: its connections are reset."""
        if self.swallowing:
            self.swallowing = False
            self.cut()
        self.delay_s, self.refusing = 0.0, False
        self._open.set()

    async def end(self) -> None:
        """Reset what there is and come back when nothing is served any more, not even a stranded connection."""
        self.heal()
        self.cut()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection, as a task that ``end`` knows of."""
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.refusing:
            Link(writer, writer).reset()
            return
        owner = self.owner()
        await self._passage()
        try:
            upstream, server = await asyncio.open_connection("127.0.0.1", self.target, limit=2**20)
        except OSError:
            Link(writer, writer).reset()
            return
        link = Link(writer, server, owner=owner)
        self.links.add(link)
        self.connected = len(self.links)
        self.most_connected = max(self.most_connected, self.connected)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._up(link, reader, server))
                group.create_task(self._down(link, upstream, writer))
        except* OSError:
            pass
        finally:
            self.links.discard(link)
            self.connected = len(self.links)
            link.client.transport.abort()
            link.server.transport.abort()

    async def _passage(self, link: Link | None = None) -> None:
        while self.swallowing:
            await self._open.wait()
        if link is not None and link.stranded:
            await asyncio.Event().wait()

    async def _up(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._passage(link)
            if link.ended:
                return
            for what in self._requests(link, data):
                self.asked += 1
                self.before(self.asked, what, link.owner)
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _down(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            await self._passage(link)
            self.after(self.asked)
            writer.write(data)
            await writer.drain()
        link.client.close()

    def _requests(self, link: Link, data: bytes) -> list[str]:
        if self.protocol == "http":
            head = _HTTP.match(data)
            if head is None:
                return []
            token = _BEARER.search(data)
            who = token[1].decode() if token else ""
            return [f"{head[1].decode()} {head[2].decode()} {who}"]
        return self._statements(link, data)

    def _statements(self, link: Link, data: bytes) -> list[str]:
        """The statements that are run: each ``Q`` (simple query) and each ``E`` (execute) message of the protocol.

        What is executed was named before: ``P`` prepares a statement, ``B`` binds it to a portal.
        """
        link.unread += data
        found = []
        while True:
            at = 0 if not link.started else 1
            if len(link.unread) < at + 4:
                return found
            size = at + int.from_bytes(link.unread[at : at + 4])
            if len(link.unread) < size:
                return found
            kind = bytes(link.unread[:1]) if link.started else b""
            if kind == b"Q":
                found.append(link.unread[5 : size - 1].decode(errors="replace"))
            elif kind == b"P":
                name, _, rest = bytes(link.unread[5:size]).partition(b"\0")
                link.prepared[name] = rest.partition(b"\0")[0].decode(errors="replace")
            elif kind == b"B":
                portal, _, rest = bytes(link.unread[5:size]).partition(b"\0")
                link.portals[portal] = link.prepared.get(rest.partition(b"\0")[0], "")
            elif kind == b"E":
                found.append(link.portals.get(bytes(link.unread[5:size]).partition(b"\0")[0], ""))
            link.started = link.started or int.from_bytes(link.unread[4:8]) != 80877103  # an SSL request comes first
            del link.unread[:size]


@contextlib.asynccontextmanager
async def proxying(target: int, protocol: str) -> AsyncIterator[Proxy]:
    """A proxy in front of *target* at a free port."""
    proxy = Proxy(target=target, protocol=protocol)
    proxy._open.set()
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=2**20)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.end()
