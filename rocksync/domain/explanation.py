"""Why one thing is where it is: what is known of it, and the chain from the store's row to Plugg.to's live value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rocksync.domain.desk import Attempt
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind, Mode, TenantStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class KindSituation:
    """When one kind of the tenant runs, and what stands in its way.

    ``mapper_version``: what its items were mapped with last.
    """

    mode: Mode
    is_requested: bool
    is_running: bool
    due_at: datetime | None
    backoff_until: datetime | None
    failure: str | None
    failure_reason: Reason | None
    is_paused: bool
    paused_reason: str | None
    mapper_version: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemSituation:
    """What is kept of one item. ``is_changed``: a change of it was told and is not folded yet."""

    key: str
    state: str
    reason: Reason
    detail: str | None
    revision: int
    resend: bool
    attempts: int
    changed_at: datetime | None
    next_attempt_at: datetime
    attempted_at: datetime | None
    accepted: dict[str, Any] | None = field(repr=False)
    accepted_at: datetime | None
    is_changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """All that is kept around one SKU or order.

    ``workers`` are alive; of the kinds ``changed`` a change is not folded yet; ``is_sealing``: credentials handed in by
    SQL wait for a worker.
    """

    status: TenantStatus
    status_reason: str | None
    workers: int
    is_sealing: bool
    kinds: Mapping[Kind, KindSituation]
    items: Mapping[Kind, ItemSituation]
    changed: frozenset[Kind] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A reason code with what it is about. ``fix``: what the operator does about it, unless it is the reason's."""

    reason: Reason
    detail: str | None = None
    fix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """What Plugg.to shows right now: ``shown`` None without ``error``: it has no such thing."""

    shown: Mapping[str, Any] | None = None
    error: str | None = None
    reason: Reason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StockSum:
    """How the quantity comes about: on hand - reserved - held - buffer; ``buffer`` is what mappers keep back.

    ``held`` are units of orders that ``reserved`` does not show yet. ``active`` False: off sale, so the sum is 0.
    """

    on_hand: int
    reserved: int
    held: int
    sellable: int
    buffer: int | None
    quantity: int | None
    active: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One item of the chain. ``mapped`` None: nothing is to be sent of it now."""

    kind: Kind
    key: str
    verdict: Verdict
    store: Mapping[str, Any] | None
    mapped: Mapping[str, Any] | None = field(repr=False)
    item: ItemSituation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The whole chain, ending in one ``verdict``, of the part ``decided_by``. ``eligibility`` are facts by name."""

    slug: str
    what: str
    name: str
    verdict: Verdict
    next_action: str
    eligibility: Mapping[str, Any]
    parts: tuple[Part, ...]
    live: Live
    stock: StockSum | None = None
    attempts: tuple[Attempt, ...] = ()
    decided_by: Kind | None = None
