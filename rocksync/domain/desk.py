"""What operators ask and decide of single items: what was set aside, what is held, what was sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which items are meant: those that match all that is given; nothing given: all."""

    slug: str | None = None
    kinds: Sequence[Kind] = ()
    keys: Sequence[str] = ()
    reasons: Sequence[Reason] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetAside:
    """One item in quarantine; ``changed_at`` is when its oldest undelivered change happened."""

    slug: str
    kind: Kind
    key: str
    reason: Reason
    detail: str | None
    attempts: int
    changed_at: datetime | None
    attempted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """How many items try again: ``released`` were set aside, ``retried`` waited for their next attempt."""

    released: int
    retried: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A change that waits for an operator: ``before`` is at the hub, ``after`` would be."""

    slug: str
    kind: Kind
    key: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    why: str
    held_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One line of history: what was done, what the hub answered, and when."""

    kind: Kind
    key: str
    at: datetime
    action: str
    status: int | None
    reason: str
    detail: str | None
    sent: Mapping[str, Any] | None = field(default=None, repr=False)
    took_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditLine:
    """One change by an operator."""

    at: datetime
    who: str
    action: str
    slug: str | None
    what: Mapping[str, Any]
