"""Mapper hosts: one process for each tenant whose mappers run, forked when needed and ended from outside."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import msgspec

from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Tenant, TenantId
from rocksync.mapping.channel import Channel, End, Exchange
from rocksync.mapping.forks import Child, Forks, ForksLostError, open_forks
from rocksync.mapping.wire import Answer, Examined, Failed, HookSeen, Load, Op, Source, read_mark

CHUNK = 64
_SPAN = 16 * CHUNK
IN_A_ROW = 3
_CALL_DEADLINES = 10
_LOST_FORKS = 3
# A host that was slowed down needs seconds for its stack while others keep every processor busy.
_STACK_S = 5.0
_Row = TypeVar("_Row")
_Made = TypeVar("_Made")
_STACK_LINE = re.compile(r'File "(?P<path>.*)", line (?P<line>\d+) in ')


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a mapper that was found sound."""

    source: Source
    digest: str
    hooks: tuple[HookSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """A tenant's mappers, in order. ``version`` differs whenever they or the tenant's settings do."""

    tenant: Tenant
    version: str
    members: tuple[Version, ...]
    samples: bool = False


@dataclass(slots=True)
class _Host:
    channel: Channel
    child: Child
    forks: Forks
    version: str
    idle_since: float = 0.0


@dataclass(slots=True)
class _Desk:
    """What is kept of one tenant: its host, and how its mappers behave.

    ``forks``: of its own, as the shared ones were lost while its mappers ran: they may have ended them.
    """

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    host: _Host | None = None
    forks: Forks | None = None
    version: str = ""
    in_a_row: int = 0
    stopped: tuple[str, Failed] | None = None


class Hosts:
    """Runs mappers. Nothing a mapper does keeps a call from ending."""

    def __init__(
        self, forks: Forks, *, deadline_s: float, load_s: float, memory_mb: int, limit: int, idle_s: float
    ) -> None:
        self._forks = forks
        self._memory_mb = memory_mb
        self._deadline_s = deadline_s
        self._load_s = max(load_s, deadline_s)
        self._limit = limit
        self._idle_s = idle_s
        self._desks: dict[TenantId, _Desk] = {}
        self._alive = 0
        self._freed = asyncio.Event()

    async def run(
        self,
        crew: Crew,
        op: Op,
        rows: Sequence[_Row],
        encode: Callable[[Sequence[_Row]], bytes],
        convert: Callable[[_Row, Answer], _Made],
    ) -> list[_Made]:
        """Return what *convert* makes of each row and its answer, in order."""
        desk = self._desks.setdefault(crew.tenant.id, _Desk())
        call = _Call(op=op, rows=rows, encode=encode, convert=convert)
        while not call.complete:
            async with desk.lock:
                began = time.monotonic()
                await self._step(desk, crew, call)
                call.took_s += time.monotonic() - began
            self._freed.set()
        return call.answers

    async def _step(self, desk: _Desk, crew: Crew, call: "_Call[Any, Any]") -> None:
        """Get some answers of a call, or give up on the rest of it."""
        if (failed := call.blamed.pop(len(call.answers), None)) is not None:
            call.answers.append(call.convert(call.rows[len(call.answers)], failed))
            call.faults += 1
            desk.in_a_row += 1
            if desk.in_a_row >= IN_A_ROW:
                desk.stopped = crew.version, _not_run(failed, f"{IN_A_ROW} items in a row")
            elif call.faults >= IN_A_ROW:
                call.give_up(_not_run(failed, f"{IN_A_ROW} items of one batch", for_good=False))
            return
        if desk.stopped is not None and desk.stopped[0] == crew.version:
            call.give_up(desk.stopped[1])
            return
        if call.took_s > _CALL_DEADLINES * self._deadline_s:
            call.give_up(self._slow(crew))
            return
        rows = call.span()
        exchange = await self._exchange(desk, crew, call, rows)
        if isinstance(exchange, Failed):
            if exchange.reason is Reason.MAPPER_TIMEOUT:
                desk.stopped = crew.version, exchange
            call.give_up(exchange)
        else:
            await self._take(desk, crew, exchange, call, len(rows))

    async def _take(self, desk: _Desk, crew: Crew, exchange: Exchange, call: "_Call[Any, Any]", asked: int) -> None:
        start = len(call.answers)
        call.answers += exchange.answers
        if exchange.answers:
            desk.in_a_row = 0
        if exchange.end is End.DONE:
            return
        failed = await self._bury(desk, crew, exchange) or self._suspected(desk, crew)
        if failed is None:
            return
        if not exchange.row and asked > 1:
            # It went between two rows, with answers that never came: one by one they tell which row it was.
            call.one_by_one_until = start + asked
            return
        row = exchange.row or len(exchange.answers) + 1
        call.blamed[max(start + row - 1, len(call.answers))] = failed

    async def _exchange(
        self, desk: _Desk, crew: Crew, call: "_Call[_Row, Any]", rows: Sequence[_Row]
    ) -> Exchange | Failed:
        parts = ((len(part), call.encode(part)) for part in _parts(rows))
        answered = iter(rows)
        try:
            host = await self._manned(desk, crew)
            if isinstance(host, Failed):
                return host
            exchange = await host.channel.ask(
                call.op, parts, len(rows), self._deadline_s, lambda answer: call.convert(next(answered), answer)
            )
        except ForksLostError:
            call.forks_lost += 1
            if call.forks_lost < _LOST_FORKS:
                return Exchange(answers=[], end=End.DONE)  # and again
            return Failed(Reason.MAPPER_ERROR, "no mapper host can be started", False)
        except BaseException:
            await self._dismiss(desk)
            raise
        host.idle_since = time.monotonic()
        return exchange

    async def _manned(self, desk: _Desk, crew: Crew) -> _Host | Failed:
        """Return the tenant's host with its mappers of now."""
        host = desk.host
        if host is not None and host.version == crew.version and not (host.channel.gone or host.channel.slowed):
            return host
        await self._dismiss(desk)
        if desk.version != crew.version:
            desk.version, desk.in_a_row = crew.version, 0
        desk.host = host = await self._new_host(crew.version, desk.forks or self._forks)
        sources = tuple(member.source for member in crew.members)
        body = msgspec.json.encode(Load(crew.tenant, sources, crew.samples))
        loading = await host.channel.ask(Op.LOAD, [(1, body)], 1, self._load_s)
        if loading.end is not End.DONE:
            failed = await self._bury(desk, crew, loading) or self._suspected(desk, crew)
            if failed is None:
                raise ForksLostError
            return failed
        answer = loading.answers[0]
        if isinstance(answer, Failed):
            await self._dismiss(desk)
            return Failed(answer.reason, f"a mapper cannot be loaded: {_placed(answer)}", False)
        return host

    def _suspected(self, desk: _Desk, crew: Crew) -> Failed | None:
        """What is to be said when the process that hosts are forked from was lost; None: nothing yet.

        One that was shared may have been ended by any of those who ran: from then on this tenant has its own.
        """
        if desk.forks is None:
            desk.forks = Forks(memory_mb=self._memory_mb)
            return None
        names = ", ".join(member.source.name for member in crew.members)
        return Failed(Reason.MAPPER_ERROR, f"mapper {names}: it ended the process that mapper hosts are forked from")

    async def _new_host(self, version: str, forks: Forks) -> _Host:
        while self._alive >= self._limit:
            self._freed.clear()
            if not await self._evict():
                await self._freed.wait()
        self._alive += 1
        try:
            channel, child = await forks.fork()
        except BaseException:
            self._alive -= 1
            raise
        channel.pid = child.pid
        return _Host(channel, child, forks, version, time.monotonic())

    async def _evict(self, *, idle_s: float = 0.0) -> bool:
        """End the host that is idle the longest, if one is for that long."""
        idle = [desk for desk in self._desks.values() if desk.host is not None and not desk.lock.locked()]
        idle.sort(key=lambda desk: desk.host.idle_since if desk.host else 0.0)
        if not idle or idle[0].host is None or time.monotonic() - idle[0].host.idle_since < idle_s:
            return False
        async with idle[0].lock:
            await self._dismiss(idle[0])
            if (forks := idle[0].forks) is not None:
                idle[0].forks = None
                await forks.close()
        return True

    async def sweep(self) -> None:
        """End hosts that are idle for long, for ever."""
        while True:
            await asyncio.sleep(self._idle_s / 4)
            while await self._evict(idle_s=self._idle_s):
                pass

    async def _dismiss(self, desk: _Desk) -> int | None:
        """End the tenant's host; returns how it ended, None when that cannot be told."""
        host, desk.host = desk.host, None
        return None if host is None else await self._end(host)

    async def _end(self, host: _Host) -> int | None:
        host.channel.close()
        try:
            return await host.forks.end(host.child)
        except ForksLostError:
            return None
        finally:
            self._alive -= 1
            self._freed.set()

    async def _bury(self, desk: _Desk, crew: Crew, exchange: Exchange) -> Failed | None:
        """End a host that failed its tenant; returns what is to be said of it, None when no mapper is to blame."""
        host, stack = desk.host, ""
        if host is not None:
            with contextlib.suppress(ForksLostError):
                if exchange.end is End.HUNG:
                    host.channel.give_turn_back()
                    await host.forks.dump(host.child)
                stack = await host.channel.stack(patience_s=_STACK_S if exchange.end is End.HUNG else 0)
        status = await self._dismiss(desk)
        if status is None:
            return None
        return self._verdict(crew.members, exchange, stack, status)

    def _verdict(self, members: Sequence[Version], exchange: Exchange, stack: str, status: int) -> Failed:
        number, hook = read_mark(exchange.mark)
        member = members[number - 1] if 0 < number <= len(members) else members[-1]
        lines = [seen.line for seen in member.hooks if seen.name == hook] or [seen.line for seen in member.hooks]
        file, line = member.source.label, lines[0] if lines else 0
        labels = {one.path: one.label for one in member.source.files}
        for found in _STACK_LINE.finditer(stack):
            if found["path"] in labels:
                file, line = labels[found["path"]], int(found["line"])
                break
        where = f"mapper {member.source.name}, {file}" + (f" line {line}" if line else "")
        if exchange.end is End.HUNG:
            within = self._load_s if hook is None else self._deadline_s
            return Failed(Reason.MAPPER_TIMEOUT, f"{where}: not done within {within:g} s", False, file, line)
        if exchange.end is End.GARBLED:
            return Failed(Reason.MAPPER_ERROR, f"{where}: it forked, or wrote to the worker", True, file, line)
        how = f"with exit code {status}" if status >= 0 else f"by signal {-status}"
        return Failed(Reason.MAPPER_ERROR, f"{where}: it ended its process {how}", True, file, line)

    def _slow(self, crew: Crew) -> Failed:
        names = ", ".join(member.source.name for member in crew.members)
        limit = _CALL_DEADLINES * self._deadline_s
        return Failed(Reason.MAPPER_TIMEOUT, f"mapper {names}: one batch was not done within {limit:g} s", False)

    async def examine(self, source: Source) -> Examined | Failed:
        """Load one mapper in a host of its own and return its hooks, or what is wrong with it.

        Raises: ForksLostError when no host can be started.
        """
        unknown = (Version(source=source, digest="", hooks=()),)
        crew, desk = Crew(tenant=_NOBODY, version="", members=unknown), _Desk()
        try:
            while True:
                desk.host = host = await self._new_host("", desk.forks or self._forks)
                exchange = await host.channel.ask(Op.EXAMINE, [(1, msgspec.json.encode(source))], 1, self._load_s)
                if exchange.end is End.DONE:
                    answer = exchange.answers[0]
                    return answer if isinstance(answer, Examined | Failed) else Failed(Reason.MAPPER_ERROR, "no answer")
                if failed := await self._bury(desk, crew, exchange) or self._suspected(desk, crew):
                    return failed
        finally:
            await self._dismiss(desk)
            if desk.forks is not None:
                await desk.forks.close()

    async def close(self) -> None:
        """Let go of every host; their processes end with the one they were forked from."""
        for desk in self._desks.values():
            if desk.host is not None:
                desk.host.channel.close()
                desk.host = None
            if desk.forks is not None:
                await desk.forks.close()


@dataclass(slots=True, kw_only=True)
class _Call(Generic[_Row, _Made]):
    """A call and how far it is. ``blamed``: rows not to be tried again, by place. ``took_s``: without its waiting."""

    op: Op
    rows: Sequence[_Row]
    encode: Callable[[Sequence[_Row]], bytes]
    convert: Callable[[_Row, Answer], _Made]
    took_s: float = 0.0
    answers: list[_Made] = field(default_factory=list)
    blamed: dict[int, Failed] = field(default_factory=dict)
    faults: int = 0
    forks_lost: int = 0
    one_by_one_until: int = 0

    @property
    def complete(self) -> bool:
        return len(self.answers) >= len(self.rows)

    def span(self) -> Sequence[_Row]:
        """Return the rows to try next: none that is blamed, and not so many that others wait for long."""
        start = len(self.answers)
        most = 1 if start < self.one_by_one_until else _SPAN
        return self.rows[start : min([start + most, len(self.rows), *self.blamed])]

    def give_up(self, failed: Failed) -> None:
        self.answers += [self.convert(row, failed) for row in self.rows[len(self.answers) :]]


_NOBODY = Tenant(id=TenantId(0), slug="", name="", domain="")


def _parts(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """Small ones first and last: until the first has come the host does nothing, after the last has gone the worker.

    In between each is a little larger than the one before, so that it is made by the time the host is done with that.
    """
    size = edge = CHUNK // 4
    start = 0
    while start < len(rows):
        size = min(size, max(len(rows) - start - edge, edge))
        yield rows[start : start + size]
        start += size
        size = min(size + size // 4, CHUNK)


def _not_run(failed: Failed, after: str, *, for_good: bool = True) -> Failed:
    """What is said of rows that no mapper has seen; those of a batch given up are tried again by themselves."""
    until = "; it is not run again until its file or the tenant's settings change" if for_good else "; not run"
    final = failed.final and for_good
    return Failed(failed.reason, f"{failed.detail}, {after}{until}", final, failed.file, failed.line)


def _placed(failed: Failed) -> str:
    line = f" line {failed.line}" if failed.line else ""
    return f"{failed.file}{line}: {failed.detail}" if failed.file else failed.detail


@contextlib.asynccontextmanager
async def open_hosts(
    *, deadline_s: float, load_s: float, memory_mb: int, limit: int, idle_s: float
) -> AsyncIterator[Hosts]:
    """Hosts as long as the context lasts."""
    async with open_forks(memory_mb=memory_mb) as forks:
        hosts = Hosts(forks, deadline_s=deadline_s, load_s=load_s, memory_mb=memory_mb, limit=limit, idle_s=idle_s)
        sweeper = asyncio.create_task(hosts.sweep())
        try:
            yield hosts
        finally:
            sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await sweeper
            await hosts.close()
