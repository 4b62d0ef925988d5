"""The hub as the rest of rocksync sees it. Fits ``sync``'s Hub by shape; opened by ``app``."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import date
from typing import Any

from rocksync.domain.documents import InvoicePayload, PriceDocument, ProductDocument, ShipmentPayload, StockDocument
from rocksync.domain.orders import HubOrder
from rocksync.domain.outcomes import Delivery
from rocksync.domain.tenancy import Tenant, TenantId
from rocksync.pluggto import order_decoding
from rocksync.pluggto.auth import FindCredentials
from rocksync.pluggto.client import Client
from rocksync.pluggto.facts import Observe, ignore
from rocksync.pluggto.orders import Orders
from rocksync.pluggto.products import Products
from rocksync.pluggto.transport import open_transport

_CONNECTIONS = 200


class PluggtoHub:
    """Plugg.to, for all tenants.

    Everything raises PassError when the hub is unavailable or limits us, and TenantError when it refuses credentials.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._products = Products(client)
        self._orders = Orders(client)

    def guarded(self, may_write: Callable[[], None]) -> AbstractContextManager[None]:
        """Have *may_write* called right before each write sent from within, also in tasks started within."""
        return self._client.guarded(may_write)

    def forget(self, tenant: TenantId) -> None:
        """Drop a tenant's tokens, and that its credentials were refused: they are replaced."""
        self._client.forget(tenant)

    def pardon(self, tenant: TenantId) -> None:
        """Try a tenant's credentials again although they were refused: somebody wants it to run."""
        self._client.pardon(tenant)

    async def ping(self, tenant: Tenant) -> float | None:
        """Log in; seconds that the hub's clock is ahead of ours, None if it does not say. Raises: TenantError."""
        return await self._client.ping(tenant)

    async def product(self, tenant: Tenant, sku: str) -> dict[str, Any] | None:
        """The product that carries *sku*, itself or on a variation, as the hub has it now; None: there is none."""
        return await self._products.product(tenant, sku)

    async def skus(self, tenant: Tenant, *, pages: int) -> tuple[frozenset[str], bool]:
        """SKUs that the hub has, from so many pages of 100 products; and whether that was all of them."""
        return await self._products.skus(tenant, pages=pages)

    async def put_product(
        self,
        tenant: Tenant,
        document: ProductDocument,
        accepted: dict[str, Any] | None,
        *,
        full: bool,
        sending: dict[str, Any] | None = None,
    ) -> Delivery:
        """Bring the product in line; *full*: send every member. Raises: ItemError when it is refused.

        *sending*: what was sent before and may have arrived; what the hub has of it and should not is removed.
        """
        return await self._products.put_product(tenant, document, accepted, full=full, sending=sending)

    async def put_prices(self, tenant: Tenant, documents: Sequence[PriceDocument]) -> Delivery:
        """Bring the prices of SKUs of one product in line; ``bare`` are those that are there by it alone, as it seems.

        Raises: ItemError; MissingAtHubError when there is no such product.
        """
        return await self._products.put_prices(tenant, documents)

    async def put_stock(self, tenant: Tenant, document: StockDocument) -> Delivery:
        """Set the quantity of one SKU.

        Raises: ItemError; MissingAtHubError when there is no such SKU.
        """
        return await self._products.put_stock(tenant, document)

    def orders(self, tenant: Tenant, *, since: date, until: date) -> AsyncIterator[list[HubOrder]]:
        """Orders modified from *since* to *until*, page by page; more than asked may come, twice, in any order."""
        return self._orders.orders(tenant, since=since, until=until)

    async def order(self, tenant: Tenant, order_id: str) -> HubOrder | None:
        """One order as it is now; None: there is none. Raises: ItemError if it cannot be imported as it is."""
        return await self._orders.order(tenant, order_id)

    async def acknowledge(self, tenant: Tenant, order_id: str, external: str) -> Delivery:
        """Tell the hub the store's number of an order, and that it has it. Raises: ItemError."""
        return await self._orders.acknowledge(tenant, order_id, external)

    async def log_message(self, tenant: Tenant, order_id: str, text: str) -> Delivery:
        """Add a line to the log that people see in Plugg.to's panel. Raises: ItemError."""
        return await self._orders.log_message(tenant, order_id, text)

    async def write_invoice(
        self, tenant: Tenant, order: HubOrder, payload: InvoicePayload, before: str | None = None
    ) -> Delivery:
        """Set an order to invoiced with its NF-e, which replaces that with the key *before*. *order* was just read.

        Raises: ItemError.
        """
        return await self._orders.write_invoice(tenant, order, payload, before)

    async def write_shipment(
        self, tenant: Tenant, order: HubOrder, payload: ShipmentPayload, key: str | None = None
    ) -> Delivery:
        """Set an order to shipping_informed with its tracking. *order* was just read. Raises: ItemError."""
        return await self._orders.write_shipment(tenant, order, payload, key)

    def decode_order(self, document: str) -> HubOrder:
        """An order from the JSON text of its document. Raises: ItemError when it is none."""
        return order_decoding.decode_text(document)


@asynccontextmanager
async def open_hub(
    base_url: str,
    *,
    credentials: FindCredentials,
    timeout_s: float = 20.0,
    requests_per_second: float = 10.0,
    concurrency: int = 5,
    connections: int = _CONNECTIONS,
    observe: Observe = ignore,
) -> AsyncIterator[PluggtoHub]:
    """Open the door to Plugg.to at *base_url*; rate and concurrency are each tenant's, connections are everybody's."""
    async with open_transport(base_url, timeout_s=timeout_s, connections=connections) as transport:
        yield PluggtoHub(
            Client(
                transport,
                credentials=credentials,
                requests_per_second=requests_per_second,
                concurrency=concurrency,
                observe=observe,
            )
        )
