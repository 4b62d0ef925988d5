"""``/metrics``, ``/healthz``, ``/readyz`` and notifications, served from a thread of its own.

Whoever scrapes, probes or stalls never holds up a pass; and while the worker's loop is stuck, this tells.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass

from aiohttp import web
from prometheus_client.exposition import generate_latest

from rocksync.domain.errors import SettingsError
from rocksync.domain.fleet import FleetStanding
from rocksync.telemetry.gauges import FleetGauges, keep_looking
from rocksync.telemetry.metrics import LoopDelay, Metrics
from rocksync.telemetry.notifications import Notice, Notices

_MAX_BODY_BYTES = 64 * 1024
_MAX_CONNECTIONS = 256
_CONNECTION_AGE_S = 15.0
_REAP_S = 0.5
_STUCK_S = 30.0
_KEEP_TEXT_S = 1.0
_KEEP_READINESS_S = 1.0
_READINESS_TIMEOUT_S = 5.0
_CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_log = logging.getLogger(__name__)

Look = Callable[[], Awaitable[FleetStanding]]
Ready = Callable[[], Awaitable[str | None]]
Act = Callable[[list[Notice]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is served: ``look`` reads how the fleet stands and ``ready`` says why not, both called in the server's loop.

    ``act`` is given notices in the worker's loop. Port 0 takes a free one.
    """

    host: str
    port: int
    metrics: Metrics
    look: Look
    ready: Ready
    act: Act
    refresh_s: float


@contextlib.asynccontextmanager
async def serving(watch: Watch) -> AsyncIterator[str]:
    """Serve while this is open, and yield the URL.

    Raises: SettingsError if the port cannot be had.
    """
    gauges = FleetGauges(watch.metrics.tenants, refusal=lambda: watch.metrics.refusal)
    watch.metrics.registry.register(gauges)
    notices = Notices()
    loop, arrived = asyncio.get_running_loop(), asyncio.Event()
    server = _Server(watch, gauges, notices, told=lambda: _wake(loop, arrived))
    thread = threading.Thread(target=server.run, name="rocksync-http", daemon=True)
    thread.start()
    own = [asyncio.create_task(_beat(watch.metrics.loop)), asyncio.create_task(_act(notices, arrived, watch.act))]
    try:
        yield await asyncio.wrap_future(server.started)
    finally:
        server.stop()
        for task in own:
            task.cancel()
        await asyncio.gather(*own, return_exceptions=True)
        await asyncio.to_thread(thread.join, _CONNECTION_AGE_S)
        watch.metrics.registry.unregister(gauges)


def _wake(loop: asyncio.AbstractEventLoop, arrived: asyncio.Event) -> None:
    with contextlib.suppress(RuntimeError):  # the loop may have ended
        loop.call_soon_threadsafe(arrived.set)


async def _beat(delay: LoopDelay) -> None:
    while True:
        delay.beat()
        await asyncio.sleep(delay.every_s)


async def _act(notices: Notices, arrived: asyncio.Event, act: Act) -> None:
    while True:
        await arrived.wait()
        arrived.clear()
        taken = notices.take()
        try:
            await act(taken)
        except Exception as error:  # noqa: BLE001 # a hint that is lost is found by the next poll
            _log.warning("notices_lost", extra={"notices": len(taken), "error": type(error).__name__})


class _Server:
    """The thread: its loop, its connections and what it answers."""

    def __init__(self, watch: Watch, gauges: FleetGauges, notices: Notices, *, told: Callable[[], None]) -> None:
        self.started: Future[str] = Future()
        self._watch, self._gauges, self._notices, self._told = watch, gauges, notices, told
        self._loop: asyncio.AbstractEventLoop | None = None
        self._halt = asyncio.Event()
        self._text: tuple[float, bytes] | None = None
        self._readiness: tuple[float, str | None] | None = None
        self._asking = asyncio.Lock()

    def run(self) -> None:
        """Serve until `stop`."""
        try:
            asyncio.run(self._serve())
        except OSError as error:
            place = f"{self._watch.host}:{self._watch.port}"
            self.started.set_exception(
                SettingsError(
                    f"http.port: {place} cannot be listened at ({error.strerror}): set http.host or http.port"
                )
            )

    def stop(self) -> None:
        """End it; may be called from another thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._halt.set)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_post("/notifications/pluggto", self._notification)
        app.on_response_prepare.append(_close_after)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._watch.host, self._watch.port, backlog=_MAX_CONNECTIONS).start()
            host, port = runner.addresses[0][:2]
            self.started.set_result(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
            tasks = [
                asyncio.create_task(_reap(runner)),
                asyncio.create_task(keep_looking(self._gauges, self._watch.look, every_s=self._watch.refresh_s)),
            ]
            await self._halt.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            await runner.cleanup()

    async def _metrics(self, _request: web.Request) -> web.Response:
        now = time.monotonic()
        if self._text is None or now - self._text[0] > _KEEP_TEXT_S:
            self._text = (now, generate_latest(self._watch.metrics.registry))
        return web.Response(body=self._text[1], headers={"Content-Type": _CONTENT_TYPE})

    async def _healthz(self, _request: web.Request) -> web.Response:
        stuck_s = self._watch.metrics.loop.stuck_s()
        if stuck_s > _STUCK_S:
            return web.Response(status=503, text=f"the worker's event loop has been stuck for {stuck_s:.0f} s\n")
        return web.Response(text="ok\n")

    async def _readyz(self, _request: web.Request) -> web.Response:
        async with self._asking:
            now = time.monotonic()
            if self._readiness is None or now - self._readiness[0] > _KEEP_READINESS_S:
                self._readiness = (now, await self._why_not_ready())
        why = self._readiness[1]
        return web.Response(text="ok\n") if why is None else web.Response(status=503, text=f"{why}\n")

    async def _why_not_ready(self) -> str | None:
        try:
            async with asyncio.timeout(_READINESS_TIMEOUT_S):
                return await self._watch.ready()
        except TimeoutError:
            return f"the database does not answer within {_READINESS_TIMEOUT_S:.0f} s"
        except SettingsError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 # whatever it is: not ready
            return f"the database cannot be used ({type(error).__name__})"

    async def _notification(self, request: web.Request) -> web.Response:
        outcome = self._notices.offer(await request.read())
        self._watch.metrics.notified(outcome)
        if outcome == "taken":
            self._told()
        return web.Response(text="ok\n")


async def _close_after(_request: web.Request, response: web.StreamResponse) -> None:
    """One request a connection, so that no connection is old for a good reason; and say so.

    aiohttp has written its own headers by now: without this one a client would use the connection again.
    """
    response.force_close()
    response.headers["Connection"] = "close"


async def _reap(runner: web.AppRunner) -> None:
    """Close connections that are older than any request takes, and the oldest where there are too many."""
    since: dict[object, float] = {}
    while True:
        await asyncio.sleep(_REAP_S)
        now, server = time.monotonic(), runner.server
        here = list(server.connections) if server is not None else []
        since = {each: since.get(each, now) for each in here}
        oldest = sorted(here, key=lambda each: since[each])
        too_many = oldest[: max(len(oldest) - _MAX_CONNECTIONS, 0)]
        for each in {*too_many, *(one for one in here if now - since[one] > _CONNECTION_AGE_S)}:
            each.force_close()
