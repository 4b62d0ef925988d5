"""The process that hosts are forked from, seen from the worker."""

import asyncio
import contextlib
import ctypes
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import rocksync
from rocksync.mapping.channel import Channel, connected, new_page
from rocksync.mapping.control import ORDER, Command

_ANSWER_S = 10.0
_DUMPABLE = 4
"""The number of PR_SET_DUMPABLE: others of the same user may read a process's environment and memory, or not."""
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")


_ROOT = Path(rocksync.__file__).parent.parent


class ForksLostError(Exception):
    """The process that hosts are forked from has ended, and all hosts with it."""


@dataclass(frozen=True, slots=True)
class Child:
    """A host's process, of the ``generation``-th process that hosts are forked from: numbers of processes recur."""

    pid: int
    generation: int


class Forks:
    """Forks hosts and ends them; started when first needed, and again if it was lost."""

    def __init__(self, *, memory_mb: int) -> None:
        self._memory_mb = memory_mb
        self._lock = asyncio.Lock()
        self._control: socket.socket | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._generation = 0

    async def fork(self) -> tuple[Channel, Child]:
        """Return a new host and its process."""
        ours, theirs = socket.socketpair()
        page = new_page()
        try:
            with theirs:
                pid = await self._order(Command.FORK, self._memory_mb, (theirs.fileno(), page))
        except BaseException:
            ours.close()
            os.close(page)
            raise
        ours.setblocking(False)
        return await connected(ours, page), Child(pid, self._generation)

    async def dump(self, child: Child) -> None:
        """Let a host write its stack into its page."""
        await self._order(Command.DUMP, child.pid, generation=child.generation)

    async def end(self, child: Child) -> int:
        """Kill a host; returns its exit code, or minus the signal that it died of."""
        return await self._order(Command.END, child.pid, generation=child.generation)

    async def close(self) -> None:
        """End the process and every host."""
        process, self._process = self._process, None
        if self._control is not None:
            self._control.close()
            self._control = None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                try:
                    await asyncio.wait_for(process.wait(), 2)
                except TimeoutError:
                    process.kill()
                    await process.wait()

    async def _order(
        self, command: Command, argument: int, descriptors: tuple[int, ...] = (), *, generation: int | None = None
    ) -> int:
        async with self._lock:
            if generation is not None and (self._control is None or generation != self._generation):
                raise ForksLostError
            if self._control is None:
                try:
                    self._control = await self._start()
                except OSError as error:
                    raise ForksLostError from error
            order = asyncio.ensure_future(self._exchange(self._control, ORDER.pack(command, argument), descriptors))
            try:
                return await asyncio.shield(order)
            except asyncio.CancelledError:
                await asyncio.wait([order])
                raise
            except OSError as error:
                await self.close()
                raise ForksLostError from error

    async def _exchange(self, control: socket.socket, order: bytes, descriptors: tuple[int, ...]) -> int:
        if descriptors:
            socket.send_fds(control, [order], list(descriptors))
        else:
            control.send(order)
        reply = b""
        while len(reply) < ORDER.size:
            async with asyncio.timeout(_ANSWER_S):  # a mapper may have suspended it; TimeoutError is an OSError
                part = await asyncio.get_running_loop().sock_recv(control, ORDER.size - len(reply))
            if not part:
                raise ConnectionResetError
            reply += part
        result: int = ORDER.unpack(reply)[1]
        return result

    async def _start(self) -> socket.socket:
        """Start it without the worker's environment, which none of its hosts may read: mappers see no credentials."""
        if sys.platform == "linux":  # as root they could all the same
            ctypes.CDLL(None).prctl(_DUMPABLE, 0)
        ours, theirs = socket.socketpair()
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_ROOT), *sys.path]))
        environment["PYTHONHASHSEED"] = "0"
        with theirs:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "rocksync.mapping.host",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=environment,
            )
        self._generation += 1
        ours.setblocking(False)
        return ours


@contextlib.asynccontextmanager
async def open_forks(*, memory_mb: int) -> AsyncIterator[Forks]:
    """Hosts as long as the context lasts."""
    forks = Forks(memory_mb=memory_mb)
    try:
        yield forks
    finally:
        await forks.close()
