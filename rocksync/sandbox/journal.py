"""What the sandbox was asked: a bounded log of requests, and counters."""

from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

import msgspec

from rocksync.sandbox.clock import iso

MAX_BYTES = 32 * 2**20
"""How much of bodies the log keeps."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and what came of it; *status* 0 means that no whole reply was sent."""

    number: int
    at: float
    account: int | None
    method: str
    route: str
    path: str
    status: int
    body: bytes
    faults: tuple[str, ...]

    def shown(self) -> dict[str, Any]:
        """Return the entry as a JSON object, the body decoded where it is JSON."""
        body: object = None
        if self.body:
            try:
                body = msgspec.json.decode(self.body)
            except (msgspec.MsgspecError, RecursionError):
                body = self.body.decode(errors="replace")
        return {
            "number": self.number,
            "at": iso(self.at),
            "account": self.account,
            "method": self.method,
            "route": self.route,
            "path": self.path,
            "status": self.status,
            "body": body,
            "faults": list(self.faults),
        }


class Journal:
    """The last requests, and how many there were by method, route template and status."""

    def __init__(self, size: int) -> None:
        self._entries: deque[Entry] = deque()
        self._size = size
        self._bytes = 0
        self._number = 0
        self.counts: Counter[tuple[str, str, int]] = Counter()

    def record(
        self,
        *,
        at: float,
        account: int | None,
        method: str,
        route: str,
        path: str,
        status: int,
        body: bytes,
        faults: tuple[str, ...],
    ) -> None:
        """Log one request. *path* and *body* must hold no secret."""
        self._number += 1
        self.counts[method, route, status] += 1
        self._entries.append(Entry(self._number, at, account, method, route, path, status, body, faults))
        self._bytes += len(body)
        while len(self._entries) > self._size or self._bytes > MAX_BYTES:
            self._bytes -= len(self._entries.popleft().body)

    def entries(self, *, after: int = 0, method: str | None = None, route: str | None = None) -> list[dict[str, Any]]:
        """Return the logged requests with a number above *after*, the oldest first."""
        return [
            entry.shown()
            for entry in self._entries
            if entry.number > after and method in {None, entry.method} and route in {None, entry.route}
        ]

    def counters(self) -> list[dict[str, Any]]:
        """Return how many requests there were by method, route template and status."""
        rows = sorted(self.counts.items())
        return [{"method": m, "route": route, "status": status, "count": n} for (m, route, status), n in rows]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.counts.clear()
        self._bytes = 0
