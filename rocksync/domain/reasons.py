"""The one vocabulary of why an item, a pass or a tenant is where it is."""

from enum import StrEnum


class Reason(StrEnum):
    """A reason code, as stored in ``rocksync.item.reason``, logged, counted and explained."""

    IN_SYNC = "in_sync"
    PENDING = "pending"
    INACTIVE = "inactive"
    NOT_SELECTED = "not_selected"
    MISSING_PRICE = "missing_price"
    MISSING_STOCK = "missing_stock"
    INVALID_ITEM = "invalid_item"
    UNKNOWN_SKU = "unknown_sku"
    SKU_CONFLICT = "sku_conflict"
    REJECTED = "rejected"
    MAPPER_ERROR = "mapper_error"
    MAPPER_TIMEOUT = "mapper_timeout"
    INVALID_INVOICE = "invalid_invoice"
    AMBIGUOUS_SHIPMENT = "ambiguous_shipment"
    STATUS_CONFLICT = "status_conflict"
    HUB_UNAVAILABLE = "hub_unavailable"
    RATE_LIMITED = "rate_limited"
    TENANT_PAUSED = "tenant_paused"
    KIND_MANUAL = "kind_manual"
    NEEDS_CREDENTIALS = "needs_credentials"
    UNCONFIRMED = "unconfirmed"
