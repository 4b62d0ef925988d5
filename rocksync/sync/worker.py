"""The worker: claims due passes, runs them side by side, keeps their leases, and stops cleanly.

Every pass is guarded here, in one place: what goes wrong in one never reaches another.
"""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from rocksync.domain.context import in_pass
from rocksync.domain.errors import LeaseLostError, PassError, TenantError, UnrecordedError
from rocksync.domain.outcomes import Folded, PassReport
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind, Lease, Mode, TenantId
from rocksync.sync.deps import Deps
from rocksync.sync.engine import Slice, fold_all
from rocksync.sync.kinds import KINDS
from rocksync.sync.ports import Schedules

log = logging.getLogger(__name__)

_POLL_S = 0.5
_MOST_CLAIMED = 200
_KEPT = 4
"""One slot of so many is kept for orders and what is to be sent at once."""
_QUICK_COUNT_S = 0.02
_COUNT_RARELY = 100
_FIRST_BACKOFF_S = 5.0
_LAST_BACKOFF_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PassEnd:
    """How a pass, or a slice of one, ended: outcome is complete, slice, failed, stopped or lost."""

    lease: Lease
    outcome: str
    took_s: float
    report: PassReport | None = None
    reason: str | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """How the worker works; seconds. ``senders``: deliveries at once within a pass."""

    name: str
    concurrency: int
    lease_s: float
    slice_s: float
    senders: int
    drain_s: float


@dataclass(slots=True)
class _Running:
    lease: Lease
    task: "asyncio.Task[None]"
    held_until: float
    lost: bool = False
    halted: bool = False


@dataclass(slots=True)
class _Rest:
    """No count of the items of a tenant and kind before ``until``; ``owed``: they have changed since the last one."""

    until: float
    owed: bool = False


@dataclass(slots=True)
class Scope:
    """What a worker looks after: everything, or only some tenants and kinds."""

    tenants: Sequence[TenantId] | None = None
    kinds: Sequence[Kind] | None = None


