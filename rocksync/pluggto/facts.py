"""Facts that leave the room, for metrics and logs: none holds a SKU, an order, a token or a body."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One attempt of one request. ``route`` is the template; ``status`` 0: no whole reply came."""

    method: str
    route: str
    status: int
    took_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One request for a token. ``grant`` is password or refresh_token, ``outcome`` granted, refused or failed."""

    grant: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerMoved:
    """The breaker of the hub as a whole is now ``state``: closed, open or half_open."""

    state: str


Fact = Exchange | Login | BreakerMoved
Observe = Callable[[Fact], None]


def ignore(fact: Fact) -> None:
    """Let *fact* pass unseen."""
