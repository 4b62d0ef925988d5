"""Who is served: tenants, kinds, schedules and the leases that passes run under."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

TenantId = NewType("TenantId", int)


class Kind(StrEnum):
    """What is synchronised, each with a schedule of its own."""

    PRODUCT = "product"
    PRICE = "price"
    STOCK = "stock"
    ORDER = "order"


class TenantStatus(StrEnum):
    """Whether a tenant is served, and if not, who must act."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    NEEDS_CREDENTIALS = "needs_credentials"


class Mode(StrEnum):
    """When a kind runs: at its interval, on request, or also as soon as something changes."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    IMMEDIATE = "immediate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """One client's store as mappers and passes see it. Holds no credentials.

    ``settings`` is decoded JSON, numbers as int or float. ``revision`` grows with every change of mappers or settings.
    """

    id: TenantId
    slug: str
    name: str
    domain: str
    mappers: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    revision: int = 1
    orders_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What Plugg.to's password grant takes. Never shown: ``repr`` hides all of it."""

    client_id: str = field(repr=False)
    client_secret: str = field(repr=False)
    api_user: str = field(repr=False)
    api_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to run one tenant's pass of one kind, proved by ``token`` and only until it is taken over.

    ``in_doubt``: an earlier pass ended without recording all that it delivered. ``quiet``: nothing had changed, and no
    item was due, when the lease was taken.
    """

    tenant: Tenant
    kind: Kind
    mode: Mode
    token: int
    mapper_version: str | None = None
    watermark: datetime | None = None
    reconciled_at: datetime | None = None
    due_at: datetime | None = None
    in_doubt: bool = False
    quiet: bool = False
