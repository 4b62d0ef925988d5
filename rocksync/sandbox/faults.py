"""What the sandbox does wrong on request: the names, their grammar, and when each strikes."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

FAULTS: dict[str, str] = {
    # refusals before anything is done
    "expired-tokens": "the access token of the request has expired: 401",
    "revoked-tokens": "all tokens of the account are gone, refresh tokens too: 401",
    "refused-credentials": "the token endpoint refuses every grant with 400",
    "refused-refresh": "the token endpoint refuses refresh tokens with 400",
    "no-access-token": "the token endpoint answers 200 without an access_token",
    "429": "too many requests, without Retry-After",
    "429-retry-after": "too many requests, with Retry-After (=seconds, 1)",
    "5xx-html": "500, 502, 503 or 504 with a page of HTML",
    "5xx-empty": "500, 502, 503 or 504 with nothing",
    "5xx-json": "500 in the envelope of errors",
    "400": "400 in the envelope of errors, on writes",
    "400-reads": "400 in the envelope of errors, on reads",
    "redirect": "302 to another host",
    "outage": "the connection is closed without a reply",
    "stall": "no reply for a long time (=seconds, 60), then the connection is closed",
    "slow-start": "a late reply (=seconds, 2) to the first 20 requests, or as many as xCOUNT says",
    "latency": "a late reply (=seconds, 0.25)",
    # writes that do not do what they say
    "drop-after-write": "the write takes effect, then the connection is closed without a reply",
    "5xx-after-write": "the write takes effect, then the reply is a 502 with HTML",
    "late-writes": "the connection is closed without a reply, and the write takes effect after the next request",
    "dropped-writes": "a write is answered as done but not stored",
    # lists that are not what was asked for
    "stale-lists": "lists leave out what was created or modified lately (=seconds, 60)",
    "ignored-filters": "lists ignore every filter",
    "repeated-pages": "lists ignore the cursor and answer the first page again",
    "reordered-pages": "lists come in an arbitrary order, the same for every page",
    "short-pages": "a page holds only half of its rows although more follow",
    "limit-cap-50": "a page holds 50 rows at most",
    # replies of the wrong shape
    "strings-for-numbers": "numbers in replies are text",
    "nulls": "optional members of replies are null, a different third of them in each reply",
    "unknown-members": "objects in replies have members nobody knows",
    "unset-members": "products are shown without members that were never set, and a quantity that never was as 0",
    "short-products": "products are shown without their variations, categories and attributes",
    "short-variations": "products are shown with no more than SKUs and prices of their variations",
    "unknown-status": "orders are shown in a status nobody knows",
    "broken-text": "names of people hold half of a surrogate pair and a byte that is not UTF-8",
    "external-maps": "external is shown as a map by client id",
    "hidden-externals": "external is shown as null, whatever an app has set",
    "reworded-invoices": "shipments show the XML under a link of the hub's own, the date as a day, and no CFOPs",
    # replies that are no replies
    "not-json": "200 with text that is not JSON",
    "invalid-utf8": "200 with bytes that are not UTF-8, and neither a product nor an order",
    "empty-200": "200 with nothing",
    "cut-body": "the connection is closed in the middle of the reply",
    "huge-body": "a reply of many megabytes (=megabytes, 16)",
    "deep-nesting": "200 with 100,000 nested arrays",
    # notifications
    "lost-notices": "a notification is not sent",
    "duplicated-notices": "a notification is sent twice",
    "reordered-notices": "a notification is sent after the next ones",
}
"""Every fault by name, with its default value and unit in brackets if it takes one."""

DEFAULT_VALUES: dict[str, float] = {
    "429-retry-after": 1,
    "stall": 60,
    "slow-start": 2,
    "latency": 0.25,
    "stale-lists": 60,
    "huge-body": 16,
}
SLOW_START_REQUESTS = 20
GRAMMAR = "NAME[=VALUE][:RATE][@ROUTE][xCOUNT]"

_METHODS = frozenset({"GET", "POST", "PUT", "DELETE"})
_WRITES = frozenset({"PUT", "POST", "DELETE"})
_WRITES_ONLY = frozenset({"drop-after-write", "5xx-after-write", "late-writes", "dropped-writes", "400"})
_READS_ONLY = frozenset({"400-reads"})
_TOKENS_ONLY = frozenset({"refused-credentials", "refused-refresh", "no-access-token"})
_NEVER_TOKENS = frozenset({"expired-tokens", "revoked-tokens", "400", "dropped-writes", "strings-for-numbers", "nulls"})
NOTICE_ROUTE = "/notices"
_NOTICES_ONLY = frozenset({"lost-notices", "duplicated-notices", "reordered-notices"})
TOKEN_ROUTE = "/oauth/token"  # noqa: S105 (a path)


@dataclass(slots=True, kw_only=True)
class Fault:
    """One thing to do wrong, and when.

    *rate* is the share of matching requests, 0 to 1; *count* how many times at most (None: no limit). *route* is a
    method (``PUT``), a template (``/skus/{sku}``), both (``PUT /skus/{sku}``) or a word of a template (``orders``,
    ``stock``, ``token``). *account* is a user id; None means all.
    """

    name: str
    value: float = 0.0
    rate: float = 1.0
    route: str | None = None
    count: int | None = None
    account: int | None = None
    struck: int = 0
    """How many times it has happened."""
    seen: dict[str, int] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.name not in FAULTS:
            raise ValueError(f"no fault {self.name!r}: choose from {', '.join(FAULTS)}")
        if not 0 < self.rate <= 1:
            raise ValueError(f"rate of fault {self.name!r} must be above 0 and at most 1")
        if self.count is not None and self.count < 1:
            raise ValueError(f"count of fault {self.name!r} must be at least 1")
        if self.value < 0:
            raise ValueError(f"value of fault {self.name!r} must not be negative")
        self.value = self.value or DEFAULT_VALUES.get(self.name, 0.0)
        if self.name == "slow-start" and self.count is None:
            self.count = SLOW_START_REQUESTS

    def concerns(self, method: str, template: str, account: int | None) -> bool:
        """Return whether the fault may strike such a request."""
        if self.account is not None and self.account != account:
            return False
        if (template == NOTICE_ROUTE) != (self.name in _NOTICES_ONLY):
            return False
        if self.name in _WRITES_ONLY and (method not in _WRITES or template == TOKEN_ROUTE):
            return False
        if (method != "GET" and self.name in _READS_ONLY) or (template == TOKEN_ROUTE and self.name in _NEVER_TOKENS):
            return False
        if template != TOKEN_ROUTE and self.name in _TOKENS_ONLY:
            return False
        return self.route is None or _route_matches(self.route, method, template)


def parse_fault(text: str) -> Fault:
    """Return the fault that *text* describes, ``NAME[=VALUE][:RATE][@ROUTE][xCOUNT]``, such as ``429:0.1@stockx5``.

    Raises: ValueError naming what is wrong, and the names there are.
    """
    head, mark, tail = text.strip().rpartition("x")
    counted = bool(mark) and tail.isdecimal()
    body, count = (head, int(tail)) if counted else (text.strip(), None)
    body, _, route = body.partition("@")
    body, _, rate = body.partition(":")
    name, _, value = body.partition("=")
    try:
        return Fault(
            name=name, value=float(value or 0), rate=float(rate or 1), route=route.strip() or None, count=count
        )
    except ValueError as error:
        message = str(error) if "fault" in str(error) else "value and rate must be numbers"
        raise ValueError(f"fault {text!r} ({GRAMMAR}): {message}") from None


class Faults:
    """The faults in force. Whether one strikes follows from the seed, the request and how often that was sent before.

    So a run repeats itself exactly even if requests of different resources interleave differently.
    """

    def __init__(self, seed: int, faults: Iterable[Fault] = ()) -> None:
        self._seed = seed
        self._faults: list[Fault] = list(faults)

    def __bool__(self) -> bool:
        return bool(self._faults)

    @property
    def all(self) -> list[Fault]:
        """The faults in force, in the order in which they were added."""
        return list(self._faults)

    def add(self, fault: Fault) -> None:
        """Put *fault* into force."""
        self._faults.append(fault)

    def remove(self, name: str | None = None) -> None:
        """Take all faults of that name out of force, or all."""
        self._faults = [fault for fault in self._faults if name is not None and fault.name != name]

    def striking(self, method: str, template: str, path: str, account: int | None) -> dict[str, float]:
        """Return the names of the faults that strike this request, with their values, and count them."""
        active: dict[str, float] = {}
        for index, fault in enumerate(self._faults):
            if fault.count is not None and fault.struck >= fault.count:
                continue
            if fault.concerns(method, template, account) and self._strikes(index, fault, f"{account} {method} {path}"):
                fault.struck += 1
                active[fault.name] = fault.value
        return active

    def _strikes(self, index: int, fault: Fault, request: str) -> bool:
        if fault.rate >= 1:
            return True
        turn = fault.seen[request] = fault.seen.get(request, 0) + 1
        return self.draw(f"{fault.name} {index} {request} {turn}") < fault.rate

    def draw(self, text: str) -> float:
        """Return a number of at least 0 and below 1 that follows from the seed and *text*."""
        digest = hashlib.blake2b(f"{self._seed} {text}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64


def described(fault: Fault) -> dict[str, Any]:
    """Return *fault* as a JSON object."""
    return {
        "name": fault.name,
        "value": fault.value,
        "rate": fault.rate,
        "route": fault.route,
        "count": fault.count,
        "account": fault.account,
        "struck": fault.struck,
    }


def _route_matches(route: str, method: str, template: str) -> bool:
    verb, _, path = route.partition(" ")
    if verb in _METHODS:
        return verb == method and (not path or path == template)
    if route.startswith("/"):
        return route == template
    return route in template.split("/")
