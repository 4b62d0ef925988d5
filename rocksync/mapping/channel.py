"""The worker's end of one mapper host: requests out, answers in, and a look at which row it is at."""

import asyncio
import contextlib
import mmap
import os
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from rocksync.mapping.wire import ANSWERS, HEADER, PROGRESS, STACK_AT, Answer, Op, frame

_LOOKS = 8
_BETWEEN_ROWS = 3
"""Deadlines that may pass while a host is at no row: it waits for its turn, or something of it has stopped it."""
_MOST_BYTES = 2**28
_LOWEST = 19
_STACK_BYTES = 8192


class End(StrEnum):
    """How an exchange ended: with all answers, with a row that took too long, with the host's process, with rubbish."""

    DONE = "done"
    HUNG = "hung"
    GONE = "gone"
    GARBLED = "garbled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What came back of a request. An early end was at ``row``, from 1, 0 if unknown, while ``mark`` ran."""

    answers: list[Any]
    end: End
    row: int = 0
    mark: int = 0


def _as_it_is(answer: Answer) -> Any:  # noqa: ANN401 # what is taken is the asker's
    return answer


class Channel(asyncio.Protocol):
    """One host. Used by one exchange at a time. ``slowed``: it was made to wait for others, for as long as it lives."""

    def __init__(self, page: int) -> None:
        self._page = page
        self._shared = mmap.mmap(page, STACK_AT)
        self._progress = memoryview(self._shared)[: PROGRESS.size].cast("Q")
        self._buffer = bytearray()
        self._answers: list[Any] = []
        self._take: Callable[[Answer], Any] = _as_it_is
        self._wanted = 0
        self._base = 0
        self._changed = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self.gone = False
        self.garbled = False
        self.pid = 0
        self.slowed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)  # a stream socket's is one, but uvloop's does not say so

    def data_received(self, data: bytes) -> None:
        """Take the answers out of what came."""
        self._buffer += data
        try:
            self._take_frames()
        except (ValueError, TypeError, StopIteration):  # a host writes none of that, a mapper or a copy of it might
            self.garbled = self.gone = True
            self._buffer.clear()
        if self.gone or len(self._answers) >= self._wanted:
            self._changed.set()

    def _take_frames(self) -> None:
        """Raises: ValueError for what is no answer, or none to what was asked now and not answered yet."""
        start, end = 0, len(self._buffer)
        with memoryview(self._buffer) as view:
            while end - start >= HEADER.size:
                size, _, row = HEADER.unpack_from(view, start)
                if row != self._base + len(self._answers) or size > _MOST_BYTES:
                    raise ValueError
                if end - start < HEADER.size + size:
                    break
                start += HEADER.size
                self._answers += map(self._take, ANSWERS.decode(view[start : start + size]))
                start += size
        del self._buffer[:start]

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the host is no more."""
        self.gone = True
        self._changed.set()

    async def ask(
        self,
        op: Op,
        parts: Iterable[tuple[int, bytes]],
        rows: int,
        deadline_s: float,
        take: Callable[[Answer], Any] = _as_it_is,
    ) -> Exchange:
        """Send a request and return what *take* makes of its answers, in order, one for each of *rows*.

        No row may take over *deadline_s*. *parts* are bodies with their numbers of rows. While the host works on one,
        the next is made and sent, and the answers to those before are taken.
        """
        self._answers, self._take, sent, coming = [], take, 0, iter(parts)
        began = looked_at = time.monotonic()
        seen, still_s = (-1, 0), 0.0
        while len(self._answers) < rows and not self.gone:
            self._wanted = sent
            self._changed.clear()
            if part := next(coming, None):
                self._send(op, self._base + sent, part[1])
                sent += part[0]
            if len(self._answers) >= self._wanted and self._wanted < rows:
                await asyncio.sleep(0)
                continue
            timer = asyncio.get_running_loop().call_later(deadline_s / _LOOKS, self._changed.set)
            await self._changed.wait()
            timer.cancel()
            at = (int(self._progress[0]), len(self._answers))
            before, looked_at = looked_at, time.monotonic()
            # What is between two looks counts for two of them at most: the worker itself may have been suspended.
            still_s = 0.0 if at != seen else still_s + min(looked_at - before, 2 * deadline_s / _LOOKS)
            seen = at
            if still_s > deadline_s * (1 if at[0] else _BETWEEN_ROWS):
                return self._ended(End.HUNG)
            if looked_at - began > deadline_s / _LOOKS:
                self._slow_down()
        if self.garbled:
            return self._ended(End.GARBLED)
        if len(self._answers) < rows:
            return self._ended(End.GONE)
        self._base += rows
        return Exchange(answers=self._answers, end=End.DONE)

    def _slow_down(self) -> None:
        """Let every other process go first: rows that take this long are not to cost other tenants their turn."""
        if self.pid and not self.slowed:
            self.slowed = True
            with contextlib.suppress(OSError):
                if sys.platform == "linux":
                    # At the lowest priority it would still keep a processor for milliseconds whenever it gets one.
                    os.sched_setscheduler(self.pid, os.SCHED_IDLE, os.sched_param(0))
                else:
                    os.setpriority(os.PRIO_PROCESS, self.pid, _LOWEST)

    def give_turn_back(self) -> None:
        """Let a host run like others again, so that it can say where it is.

        Only some may do that (Linux: CAP_SYS_NICE, or a limit on niceness that allows it); others have to wait.
        """
        if self.slowed and sys.platform == "linux":
            with contextlib.suppress(OSError):
                os.sched_setscheduler(self.pid, os.SCHED_OTHER, os.sched_param(0))

    def _send(self, op: Op, start: int, body: bytes) -> None:
        if self._transport is not None and not self.gone:
            self._transport.write(frame(op, body, start=start))

    def _ended(self, end: End) -> Exchange:
        at = int(self._progress[0]) - self._base
        return Exchange(answers=self._answers, end=end, row=max(at, 0), mark=int(self._progress[1]))

    async def stack(self, *, patience_s: float) -> str:
        """Return what the host dumped of its stack, nothing if it has not within *patience_s*."""
        until = time.monotonic() + patience_s
        while True:
            text = os.pread(self._page, _STACK_BYTES, STACK_AT).decode("utf-8", "replace")
            if text.endswith("\n") or time.monotonic() >= until:
                return text
            await asyncio.sleep(0.01)

    def close(self) -> None:
        """Let go of the socket and of the shared page."""
        if self._transport is not None:
            self._transport.abort()
        self._progress.release()
        self._shared.close()
        os.close(self._page)


def new_page() -> int:
    """Return a descriptor of a page to share with a host; it has no name in the file system."""
    with tempfile.TemporaryFile() as file:
        file.truncate(STACK_AT)
        return os.dup(file.fileno())


async def connected(ours: socket.socket, page: int) -> Channel:
    """Return the channel over *ours*."""
    _, channel = await asyncio.get_running_loop().create_connection(lambda: Channel(page), sock=ours)
    return channel
