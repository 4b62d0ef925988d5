"""What ``sync`` needs of the rooms around it. Doors fit these by shape; ``app`` puts them together."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from typing import Any, Protocol

from rocksync.domain.catalog import Listing, Price, Stock
from rocksync.domain.documents import (
    InvoicePayload,
    OfferRevisions,
    OrderDocument,
    OrderTask,
    PriceDocument,
    ProductDocument,
    ShipmentPayload,
    Skip,
    StockDocument,
)
from rocksync.domain.errors import ItemError
from rocksync.domain.orders import HubOrder, OrderRow, OrderStatus, StoreOrder, Trouble
from rocksync.domain.outcomes import Delivery, Folded, Item, Known, Outcome, Zeroing
from rocksync.domain.tenancy import Kind, Lease, Tenant, TenantId


class Items(Protocol):
    """Desired state, one row for each thing of a kind. Writes raise LeaseLostError when the lease was taken over."""

    async def fold(self, lease: Lease) -> Folded:
        """Turn committed changes of the lease's tenant and kind into pending items, up to a limit."""

    async def reconsider(self, lease: Lease, mapper_version: str) -> int:
        """Make every item of the tenant and kind pending if it was mapped with another version; returns how many."""

    async def deliverable(self, lease: Lease, *, after: Item | None, limit: int) -> Sequence[Item]:
        """Pending items that are due, the longest undelivered first, behind *after*."""

    async def record(self, lease: Lease, outcomes: Sequence[Outcome]) -> None:
        """Write down what became of a page of items, in one transaction."""

    async def known(self, tenant: TenantId, kind: Kind, keys: Sequence[str]) -> Mapping[str, Known]:
        """Where the items of *keys* are, for those that there are."""

    async def offer_revisions(self, tenant: TenantId, skus: Sequence[str]) -> Mapping[str, OfferRevisions]:
        """Where the price and stock items are of those products of *skus* that were never accepted, by sellable SKU."""

    async def approved(self, tenant: TenantId, kind: Kind, keys: Sequence[str]) -> Mapping[str, int]:
        """Those of *keys* whose held change an operator approved, with the revision of the item that may go out."""

    async def zeroing(self, tenant: TenantId) -> Zeroing:
        """What a limit to stocks that go to zero is measured against."""

    async def announce(self, lease: Lease, payloads: Mapping[str, Mapping[str, Any] | None]) -> None:
        """Note down what is about to be sent of products, by key, until it is recorded as accepted; None: nothing."""

    async def suspect(self, lease: Lease, outcomes: Sequence[Outcome]) -> None:
        """Have sent again what was sent under a lease that is lost: it may have arrived after what its holder sent."""

    async def doubt(self, lease: Lease) -> None:
        """Have sent again what an earlier pass may have delivered without recording it."""


class Catalog(Protocol):
    """The store's products, prices and stocks. What is not in the store is not in the answer."""

    async def listings(self, tenant: TenantId, skus: Sequence[str]) -> Mapping[str, Listing]:
        """Products by (parent) SKU."""

    async def prices(self, tenant: TenantId, skus: Sequence[str]) -> Mapping[str, Price]:
        """Prices by sellable SKU; a SKU of no product or variation, or of a product with variations, is left out."""

    async def stocks(self, tenant: TenantId, skus: Sequence[str]) -> Mapping[str, Stock]:
        """Stocks by sellable SKU.

        A SKU that has a stock row but no product any more, or no stock row any more, or is the parent of variations,
        is there with ``active`` False.
        """

    async def without_stock(self, tenant: TenantId, skus: Sequence[str]) -> frozenset[str]:
        """Those of *skus* that only lack a stock row to be sold."""

    async def owners(self, tenant: TenantId, skus: Sequence[str]) -> Mapping[str, str]:
        """The product SKU of those *skus* that are variations or products in the store now."""


