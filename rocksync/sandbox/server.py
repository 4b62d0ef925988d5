"""The sandbox on a socket: HTTP in and out."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from email.utils import formatdate

from aiohttp import web

from rocksync.sandbox.control import control
from rocksync.sandbox.exchange import Asked, Reply, exchange
from rocksync.sandbox.faults import Fault
from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.profile import Profile

MAX_BODY_BYTES = 32 * 2**20
CONTROL_PREFIX = "/_sandbox/"
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


class _Request(web.BaseRequest):
    """A request that may be large: descriptions of hundreds of kilobytes are legal."""

    async def whole_body(self) -> bytes:
        self._client_max_size = MAX_BODY_BYTES
        return await self.read()


@asynccontextmanager
async def serve(
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    profile: Profile | str = "strict",
    faults: Iterable[Fault | str] = (),
    seed: int = 0,
    latency_s: float = 0.0,
    clock: Callable[[], float] = time.time,
) -> AsyncIterator[Sandbox]:
    """Serve a new sandbox and yield it; ``url`` tells where. Port 0 takes a free one.

    Raises: ValueError for an unknown profile or fault; OSError if the port is taken.
    """
    hub = Sandbox(profile=profile, faults=faults, seed=seed, latency_s=latency_s, clock=clock)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return await _answer(hub, request)

    server = web.Server(answer, request_factory=_request, access_log=None)
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.1)
    await runner.setup()
    notices = asyncio.create_task(hub.notices.run())
    try:
        await web.TCPSite(runner, host, port).start()
        name, bound = runner.addresses[0][:2]
        hub.url = f"http://[{name}]:{bound}" if ":" in name else f"http://{name}:{bound}"
        yield hub
    finally:
        notices.cancel()
        await asyncio.gather(notices, return_exceptions=True)
        await runner.cleanup()


def _request(message, payload, protocol, writer, task):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
    return _Request(message, payload, protocol, writer, task, asyncio.get_running_loop())


async def _answer(hub: Sandbox, request: web.BaseRequest) -> web.StreamResponse:
    body = await request.whole_body() if request.body_exists and isinstance(request, _Request) else b""
    target = request.raw_path
    if target.startswith(CONTROL_PREFIX):
        if request.remote not in _LOOPBACK:
            return web.Response(status=404)
        status, text = control(hub, request.method, target.removeprefix(CONTROL_PREFIX), body)
        return web.Response(status=status, body=text, content_type="application/json")
    asked = Asked(
        method=request.method,
        target=target,
        authorization=request.headers.get("Authorization"),
        content_type=request.headers.get("Content-Type", ""),
        body=body,
    )
    reply = exchange(hub, asked)
    if wait_s := reply.wait_s + hub.latency_s:
        await asyncio.sleep(wait_s)
    return await _send(request, reply, formatdate(hub.clock.now(), usegmt=True))


async def _send(request: web.BaseRequest, reply: Reply, date: str) -> web.StreamResponse:
    if reply.drop:
        _hang_up(request)
        return web.Response()
    if not reply.cut:
        return web.Response(
            status=reply.status,
            body=reply.body,
            content_type=reply.content_type,
            headers={"Date": date, **reply.headers},
        )
    response = web.StreamResponse(status=reply.status, headers={"Content-Type": reply.content_type})
    response.content_length = len(reply.body) + 1
    with contextlib.suppress(ConnectionResetError):  # whoever asked did not wait for it
        await response.prepare(request)
        await response.write(reply.body[: len(reply.body) // 2])
    _hang_up(request)
    return response


def _hang_up(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()
