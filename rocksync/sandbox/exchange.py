"""One request from beginning to end: who asks, what goes wrong, what is answered."""

from contextlib import suppress
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

import msgspec

from rocksync.sandbox.accounts import Account
from rocksync.sandbox.faults import TOKEN_ROUTE
from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.refusals import Refusal, oauth_refusal, refusal
from rocksync.sandbox.routes import Call, Route, parse_params, resolve
from rocksync.sandbox.shapes import Document
from rocksync.sandbox.tampering import tampered

_HTML = b"<!DOCTYPE html><html><head><title>Bad Gateway</title></head><body><h1>nginx</h1></body></html>"
_SERVER_ERRORS = (500, 502, 503, 504)
_HIDDEN = b"(credentials)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came: *target* is the raw path with its query."""

    method: str
    target: str
    authorization: str | None
    content_type: str
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What to send, after *wait_s*: all of it, the first half of the body (*cut*), or nothing (*drop*)."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    wait_s: float = 0.0
    cut: bool = False
    drop: bool = False


def exchange(hub: Sandbox, asked: Asked) -> Reply:
    """Answer one request to the API and log it."""
    path, _, query = asked.target.partition("?")
    segments = [unquote(segment) for segment in path.split("/")[1:]]
    if len(segments) > 1 and not segments[-1] and not hub.profile.strict_bodies:
        segments.pop()  # a trailing slash is tolerated
    if segments == ["oauth", "token"]:
        return _token_exchange(hub, asked)
    params = parse_params(query)
    token = params.pop("access_token", None)
    caller = _caller(hub, asked.authorization, token)
    route, key = resolve(asked.method, segments)
    user_id = caller.user_id if isinstance(caller, Account) else None
    faults = hub.faults.striking(asked.method, route.template, path, user_id) if hub.faults else {}
    reply = _spoilt(hub, faults, caller, token or _bearer(asked.authorization)) if faults else None
    if reply is None and isinstance(caller, Refusal):
        reply = _refused(caller)
    elif reply is None and isinstance(caller, Account):
        call = Call(
            account=caller,
            profile=hub.profile,
            now=hub.clock.now(),
            seed=hub.seed,
            key=key,
            params=params,
            content_type=asked.content_type,
            body=asked.body,
            faults=faults,
        )
        reply = _stored(hub, route, call)
    if "late-writes" not in faults:
        while hub.late_writes:
            hub.late_writes.pop(0)()
    return _logged(hub, asked, user_id, route.template, reply or _dropped(), faults, path=path, body=asked.body)


def _token_exchange(hub: Sandbox, asked: Asked) -> Reply:
    faults = hub.faults.striking(asked.method, TOKEN_ROUTE, TOKEN_ROUTE, None) if hub.faults else {}
    reply = _spoilt(hub, faults, None, "") if faults else None
    user_id = None
    if reply is None:
        try:
            account, document = hub.tokens.answer(asked.method, asked.content_type, asked.body, hub.profile)
        except Refusal as no:
            reply = _refused(no)
        else:
            user_id = account.user_id
            if "no-access-token" in faults:
                del document["access_token"]
            reply = _json(200, document)
            if "refused-refresh" in faults and b"grant_type=refresh_token" in asked.body:
                reply = _refused(oauth_refusal(400, "invalid_grant", "Invalid refresh token"))
    return _logged(hub, asked, user_id, TOKEN_ROUTE, reply, faults, path=TOKEN_ROUTE, body=_HIDDEN)


def _logged(
    hub: Sandbox,
    asked: Asked,
    user_id: int | None,
    template: str,
    reply: Reply,
    faults: dict[str, float],
    *,
    path: str,
    body: bytes,
) -> Reply:
    if faults:
        reply = _damaged(reply, faults)
    hub.journal.record(
        at=hub.clock.now(),
        account=user_id,
        method=asked.method,
        route=template,
        path=path if "access_token" in asked.target else asked.target,
        status=0 if reply.drop or reply.cut else reply.status,
        body=body,
        faults=tuple(faults),
    )
    return reply


def _caller(hub: Sandbox, authorization: str | None, token: str | None) -> Account | Refusal:
    try:
        return hub.tokens.check(authorization, token)
    except Refusal as no:
        return no


