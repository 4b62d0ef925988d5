"""Which version of each mapper is in use: a new one only when it is sound, and the one before until then."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rocksync.domain.errors import MisuseError
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Tenant
from rocksync.mapping import folder as folders
from rocksync.mapping.folder import Found, Scan
from rocksync.mapping.forks import ForksLostError
from rocksync.mapping.hosts import Hosts, Version
from rocksync.mapping.texts import tellable
from rocksync.mapping.wire import Failed

_LOG = logging.getLogger("rocksync.mapping")
_AT_ONCE = 4
_MISSING_LOOKS = 2
Listener = Callable[[Sequence[str]], Awaitable[None] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with a mapper. ``line`` 0: not known. ``in_use``: a version of it is used all the same.

    ``refused`` False: it is used as it is, and there is only something to be told of it.
    """

    name: str
    file: str
    line: int
    detail: str
    in_use: bool
    refused: bool = True

    def __str__(self) -> str:
        """Return the fault in a line."""
        where = f"{self.file} line {self.line}" if self.line else self.file
        use = "; the version before stays in use" if self.in_use else ""
        return f"{where}: {self.detail}{use}" if where else f"{self.detail}{use}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A mapper as ``mapper list`` shows it. ``digest`` is empty when no version of it is in use."""

    name: str
    file: str
    digest: str
    hooks: tuple[str, ...]
    fault: Fault | None


