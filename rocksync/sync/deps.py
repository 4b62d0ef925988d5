"""What every pass is given: the rooms by their ports, and the settings that passes heed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rocksync.sync.ports import Catalog, Hub, Items, Mapper, OrderBook, Troubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """The rooms around ``sync`` and what it is told about time.

    ``order_overlap`` is read again before the watermark, ``reconcile_days`` of orders once a day.
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
