"""One pass of one tenant and kind: fold, then stream items through read, convert, deliver and record.

The stages run side by side, joined by short queues, so the hub is kept busy while Postgres works and memory stays
bounded. Recording comes last: what a crash leaves unrecorded is delivered once more, and deliveries are idempotent.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from rocksync.domain.documents import Skip
from rocksync.domain.errors import (
    ItemError,
    LeaseLostError,
    MissingAtHubError,
    PassError,
    TenantError,
    UnrecordedError,
)
from rocksync.domain.outcomes import (
    Folded,
    Forgotten,
    Held,
    Item,
    Outcome,
    PassReport,
    Postponed,
    Refused,
    Skipped,
)
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Lease
from rocksync.sync.ports import Items
from rocksync.sync.tally import Tally

PAGE = 100
"""Items read and mapped at once, and how many wait to be sent while the next ones are."""
FIRST_PAGE = 25
"""Items of a pass's first page; each further one is twice as large. Passes that begin together all deliver soon."""
RECORD_AT_MOST = 200
"""Outcomes written in one transaction."""
RECORD_WITHIN_S = 0.25
"""How long an outcome may wait for others to be written down with."""
ATTEMPTS = 5
"""Refusals of one item without a change of it before it is set aside."""
SETBACKS = 3
"""Deliveries in a row that the hub fails before the pass gives up."""
_SETBACK_S = 30.0
_FIRST_RETRY_S = 60.0
_LAST_RETRY_S = 4 * 3600.0

_encode = msgspec.json.Encoder(decimal_format="number").encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Resource(Protocol):
    """A document, as far as the engine looks at it."""

    @property
    def key(self) -> str:
        """Key of the item."""

    @property
    def resource(self) -> str:
        """What is written at the hub: documents of one resource go together, one after another."""


D = TypeVar("D", bound=Resource)
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow(Generic[R, D]):
    """The three functions that make a kind.

    ``read`` gives rows by key. ``convert`` answers in the order of the items it is given, each with its row or None.
    ``deliver`` brings a document to the hub, or, where those of one resource go ``together``, in one request, all that
    are due, and says what became of each; it may raise ItemError for all of them, PassError and TenantError.
    ``announce``, if any, is told of what is about to be delivered and notes it down, so that it is known even if nobody
    lives to record it; ``withdraw`` is told of what was announced and certainly was not sent: else each slice would
    begin by looking up at the hub what the one before left. ``unchanged`` is the outcome of an item that need not be
    sent, as the hub accepted it like this; None: it must be.
    """

    read: Callable[[Sequence[str]], Awaitable[Mapping[str, R]]]
    convert: Callable[
        [Sequence[tuple[Item, R | None]]], Awaitable[Sequence[D | Skip | Skipped | Held | Forgotten | ItemError]]
    ]
    deliver: Callable[[Sequence[tuple[Item, D]]], Awaitable[Sequence[Outcome]]]
    unchanged: Callable[[Item, D], Outcome | None]
    announce: Callable[[Sequence[tuple[Item, D]]], Awaitable[None]] | None = None
    withdraw: Callable[[Sequence[Item]], Awaitable[None]] | None = None
    together: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """The time and the strength a pass has: ``over`` says when it is to give way; ``senders`` deliver at once.

    ``renewed`` gives the whole time again, for what comes after a part that may not be cut short. ``looked_at``: when
    an earlier slice looked at the hub for what this one goes on with, if it does.
    """

    over: Callable[[], bool]
    senders: int
    renewed: Callable[[], "Slice"]
    looked_at: float | None = None


def plain(payload: object) -> dict[str, Any]:
    """*payload* as it looks after a round through JSON: what can be compared with what was accepted."""
    return _decode(_encode(payload))


def retry_delay_s(attempts: int) -> float | None:
    """Seconds until the next attempt after *attempts* refusals, jittered; None: no more."""
    if attempts >= ATTEMPTS:
        return None
    delay_s: float = min(_FIRST_RETRY_S * 4 ** (attempts - 1), _LAST_RETRY_S)
    return delay_s * random.uniform(0.8, 1.2)  # noqa: S311 - jitter, no secret


def refused(item: Item, error: ItemError) -> Refused:
    """The outcome of an item that *error* stopped."""
    attempts = item.attempts + 1
    return Refused(
        key=item.key,
        revision=item.revision,
        attempts=attempts,
        reason=error.reason,
        detail=error.detail,
        delay_s=None if error.final else retry_delay_s(attempts),
        wake=error.wake,
    )


