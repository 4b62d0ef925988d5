"""What the worker and its mapper hosts say to each other: frames of JSON over a socket.

A frame is a length, an operation, how many rows a host was asked for before, and a body. A host answers a request with
frames of lists, in all one answer for each row, in order; each names the row that its first answer is of.
"""

import struct
from collections.abc import Collection
from decimal import Decimal
from enum import IntEnum
from typing import Any

import msgspec
from msgspec import Struct

from rocksync.domain.catalog import Price, Product, Stock
from rocksync.domain.documents import InvoicePayload, OrderDocument, ProductPayload, ShipmentPayload
from rocksync.domain.orders import HubOrder, StoreOrder
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Tenant
from rocksync.mapping.hookspecs import HOOKS
from rocksync.mapping.validation import InvalidPayloadError

HEADER = struct.Struct("!IBI")
# The shared page: which row the host is at (1 for the first, 0 between rows), and a mark of what runs.
PROGRESS = struct.Struct("=QQ")
STACK_AT = 4096


class Op(IntEnum):
    """What a request asks of a host."""

    LOAD = 1
    EXAMINE = 2
    PRODUCTS = 3
    PRICES = 4
    STOCKS = 5
    ORDERS = 6
    PARCELS = 7
    SETTINGS = 8


class SourceFile(Struct, frozen=True):
    """One Python file of a mapper; ``module`` is its dotted name within the mapper, empty for the mapper itself."""

    module: str
    path: str
    label: str
    content: bytes


class Source(Struct, frozen=True):
    """A mapper as text, or the module of an installed package."""

    name: str
    label: str
    files: tuple[SourceFile, ...] = ()
    is_package: bool = False
    installed: str | None = None


class Load(Struct):
    """Load these mappers, in this order, for this tenant. ``samples``: no order they will be given is anybody's."""

    tenant: Tenant
    sources: tuple[Source, ...]
    samples: bool


class ListingRow(Struct, array_like=True):
    """What a listing is by default, its payload as JSON, with the prices and stocks that its SKUs can be created with.

    ``known`` are its SKUs that the hub has. ``product``, ``payload`` and ``accepted`` are null where no hook asks for
    them, ``payload`` also where there is none.
    """

    product: Product | None
    payload: msgspec.Raw
    offered: list[tuple[Price, Stock]]
    known: frozenset[str]
    accepted: msgspec.Raw


class Failed(Struct, array_like=True, tag="failed"):
    """A row cannot go, or a mapper cannot be loaded. ``line`` 0: unknown."""

    reason: Reason
    detail: str
    final: bool = True
    file: str = ""
    line: int = 0


class Left(Struct, array_like=True, tag="left"):
    """A row is not to be sent as it is."""

    reason: Reason
    detail: str


class MappedListing(Struct, array_like=True, tag="product"):
    """Which members of a product's default payload mappers changed, none if null, and which they took out.

    ``offers`` are price, special price and quantity of each SKU that can be created.
    """

    selected: bool
    changed: dict[str, Any] | None
    gone: list[str]
    offers: dict[str, tuple[Decimal, Decimal | None, int]]


class MadeListing(Struct, array_like=True, tag="product"):
    """The same as its host writes it."""

    selected: bool
    changed: msgspec.Raw
    gone: Collection[str]
    offers: dict[str, tuple[Decimal, Decimal | None, int]]


class MappedPrice(Struct, array_like=True, tag="price"):
    """A mapped price."""

    price: Decimal
    special_price: Decimal | None


class MappedStock(Struct, array_like=True, tag="stock"):
    """A mapped stock."""

    quantity: int


class MappedOrder(Struct, array_like=True, tag="order"):
    """A mapped order; None: its status is none that is imported."""

    document: OrderDocument | None


class MappedParcel(Struct, array_like=True, tag="parcel"):
    """What an order's invoice and shipment became."""

    invoice: InvoicePayload | None
    shipment: ShipmentPayload | None


class Loaded(Struct, array_like=True, tag="loaded"):
    """The mappers are loaded."""


class HookSeen(Struct, array_like=True, frozen=True):
    """A hook that a mapper has."""

    name: str
    arguments: tuple[str, ...]
    line: int


class Examined(Struct, array_like=True, tag="examined"):
    """What a mapper has."""

    hooks: tuple[HookSeen, ...]


class Complaints(Struct, array_like=True, tag="complaints"):
    """What is wrong with the tenant's settings."""

    texts: list[str]


Answer = (
    Failed
    | Left
    | MappedListing
    | MappedPrice
    | MappedStock
    | MappedOrder
    | MappedParcel
    | Loaded
    | Examined
    | Complaints
)
NULL = msgspec.Raw(b"null")
NO_NUMBER = "a number is NaN, infinite or too large"
_ESCAPE, _NUL = b"\\", b"\\u0000"
# Numbers stay numbers on the way, so that what JSON says of an untyped member is what arrives.
ENCODER = msgspec.json.Encoder(decimal_format="number")
ROW_ENCODER = msgspec.json.Encoder()
ANSWERS: msgspec.json.Decoder[list[Answer]] = msgspec.json.Decoder(list[Answer], float_hook=Decimal)
PAYLOADS = msgspec.json.Decoder(ProductPayload)
MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
ACCEPTED: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
LOADS = msgspec.json.Decoder(Load)
SOURCES = msgspec.json.Decoder(Source)
ROWS: dict[Op, msgspec.json.Decoder[Any]] = {
    Op.PRODUCTS: msgspec.json.Decoder(list[ListingRow]),
    Op.PRICES: msgspec.json.Decoder(list[Price]),
    Op.STOCKS: msgspec.json.Decoder(list[Stock]),
    Op.ORDERS: msgspec.json.Decoder(list[HubOrder], float_hook=Decimal),
    Op.PARCELS: msgspec.json.Decoder(list[StoreOrder]),
}


def encoded(payload: object) -> msgspec.Raw:
    """Return a payload as JSON.

    Raises: InvalidPayloadError when a member without a type of its own holds what JSON or Postgres cannot.
    """
    try:
        body = ENCODER.encode(payload)
    except Exception as error:  # what mappers leave in a payload may raise when it is read
        raise InvalidPayloadError(f"a member is no JSON ({type(error).__name__})") from error
    if _ESCAPE in body and _NUL in body:
        raise InvalidPayloadError("a text holds a NUL character")
    return msgspec.Raw(body)


def checked(text: msgspec.Raw) -> msgspec.Raw:
    """Return a payload as JSON.

    Raises: InvalidPayloadError when it is none: numbers may be what JSON does not have.
    """
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidPayloadError(NO_NUMBER) from error
    return text


def mark(mapper: int, hook: str | None) -> int:
    """Return the mark of the tenant's mapper number *mapper*, 1 for the first, in *hook*, or None while it loads."""
    return mapper * 16 + (HOOKS.index(hook) if hook is not None else 15)


def read_mark(value: int) -> tuple[int, str | None]:
    """Return the mapper's number, 0 for none, and its hook."""
    mapper, hook = divmod(value, 16)
    return mapper, HOOKS[hook] if hook < len(HOOKS) else None


def frame(op: int, body: bytes, *, start: int = 0) -> bytes:
    """Return a frame; *start* is how many rows the host was asked for, or has answered, before it."""
    return HEADER.pack(len(body), op, start) + body