class Registry:
    """The mappers of a folder and of installed packages, as they are now."""

    def __init__(self, folder: Path, hosts: Hosts, *, poll_s: float) -> None:
        self._folder = folder.absolute()
        self._hosts = hosts
        self._poll_s = poll_s
        self._installed = folders.installed()
        self._found: dict[str, Found] = {}
        self._tried: dict[str, str] = {}
        self._missing: dict[str, int] = {}
        self._broken: dict[str, Fault] = {}
        self._oddities: dict[str, str] = {}
        self._unreadable: frozenset[str] = frozenset()
        self._unusable: set[str] = set()
        self._examinations: dict[str, asyncio.Task[None]] = {}
        self._strength = asyncio.Semaphore(_AT_ONCE)
        self._listeners: list[Listener] = []
        self._started = False
        self.current: dict[str, Version] = {}
        self.generation = 0

    @property
    def missing_folder(self) -> str | None:
        """Why nothing is known of the folder's mappers; None: it was read."""
        return None if self._found else self._oddities.get("")

    def on_change(self, listener: Listener) -> None:
        """Let *listener* know the names of mappers of which another version is in use from now on, or none."""
        self._listeners.append(listener)

    def resolve(self, tenant: Tenant) -> tuple[list[Version], str | None]:
        """Return the tenant's mappers in order, and why its items cannot be mapped now, if so."""
        versions: list[Version] = []
        for wanted in tenant.mappers:
            version = self._version(wanted)
            if version is None:
                return [], self._why_not(wanted)
            if version not in versions:
                versions.append(version)
        own = self._version(tenant.slug)
        if own is None:
            unusable = [name for name in spellings(tenant.slug) if name in self._unusable]
            return (versions, None) if not unusable else ([], self._why_not(unusable[0]))
        if own not in versions:
            versions.append(own)
        return versions, None

    def _version(self, wanted: str) -> Version | None:
        return next((self.current[name] for name in spellings(wanted) if name in self.current), None)

    def _why_not(self, wanted: str) -> str:
        for name in spellings(wanted):
            if name in self._broken:
                return f"mapper {name} cannot be used: {self._broken[name]}"
            if name in self._unreadable:
                return f"mapper {name} cannot be used: {self._oddities.get(name, 'it cannot be read')}"
        return f"there is no mapper {wanted}"

    def source(self, name: str) -> Found | None:
        """Return the text of a mapper as it is on disk now, sound or not."""
        found = {**self._installed, **self._found}
        return next((found[one] for one in spellings(name) if one in found), None)

    def faults(self) -> list[Fault]:
        """Return all that is to be told, by name, what keeps a mapper from being used before the rest."""
        told = [*self._broken.values()]
        for name, text in self._oddities.items():
            refused = name in self._unreadable
            in_use = refused and name in self.current
            told.append(
                Fault(name=tellable(name), file="", line=0, detail=tellable(text), in_use=in_use, refused=refused)
            )
        for name in self._installed.keys() & self._found.keys():
            text = f"also in an installed package ({self._installed[name].source.label}); the folder's is used"
            file = self._found[name].source.label
            told.append(Fault(name=name, file=file, line=0, detail=text, in_use=False, refused=False))
        return sorted(told, key=lambda fault: (fault.name, not fault.refused, fault.detail))

    def listing(self) -> list[Listed]:
        """Return every mapper, by name."""
        faults: dict[str, Fault] = {fault.name: fault for fault in reversed(self.faults())}
        listed = []
        for name in sorted({**self._installed, **self._found, **self.current}):
            version, found = self.current.get(name), self.source(name)
            listed.append(
                Listed(
                    name=name,
                    file=found.source.label if found else "",
                    digest=version.digest[:12] if version else "",
                    hooks=tuple(sorted(seen.name for seen in version.hooks)) if version else (),
                    fault=faults.get(name),
                )
            )
        return listed

    async def start(self) -> None:
        """Load what is there.

        Raises: MisuseError when the folder is there but cannot be read: nobody's items are sent unmapped for that.
        """
        scan = await self._look()
        if "" in scan.oddities:
            raise MisuseError(f"mappers.dir: {scan.oddities['']}")
        await asyncio.gather(*self._examinations.values())
        self._unusable = {*self._broken, *self._unreadable} - set(self.current)
        self._started = True

    async def watch(self) -> None:
        """Follow what changes, for ever."""
        while True:
            await asyncio.sleep(self._poll_s)
            try:
                await self._look()
            except Exception:  # noqa: BLE001 # whatever is wrong with the folder now, the next look may find it right
                _LOG.exception("mappers_unreadable")

    async def close(self) -> None:
        """Stop looking at new versions."""
        tasks = list(self._examinations.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _look(self) -> Scan:
        scan = await asyncio.to_thread(folders.scan, self._folder, self._found)
        before, self._oddities = self._oddities.get(""), dict(scan.oddities)
        if scan.readable:
            self._unreadable = scan.unreadable
            gone = self._found.keys() - scan.found.keys()
            self._missing = {name: self._missing.get(name, 0) + 1 for name in gone}
            kept = {name: self._found[name] for name in gone if self._missing[name] < _MISSING_LOOKS}
            self._found = {**scan.found, **kept}
        else:
            use = "the mappers loaded from it stay in use" if self._found else "no mapper of it is used"
            self._oddities.setdefault("", f"{self._folder} is not there; {use}")
        self._tell_of_folder(before)
        present = {**self._installed, **self._found}
        for name, found in present.items():
            if self._tried.get(name) != found.digest:
                self._tried[name] = found.digest
                if name in self._examinations:
                    self._examinations[name].cancel()
                self._examinations[name] = asyncio.create_task(self._examine(name, found))
        for name in (self._tried.keys() | self._unusable) - present.keys() - self._unreadable:
            await self._remove(name)
        return scan

    def _tell_of_folder(self, before: str | None) -> None:
        """Log what is wrong with the folder as a whole, once, and that it is well again."""
        now = self._oddities.get("")
        if now is not None and now != before:
            _LOG.warning("mappers_folder_unreadable", extra={"detail": now})
        elif now is None and before is not None:
            _LOG.info("mappers_folder_readable", extra={"folder": str(self._folder)})

    async def _examine(self, name: str, found: Found) -> None:
        async with self._strength:
            try:
                answer = await self._hosts.examine(found.source)
            except ForksLostError:
                answer = Failed(Reason.MAPPER_ERROR, "no mapper host can be started")
                self._tried.pop(name, None)  # it is not to blame: the next look tries it again
        self._examinations.pop(name, None)
        if isinstance(answer, Failed):
            fault = Fault(
                name=name,
                file=answer.file or found.source.label,
                line=answer.line,
                detail=answer.detail,
                in_use=name in self.current,
            )
            self._broken[name] = fault
            self.generation += 1
            _LOG.error("mapper_refused", extra={"mapper": name, "detail": str(fault)})
            return
        self._broken.pop(name, None)
        self._unusable.discard(name)
        self.current[name] = Version(source=found.source, digest=found.digest, hooks=answer.hooks)
        await self._changed(name, "mapper_loaded")

    async def _remove(self, name: str) -> None:
        if name in self._examinations:
            self._examinations.pop(name).cancel()
        self._tried.pop(name, None)
        was_told = self._broken.pop(name, None) is not None or name in self._unusable
        self._unusable.discard(name)
        if self.current.pop(name, None) is not None or was_told:
            await self._changed(name, "mapper_removed")

    async def _changed(self, name: str, event: str) -> None:
        self.generation += 1
        if not self._started:
            return
        _LOG.info(event, extra={"mapper": name})
        for listener in self._listeners:
            try:
                answer = listener([name])
                if answer is not None:
                    await answer
            except Exception:  # noqa: BLE001 # the next mapper's change must still be seen
                _LOG.exception("mapper_listener_failed", extra={"mapper": name})


def spellings(name: str) -> list[str]:
    """Return the names under which a mapper may be kept: as it is, with underscores, with hyphens."""
    return list(dict.fromkeys((name, name.replace("-", "_"), name.replace("_", "-"))))


@contextlib.asynccontextmanager
async def open_registry(folder: Path, hosts: Hosts, *, poll_s: float) -> AsyncIterator[Registry]:
    """The mappers of *folder*, loaded, and followed as long as the context lasts."""
    registry = Registry(folder, hosts, poll_s=poll_s)
    await registry.start()
    watcher = asyncio.create_task(registry.watch())
    try:
        yield registry
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher
        await registry.close()
