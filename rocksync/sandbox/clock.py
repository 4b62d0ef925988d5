"""Time and ids as the hub tells them."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Seconds since the epoch, from an injected source, that can be moved forward."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._offset_s = 0.0

    def now(self) -> float:
        """Return seconds since the epoch."""
        return self._now() + self._offset_s

    def advance(self, seconds: float) -> None:
        """Move the hub's clock by *seconds*."""
        self._offset_s += seconds

    def iso(self) -> str:
        """Return now as the hub writes dates, for example ``2026-05-29T01:57:19.031Z``."""
        return iso(self.now())


def iso(epoch_s: float) -> str:
    """Return ISO-8601 in UTC with milliseconds and ``Z``, so that text order is time order."""
    moment = datetime.fromtimestamp(epoch_s, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


class Ids:
    """Makes 24-hex ids that grow, as a Mongo server's do, and 40-hex tokens; both follow from the seed."""

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._machine = f"{rng.getrandbits(40):010x}"
        self._count = 0
        self._latest_s = 0

    def object_id(self) -> str:
        """Return an id greater than every earlier one."""
        self._latest_s = max(self._latest_s, int(self._clock.now()))
        self._count += 1
        return f"{self._latest_s:08x}{self._machine}{self._count & 0xFFFFFF:06x}"

    def token(self) -> str:
        """Return 40 lower-case hex characters, the observed format of tokens and codes."""
        return f"{self._rng.getrandbits(160):040x}"
