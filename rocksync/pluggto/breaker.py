"""One breaker for the hub as a whole: when it does not answer anybody, nobody asks for a while."""

import random
from collections.abc import Callable

from rocksync.domain.errors import PassError
from rocksync.domain.reasons import Reason
from rocksync.pluggto.facts import BreakerMoved, Observe

_FAILURES = 10
_FIRST_REST_S = 5.0
_LONGEST_REST_S = 60.0


class Breaker:
    """Opens after several failures in a row, of whatever tenants; then lets one request through to see.

    A failure is a connection that failed or a 5xx. Any other answer, a refusal or a rate limit too, closes it.
    """

    def __init__(self, *, clock: Callable[[], float], observe: Observe, failures: int = _FAILURES) -> None:
        self._clock = clock
        self._observe = observe
        self._limit = failures
        self._failures = 0
        self._rest_s = _FIRST_REST_S
        self._open_until: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        """``closed``, ``open`` or ``half_open``."""
        if self._open_until is None:
            return "closed"
        return "half_open" if self._probing or self._clock() >= self._open_until else "open"

    def enter(self) -> bool:
        """Ask whether to send; True: this request is the probe, and must be left by one of the three ways.

        Raises: PassError with when to ask again.
        """
        if self._open_until is None:
            return False
        wait_s = self._open_until - self._clock()
        if wait_s > 0 or self._probing:
            raise PassError(
                "Plugg.to does not answer; requests are held back",
                reason=Reason.HUB_UNAVAILABLE,
                retry_after_s=max(wait_s, 1.0),
            )
        self._probing = True
        self._observe(BreakerMoved(state="half_open"))
        return True

    def succeeded(self) -> None:
        """Note that the hub answered."""
        self._failures = 0
        if self._open_until is not None:
            self._open_until = None
            self._probing = False
            self._rest_s = _FIRST_REST_S
            self._observe(BreakerMoved(state="closed"))

    def failed(self, *, probe: bool) -> None:
        """Note that it did not."""
        self._failures += 1
        if probe:
            self._rest_s = min(self._rest_s * 2, _LONGEST_REST_S)
        if probe or (self._failures >= self._limit and self._open_until is None):
            self._open()

    def abandoned(self, *, probe: bool) -> None:
        """Note that the request was given up before its outcome was known."""
        if probe:
            self._probing = False

    def _open(self) -> None:
        self._probing = False
        self._open_until = self._clock() + self._rest_s * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret
        self._observe(BreakerMoved(state="open"))
