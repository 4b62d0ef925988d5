"""HTTP to the hub: one attempt of one request, with its limits of time and size. Knows nothing of tenants.

Source: pluggto-api 1.1 (TLS, headers), 6 (connect 10 s, total 20 s).
"""

import asyncio
import io
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp.client_middlewares import ClientHandlerType
from yarl import URL

from rocksync.version import VERSION

MOST_BYTES = 16 * 2**20
_CONNECT_S = 10.0
_LARGE = 2**20
_JSON = {"Content-Type": "application/json"}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
LATE = 3.0
"""Time limits for which a request that was not answered within one may still be carried out. Assumed: answers after
more than 20 s are known (pluggto-api 6), not how much more."""


class NoAnswerError(Exception):
    """No whole reply came; ``sent`` tells whether the request may have been carried out all the same.

    ``late_s``: seconds for which it may still be.
    """

    def __init__(self, why: str, *, sent: bool, late_s: float = 0.0) -> None:
        super().__init__(why)
        self.sent = sent
        self.late_s = late_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole reply. ``retry_after`` and ``date`` are its headers."""

    status: int
    content: bytes = field(repr=False)
    retry_after: str | None = None
    date: str | None = None


class Transport:
    """Sends to one base URL over shared connections."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str, *, timeout_s: float, connections: int) -> None:
        self._session = session
        self._base = base_url.rstrip("/")
        self._late_s = LATE * timeout_s
        self._free = asyncio.Semaphore(connections)

    async def send(
        self,
        method: str,
        target: str,
        body: bytes | None,
        token: str | None,
        may_send: Callable[[], None] | None = None,
    ) -> Answer:
        """Send once and read the whole reply; without a token, *body* is a form. Raises: NoAnswerError.

        *may_send* is called when there is a connection, right before the first byte; what it raises is raised. Other
        errors are told by their kind alone: the library's can hold addresses and headers.
        """
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        if body is not None:
            headers |= _FORM if token is None else _JSON
        data = io.BytesIO(body) if body is not None and len(body) >= _LARGE else body
        async with self._free:
            _may_send.set(may_send)  # of this task, which sends one request at a time
            try:
                async with self._session.request(
                    method, URL(self._base + target, encoded=True), data=data, headers=headers, allow_redirects=False
                ) as reply:
                    return Answer(
                        status=reply.status,
                        content=await _content(reply),
                        retry_after=reply.headers.get("Retry-After"),
                        date=reply.headers.get("Date"),
                    )
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                raise NoAnswerError(type(error).__name__, sent=False) from None
            except TimeoutError as error:
                raise NoAnswerError(type(error).__name__, sent=True, late_s=self._late_s) from None
            except (aiohttp.ClientError, OSError, ValueError, _RepeatedError) as error:
                raise NoAnswerError(type(error).__name__.strip("_"), sent=True) from None


async def _content(reply: aiohttp.ClientResponse) -> bytes:
    """The body. Raises: NoAnswerError if it is too large or compressed, which nobody asked for."""
    length = reply.content_length
    if reply.headers.get("Content-Encoding", "identity") != "identity":
        raise NoAnswerError("the reply is compressed", sent=True)
    if length is not None and length <= MOST_BYTES:
        return await reply.read()
    if length is not None:
        raise NoAnswerError("the reply is too large", sent=True)
    content = bytearray()
    async for chunk in reply.content.iter_any():
        content += chunk
        if len(content) > MOST_BYTES:
            raise NoAnswerError("the reply is too large", sent=True)
    return bytes(content)


_may_send: ContextVar[Callable[[], None] | None] = ContextVar("rocksync_pluggto_may_send", default=None)


class _Request(aiohttp.ClientRequest):
    """Connecting may take long, and a process may be suspended meanwhile: whoever may send is asked after that."""

    async def send(self, conn: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        if (may_send := _may_send.get()) is not None:
            may_send()
        return await super().send(conn)


class _RepeatedError(Exception):
    """A connection was lost during a request."""


async def _once(request: aiohttp.ClientRequest, handler: ClientHandlerType) -> aiohttp.ClientResponse:
    """Keep the library from silently sending a PUT again on a lost connection: that could be a second delivery."""
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _RepeatedError(type(error).__name__) from None


@asynccontextmanager
async def open_transport(base_url: str, *, timeout_s: float, connections: int) -> AsyncIterator[Transport]:
    """Open the shared connections: no cookies, no redirects, no compression, certificates verified."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(_CONNECT_S, timeout_s)),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": f"rocksync/{VERSION}"},
        auto_decompress=False,
        middlewares=(_once,),
        request_class=_Request,
    ) as session:
        yield Transport(session, base_url, timeout_s=timeout_s, connections=connections)


def retry_after_s(answer: Answer, now_s: float) -> float | None:
    """What ``Retry-After`` asks for, as seconds or as a date; None: nothing that makes sense."""
    if answer.retry_after is None:
        return None
    try:
        asked_s = float(answer.retry_after)
        return None if math.isnan(asked_s) else max(asked_s, 0.0)
    except ValueError:
        at_s = epoch_s(answer.retry_after)
        return None if at_s is None else max(at_s - (epoch_s(answer.date) or now_s), 0.0)


def epoch_s(date: str | None) -> float | None:
    """A date of HTTP as seconds since the epoch."""
    try:
        return None if date is None else parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return None
