"""An embedded PostgreSQL in ``data_dir``, shared by every rocksync process that names the same folder.

The first process starts a supervisor (``supervisor.py``), which runs the server until the last process has gone. So no
process is special: each may be killed, and the server neither goes away under the others nor stays behind.
"""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rocksync.domain.errors import SettingsError
from rocksync.postgres.embedded_binaries import find_binaries
from rocksync.postgres.embedded_home import Home, try_lock, unlock

_log = logging.getLogger(__name__)

_POLL_S = 0.02
_WATCH_S = 1.0
_JOIN_DEADLINE_S = 90.0
_START_DEADLINE_S = 900.0
_START_TRIES = 3
_LEAVE_DEADLINE_S = 15.0
_PACKAGES = Path(__file__).parents[2]
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "TMPDIR")  # and no more: settings in the environment hold secrets


@contextlib.asynccontextmanager
async def running(
    data_dir: Path, *, binaries: Path | None = None, options: Mapping[str, str] | None = None
) -> AsyncIterator[str]:
    """Yield the DSN, a secret, of the server in *data_dir*, started if need be and kept while this is open.

    *binaries* and *options* (Postgres settings) count for the process that starts it; those that join take it as it is.
    A server that dies comes back at the same DSN within seconds, its committed data with it. The last one out waits for
    it to stop.

    Raises: SettingsError if no PostgreSQL is found, it cannot run here, or *data_dir* is not writable or another
    version's.
    """
    home = Home.prepared(data_dir)
    user = _User(home=home, binaries=binaries, options=options or {})
    async with _joined(home):
        dsn = await user.server()
        watch = asyncio.create_task(user.keep(dsn))
        try:
            yield dsn
        finally:
            watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watch


@dataclass(frozen=True, slots=True, kw_only=True)
class _User:
    """One process' use of an embedded server."""

    home: Home
    binaries: Path | None
    options: Mapping[str, str] = field(repr=False)

    async def server(self) -> str:
        """Return the DSN of the server, starting a supervisor if none lives, and another if that is killed.

        Raises: SettingsError with what the supervisor complained about.
        """
        async with _held(self.home, "start", deadline_s=_START_DEADLINE_S):
            for _ in range(_START_TRIES):
                await self._start_unless_there()
                dsn = await self._published()
                if dsn is not None:
                    return dsn
                if self.home.failure.exists():
                    raise SettingsError(self.home.failure.read_text(encoding="ascii"))
        raise SettingsError(f"the supervisor of the embedded PostgreSQL ends without a word (see {self.home.log})")

    async def keep(self, dsn: str) -> None:
        """Start the server again whenever its supervisor died; never returns."""
        while True:
            await asyncio.sleep(_WATCH_S)
            if not _is_abandoned(self.home):
                continue
            try:
                again = await self.server()
            except SettingsError:
                _log.exception("embedded_postgres_not_restarted")
                continue
            if again == dsn:
                _log.warning("embedded_postgres_restarted")
            else:
                _log.error("embedded_postgres_moved", extra={"fix": "its port was taken: restart this process"})

    async def _start_unless_there(self) -> None:
        supervisor = self.home.open_lock("supervisor")
        try:
            if try_lock(supervisor, shared=False):
                await self._start(supervisor)
        finally:
            os.close(supervisor)  # what was started holds it by its own copy

    async def _start(self, supervisor: int) -> None:
        port = self.home.published_port()  # left by a killed supervisor: whoever still uses the server knows this port
        self.home.dsn.unlink(missing_ok=True)
        self.home.failure.unlink(missing_ok=True)
        found = find_binaries(self.binaries)
        settings = [f"{name}={value}" for name, value in self.options.items()]
        with self.home.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "rocksync.postgres.supervisor"),
                *(str(self.home.folder), str(found.folder), str(port or 0), *settings),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=log,
                cwd="/",
                env={**_environment(), "PYTHONPATH": str(_PACKAGES)},
                pass_fds=(supervisor,),
                start_new_session=True,
            )
        await process.wait()  # it forks at once, and the fork goes on

    async def _published(self) -> str | None:
        """Return the DSN once the supervisor tells it, or None if it ends instead."""
        deadline = asyncio.get_running_loop().time() + _START_DEADLINE_S
        while True:
            if _is_gone(self.home):
                return None
            dsn = self.home.published()
            if dsn is not None:
                return dsn
            if asyncio.get_running_loop().time() > deadline:
                raise SettingsError(f"the embedded PostgreSQL was not ready in {_START_DEADLINE_S:.0f} s")
            await asyncio.sleep(_POLL_S)


def _is_abandoned(home: Home) -> bool:
    """Whether no supervisor lives and nobody is starting one."""
    start = home.open_lock("start")
    try:
        return try_lock(start, shared=False) and _is_gone(home)
    finally:
        os.close(start)


def _is_gone(home: Home) -> bool:
    """Whether no supervisor lives; to be asked under the start lock, lest the question look like a supervisor."""
    supervisor = home.open_lock("supervisor")
    try:
        return try_lock(supervisor, shared=True)
    finally:
        os.close(supervisor)


def _environment() -> dict[str, str]:
    return {"LC_ALL": "C.UTF-8", **{name: os.environ[name] for name in _INHERITED if name in os.environ}}


@contextlib.asynccontextmanager
async def _joined(home: Home) -> AsyncIterator[None]:
    users = home.open_lock("users")
    try:
        await _take(users, shared=True, deadline_s=_JOIN_DEADLINE_S, what="an earlier server to stop")
        try:
            yield
        finally:
            await _leave(home, users)
    finally:
        os.close(users)


async def _leave(home: Home, users: int) -> None:
    """Let go of the server; if nobody else uses it, wait until it has stopped, which its DSN's absence tells."""
    last = _identity_of(home.dsn)
    others = not try_lock(users, shared=False)
    unlock(users)
    if others and try_lock(users, shared=True):  # not so if the supervisor was quicker, and stops it already
        unlock(users)
        return
    deadline = asyncio.get_running_loop().time() + _LEAVE_DEADLINE_S
    while last is not None and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(_POLL_S)
        if _identity_of(home.dsn) != last or _is_abandoned(home):
            return


def _identity_of(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


@contextlib.asynccontextmanager
async def _held(home: Home, name: str, *, deadline_s: float) -> AsyncIterator[None]:
    descriptor = home.open_lock(name)
    try:
        await _take(descriptor, shared=False, deadline_s=deadline_s, what="another process to start the server")
        yield
    finally:
        os.close(descriptor)


async def _take(descriptor: int, *, shared: bool, deadline_s: float, what: str) -> None:
    deadline = asyncio.get_running_loop().time() + deadline_s
    while not try_lock(descriptor, shared=shared):
        if asyncio.get_running_loop().time() > deadline:
            raise SettingsError(f"waited {deadline_s:.0f} s in vain for {what}")
        await asyncio.sleep(_POLL_S)
