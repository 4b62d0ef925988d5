"""Requests and replies as values, and what a reply means. No I/O.

Source: pluggto-api 2.1 (envelopes) and 2.2 (errors; only ``not_updated`` is documented, the rest is assumed).
"""

import contextlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from rocksync.domain.errors import ItemError
from rocksync.domain.outcomes import Delivery
from rocksync.domain.reasons import Reason
from rocksync.domain.redaction import redact_text
from rocksync.pluggto import reading

T = TypeVar("T")
_DETAIL_CHARS, _READ_CHARS = 300, 2000
"""Characters that are kept of what the hub says, and that are searched for secrets: a text may be megabytes."""
_exact = msgspec.json.Decoder(float_hook=Decimal)
_plain = msgspec.json.Decoder()
_HALF = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.")
"""A half of a surrogate pair, as its group: whole pairs and other escapes are passed over."""


class BadReplyError(ValueError):
    """A success whose body is not what the request is answered with: cut, no JSON, or another document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Generic[T]):
    """One request. ``target`` is the encoded path with its query, ``route`` its template.

    ``read`` takes the body of a success and raises BadReplyError. ``repeatable``: sending it twice does no harm.
    """

    method: str
    route: str
    target: str
    read: Callable[[bytes], T]
    body: bytes | None = field(default=None, repr=False)
    repeatable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[T]):
    """A reply other than 401, 429, 5xx: a success with its ``value``, or a refusal with what is said about it.

    ``took_s``: how long the hub took to answer, without what was waited for our own pace.
    """

    status: int
    value: T | None = None
    error_type: str | None = None
    details: str | None = None
    took_s: float = 0.0

    @property
    def unchanged(self) -> bool:
        """Whether the hub already held exactly this.

        Source: https://developers.plugg.to/reference/update-invoice (orders); client code for products.
        """
        return self.error_type == "not_updated"

    def refusal(self, key: str) -> ItemError | None:
        """Why Plugg.to refused *key*, or None if it now holds what was sent."""
        if self.value is not None or self.unchanged:
            return None
        said = f": {self.details}" if self.details else ""
        return ItemError(key, f"Plugg.to refused {key} ({self.status}{said})", reason=Reason.REJECTED, final=False)

    def delivery(self, key: str, action: str, sent: dict[str, Any]) -> Delivery:
        """What a write of *key* did. Raises: ItemError if it was refused."""
        refusal = self.refusal(key)
        if refusal is not None:
            raise refusal
        return Delivery(
            action="unchanged" if self.unchanged else action,
            status=self.status,
            sent=sent,
            took_ms=round(self.took_s * 1000),
        )


def refused(status: int, content: bytes) -> Reply[Any]:
    """The refusal in a 4xx reply, whose body may be anything. Source: pluggto-api 2.2: ``details`` text or object."""
    try:
        found = reading.row(decode(content))
    except BadReplyError:
        return Reply(status=status)
    details = found.get("details")
    if isinstance(details, dict):
        details = details.get("message") or details.get("errmsg")
    said = reading.text(details) or reading.text(found.get("message")) or reading.text(found.get("error_description"))
    if said is not None:
        said = redact_text("".join(char if char.isprintable() else " " for char in said[:_READ_CHARS]))[:_DETAIL_CHARS]
    # A body that says error but no type is no not_updated: only the documented word counts.
    error_type = reading.text(found.get("type")) if status == 400 else None  # noqa: PLR2004 - HTTP
    return Reply(status=status, error_type=error_type, details=said)


def decode(content: bytes, *, exact: bool = False) -> object:
    """The JSON in *content*; *exact*: fractions as Decimal. Raises: BadReplyError."""
    return _tolerantly((_exact if exact else _plain).decode, content)


def _tolerantly(read: Callable[[bytes], T], content: bytes) -> T:
    """What *read* makes of *content*; U+FFFD for what is no text in it: one broken name must not hide a whole list.

    Raises: BadReplyError.
    """
    with contextlib.suppress(ValueError, ArithmeticError, RecursionError):
        return read(content)
    mended = _HALF.sub(lambda found: b"\\ufffd" if found[1] else found[0], content).decode(errors="replace").encode()
    try:
        return read(mended)
    except (ValueError, ArithmeticError, RecursionError):
        raise BadReplyError("the reply is no JSON") from None


def _entity(content: bytes, name: str, *, exact: bool) -> dict[str, Any]:
    found = reading.row(decode(content, exact=exact))
    entity = found.get(name)
    if not isinstance(entity, dict) or found.get("error"):
        raise BadReplyError(f"the reply holds no {name}")
    return entity


def product(content: bytes) -> dict[str, Any]:
    """The product of an envelope ``{"Product": …}``. Raises: BadReplyError."""
    return _entity(content, "Product", exact=False)


class _Object(msgspec.Struct):
    """An object, whatever is in it."""


class _Holding(msgspec.Struct):
    """An envelope of a product, as far as it is looked at."""

    product: _Object = msgspec.field(name="Product")
    error: object = None


_holding = msgspec.json.Decoder(_Holding)


def _held(content: bytes) -> _Holding | None:
    try:
        return _holding.decode(content)
    except msgspec.ValidationError:
        return None


def holds_product(content: bytes) -> bool:
    """True for an envelope ``{"Product": …}``, whose product is not taken apart. Raises: BadReplyError.

    The hub answers every write with the whole product, and few of those who write look at it.
    """
    found = _tolerantly(_held, content)
    if found is None or found.error:
        raise BadReplyError("the reply holds no Product")
    return True


def order(content: bytes) -> dict[str, Any]:
    """The order of an envelope ``{"Order": …}``, its money exact. Raises: BadReplyError."""
    return _entity(content, "Order", exact=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list. ``limit`` and ``total`` as the hub says them; None where it does not.

    Source: pluggto-api 2.1, 3.2. What ``total`` counts is unclear (9 X6).
    """

    rows: list[dict[str, Any]]
    limit: int | None
    total: int | None


def _page(content: bytes, name: str, *, exact: bool) -> Page:
    found = reading.row(decode(content, exact=exact))
    result = found.get("result")
    if not isinstance(result, list):
        raise BadReplyError("the reply holds no list")
    entities = [entry.get(name) for entry in result if isinstance(entry, dict)]
    return Page(
        rows=[entity for entity in entities if isinstance(entity, dict)],
        limit=reading.whole(found.get("limit")),
        total=reading.whole(found.get("total")),
    )


def products(content: bytes) -> Page:
    """A page of products. Raises: BadReplyError."""
    return _page(content, "Product", exact=False)


def orders(content: bytes) -> Page:
    """A page of orders, their money exact. Raises: BadReplyError."""
    return _page(content, "Order", exact=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the token endpoint grants; ``expires_in_s`` is an hour unless it says otherwise.

    Source: https://developers.plugg.to/reference/authentication-1; member names from client code.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in_s: float


_HOUR_S = 3600.0


def grant(content: bytes) -> Grant | None:
    """The grant in a reply of the token endpoint; None: there is no token in it, whatever its status."""
    try:
        found: Mapping[str, Any] = reading.row(decode(content))
    except BadReplyError:
        return None
    token = reading.text(found.get("access_token"))
    if token is None or not token.isascii() or not token.isprintable():
        return None
    expires = reading.number(found.get("expires_in"))
    return Grant(
        access_token=token,
        refresh_token=reading.text(found.get("refresh_token")),
        expires_in_s=float(expires) if expires is not None and expires > 0 else _HOUR_S,
    )