class OrderBook(Protocol):
    """The store's orders, and what was last seen of them at the hub."""

    async def note(self, lease: Lease, orders: Sequence[HubOrder]) -> int:
        """Keep what the hub showed; items of orders that differ from last time become pending. Returns how many."""

    async def rows(self, tenant: TenantId, ids: Sequence[str]) -> Mapping[str, OrderRow]:
        """Both sides of each order."""

    async def unknown_skus(self, tenant: TenantId, skus: Sequence[str]) -> frozenset[str]:
        """Those of *skus* that are neither a variation of the store nor a product without variations."""

    async def park(self, lease: Lease, order_id: str, missing: Sequence[str]) -> None:
        """Let an order wait for SKUs that the store does not know."""

    async def doubt(self, lease: Lease, order_id: str) -> None:
        """Have the next poll look at an order again even if it is shown as before.

        The hub may drop what is written, or say of an order that it lists that there is none.
        """

    async def looked(self, lease: Lease, order: HubOrder) -> None:
        """Note what an order was just read as by itself: a poll that shows it otherwise has it looked at again."""

    async def told(self, lease: Lease, order_id: str, part: str, what: object) -> None:
        """Remember what the hub was told of one part of an order."""

    async def may_create_shipment(self, lease: Lease, order_id: str, late: timedelta) -> bool:
        """Note that a shipment is about to be created; False: so it was less than *late* ago."""

    async def created_no_shipment(self, lease: Lease, order_id: str) -> None:
        """Note that the hub refused what was to create a shipment: it may be tried again."""

    async def catch_up(self, lease: Lease, *, reserve: bool) -> None:
        """Settle reservations as far as stock rows are free; make parked orders pending whose SKUs are known by now.

        Open orders hold their stock from when the tenant begins to *reserve*, and none when it has ended that.
        """

    async def import_order(self, lease: Lease, document: OrderDocument, raw: str, *, reserve: bool) -> StoreOrder:
        """Write the order, all its lines and its reservations in one transaction, once; returns the store's order.

        An order that is there already is returned as it is. Raises: ItemError with what the store refused.
        """

    async def move(self, lease: Lease, order: StoreOrder, status: OrderStatus, raw: str, *, reserve: bool) -> bool:
        """Set the order's status and what its reservations want; False: its row is locked, try again later."""

    async def settle(self, tenant: TenantId) -> int:
        """Show reservations in ``store.stock`` as far as its rows are free; returns how many."""

    async def saw(self, lease: Lease, *, watermark: datetime | None, reconciled: bool, hub_user: str | None) -> None:
        """Note up to which modification time orders were read, and that the last days were read again."""


class Schedules(Protocol):
    """Which passes are due, and who runs them."""

    async def claim(
        self,
        worker: str,
        slots: int,
        *,
        long: int | None = None,
        tenants: Sequence[TenantId] | None = None,
        kinds: Sequence[Kind] | None = None,
    ) -> list[Lease]:
        """Lease up to *slots* due passes; up to *long* neither over orders nor of what is to be sent at once."""

    async def give_back(self, lease: Lease) -> bool:
        """End a pass for which nothing is due, as one without a failure; False: something is, or it cannot be told."""

    async def extend(self, leases: Sequence[Lease]) -> set[tuple[TenantId, Kind]]:
        """Hold leases for longer; returns those that are still held."""

    async def halted(self, leases: Sequence[Lease]) -> set[tuple[TenantId, Kind]]:
        """Those that may not go on: their tenant is not served any more, or their kind is paused."""

    async def end_abandoned(self) -> None:
        """Free what a worker has locked that says nothing any more."""

    async def finish(self, lease: Lease, *, complete: bool, reached: bool) -> bool:
        """Give a lease back; *reached*: the hub was asked, so that what earlier failures tell is over."""

    async def fail(self, lease: Lease, *, backoff_s: float, reason: str, detail: str, doubtful: bool) -> None:
        """Give a lease back after a failure; *doubtful*: not everything that was delivered is recorded."""

    async def failures(self, lease: Lease) -> int:
        """How many passes failed one after another so far."""


class Troubles(Protocol):
    """What the log of orders at the hub is to say of their import."""

    async def open(self, tenant: TenantId, limit: int) -> Sequence[Trouble]:
        """Failures that were not told, and told ones that are solved; up to *limit* of each."""

    async def told(self, tenant: TenantId, trouble: Trouble) -> None:
        """Note that it was told."""