async def fold_all(items: Items, lease: Lease, over: Callable[[], bool]) -> Folded:
    """Fold what has committed so far, a piece at a time while there is time."""
    folded = await items.fold(lease)
    while folded.more and not over():
        before, folded = folded.changes, await items.fold(lease)
        folded = replace(folded, changes=before + folded.changes)
    return folded


async def run_pass(lease: Lease, items: Items, flow: Flow[R, D], limits: Slice) -> PassReport:
    """Deliver the pending items of one tenant and kind until there are no more or the slice is over.

    Raises: PassError, TenantError, after what was delivered until then is recorded.
    """
    page = await items.deliverable(lease, after=None, limit=FIRST_PAGE)
    if not page:
        return PassReport(complete=True)
    return await _Run(lease, items, flow, limits).run(page)


class _Run(Generic[R, D]):
    """The stages of one pass and what they share."""

    def __init__(self, lease: Lease, items: Items, flow: Flow[R, D], limits: Slice) -> None:
        self._lease = lease
        self._items = items
        self._flow = flow
        self._limits = limits
        self._parcels: asyncio.Queue[list[tuple[Item, D]] | None] = asyncio.Queue(maxsize=PAGE)
        self._outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue(maxsize=2 * RECORD_AT_MOST)
        self._enough = asyncio.Event()
        self._cut_short = False
        self._announced: dict[str, Item] = {}
        self._tally = Tally()
        self._failure: PassError | TenantError | None = None
        self._setbacks = 0

    async def run(self, page: Sequence[Item]) -> PassReport:
        async with asyncio.TaskGroup() as group:
            recorder = group.create_task(self._record())
            senders = [group.create_task(self._send()) for _ in range(self._limits.senders)]
            try:
                await self._produce(page)
            except (PassError, TenantError) as error:
                self._failure = self._failure or error
            # Not in a finally: where a stage broke, nobody takes from a full queue any more, and this would never end.
            for _ in senders:
                await self._parcels.put(None)
            await asyncio.gather(*senders)
            self._tally.complete &= not self._cut_short
            await self._settle(None)
            await recorder
        if self._announced and self._flow.withdraw is not None:
            with contextlib.suppress(PassError):  # then they are looked up
                await self._flow.withdraw(list(self._announced.values()))
        if self._failure is not None:
            raise self._failure
        return self._tally.report()

    def _stopped(self) -> bool:
        return self._failure is not None or self._limits.over()

    async def _produce(self, page: Sequence[Item]) -> None:
        """Convert and read on, page by page; queue what is to be sent, and the outcomes of what is not."""
        limit = FIRST_PAGE
        while not self._stopped():
            parcels = await self._convert(page)
            if parcels and self._flow.announce is not None:
                pairs = [pair for parcel in parcels for pair in parcel]
                self._announced |= {item.key: item for item, _ in pairs}
                await self._flow.announce(pairs)
            for parcel in parcels:
                if self._stopped():
                    return
                await self._parcels.put(parcel)
            if self._stopped():
                return
            limit = min(2 * limit, PAGE)
            page = await self._items.deliverable(self._lease, after=page[-1], limit=limit)
            if not page:
                self._tally.complete = True
                return

    async def _convert(self, page: Sequence[Item]) -> list[list[tuple[Item, D]]]:
        rows = await self._flow.read([item.key for item in page])
        drafts = await self._flow.convert([(item, rows.get(item.key)) for item in page])
        parcels: dict[str, list[tuple[Item, D]]] = {}
        for item, draft in zip(page, drafts, strict=True):
            match draft:
                case Skipped() | Held() | Forgotten():
                    await self._settle(draft)
                case Skip():
                    await self._settle(
                        Skipped(key=item.key, revision=item.revision, reason=draft.reason, detail=draft.detail)
                    )
                case ItemError():
                    await self._settle(refused(item, draft))
                case document:
                    outcome = self._unsent(item, document)
                    if outcome is not None:
                        await self._settle(outcome)
                    else:
                        parcels.setdefault(document.resource, []).append((item, document))
        return list(parcels.values())

    def _unsent(self, item: Item, document: D) -> Outcome | None:
        """What becomes of an item that need not be sent, or cannot be: JSON has no such number; else None."""
        try:
            unchanged = self._flow.unchanged(item, document)
        except (ValueError, RecursionError) as error:
            return refused(item, ItemError(item.key, f"the payload cannot be sent: {error}"))
        return None if item.resend else unchanged

    async def _send(self) -> None:
        """Deliver what waits."""
        while (parcel := await self._parcels.get()) is not None:
            await self._deliver(parcel, len(parcel) if self._flow.together else 1)

    async def _deliver(self, parcel: list[tuple[Item, D]], at_once: int) -> None:
        """Bring the documents of one resource to the hub, so many in a request, one after another.

        Once the slice is over the rest stays pending, as sending it all could take as long again.
        """
        while parcel and self._failure is None:
            if self._limits.over():
                self._cut_short = True
                return
            part, parcel = parcel[:at_once], parcel[at_once:]
            for item, _ in part:
                self._announced.pop(item.key, None)
            try:
                outcomes = await self._flow.deliver(part)
            except ItemError as error:
                if len(part) > 1 and not isinstance(error, MissingAtHubError):
                    await self._deliver(part, 1)  # which of them it was shows when each goes alone
                    continue
                outcomes = [_blamed(item, document, error) for item, document in part]
            except (LeaseLostError, TenantError) as error:
                self._failure = self._failure or error
                return
            except PassError as error:
                await self._set_back(part, parcel, error)
                return
            self._setbacks = 0
            for outcome in outcomes:
                await self._settle(outcome)

    async def _set_back(self, sent: list[tuple[Item, D]], rest: list[tuple[Item, D]], error: PassError) -> None:
        """Postpone what the hub could not take now; several times in a row is the hub's failure and ends the pass.

        One resource that alone is answered with errors must not hold up those behind it.
        """
        self._setbacks += 1
        if self._setbacks >= SETBACKS or error.reason is Reason.RATE_LIMITED:
            self._failure = self._failure or error
        for number, (item, _) in enumerate(sent + rest):
            await self._settle(
                Postponed(
                    key=item.key,
                    revision=item.revision,
                    reason=error.reason,
                    detail=error.detail,
                    delay_s=error.retry_after_s or _SETBACK_S,
                    doubtful=number < len(sent),
                    late_s=error.late_s if number < len(sent) else 0.0,
                )
            )

    async def _settle(self, outcome: Outcome | None) -> None:
        """Have *outcome* written down; None: there are no more."""
        await self._outcomes.put(outcome)
        if outcome is None or self._outcomes.qsize() >= RECORD_AT_MOST:
            self._enough.set()

    async def _record(self) -> None:
        """Write outcomes down, together those that come within a moment; at the end of the pass at once."""
        ended = False
        while not ended:
            outcome = await self._outcomes.get()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RECORD_WITHIN_S):
                    await self._enough.wait()
            batch = list[Outcome]()
            while outcome is not None:
                batch.append(outcome)
                if len(batch) >= RECORD_AT_MOST or self._outcomes.empty():
                    break
                outcome = self._outcomes.get_nowait()
            ended = outcome is None
            if self._outcomes.empty():
                self._enough.clear()
            if isinstance(self._failure, LeaseLostError):
                await self._suspect(batch)
            elif batch:
                await self._write(batch)

    async def _write(self, batch: list[Outcome]) -> None:
        try:
            await self._items.record(self._lease, batch)
        except LeaseLostError as error:
            self._failure = self._failure or error
            await self._suspect(batch)
            return
        except PassError as error:
            self._failure = UnrecordedError.since(error)
            return
        for outcome in batch:
            self._tally.add(outcome)

    async def _suspect(self, batch: Sequence[Outcome]) -> None:
        """Have sent again what was on its way when the lease was lost: it may have arrived after the next holder's."""
        if sent := [outcome for outcome in batch if _may_have_arrived(outcome)]:
            with contextlib.suppress(PassError):
                await self._items.suspect(self._lease, sent)


def _may_have_arrived(outcome: Outcome) -> bool:
    return getattr(outcome, "delivery", None) is not None or (isinstance(outcome, Postponed) and outcome.doubtful)


def _blamed(item: Item, document: Resource, error: ItemError) -> Outcome:
    return lost(item, document, error.detail) if isinstance(error, MissingAtHubError) else refused(item, error)


def lost(item: Item, document: Resource, detail: str) -> Skipped:
    """The outcome of an item whose SKU the hub has lost."""
    return Skipped(
        key=item.key,
        revision=item.revision,
        reason=Reason.PENDING,
        detail=f"{detail}; its product is created again",
        wake=document.resource,
        forget=True,
    )
