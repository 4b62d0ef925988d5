"""The sandbox as a whole: its accounts, clock, faults and log, and what tests and the control API do with them."""

import random
import time
from collections.abc import Callable, Iterable
from typing import Any

from rocksync.sandbox.accounts import Account, Credentials
from rocksync.sandbox.clock import Clock, Ids
from rocksync.sandbox.faults import Fault, Faults, parse_fault
from rocksync.sandbox.journal import Journal
from rocksync.sandbox.marketplace import Marketplace
from rocksync.sandbox.notices import Notices
from rocksync.sandbox.orders import Book
from rocksync.sandbox.products import Announce, Shelf
from rocksync.sandbox.profile import Profile, parse_profile
from rocksync.sandbox.shapes import Document
from rocksync.sandbox.tokens import Tokens

FIRST_USER_ID = 129
JOURNAL_SIZE = 10_000


class Sandbox:
    """A Plugg.to with its accounts. ``url`` is set while it is served."""

    def __init__(
        self,
        *,
        profile: Profile | str = "strict",
        faults: Iterable[Fault | str] = (),
        seed: int = 0,
        latency_s: float = 0.0,
        clock: Callable[[], float] = time.time,
        journal_size: int = JOURNAL_SIZE,
    ) -> None:
        self.url = ""
        self.profile = parse_profile(profile) if isinstance(profile, str) else profile
        self.seed = seed
        self.latency_s = latency_s
        self.clock = Clock(clock)
        self.faults = Faults(seed, map(_fault, faults))
        self.journal = Journal(journal_size)
        self.notices = Notices(self.faults)
        self._start()

    def _start(self) -> None:
        self._rng = random.Random(self.seed)  # noqa: S311 (repeatable, not secret)
        self._ids = Ids(self.clock, self._rng)
        self.accounts: dict[int, Account] = {}
        self._markets: dict[int, Marketplace] = {}
        self.tokens = Tokens(self.clock, self._ids, self._open_account)
        self.announcing = True
        self.late_writes: list[Callable[[], object]] = []

    def reset(self) -> None:
        """Forget accounts, tokens, products, orders, faults and log; the clock and the profile stay."""
        self.faults.remove()
        self.journal.clear()
        self.notices.clear()
        self._start()

    def add_account(
        self,
        *,
        user_id: int | None = None,
        client_id: str | None = None,
        client_secret: str | None = None,
        api_user: str | None = None,
        api_secret: str | None = None,
        webhook: str | None = None,
    ) -> Account:
        """Register an account; what is not given is made up. Raises: ValueError if it exists."""
        user = user_id or max(self.accounts, default=FIRST_USER_ID - 1) + 1
        credentials = Credentials(
            client_id=client_id or f"client-{user}",
            client_secret=client_secret or f"client-secret-{user}",
            api_user=api_user or f"user-{user}",
            api_secret=api_secret or f"user-secret-{user}",
        )
        return self._enter(user, credentials, webhook)

    def account(self, user_id: int) -> Account:
        """Return an account. Raises: KeyError."""
        return self.accounts[user_id]

    def account_of(self, api_user: str) -> Account:
        """Return the account of an API user. Raises: KeyError."""
        for account in self.accounts.values():
            if account.credentials.api_user == api_user:
                return account
        raise KeyError(api_user)

    def market(self, user_id: int) -> Marketplace:
        """Return the marketplace on which an account sells. Raises: KeyError."""
        return self._markets[user_id]

    def add_fault(self, fault: Fault | str) -> Fault:
        """Put a fault into force, given as such or in the grammar of ``parse_fault``. Raises: ValueError."""
        added = _fault(fault)
        self.faults.add(added)
        return added

    def remove_faults(self, name: str | None = None) -> None:
        """Take the faults of one name, or all, out of force."""
        self.faults.remove(name)

    def advance(self, seconds: float) -> None:
        """Move the hub's clock forward."""
        self.clock.advance(seconds)

    def products(self, user_id: int) -> list[Document]:
        """Return the products an account has, the oldest first, as stored: do not change them."""
        return list(self.accounts[user_id].shelf.rows())

    def product(self, user_id: int, sku: str) -> Document | None:
        """Return the product that carries *sku*, itself or on a variation."""
        return self.accounts[user_id].shelf.find(sku)

    def orders(self, user_id: int) -> list[Document]:
        """Return the orders an account has, the oldest first, as stored: do not change them."""
        return list(self.accounts[user_id].book.rows())

    def order(self, user_id: int, order_id: str) -> Document:
        """Return one order. Raises: Refusal 404."""
        return self.accounts[user_id].book.row(order_id)

    def requests(self, *, after: int = 0, method: str | None = None, route: str | None = None) -> list[dict[str, Any]]:
        """Return the logged requests: number, at, account, method, route, path, status, body, faults."""
        return self.journal.entries(after=after, method=method, route=route)

    def count(self, method: str | None = None, route: str | None = None, status: int | None = None) -> int:
        """Return how many requests there were of a method, route template and status; None matches any."""
        return sum(
            count
            for (one, template, answered), count in self.journal.counts.items()
            if method in {None, one} and route in {None, template} and status in {None, answered}
        )

    def _open_account(self, credentials: Credentials) -> Account:
        return self._enter(max(self.accounts, default=FIRST_USER_ID - 1) + 1, credentials, None)

    def _enter(self, user_id: int, credentials: Credentials, webhook: str | None) -> Account:
        if user_id in self.accounts:
            raise ValueError(f"account {user_id} exists")
        announce = self._announcer(user_id)
        account = Account(
            user_id=user_id,
            credentials=credentials,
            shelf=Shelf(user_id, self.clock, self._ids, announce),
            book=Book(user_id, credentials.client_id, self.clock, self._ids, announce),
            webhook=webhook,
        )
        self.tokens.enter(account)
        self.accounts[user_id] = account
        chance = random.Random(f"{self.seed} {user_id}")  # noqa: S311 (repeatable, not secret)
        self._markets[user_id] = Marketplace(account, self.clock, chance)
        return account

    def _announcer(self, user_id: int) -> Announce:
        def announce(kind: str, key: str, action: str, changes: Document) -> None:
            url = self.accounts[user_id].webhook
            if url is not None and self.announcing:
                payload = {"type": kind, "id": key, "action": action, "user": user_id, "changes": changes}
                self.notices.put(url, payload)

        return announce


def _fault(fault: Fault | str) -> Fault:
    return parse_fault(fault) if isinstance(fault, str) else fault
