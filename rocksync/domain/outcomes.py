"""What a pass knows of items before, and records of them after."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rocksync.domain.documents import UNSEEN, OfferRevisions
from rocksync.domain.reasons import Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One pending item. ``accepted`` is the payload the hub last accepted, decoded; None: it never did.

    ``sending`` is what was about to be sent since, of which nobody knows whether it arrived; None: nothing.

    An outcome names the ``revision`` it was worked out for: if the item has changed meanwhile, it stays pending.
    """

    key: str
    revision: int
    changed_at: datetime
    attempts: int = 0
    resend: bool = False
    accepted: dict[str, Any] | None = field(default=None, repr=False)
    sending: dict[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """What folding found: how many changes it took, and whether it left any.

    ``deliverable``: an item is due, or, of orders, reservations are to be settled or a SKU is waited for.
    """

    changes: int
    more: bool
    deliverable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Where an item is: ``accepted`` is the payload the hub last accepted, decoded."""

    state: str
    reason: Reason
    accepted: dict[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Zeroing:
    """A tenant's stock items: ``skus`` that the hub has, ``pending`` ones, and those ``held`` from going to zero."""

    skus: int
    pending: int
    held: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    """A sellable SKU that was created with its product: what the hub now holds of its price and stock.

    Everything up to ``revisions`` is in it; where one is unknown, the item's own pass looks at it again.
    """

    sku: str
    price: dict[str, Any]
    stock: dict[str, Any]
    revisions: OfferRevisions = UNSEEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What one delivery did at the hub: for history, never with a secret or a buyer's data.

    ``action`` is one word (create, update, unchanged, import, invoice, …), ``status`` the HTTP status of the last
    answer, ``created`` the sellable SKUs that came into being at the hub with it, ``absent`` those variations of the
    document that the hub does not have after all, and that were not sent. ``bare``, of prices: members that the hub
    shows to be empty, by SKU; one that should have any of them is there by its price alone.
    """

    action: str
    status: int | None = None
    sent: dict[str, Any] | None = field(default=None, repr=False)
    took_ms: int | None = None
    created: tuple[Created, ...] = ()
    absent: tuple[str, ...] = ()
    bare: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The hub holds ``payload``. ``delivery`` None: it already did, and nothing was sent.

    ``reason`` other than in_sync: it is there, but off sale. ``restock`` and ``reprice``: SKUs whose stock and whose
    price are to be looked at again; ``gone``: those that the hub does not have any more, so that both are.
    """

    key: str
    revision: int
    payload: dict[str, Any] = field(repr=False)
    delivery: Delivery | None = None
    reason: Reason = Reason.IN_SYNC
    restock: tuple[str, ...] = ()
    reprice: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """The item is not to be sent as it is; ``wake`` names a product item to look at again.

    ``forget``: the hub has lost the SKU, and maybe its product; what it accepted of the SKU counts no more.
    """

    key: str
    revision: int
    reason: Reason
    detail: str
    wake: str | None = None
    forget: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The item could not be delivered: tried again after ``delay_s``, or quarantined when that is None.

    ``wake`` names a product item to look at again, if it is settled.
    """

    key: str
    revision: int
    attempts: int
    reason: Reason
    detail: str
    delay_s: float | None
    delivery: Delivery | None = None
    wake: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """The item is to be looked at again after ``delay_s``; no failed attempt. Example: a write not read back yet.

    ``doubtful``: it may have been delivered all the same, so next time it is sent whatever was accepted. ``late_s``:
    for so many seconds it may still be carried out, after what is sent in the meantime.
    """

    key: str
    revision: int
    reason: Reason
    detail: str
    delay_s: float
    delivery: Delivery | None = None
    doubtful: bool = False
    late_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The change is beyond the tenant's limits and is set aside until an operator decides; no failed attempt.

    ``before`` is the payload the hub last accepted, ``after`` the one that is held.
    """

    key: str
    revision: int
    detail: str
    before: dict[str, Any] = field(repr=False)
    after: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """There is no such thing: the item is deleted. Example: a notification named an order that does not exist."""

    key: str
    revision: int


Outcome = Accepted | Skipped | Refused | Postponed | Held | Forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class PassReport:
    """What one pass, or one slice of it, did. ``complete`` False: there is more, and its time was over.

    ``refused_by`` counts refusals by reason, ``postponed`` what the hub could not take now, ``held`` changes that an
    operator must approve, ``actions`` deliveries by what they did (create, update, import, …).
    """

    complete: bool
    sent: int = 0
    unchanged: int = 0
    skipped: int = 0
    refused: int = 0
    refused_by: dict[str, int] = field(default_factory=dict)
    postponed: int = 0
    held: int = 0
    actions: dict[str, int] = field(default_factory=dict)
