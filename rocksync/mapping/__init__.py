"""All that a mapper imports: ``from rocksync.mapping import Price, PricePayload, hookimpl``."""

from rocksync.domain.catalog import Price, Product, Stock, Variation
from rocksync.domain.documents import (
    Attribute,
    Category,
    Dimension,
    InvoicePayload,
    OrderDocument,
    OrderLine,
    Photo,
    PricePayload,
    ProductPayload,
    ShipmentPayload,
    StockPayload,
    VariationPayload,
)
from rocksync.domain.orders import HubLine, HubOrder, Invoice, Shipment, StoreOrder
from rocksync.domain.tenancy import Tenant
from rocksync.mapping.hookspecs import hookimpl
from rocksync.mapping.refusal import ItemError

__all__ = [
    "Attribute",
    "Category",
    "Dimension",
    "HubLine",
    "HubOrder",
    "Invoice",
    "InvoicePayload",
    "ItemError",
    "OrderDocument",
    "OrderLine",
    "Photo",
    "Price",
    "PricePayload",
    "Product",
    "ProductPayload",
    "Shipment",
    "ShipmentPayload",
    "Stock",
    "StockPayload",
    "StoreOrder",
    "Tenant",
    "Variation",
    "VariationPayload",
    "hookimpl",
]