@dataclass(slots=True)
class Worker:
    """Runs passes. ``stop_tenant`` is told of tenants that must stop; ``observe`` of every end of a pass.

    ``explain`` says what an unexpected error means for a pass; None: it is a mistake of ours.
    """

    settings: WorkerSettings
    schedules: Schedules
    deps: Deps
    stop_tenant: Callable[[Lease, TenantError], Awaitable[None]]
    observe: Callable[[PassEnd], None]
    count: Callable[[TenantId, Kind], Awaitable[None]]
    explain: Callable[[BaseException], PassError | None]
    clock: Callable[[], float] = time.monotonic
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    _running: dict[tuple[TenantId, Kind], _Running] = field(default_factory=dict)
    _counts: dict[tuple[TenantId, Kind], _Rest] = field(default_factory=dict)
    _stopping: bool = False
    _eager: bool = False

    @property
    def running(self) -> int:
        """How many passes run now."""
        return len(self._running)

    @property
    def _free(self) -> int:
        """How many passes may be claimed at once."""
        return max(min(self.settings.concurrency - len(self._running), _MOST_CLAIMED), 0)

    @property
    def _free_long(self) -> int:
        """How many of them may take long, as passes over orders and of what is to be sent at once do not."""
        leases = [running.lease for running in self._running.values()]
        long = sum(1 for lease in leases if lease.kind is not Kind.ORDER and lease.mode is not Mode.IMMEDIATE)
        return max(self.settings.concurrency - self.settings.concurrency // _KEPT - long, 0)

    async def run(self, stop: asyncio.Event, scope: Scope | None = None) -> None:
        """Work until *stop* is set; then finish or release what is in flight within the drain time."""
        scope = scope or Scope()
        async with self._leases_kept():
            while not stop.is_set():
                if (min(self._free, self._free_long) or 1) > await self._claim(scope):  # otherwise more may be due
                    await self._idle(stop)

    async def run_until_idle(self, scope: Scope, more: Callable[[], Awaitable[bool]], stop: asyncio.Event) -> None:
        """Run what is due in *scope*, and what that makes due (*more* asks for it), until there is nothing left."""
        self._eager = True
        async with self._leases_kept():
            while not stop.is_set():
                if await self._claim(scope):
                    continue
                if self._running:
                    await self._idle(stop)
                elif not await more():
                    return
                elif not await self._claim(scope):
                    await self._idle(stop)

    @contextlib.asynccontextmanager
    async def _leases_kept(self) -> AsyncIterator[None]:
        """Keep the leases of passes that are claimed in here; at the end those that run get the drain time."""
        keeper = asyncio.create_task(self._keep_leases())
        try:
            yield
        finally:
            await self._drain()
            keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await keeper

    async def _idle(self, stop: asyncio.Event) -> None:
        """Wait until something may have become due, a pass has ended, or it is time to stop."""
        waits = [asyncio.create_task(self.wake.wait()), asyncio.create_task(stop.wait())]
        try:
            await asyncio.wait(waits, timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        self.wake.clear()

    async def _claim(self, scope: Scope) -> int:
        """Begin what is due; what runs and may not go on gives way."""
        slots, asked, leases = self._free, self.clock(), list[Lease]()
        try:
            paused = await self.schedules.halted([running.lease for running in self._running.values()])
            for key in paused & self._running.keys():
                self._running[key].halted = True
            if slots:
                leases = await self.schedules.claim(
                    self.settings.name, slots, long=self._free_long, tenants=scope.tenants, kinds=scope.kinds
                )
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._say("claim_failed", error)
            return 0
        for lease in leases:
            key = (lease.tenant.id, lease.kind)
            task = asyncio.create_task(self._guarded(lease), name=f"{lease.tenant.slug} {lease.kind}")
            self._running[key] = _Running(lease=lease, task=task, held_until=asked + self.settings.lease_s)
            task.add_done_callback(partial(self._ended, key))
        return len(leases)

    def _ended(self, key: tuple[TenantId, Kind], task: "asyncio.Task[None]") -> None:
        """Make room; claim again at once only where that can matter, so that many short passes share a claim.

        The next pass of the same tenant and kind may have been claimed while this one was still saying that it is over.
        """
        running = self._running.get(key)
        # what changed while an immediate pass ran woke nobody: it may be due again already
        immediate = running is not None and running.lease.mode is Mode.IMMEDIATE
        if self._eager or immediate or not self._free or not self._free_long:
            self.wake.set()
        if running is not None and running.task is task:
            del self._running[key]

    async def _keep_leases(self) -> None:
        """Extend all leases by one statement, often enough that one lost answer does no harm."""
        while True:
            await asyncio.sleep(self.settings.lease_s / 4)
            try:
                await self._extend_leases()
                await self.schedules.end_abandoned()
            except Exception as error:  # noqa: BLE001 - they are held for longer than one answer takes
                self._say("leases_not_extended", error)

    async def _extend_leases(self) -> None:
        leases = [running.lease for running in self._running.values()]
        if not leases:
            return
        asked = self.clock()
        held = await self.schedules.extend(leases)
        for key, running in list(self._running.items()):
            if running.lease not in leases:
                continue
            if key in held:
                running.held_until = asked + self.settings.lease_s
            else:
                running.lost = True

    async def _drain(self) -> None:
        """Let running passes come to the end of their slice, which is now; cancel those that do not."""
        self._stopping = True
        tasks = [running.task for running in self._running.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self.settings.drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _slice(self, running: _Running) -> Slice:
        until = self.clock() + self.settings.slice_s
        return Slice(
            over=lambda: self._stopping or running.halted or self.clock() >= until,
            senders=self.settings.senders,
            renewed=partial(self._slice, running),
        )

    def _check_lease(self, lease: Lease) -> None:
        """Raise LeaseLostError unless the lease is surely still ours: nothing may be written to the hub without it."""
        running = self._running.get((lease.tenant.id, lease.kind))
        if running is None or running.lease is not lease or running.lost or self.clock() >= running.held_until:
            raise LeaseLostError(f"the lease of {lease.tenant.slug} {lease.kind} has run out", retry_after_s=0)

    async def _guarded(self, lease: Lease) -> None:
        """One pass from lease to lease: whatever goes wrong ends here."""
        started = self.clock()
        try:
            end = await self._run_pass(lease, started)
        except asyncio.CancelledError:
            end = PassEnd(lease=lease, outcome="cancelled", took_s=self.clock() - started)
        except Exception as error:
            meant = self.explain(error)
            if meant is None:
                log.exception("pass_broke", extra=_names(lease))
                meant = PassError(f"{_kind(error)}: see the log", reason=Reason.PENDING)
            end = await self._failed(lease, started, UnrecordedError.since(meant))
        _tell(end)
        self.observe(end)

    async def _run_pass(self, lease: Lease, started: float) -> PassEnd:
        guard = partial(self._check_lease, lease)
        try:
            with in_pass(lease.tenant.slug, lease.kind, lease.token), self.deps.hub.guarded(guard):
                report, folded = await self._sync(lease, self._slice(self._running[(lease.tenant.id, lease.kind)]))
        except TenantError as error:
            await self.stop_tenant(lease, error)
            await self.schedules.finish(lease, complete=False, reached=True)
            took_s = self.clock() - started
            return PassEnd(lease=lease, outcome="stopped", took_s=took_s, reason=error.reason, detail=error.detail)
        except LeaseLostError as error:
            return PassEnd(lease=lease, outcome="lost", took_s=self.clock() - started, detail=error.detail)
        except PassError as error:
            return await self._failed(lease, started, error)
        changed = replace(report, complete=True) != _NOTHING or (folded is not None and folded.changes > 0)
        await self._count(lease, lease.kind, changed=changed)
        if lease.kind is Kind.PRODUCT:  # which is recorded with the prices and stocks that were created with it
            for kind in (Kind.PRICE, Kind.STOCK):
                await self._count(lease, kind, changed=report.sent > 0)
        if folded is None:
            return PassEnd(lease=lease, outcome="complete", took_s=self.clock() - started, report=report)
        reached = lease.kind is Kind.ORDER or report.sent + report.refused + report.postponed > 0
        await self.schedules.finish(lease, complete=report.complete, reached=reached)
        outcome = "complete" if report.complete else "slice"
        return PassEnd(lease=lease, outcome=outcome, took_s=self.clock() - started, report=report)

    async def _count(self, lease: Lease, kind: Kind, *, changed: bool) -> None:
        """Count items for metrics; where that takes long, so seldom that it takes a hundredth of the time."""
        key = (lease.tenant.id, kind)
        rest = self._counts.get(key)
        began = self.clock()
        if rest is not None and began < rest.until:
            rest.owed = rest.owed or changed
            return
        if changed or (rest is not None and rest.owed):
            await self.count(*key)
        self._counts.pop(key, None)
        took_s = self.clock() - began
        if took_s > _QUICK_COUNT_S:
            self._counts[key] = _Rest(until=began + took_s * _COUNT_RARELY)

    async def _sync(self, lease: Lease, limits: Slice) -> tuple[PassReport, Folded | None]:
        """What the pass did, and what it began with; None: nothing was due, and its lease is given back."""
        deps = self.deps
        if lease.in_doubt:
            await deps.items.doubt(lease)
        reconsidered = await deps.items.reconsider(lease, deps.mapper.version(lease.tenant, lease.mapper_version))
        work = KINDS[lease.kind]
        if work.look is not None:
            limits = await work.look(lease, deps, limits)
        stays = reconsidered > 0 or limits.looked_at is not None or work.stays(lease.tenant)
        if lease.quiet and not stays and await self.schedules.give_back(lease):
            return _NOTHING, None
        folded = await fold_all(deps.items, lease, limits.over)
        if not (stays or folded.deliverable):
            return _NOTHING, folded
        return await work.sync(lease, deps, limits), folded

    async def _failed(self, lease: Lease, started: float, error: PassError) -> PassEnd:
        try:
            failures = await self.schedules.failures(lease)
            await self.schedules.fail(
                lease,
                backoff_s=_backoff_s(failures, error.retry_after_s),
                reason=error.reason,
                detail=error.detail,
                doubtful=isinstance(error, UnrecordedError),
            )
        except Exception as failure:  # noqa: BLE001 - whoever takes the pass over next finds its lease not given back
            self._say("failure_not_recorded", failure, **_names(lease))
        took_s = self.clock() - started
        return PassEnd(lease=lease, outcome="failed", took_s=took_s, reason=error.reason, detail=error.detail)

    def _say(self, event: str, error: Exception, **about: str) -> None:
        """Log what went wrong: with its traceback, unless all there is to say of it is that the database failed."""
        meant = self.explain(error)
        if meant is None:
            log.error(event, extra=about, exc_info=error)
        else:
            log.warning(event, extra={**about, "detail": meant.detail})


_NOTHING = PassReport(complete=True)


def _kind(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__


def _backoff_s(failures: int, retry_after_s: float | None) -> float:
    """Seconds before the next pass: as told, or doubling; always jittered, so that tenants do not come back as one."""
    least = min(_FIRST_BACKOFF_S * 2.0 ** min(failures, 20), _LAST_BACKOFF_S)
    if retry_after_s is not None:
        least = min(max(retry_after_s, 1.0), _LAST_BACKOFF_S)
    return least * random.uniform(1.0, 1.5)  # noqa: S311 - jitter, no secret


def _tell(end: PassEnd) -> None:
    """Log what somebody may look for at night: who is behind, and why."""
    why = {"reason": end.reason} if end.reason else {}
    about = _names(end.lease) | why | {"detail": end.detail, "took_s": round(end.took_s, 3)}
    match end.outcome:
        case "failed":
            log.warning("pass_failed", extra=about)
        case "stopped":
            log.error("tenant_stopped", extra=about)
        case "lost":
            log.warning("lease_lost", extra=about)
    if end.report is not None and end.report.refused:
        log.warning("items_refused", extra=_names(end.lease) | {"by_reason": dict(end.report.refused_by)})


def _names(lease: Lease) -> dict[str, str]:
    return {"tenant": lease.tenant.slug, "kind": lease.kind}
