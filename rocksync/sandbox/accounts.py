"""One customer of the hub: its credentials and everything that belongs to it."""

from dataclasses import dataclass, field

from rocksync.sandbox.orders import Book
from rocksync.sandbox.products import Shelf


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a plugin (client) and a user of the hub prove themselves with."""

    client_id: str
    client_secret: str = field(repr=False)
    api_user: str
    api_secret: str = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Account:
    """A user's account as one plugin reaches it."""

    user_id: int
    credentials: Credentials
    shelf: Shelf
    book: Book
    webhook: str | None = None
    """Where notifications are posted; None: nowhere."""
