"""Requests of tenants to the hub: paced, authenticated, repeated where that is safe; errors by what they stop."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TypeVar

from rocksync.domain.errors import PassError
from rocksync.domain.tenancy import Tenant, TenantId
from rocksync.pluggto import replies
from rocksync.pluggto.auth import Auth, FindCredentials
from rocksync.pluggto.breaker import Breaker
from rocksync.pluggto.facts import Exchange, Observe
from rocksync.pluggto.limiter import LONGEST_WAIT_S, Limiter, Sleep, limited
from rocksync.pluggto.replies import BadReplyError, Grant, Reply, Request
from rocksync.pluggto.tenants import Accounts
from rocksync.pluggto.transport import Answer, NoAnswerError, Transport, epoch_s, retry_after_s
from rocksync.pluggto.turns import Turns

T = TypeVar("T")
_TRIES = 4
_RENEWALS = 4
_FIRST_WAIT_S = 0.25
_TRIED_LONG_S = 20.0
"""No further try of a request that has taken so long already."""
_LONGEST_RETRY_AFTER_S = 3600.0
_TOKEN = "/oauth/token"  # noqa: S105 - a path
_UNAUTHORIZED, _TIMEOUT, _RATE_LIMITED, _SERVER_ERROR = 401, 408, 429, 500

_guard: ContextVar[Callable[[], None] | None] = ContextVar("rocksync_pluggto_guard", default=None)


class AmbiguousError(PassError):
    """A request that must not simply be repeated may or may not have been carried out: look before trying again."""


@dataclass(frozen=True, slots=True)
class _FailedError(Exception):
    """An attempt without a usable reply. ``harmless``: nothing was carried out; ``wait_s``: told to wait so long."""

    error: PassError
    harmless: bool = False
    wait_s: float | None = None


class Client:
    """Sends requests for tenants. One for the process."""

    def __init__(
        self,
        transport: Transport,
        *,
        credentials: FindCredentials,
        requests_per_second: float,
        concurrency: int,
        observe: Observe,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._wall_clock = wall_clock
        self._sleep = sleep
        self._observe = observe
        self.breaker = Breaker(clock=clock, observe=observe)
        self._auth = Auth(credentials=credentials, ask=self._ask_for_token, clock=clock, sleep=sleep, observe=observe)
        self._turns = Turns()
        self._accounts = Accounts(
            lambda: Limiter(rate=requests_per_second, concurrency=concurrency, clock=clock, sleep=sleep)
        )

    @contextmanager
    def guarded(self, may_write: Callable[[], None]) -> Iterator[None]:
        """Have *may_write* called right before each write sent from within, in tasks started there too.

        It raises, for example LeaseLostError, if there is to be no write.
        """
        token = _guard.set(may_write)
        try:
            yield
        finally:
            _guard.reset(token)

    def writing(self, tenant: Tenant, resource: str) -> AbstractAsyncContextManager[None]:
        """Hold the turn of one resource of a tenant: no two writes to it at a time."""
        return self._turns.of(tenant.id, resource)

    def forget(self, tenant: TenantId) -> None:
        """Drop a tenant's tokens, and that its credentials were refused: they are replaced."""
        self._accounts.forget(tenant)

    def pardon(self, tenant: TenantId) -> None:
        """Try a tenant's credentials again although they were refused: somebody wants it to run."""
        self._accounts.pardon(tenant)

    async def ping(self, tenant: Tenant) -> float | None:
        """Log in; seconds that the hub's clock is ahead of ours, None if it does not tell it.

        Raises: TenantError if the credentials are refused; PassError.
        """
        session = self._accounts.of(tenant.id).session
        await self._auth.login(tenant, session)
        return session.skew_s

    async def send(self, tenant: Tenant, request: Request[T]) -> Reply[T]:
        """Send *request*, again if need be, and return what was answered.

        Raises: PassError, when the hub is unavailable or limits us; AmbiguousError, which is one, when a request that
            is not repeatable may have been carried out; TenantError, when a fresh token is refused; what the guard
            raises.
        """
        account = self._accounts.of(tenant.id)
        session = account.session
        token = self._auth.current(session) or await self._auth.token(tenant, session)
        started_at = self._clock()
        tries = renewals = 0
        while True:
            try:
                reply = await self._paced(account.limiter, request, token)
            except _FailedError as failed:
                tries += 1
                if not request.repeatable and not failed.harmless:
                    raise AmbiguousError(failed.error.detail, late_s=failed.error.late_s) from None
                await self._wait(failed, tries, self._clock() - started_at)
                continue
            if reply is not None:
                session.prove(token)
                return reply
            renewals += 1
            if renewals > _RENEWALS:
                raise PassError("Plugg.to refuses one fresh token after the other")
            token = await self._auth.after_refusal(tenant, session, token)

    async def _wait(self, failed: _FailedError, tries: int, tried_s: float) -> None:
        """Wait before the next try. Raises: PassError if there is to be none, as when the last may come late."""
        wait_s = _FIRST_WAIT_S * 2**tries * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
        if failed.wait_s is not None:
            wait_s = failed.wait_s
        if tries >= _TRIES or failed.error.late_s or wait_s > LONGEST_WAIT_S or tried_s + wait_s > _TRIED_LONG_S:
            raise failed.error
        await self._sleep(wait_s)

    async def _paced(self, limiter: Limiter, request: Request[T], token: str) -> Reply[T] | None:
        """One attempt when the tenant's pace allows it; None: the token was refused. Raises: _FailedError."""
        await limiter.acquire()
        started_at = self._clock()
        took_s = None
        try:
            answer = await self._exchange(request.method, request.route, request.target, request.body, token)
            if answer.status == _RATE_LIMITED:
                raise self._limited(limiter, self._told_s(answer))
            took_s = self._clock() - started_at
        finally:
            limiter.release(took_s)
        if answer.status == _UNAUTHORIZED:
            return None
        if answer.status >= 400:  # noqa: PLR2004 - HTTP
            return replace(replies.refused(answer.status, answer.content), took_s=took_s)
        try:
            return Reply(status=answer.status, value=request.read(answer.content), took_s=took_s)
        except BadReplyError as error:
            raise _FailedError(PassError(f"Plugg.to's answer to {request.route} makes no sense: {error}")) from None

    async def _exchange(self, method: str, route: str, target: str, body: bytes | None, token: str | None) -> Answer:
        """Send once, unless the breaker is open. Raises: _FailedError for no reply, 5xx and redirects; PassError.

        What the guard holds back, or is cancelled, is no exchange.
        """
        may_send = _guard.get() if token is not None and method != "GET" else None
        probe = self.breaker.enter()
        started_at = self._clock()
        status = 0
        failed: bool | None = None
        try:
            answer = await self._transport.send(method, target, body, token, may_send)
            status = answer.status
            failed = status >= _SERVER_ERROR
        except NoAnswerError as error:
            failed = True
            late_s = 0.0 if method == "GET" else error.late_s
            raise _FailedError(
                PassError(f"no answer from Plugg.to: {error}", late_s=late_s), harmless=not error.sent
            ) from None
        finally:
            self._settle(failed, probe=probe)
            if failed is not None:
                took_s = self._clock() - started_at
                self._observe(Exchange(method=method, route=route, status=status, took_s=took_s))
        if status >= _SERVER_ERROR or status == _TIMEOUT:
            told_s = self._told_s(answer)
            raise _FailedError(PassError(f"Plugg.to is unavailable ({status})", retry_after_s=told_s), wait_s=told_s)
        if 300 <= status < 400:  # noqa: PLR2004 - HTTP
            raise _FailedError(PassError(f"Plugg.to sends {route} elsewhere ({status}): check pluggto.base_url"))
        return answer

    def _settle(self, failed: bool | None, *, probe: bool) -> None:
        if failed is None:
            self.breaker.abandoned(probe=probe)
        elif failed:
            self.breaker.failed(probe=probe)
        else:
            self.breaker.succeeded()

    def _told_s(self, answer: Answer) -> float | None:
        told_s = retry_after_s(answer, self._wall_clock())
        return None if told_s is None else min(told_s, _LONGEST_RETRY_AFTER_S)

    def _limited(self, limiter: Limiter, told_s: float | None) -> _FailedError:
        """The failure that a 429 is; a short pause is waited for where the next turn is awaited."""
        pause_s = limiter.limited(told_s)
        return _FailedError(limited(pause_s), harmless=True, wait_s=0.0 if pause_s <= LONGEST_WAIT_S else pause_s)

    async def _ask_for_token(self, tenant: Tenant, form: bytes) -> Grant | None:
        """Post *form* to the token endpoint; None: it was refused.

        Raises: PassError. Source: pluggto-api 1.2, 1.4; the statuses of refusals are assumed.
        """
        tries = 0
        started_at = self._clock()
        while True:
            try:
                answer = await self._exchange("POST", _TOKEN, _TOKEN, form, None)
                break
            except _FailedError as failed:
                tries += 1
                await self._wait(failed, tries, self._clock() - started_at)
        if (hub_s := epoch_s(answer.date)) is not None:
            self._accounts.of(tenant.id).session.skew_s = hub_s - self._wall_clock()
        if answer.status == _RATE_LIMITED:
            raise limited(self._told_s(answer) or LONGEST_WAIT_S)
        granted = replies.grant(answer.content)
        if granted is None and answer.status not in {400, 401, 403}:
            raise PassError(f"Plugg.to answered a login with {answer.status}, but without a token")
        return granted if answer.status < 300 else None  # noqa: PLR2004 - HTTP
