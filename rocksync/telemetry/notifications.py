"""Notifications of Plugg.to: unauthenticated hints, believed only so far as to have a look."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

_ID = re.compile(r"[0-9a-fA-F]{24}")
_USER = re.compile(r"[0-9A-Za-z_-]{1,40}")
_MOST_WAITING = 1000
_MOST_USERS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """An order that may have changed: its Plugg.to id, and the number of its owner as they say."""

    order_id: str
    user: str


class _Body(msgspec.Struct):
    type: str
    id: str | int
    user: str | int | None = None


class Notices:
    """Notices that wait to be acted on: each once, no more than a thousand, no more of one owner than is reasonable.

    ``per_second`` and ``burst`` are for one owner. May be filled and emptied from different threads.
    """

    def __init__(
        self, *, per_second: float = 5.0, burst: float = 100.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second, self._burst, self._now = per_second, burst, now
        self._lock = threading.Lock()
        self._waiting: OrderedDict[Notice, None] = OrderedDict()
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def offer(self, body: bytes) -> str:
        """Take note of *body*; returns what became of it: taken, dropped or invalid."""
        try:
            read = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return "invalid"
        if read.type != "orders":
            return "dropped"
        order_id, user = str(read.id), str(read.user)
        if not _ID.fullmatch(order_id) or not _USER.fullmatch(user):
            return "invalid"
        notice = Notice(order_id=order_id, user=user)
        with self._lock:
            if notice in self._waiting:
                return "taken"
            if len(self._waiting) >= _MOST_WAITING or not self._may(user):
                return "dropped"
            self._waiting[notice] = None
        return "taken"

    def take(self) -> list[Notice]:
        """Return all that wait, the oldest first, and forget them."""
        with self._lock:
            taken = list(self._waiting)
            self._waiting.clear()
        return taken

    def _may(self, user: str) -> bool:
        now = self._now()
        left, at = self._left.pop(user, (self._burst, now))
        left = min(left + (now - at) * self._per_second, self._burst)
        self._left[user] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _MOST_USERS:
            self._left.popitem(last=False)
        return left >= 1


_decode = msgspec.json.Decoder(_Body).decode
