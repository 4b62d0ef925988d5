"""Tokens of tenants: got by login, kept in memory alone, renewed before they expire.

Source: pluggto-api 1.2 (grants, form-encoded), 1.4 (401), 9 X2 (a refresh token is used once).
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import urlencode

from rocksync.domain.errors import PassError, TenantError
from rocksync.domain.tenancy import Credentials, Tenant, TenantId
from rocksync.pluggto.facts import Login, Observe
from rocksync.pluggto.limiter import Sleep
from rocksync.pluggto.replies import Grant

_EARLY_S = 60.0
_REFUSED_FOR_S = 60.0
_AGAIN_AFTER_S = (1.0, 5.0)
"""Waits before the next login when a token was refused fresh from one; after the last, the credentials are refused."""
_FAILED_FOR_S = 2.0

FindCredentials = Callable[[TenantId], Awaitable[Credentials]]
"""Gives a tenant's credentials. Raises: TenantError if there are none, PassError if they cannot be read now."""


class AskForToken(Protocol):
    """Posts a form to the token endpoint."""

    async def __call__(self, tenant: Tenant, form: bytes) -> Grant | None:
        """Return what is granted; None: it was refused. Raises: PassError."""


class Session:
    """What is known of one tenant's tokens.

    ``proved``: the hub has answered a request with this token; ``strikes``: tokens refused fresh from login since one
    was not; ``skew_s``: how far its clock was ahead at login;
    ``credentials``: those last used, which a failure is about; ``forgotten``: how many times all was dropped.
    """

    __slots__ = (
        "by_password", "credentials", "expires_at", "failure", "failure_until", "forgotten", "lock", "proved",
        "refresh_token", "skew_s", "strikes", "token",
    )  # fmt: skip

    def __init__(self) -> None:
        self.token: str | None = None
        self.refresh_token: str | None = None
        self.expires_at = 0.0
        self.by_password = False
        self.proved = False
        self.lock = asyncio.Lock()
        self.credentials: Credentials | None = None
        self.failure: PassError | TenantError | None = None
        self.failure_until = 0.0
        self.strikes = 0
        self.forgotten = 0
        self.skew_s: float | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody is logging in with it."""
        return not self.lock.locked()

    def prove(self, token: str) -> None:
        """Note that the hub has answered a request with *token*."""
        if self.token == token and not self.proved:
            self.proved, self.strikes = True, 0

    def forget(self) -> None:
        """Drop all tokens, and that a login was refused."""
        self.token = self.refresh_token = self.failure = None
        self.forgotten += 1


class Auth:
    """Logs tenants in, one login of a tenant at a time, and never again and again with what was refused."""

    def __init__(
        self,
        *,
        credentials: FindCredentials,
        ask: AskForToken,
        clock: Callable[[], float],
        sleep: Sleep,
        observe: Observe,
    ) -> None:
        self._credentials = credentials
        self._ask = ask
        self._clock = clock
        self._sleep = sleep
        self._observe = observe

    def current(self, session: Session) -> str | None:
        """The token, if it is good for a while yet."""
        return session.token if session.token is not None and self._clock() < session.expires_at else None

    async def token(self, tenant: Tenant, session: Session) -> str:
        """A token that is good for a while. Raises: TenantError if the credentials are refused; PassError."""
        async with session.lock:
            return self.current(session) or await self._renew(tenant, session)

    async def after_refusal(self, tenant: Tenant, session: Session, refused: str) -> str:
        """Another token than *refused*, which a request was answered 401 with.

        Raises: TenantError if that was fresh, and the two before it too, seconds apart: the hub may end one in that
            very moment, or need a while to know it; PassError.
        """
        async with session.lock:
            if session.token is not None and session.token != refused:
                return session.token
            if session.token == refused and session.by_password and not session.proved:
                session.token = session.refresh_token = None
                if session.strikes == len(_AGAIN_AFTER_S):
                    session.strikes = 0
                    raise self._failed(session, _refused(tenant), _REFUSED_FOR_S)
                session.strikes += 1
                await self._sleep(_AGAIN_AFTER_S[session.strikes - 1])
            else:
                session.strikes = 0
            session.refresh_token = None  # what ends a token early ends its companion too (assumed)
            return await self._renew(tenant, session)

    async def login(self, tenant: Tenant, session: Session) -> None:
        """Log in with the credentials, whatever tokens there are. Raises: TenantError, PassError."""
        async with session.lock:
            session.forget()
            await self._renew(tenant, session)

    async def _renew(self, tenant: Tenant, session: Session) -> str:
        """A new token; all over again if the credentials were replaced meanwhile."""
        forgotten = session.forgotten
        try:
            credentials = await self._credentials(tenant.id)
        except PassError as error:
            raise self._failed(session, error, _FAILED_FOR_S) from None
        if session.failure is not None and self._clock() < session.failure_until and credentials == session.credentials:
            raise _again(session.failure)
        session.failure, session.credentials = None, credentials
        try:
            refresh_token, session.refresh_token = session.refresh_token, None
            granted = await self._refreshed(tenant, credentials, refresh_token) if refresh_token else None
            by_password = granted is None
            if granted is None:
                granted = await self._asked(
                    tenant,
                    credentials,
                    grant_type="password",
                    username=credentials.api_user,
                    password=credentials.api_secret,
                )
        except PassError as error:
            raise self._failed(session, error, _FAILED_FOR_S) from None
        if session.forgotten != forgotten:
            return await self._renew(tenant, session)
        if granted is None:
            raise self._failed(session, _refused(tenant), _REFUSED_FOR_S)
        session.token = granted.access_token
        session.refresh_token = granted.refresh_token
        session.expires_at = self._clock() + max(granted.expires_in_s - _EARLY_S, granted.expires_in_s / 2)
        session.by_password = by_password
        session.proved = False
        return granted.access_token

    async def _refreshed(self, tenant: Tenant, credentials: Credentials, refresh_token: str) -> Grant | None:
        """The grant for a refresh token; None on any failure: it is used up then."""
        try:
            return await self._asked(tenant, credentials, grant_type="refresh_token", refresh_token=refresh_token)
        except PassError:
            return None

    async def _asked(self, tenant: Tenant, credentials: Credentials, **form: str) -> Grant | None:
        form |= {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
        outcome = "failed"
        try:
            granted = await self._ask(tenant, urlencode(form).encode())
            outcome = "refused" if granted is None else "granted"
            return granted
        finally:
            self._observe(Login(grant=form["grant_type"], outcome=outcome))

    def _failed(self, session: Session, error: PassError | TenantError, for_s: float) -> PassError | TenantError:
        """Remember *error* for a while, so that the many requests that wait do not each log in in vain."""
        session.failure = error
        session.failure_until = self._clock() + for_s
        return _again(error)


def _refused(tenant: Tenant) -> TenantError:
    return TenantError(f"Plugg.to refuses the credentials of {tenant.slug}: replace them")


def _again(error: PassError | TenantError) -> PassError | TenantError:
    """A new exception that says the same: one that is raised twice would gather tracebacks."""
    if isinstance(error, TenantError):
        return TenantError(error.detail, reason=error.reason)
    return PassError(error.detail, reason=error.reason, retry_after_s=error.retry_after_s)
