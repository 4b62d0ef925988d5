"""A pass ends, whatever breaks in it: what hangs would keep its lease for ever."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from rocksync.domain.errors import ItemError, PassError
from rocksync.domain.outcomes import Accepted, Item, Outcome, PassReport, Refused
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind, Lease, Mode, Tenant, TenantId
from rocksync.sync.engine import FIRST_PAGE, PAGE, Flow, Slice, plain, run_pass

LEASE = Lease(
    tenant=Tenant(id=TenantId(1), slug="loja", name="Loja", domain="loja.example"),
    kind=Kind.STOCK,
    mode=Mode.AUTOMATIC,
    token=1,
)
START = datetime(2026, 1, 1, tzinfo=UTC)


class BrokenError(Exception):
    """Something that nobody foresaw."""


class Document:
    def __init__(self, key: str, resource: str = "") -> None:
        self.key = key
        self.resource = resource or key


class Items:
    """Pending items; recording them fails as told."""

    def __init__(self, error: Exception | None = None, *, count: int = 500) -> None:
        self._error = error
        self.pending = [Item(key=f"{n:04}", revision=1, changed_at=START + timedelta(seconds=n)) for n in range(count)]
        self.recorded: list[Outcome] = []

    async def deliverable(self, _lease: Lease, *, after: Item | None, limit: int) -> Sequence[Item]:
        await asyncio.sleep(0)
        return [item for item in self.pending if after is None or item.key > after.key][:limit]

    async def record(self, _lease: Lease, outcomes: Sequence[Outcome]) -> None:
        await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        self.recorded.extend(outcomes)


def never(_item: Item, _document: Document) -> None:
    """None is as it was."""


def accepted(parcel: Sequence[tuple[Item, Document]]) -> Sequence[Outcome]:
    return [Accepted(key=item.key, revision=item.revision, payload={}) for item, _ in parcel]


async def sliced(
    items: Items,
    deliver: Callable[[Sequence[tuple[Item, Document]]], Awaitable[Sequence[Outcome]]],
    *,
    over: Callable[[], bool] = lambda: False,
    read: list[str] | None = None,
    unchanged: Callable[[Item, Document], None] = never,
    resource: str = "",
    together: bool = False,
) -> PassReport:
    """Run a pass of two senders until its slice is *over*; *read* is told the keys as they are read.

    *resource*: what all documents are of; each of its own without.
    """

    async def rows(keys: Sequence[str]) -> dict[str, Any]:
        if read is not None:
            read.extend(keys)
        return {}

    async def convert(pairs: Sequence[tuple[Item, Any]]) -> Sequence[Document]:
        return [Document(item.key, resource) for item, _ in pairs]

    flow: Any = Flow(read=rows, convert=convert, deliver=deliver, unchanged=unchanged, together=together)
    limits = Slice(over=over, senders=2, renewed=lambda: limits)
    return await run_pass(LEASE, items, flow, limits)  # type: ignore[arg-type] # a part


async def run(
    items: Items, error: Exception | None = None, unchanged: Callable[[Item, Document], None] = never
) -> PassReport:
    async def deliver(parcel: Sequence[tuple[Item, Document]]) -> Sequence[Outcome]:
        for _ in range(20):  # time for the queue before it to fill
            await asyncio.sleep(0)
        if error is not None:
            raise error
        return accepted(parcel)

    return await sliced(items, deliver, unchanged=unchanged)


async def test_a_pass_ends_when_recording_breaks_while_much_waits_to_be_sent() -> None:
    async with asyncio.timeout(5) as limit:
        with pytest.raises(ExceptionGroup):
            await run(Items(BrokenError()))

    assert not limit.expired()


async def test_a_pass_ends_when_a_delivery_breaks_while_much_waits_to_be_sent() -> None:
    async with asyncio.timeout(5) as limit:
        with pytest.raises(ExceptionGroup):
            await run(Items(), BrokenError())

    assert not limit.expired()


async def test_a_pass_that_the_hub_fails_records_what_it_postpones() -> None:
    items = Items()

    async with asyncio.timeout(5):
        with pytest.raises(PassError):
            await run(items, PassError("no answer"))

    assert items.recorded


async def test_items_that_are_all_refused_do_not_stop_a_pass() -> None:
    items = Items()

    await run(items, ItemError("x", "refused"))

    assert len(items.recorded) == 500


@pytest.mark.parametrize("resend", [False, True])
async def test_a_document_that_json_cannot_hold_stops_its_own_item_only(resend: bool) -> None:
    items = Items(count=3)
    items.pending = [replace(item, resend=resend) for item in items.pending]

    def unchanged(item: Item, _document: Document) -> None:
        if item.key == "0001":
            plain({"dimension": {"weight": Decimal("1E+400")}})

    await run(items, unchanged=unchanged)

    [bad] = [one for one in items.recorded if isinstance(one, Refused)]
    assert (bad.key, bad.reason) == ("0001", Reason.INVALID_ITEM)
    assert "out of range" in bad.detail
    assert {one.key for one in items.recorded if isinstance(one, Accepted)} == {"0000", "0002"}


async def delivered(
    items: Items, errors: dict[str, Exception], *, together: bool = False
) -> tuple[list[list[str]], list[Outcome]]:
    """Deliver *items*, all of one resource, of which some meet errors; returns what went in turn, and what became."""
    calls = list[list[str]]()

    async def deliver(parcel: Sequence[tuple[Item, Document]]) -> Sequence[Outcome]:
        calls.append([item.key for item, _ in parcel])
        for item, _ in parcel:
            if item.key in errors:
                raise errors[item.key]
        return accepted(parcel)

    await sliced(items, deliver, resource="SHIRT", together=together)
    return calls, items.recorded


async def test_what_has_a_request_of_its_own_is_sent_once_although_another_of_its_product_is_refused() -> None:
    calls, recorded = await delivered(Items(count=4), {"0002": ItemError("0002", "refused")})

    assert calls == [["0000"], ["0001"], ["0002"], ["0003"]]
    assert [(one.key, type(one).__name__) for one in recorded] == [
        ("0000", "Accepted"),
        ("0001", "Accepted"),
        ("0002", "Refused"),
        ("0003", "Accepted"),
    ]


async def test_what_went_before_the_hub_failed_is_recorded_and_what_comes_after_was_not_sent() -> None:
    calls, recorded = await delivered(Items(count=4), {"0002": PassError("no answer")})

    assert calls == [["0000"], ["0001"], ["0002"]]
    assert [(type(one).__name__, getattr(one, "doubtful", None)) for one in recorded] == [
        ("Accepted", None),
        ("Accepted", None),
        ("Postponed", True),
        ("Postponed", False),
    ]


async def test_which_of_those_in_one_request_is_refused_shows_when_each_goes_alone() -> None:
    calls, recorded = await delivered(Items(count=3), {"0001": ItemError("0001", "refused")}, together=True)

    assert calls == [["0000", "0001", "0002"], ["0000"], ["0001"], ["0002"]]
    assert [type(one).__name__ for one in recorded] == ["Accepted", "Refused", "Accepted"]


async def test_pages_are_read_while_those_before_are_sent_and_no_more_of_them_than_can_wait() -> None:
    items, stuck = Items(count=1000), asyncio.Event()
    read, sent = list[str](), list[str]()

    async def deliver(parcel: Sequence[tuple[Item, Document]]) -> Sequence[Outcome]:
        await stuck.wait()
        sent.extend(item.key for item, _ in parcel)
        return accepted(parcel)

    running = asyncio.create_task(sliced(items, deliver, read=read))
    for _ in range(2000):
        await asyncio.sleep(0)
    waiting = len(read)
    stuck.set()
    async with asyncio.timeout(5):
        await running

    assert FIRST_PAGE + PAGE <= waiting <= 3 * PAGE
    assert sorted(sent) == read == [item.key for item in items.pending]


@pytest.mark.parametrize("resource", ["", "one"])
async def test_what_waits_when_the_slice_is_over_is_not_sent_and_the_pass_is_not_complete(resource: str) -> None:
    items, sent = Items(count=FIRST_PAGE), list[str]()

    async def deliver(parcel: Sequence[tuple[Item, Document]]) -> Sequence[Outcome]:
        sent.extend(item.key for item, _ in parcel)
        for _ in range(200):  # time for all to be read, and to wait
            await asyncio.sleep(0)
        return accepted(parcel)

    async with asyncio.timeout(5):
        report = await sliced(items, deliver, over=lambda: len(sent) >= 2, resource=resource)

    assert len(sent) == 2
    assert [outcome.key for outcome in items.recorded] == sorted(sent)
    assert not report.complete


async def test_a_pass_whose_slice_outlasts_it_is_complete() -> None:
    items = Items(count=FIRST_PAGE)

    assert (await run(items)).complete
    assert len(items.recorded) == FIRST_PAGE