def _stored(hub: Sandbox, route: Route, call: Call) -> Reply:
    """Return the answer of the API; undo the write it made if it is to be lost, put it off if it is to come late."""
    if "late-writes" in call.faults:
        hub.late_writes.append(lambda: _answered(hub, route, replace(call, faults={})))
        return _dropped()
    if "dropped-writes" not in call.faults:
        return _answered(hub, route, call)
    shelf, book = call.account.shelf, call.account.book
    product = order = None
    with suppress(Refusal):
        match route.template.split("/")[1]:
            case "skus":
                product = shelf.find(call.key)
            case "products" if call.key:
                product = shelf.row(call.key)
            case "orders" if call.key:
                order = book.row(call.key)
    hub.announcing = False
    try:
        with shelf.rehearsal(product), book.rehearsal(order):
            return _answered(hub, route, call)
    finally:
        hub.announcing = True


def _answered(hub: Sandbox, route: Route, call: Call) -> Reply:
    try:
        status, document = route.function(call)
    except Refusal as no:
        return _refused(no)
    if call.faults:
        document = tampered(document, call.faults, hub.faults.draw)
    return _json(status, document)


def _spoilt(hub: Sandbox, faults: dict[str, float], caller: Account | Refusal | None, token: str) -> Reply | None:
    """Return the reply of a fault that strikes before anything is done, or None."""
    if "outage" in faults:
        return _dropped()
    if "stall" in faults:
        return Reply(drop=True, wait_s=faults["stall"])
    if "429" in faults or "429-retry-after" in faults:
        after_s = faults.get("429-retry-after")
        return replace(_too_many(), headers={} if after_s is None else {"Retry-After": f"{after_s:g}"})
    if "5xx-html" in faults:
        return Reply(status=_server_error(hub), body=_HTML, content_type="text/html")
    if "5xx-empty" in faults:
        return Reply(status=_server_error(hub))
    return _spoilt_by_refusal(hub, faults, caller, token)


def _spoilt_by_refusal(
    hub: Sandbox, faults: dict[str, float], caller: Account | Refusal | None, token: str
) -> Reply | None:
    no: Refusal | None = None
    if "5xx-json" in faults:
        no = refusal(500, "internal_error", {"message": "Unexpected error"})
    elif "400" in faults or "400-reads" in faults:
        no = refusal(400, "invalid_field", "refused by a fault")
    elif "redirect" in faults:
        return Reply(status=302, headers={"Location": "http://elsewhere.invalid/"})
    elif "refused-credentials" in faults:
        no = oauth_refusal(400, "invalid_grant", "User credentials are invalid")
    elif "expired-tokens" in faults and isinstance(caller, Account):
        hub.tokens.forget(token)
        no = oauth_refusal(401, "invalid_token", "The access token provided has expired.")
    elif "revoked-tokens" in faults and isinstance(caller, Account):
        hub.tokens.revoke(caller)
        no = oauth_refusal(401, "invalid_token", "The access token provided is invalid.")
    return None if no is None else _refused(no)


def _damaged(reply: Reply, faults: dict[str, float]) -> Reply:
    """Return *reply* as the faults leave it that strike after everything is done."""
    late_s = reply.wait_s + faults.get("latency", 0.0) + faults.get("slow-start", 0.0)
    reply = replace(reply, wait_s=late_s)
    if "drop-after-write" in faults:
        return replace(reply, drop=True)
    if "5xx-after-write" in faults:
        return Reply(status=502, body=_HTML, content_type="text/html", wait_s=late_s)
    if reply.status in {200, 201}:
        for name, body in _RUBBISH.items():
            if name in faults:
                reply = replace(reply, body=body)
        if "broken-text" in faults:
            reply = replace(reply, body=reply.body.replace(b'_name":"', b'_name":"\\ud83d\xe9 '))
        if "huge-body" in faults:
            padding = b" " * int(faults["huge-body"] * 2**20)
            reply = replace(reply, body=reply.body[:-1] + padding + reply.body[-1:])
    return replace(reply, cut=True) if "cut-body" in faults else reply


_RUBBISH = {
    "not-json": b"Service temporarily in maintenance, please try again",
    "invalid-utf8": b'{"Product": "caf\xe9 \xff\xfe", "Order": "\xc3"}',
    "empty-200": b"",
    "deep-nesting": b"[" * 100_000 + b"]" * 100_000,
}


def _json(status: int, document: Document) -> Reply:
    return Reply(status=status, body=msgspec.json.encode(document))


def _refused(no: Refusal) -> Reply:
    return _json(no.status, no.body)


def _dropped() -> Reply:
    return Reply(drop=True)


def _too_many() -> Reply:
    # assumed: no source shows a rate limit
    return _refused(refusal(429, "too_many_requests", "Request limit exceeded"))


def _server_error(hub: Sandbox) -> int:
    return _SERVER_ERRORS[int(hub.faults.draw(f"status {sum(hub.journal.counts.values())}") * len(_SERVER_ERRORS))]


def _bearer(authorization: str | None) -> str:
    return (authorization or "").partition(" ")[2]
