"""What a worker does beside passes: hears of news, covers lost ones by a poll, beats, and sweeps."""

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from rocksync.domain.errors import PassError
from rocksync.domain.tenancy import TenantId

log = logging.getLogger(__name__)

_BEAT_EVERY_S = 5.0
_SWEEP_EVERY_S = 300.0


class Upkeep(Protocol):
    """What is done about schedules between passes."""

    async def wake_changed(self, tenants: Sequence[TenantId] | None = None) -> None:
        """Make immediate schedules due of which something changed."""

    async def resume_paused(self) -> None:
        """Resume what is paused no longer."""

    async def beat(self, worker: str, version: str) -> None:
        """Note that the worker is alive."""

    async def tell_faults(self, worker: str, faults: Mapping[str, str]) -> None:
        """Let those who ask know what the worker refuses of mappers, by name."""

    async def sweep(self, *, keep_history_days: int, keep_orders_days: int) -> None:
        """Delete what nobody needs any more, and end waits that only a clock that was set back explains."""


@dataclass(slots=True, kw_only=True)
class Housekeeper:
    """Keeps house for one worker.

    ``seal`` seals what SQL handed in; ``wake`` lets the worker look for work; ``faults`` are those of mappers, by name.
    ``beaten`` is told after every beat what the database had against it, in words, or None; ``explain`` has the words.
    """

    worker: str
    version: str
    upkeep: Upkeep
    seal: Callable[[], Awaitable[object]]
    wake: Callable[[], None]
    faults: Callable[[], Mapping[str, str]]
    beaten: Callable[[str | None], None]
    explain: Callable[[BaseException], PassError | None]
    poll_s: float
    keep_history_days: int
    keep_orders_days: int
    _told: Mapping[str, str] = field(default_factory=dict)
    _changed: set[TenantId] = field(default_factory=set)
    _heard: asyncio.Event = field(default_factory=asyncio.Event)
    _handed_in: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, topic: str, tenant: TenantId | None) -> None:
        """Take note of news; acted on at once, those that come together as one."""
        if topic == "change" and tenant is not None:
            self._changed.add(tenant)
        elif topic == "credentials":
            self._handed_in.set()
        self._heard.set()

    async def run(self) -> None:
        """Work until cancelled. What goes wrong is logged once and tried again."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._act_on_news())
            group.create_task(self._seal())
            group.create_task(_every(self.poll_s, self._poll))
            group.create_task(_every(_BEAT_EVERY_S, self._beat))
            group.create_task(_every(_SWEEP_EVERY_S * random.uniform(0.8, 1.2), self._sweep))  # noqa: S311 - jitter

    async def _act_on_news(self) -> None:
        while True:
            await self._heard.wait()
            self._heard.clear()
            changed, self._changed = self._changed, set()
            with _logged("news_not_acted_on"):
                if changed:
                    await self.upkeep.wake_changed(sorted(changed))
            self.wake()

    async def _seal(self) -> None:
        """Seal at news and at polls; apart from the rest, which must not wait for whoever has the inbox locked."""
        while True:
            with _logged("seal_failed"):
                await self.seal()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.poll_s):
                    await self._handed_in.wait()
            self._handed_in.clear()

    async def _poll(self) -> None:
        await self.upkeep.wake_changed()
        await self.upkeep.resume_paused()
        faults = self.faults()
        if faults != self._told:
            await self.upkeep.tell_faults(self.worker, faults)
            self._told = faults

    async def _beat(self) -> None:
        try:
            await self.upkeep.beat(self.worker, self.version)
        except Exception as error:
            meant = self.explain(error)
            self.beaten(meant.detail if meant else None)
            raise
        self.beaten(None)

    async def _sweep(self) -> None:
        await self.upkeep.sweep(keep_history_days=self.keep_history_days, keep_orders_days=self.keep_orders_days)


async def _every(seconds: float, act: Callable[[], Awaitable[object]]) -> None:
    while True:
        with _logged(f"{act.__name__.strip('_')}_failed"):
            await act()
        await asyncio.sleep(seconds)


@contextlib.contextmanager
def _logged(event: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a database that is away comes back
        log.warning(event, extra={"error": type(error).__name__})