class Mapper(Protocol):
    """Store rows to documents, through the tenant's mappers. Answers are in the order of what was given."""

    def version(self, tenant: Tenant, last: str | None = None) -> str:
        """What the tenant's items are mapped with now; another value than *last*: they are to be mapped again.

        Raises: PassError if that were to be without mappers only because the folder of mappers is missing.
        """

    def maps_offers(self, tenant: Tenant) -> bool:
        """Whether a mapper may make something else of a price or stock once its SKU was created."""

    async def products(
        self, tenant: Tenant, listings: Sequence[tuple[Listing, dict[str, Any] | None]]
    ) -> list[ProductDocument | Skip | ItemError]:
        """Documents of products; with each listing the payload the hub last accepted of it, if any."""

    async def prices(self, tenant: Tenant, prices: Sequence[Price]) -> list[PriceDocument | Skip | ItemError]:
        """Documents of prices."""

    async def stocks(self, tenant: Tenant, stocks: Sequence[Stock]) -> list[StockDocument | Skip | ItemError]:
        """Documents of stocks."""

    async def orders(
        self, tenant: Tenant, orders: Sequence[tuple[HubOrder, StoreOrder | None]]
    ) -> list[OrderTask | ItemError]:
        """Tasks of orders: the order to import, and the invoice and shipment payloads that the store's rows give."""


class Hub(Protocol):
    """Plugg.to, by what we need of it.

    Everything raises PassError when the hub is unavailable or limits us, and TenantError when it refuses credentials.
    """

    async def put_product(
        self,
        tenant: Tenant,
        document: ProductDocument,
        accepted: dict[str, Any] | None,
        *,
        full: bool,
        sending: dict[str, Any] | None,
    ) -> Delivery:
        """Bring the product in line; *full*: send every member. Raises: ItemError when it is refused.

        *sending*: what was sent before and may have arrived; what the hub has of it and should not is removed.
        """

    async def put_prices(self, tenant: Tenant, documents: Sequence[PriceDocument]) -> Delivery:
        """Bring the prices of SKUs of one product in line; ``bare`` are those that are there by it alone, as it seems.

        Raises: ItemError; MissingAtHubError when there is no such product.
        """

    async def put_stock(self, tenant: Tenant, document: StockDocument) -> Delivery:
        """Set the quantity of one SKU.

        Raises: ItemError; MissingAtHubError when there is no such SKU.
        """

    async def product(self, tenant: Tenant, sku: str) -> dict[str, Any] | None:
        """The product that carries *sku*, itself or on a variation, as it is now; None: there is none."""

    def orders(self, tenant: Tenant, *, since: date, until: date) -> AsyncIterator[list[HubOrder]]:
        """Orders modified from *since* to *until*, page by page; more than asked may come, twice, in any order."""

    async def order(self, tenant: Tenant, order_id: str) -> HubOrder | None:
        """One order as it is now; None: there is none."""

    async def acknowledge(self, tenant: Tenant, order_id: str, external: str) -> Delivery:
        """Tell the hub the store's number of an order, and that it has it. Raises: ItemError."""

    async def log_message(self, tenant: Tenant, order_id: str, text: str) -> Delivery:
        """Add a line to the log of an order that people see in the hub's panel. Raises: ItemError."""

    async def write_invoice(
        self, tenant: Tenant, order: HubOrder, payload: InvoicePayload, before: str | None = None
    ) -> Delivery:
        """Set an order to invoiced with its NF-e, which replaces that with the key *before*. *order* was just read.

        Raises: ItemError.
        """

    async def write_shipment(
        self, tenant: Tenant, order: HubOrder, payload: ShipmentPayload, key: str | None = None
    ) -> Delivery:
        """Set an order to shipping_informed with its tracking; its NF-e has *key*. *order* was just read.

        Raises: ItemError.
        """

    def guarded(self, may_write: Callable[[], None]) -> AbstractContextManager[None]:
        """Have *may_write*, which raises if there is to be none, called right before each write sent from within."""

    def decode_order(self, document: str) -> HubOrder:
        """An order from the JSON text of its document. Raises: ItemError when it is none."""
