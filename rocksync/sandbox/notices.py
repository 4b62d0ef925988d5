"""Notifications: posted to an account's webhook at changes, at least once, in no promised order.

Source of the payload: https://developers.plugg.to/reference/notification-information. Retries (5, a second apart and
doubling) are assumed: the page is stored only up to that heading.
"""

import asyncio
from collections import deque
from dataclasses import dataclass

import aiohttp
import msgspec

from rocksync.sandbox.faults import NOTICE_ROUTE, Faults
from rocksync.sandbox.shapes import Document

QUEUE_SIZE = 10_000
TRIES = 5
TIMEOUT_S = 5.0
SENDERS = 4


@dataclass(slots=True)
class _Notice:
    url: str
    payload: Document
    tries: int = 0


class Notices:
    """Waiting notifications, sent in the background so that no request waits for a webhook."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self._waiting: deque[_Notice] = deque(maxlen=QUEUE_SIZE)
        self._held: list[_Notice] = []
        self._arrived = asyncio.Event()
        self._busy = 0
        self._later = 0
        self.sent = 0

    def put(self, url: str, payload: Document) -> None:
        """Queue a notification; the oldest waiting one is given up when there are too many."""
        active = self.faults.striking("POST", NOTICE_ROUTE, str(payload["id"]), payload["user"]) if self.faults else {}
        if "lost-notices" in active:
            return
        notice = _Notice(url, payload)
        if "reordered-notices" in active:
            self._held.append(notice)
        else:
            self._waiting.append(notice)
            self._waiting.extend(self._held)
            self._held.clear()
        if "duplicated-notices" in active:
            self._waiting.append(_Notice(url, payload))
        self._arrived.set()

    @property
    def idle(self) -> bool:
        """Whether nothing waits to be sent, for another try either (one held back by a fault does not count)."""
        return not self._waiting and not self._busy and not self._later

    def clear(self) -> None:
        """Forget what waits."""
        self._waiting.clear()
        self._held.clear()

    async def run(self) -> None:
        """Send until cancelled."""
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as senders:
            for _ in range(SENDERS):
                senders.create_task(self._send_all(session))

    async def _send_all(self, session: aiohttp.ClientSession) -> None:
        while True:
            while not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            notice = self._waiting.popleft()
            self._busy += 1
            try:
                await self._send(session, notice)
            finally:
                self._busy -= 1

    async def _send(self, session: aiohttp.ClientSession, notice: _Notice) -> None:
        headers = {"Content-Type": "application/json"}
        try:
            async with session.post(notice.url, data=msgspec.json.encode(notice.payload), headers=headers) as response:
                if response.status == 200:  # noqa: PLR2004 (anything else makes the hub try again)
                    self.sent += 1
                    return
        except (aiohttp.ClientError, TimeoutError, ValueError):
            pass  # an unreachable receiver is tried again like one that refuses
        notice.tries += 1
        if notice.tries >= TRIES:
            return
        self._later += 1
        asyncio.get_running_loop().call_later(2.0 ** (notice.tries - 1), self._again, notice)

    def _again(self, notice: _Notice) -> None:
        self._later -= 1
        self._waiting.append(notice)
        self._arrived.set()
