"""What every pass is given: the rooms by their ports, and the settings that passes heed."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rocksync.domain.tenancy import TenantId
from rocksync.sync.ports import Catalog, Hub, Items, Mapper, OrderBook, Troubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """The rooms around ``sync`` and what it is told about time.

    ``order_overlap`` is read again before the watermark, ``reconcile_days`` of orders once a day. ``late_writes`` is
    how late the hub may still carry out a write that was not answered. ``polled`` is when orders were read, on
    ``clock``, of tenants of whom more were found than a slice could bring forward.
    """

    items: Items
    catalog: Catalog
    orders: OrderBook
    troubles: Troubles
    mapper: Mapper
    hub: Hub
    now: Callable[[], datetime]
    order_overlap: timedelta
    reconcile_days: int
    late_writes: timedelta
    clock: Callable[[], float] = time.monotonic
    polled: dict[TenantId, float] = field(default_factory=dict)
