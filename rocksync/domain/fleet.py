"""How all tenants stand at one moment: what metrics show and operators ask for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rocksync.domain.tenancy import Kind, Mode, TenantStatus

_STANDING_STILL = frozenset({"draft", "tenant_paused", "needs_credentials", "kind_manual"})


@dataclass(frozen=True, slots=True, kw_only=True)
class KindStanding:
    """One tenant and kind: the time of the oldest change not delivered (None: none), and of the last complete pass.

    ``scheduled`` False: nothing runs at the interval: the kind is on request only, or paused, or the tenant is not
    active. ``quarantined`` counts by reason, ``unconfirmed`` what was written to the hub and does not read back yet.
    """

    kind: Kind
    oldest_at: datetime | None
    completed_at: datetime | None
    every: timedelta
    items: Mapping[str, int] = field(default_factory=dict)
    scheduled: bool = True
    quarantined: Mapping[str, int] = field(default_factory=dict)
    unconfirmed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantStanding:
    """One tenant with all its kinds."""

    slug: str
    status: TenantStatus
    kinds: tuple[KindStanding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetStanding:
    """All tenants, ``slugs``, at ``taken_at`` by the database's clock; ``tenants``, the worst by lag, one by one.

    ``oldest_at`` is that of each kind over all tenants; ``behind_at`` when each lagging tenant's lag reaches twice its
    interval, in seconds since 1970, ascending. ``statuses`` counts tenants, ``workers`` those that are alive,
    ``leases`` passes that run, ``expired`` leases that nobody extends or takes over, ``waiting`` passes that are due
    and not claimed, the oldest of them since ``waiting_since``.
    """

    taken_at: datetime
    slugs: frozenset[str] = frozenset()
    tenants: tuple[TenantStanding, ...] = ()
    oldest_at: Mapping[Kind, datetime | None] = field(default_factory=dict)
    behind_at: Mapping[Kind, tuple[float, ...]] = field(default_factory=dict)
    statuses: Mapping[TenantStatus, int] = field(default_factory=dict)
    workers: int = 0
    leases: int = 0
    expired: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LagRow:
    """One line of ``rocksync.lag`` with the schedule it is held against. ``cause`` is a reason code, or draft.

    ``per_s`` items a second were dealt with lately, ``took_ms`` is how long one took; None: none was. ``has_worker``:
    one is alive.
    """

    slug: str
    kind: Kind
    status: TenantStatus
    status_reason: str | None
    mode: Mode
    every: timedelta
    lag_s: float
    staleness_s: float | None
    pending: int
    quarantined: int
    cause: str
    detail: str | None
    per_s: float | None = None
    took_ms: float | None = None
    has_worker: bool = True

    @property
    def eta_s(self) -> float | None:
        """Seconds until what is pending is delivered at the present pace; None: nobody can tell."""
        if not self.pending or not self.per_s or not self.has_worker or self.cause in _STANDING_STILL:
            return None
        return self.pending / self.per_s

    @property
    def is_behind(self) -> bool:
        """Whether the lag is over twice the interval; a manual kind has none."""
        return self.mode is not Mode.MANUAL and self.lag_s > 2 * self.every.total_seconds()
