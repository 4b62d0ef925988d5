"""Who may call: the token endpoint and the check of every request.

Sources: https://developers.plugg.to/reference/authentication-by-password and its sibling pages for the grants; texts
and statuses of refusals are assumed, inferred from two attested messages.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

import msgspec

from rocksync.sandbox.accounts import Account, Credentials
from rocksync.sandbox.clock import Clock, Ids
from rocksync.sandbox.profile import Profile
from rocksync.sandbox.refusals import Refusal, oauth_refusal
from rocksync.sandbox.shapes import Document

LIFETIME_S = 3600
CODE_LIFETIME_S = 300
_PRUNE_AT = 50_000


@dataclass(frozen=True, slots=True)
class _Grant:
    account: Account
    expires_at: float


class Tokens:
    """Issues, checks, expires and revokes tokens of all accounts."""

    def __init__(self, clock: Clock, ids: Ids, open_account: Callable[[Credentials], Account]) -> None:
        self._clock = clock
        self._new_token = ids.token
        self._open_account = open_account
        self._accounts: dict[tuple[str, str], Account] = {}
        self._secrets: dict[str, str] = {}
        self._access: dict[str, _Grant] = {}
        self._refresh: dict[str, Account] = {}
        self._codes: dict[str, _Grant] = {}

    def enter(self, account: Account) -> None:
        """Let the credentials of *account* obtain tokens. Raises: ValueError if they are another's."""
        known = account.credentials
        key = (known.client_id, known.api_user)
        if self._accounts.get(key, account) is not account:
            raise ValueError(f"api_user {known.api_user!r} of client {known.client_id!r} has an account already")
        if self._secrets.setdefault(known.client_id, known.client_secret) != known.client_secret:
            raise ValueError(f"client {known.client_id!r} is known under another secret")
        self._accounts[key] = account

    def answer(self, method: str, content_type: str, body: bytes, profile: Profile) -> tuple[Account, Document]:
        """Return the account that asked for a token, and the reply to it. Raises: Refusal 400."""
        form = _form(method, content_type, body, profile)
        account = self._granted(form, profile)
        return account, self.issue(account)

    def issue(self, account: Account) -> Document:
        """Return a new token reply; earlier tokens stay valid (assumed)."""
        if len(self._access) > _PRUNE_AT:
            now = self._clock.now()
            self._access = {token: grant for token, grant in self._access.items() if grant.expires_at > now}
        access, refresh = self._new_token(), self._new_token()
        self._access[access] = _Grant(account, self._clock.now() + LIFETIME_S)
        self._refresh[refresh] = account
        return {"token_type": "bearer", "access_token": access, "expires_in": LIFETIME_S, "refresh_token": refresh}

    def issue_code(self, account: Account) -> str:
        """Return a ``pluggtocode`` that can be exchanged once within minutes."""
        code = self._new_token()
        self._codes[code] = _Grant(account, self._clock.now() + CODE_LIFETIME_S)
        return code

    def forget(self, access_token: str) -> None:
        """Make one access token invalid."""
        self._access.pop(access_token, None)

    def check(self, authorization: str | None, query_token: str | None) -> Account:
        """Return the account of a request. Raises: Refusal 400 without a token or with two, 401 with a bad one."""
        if authorization is not None and query_token is not None:
            text = "Only one method may be used to authenticate at a time (Auth header, GET or POST)."
            raise oauth_refusal(400, "invalid_request", text)
        token = query_token
        if authorization is not None:
            scheme, _, token = authorization.partition(" ")
            if scheme.lower() != "bearer":
                raise oauth_refusal(400, "invalid_request", "Malformed auth header")
        if not token:
            raise oauth_refusal(400, "invalid_request", "The access token was not found")
        grant = self._access.get(token)
        if grant is None:
            raise oauth_refusal(401, "invalid_token", "The access token provided is invalid.")
        if grant.expires_at <= self._clock.now():
            raise oauth_refusal(401, "invalid_token", "The access token provided has expired.")
        return grant.account

    def expire(self, account: Account | None = None) -> None:
        """Make the access tokens of one account, or of all, expire now; refresh tokens stay."""
        for token, grant in self._access.items():
            if account is None or grant.account is account:
                self._access[token] = _Grant(grant.account, 0.0)

    def revoke(self, account: Account | None = None) -> None:
        """Forget access and refresh tokens of one account, or of all."""
        self._access = {t: g for t, g in self._access.items() if account is not None and g.account is not account}
        self._refresh = {t: a for t, a in self._refresh.items() if account is not None and a is not account}

    def _granted(self, form: dict[str, str], profile: Profile) -> Account:
        client = form.get("client_id", "")
        known = self._secrets.get(client)
        if known is None and profile.open_accounts and client and form.get("client_secret"):
            known = form["client_secret"]
        if not client or known != form.get("client_secret"):
            raise oauth_refusal(400, "invalid_client", "Client credentials are invalid")
        match form.get("grant_type"):
            case "password":
                return self._by_password(form, profile)
            case "refresh_token":
                return self._by_refresh(form, client, profile)
            case "authorization_code":
                return self._by_code(form, client)
            case _:
                raise oauth_refusal(400, "invalid_request", "Invalid or missing grant_type parameter")

    def _by_password(self, form: dict[str, str], profile: Profile) -> Account:
        user, secret = form.get("username", ""), form.get("password", "")
        account = self._accounts.get((form["client_id"], user))
        if account is None and profile.open_accounts and user and secret:
            account = self._open_account(
                Credentials(
                    client_id=form["client_id"], client_secret=form["client_secret"], api_user=user, api_secret=secret
                )
            )
        if account is None or account.credentials.api_secret != secret:
            raise oauth_refusal(400, "invalid_grant", "User credentials are invalid")
        return account

    def _by_refresh(self, form: dict[str, str], client: str, profile: Profile) -> Account:
        token = form.get("refresh_token", "")
        account = self._refresh.get(token)
        if account is None or account.credentials.client_id != client:
            raise oauth_refusal(400, "invalid_grant", "Invalid refresh token")
        if not profile.reusable_refresh:
            del self._refresh[token]
        return account

    def _by_code(self, form: dict[str, str], client: str) -> Account:
        grant = self._codes.pop(form.get("code", ""), None)
        if grant is None or grant.account.credentials.client_id != client or grant.expires_at <= self._clock.now():
            raise oauth_refusal(400, "invalid_grant", "Invalid code")
        return grant.account


def _form(method: str, content_type: str, body: bytes, profile: Profile) -> dict[str, str]:
    kind = content_type.partition(";")[0].strip().lower()
    if method == "POST" and kind == "application/x-www-form-urlencoded":
        try:
            return dict(parse_qsl(body.decode(), keep_blank_values=True))
        except UnicodeDecodeError:
            raise _not_a_form() from None
    if method == "POST" and kind == "application/json" and not profile.form_tokens_only:
        try:
            return msgspec.json.decode(body, type=dict[str, str])
        except msgspec.MsgspecError:
            raise _not_a_form() from None
    raise _not_a_form()


def _not_a_form() -> Refusal:
    return oauth_refusal(400, "invalid_request", "Method must be POST with application/x-www-form-urlencoded encoding")
