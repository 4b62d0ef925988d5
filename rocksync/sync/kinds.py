"""What a pass of each kind is."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from rocksync.domain.outcomes import PassReport
from rocksync.domain.tenancy import Kind, Lease, Tenant
from rocksync.sync.deps import Deps
from rocksync.sync.engine import Slice
from rocksync.sync.orders import look_for_orders
from rocksync.sync.prices import sync_prices
from rocksync.sync.products import sync_products
from rocksync.sync.stock import sync_stock
from rocksync.sync.troubles import sync_and_tell, tells


@dataclass(frozen=True, slots=True)
class Work:
    """How a kind is synchronised: ``look`` at the hub first, if at all, ``sync`` what is due.

    ``stays`` says of which tenants a pass goes on although nothing is due.
    """

    sync: Callable[[Lease, Deps, Slice], Awaitable[PassReport]]
    look: Callable[[Lease, Deps, Slice], Awaitable[Slice]] | None = None
    stays: Callable[[Tenant], bool] = lambda _tenant: False


KINDS: Mapping[Kind, Work] = {
    Kind.PRODUCT: Work(sync_products),
    Kind.PRICE: Work(sync_prices),
    Kind.STOCK: Work(sync_stock),
    Kind.ORDER: Work(sync_and_tell, look=look_for_orders, stays=tells),
}
