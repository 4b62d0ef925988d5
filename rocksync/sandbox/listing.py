"""Lists: filters, date ranges, cursors and pages.

Sources: https://developers.plugg.to/reference/list-invoices (envelope, default limit 50); client code for ``next``,
``page`` and the cap of 100. Which rows a doubtful parameter selects is assumed and follows the profile.
"""

import zlib
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from rocksync.sandbox.clock import iso
from rocksync.sandbox.profile import Profile
from rocksync.sandbox.refusals import invalid
from rocksync.sandbox.shapes import Document

DEFAULT_LIMIT = 50
MAX_LIMIT = 100
_IGNORED = frozenset(
    {"access_token", "orderby", "orderdirection", "order", "sort", "showExternal", "next", "page", "limit"}
)

Predicate = Callable[[Document], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of the matching rows is wanted."""

    limit: int
    next: str | None
    number: int


def parse_page(params: Mapping[str, str], profile: Profile) -> Page:
    """Return the page that *params* ask for. Raises: Refusal 400 for nonsense, if so strict."""
    limit = _whole(params, "limit", DEFAULT_LIMIT, profile)
    number = _whole(params, "page", 1, profile)
    if profile.strict_bodies and "next" in params and "page" in params:
        raise invalid("page", "cannot be mixed with next")
    return Page(limit=min(limit, MAX_LIMIT), next=params.get("next") or None, number=number)


def predicates(
    params: Mapping[str, str],
    profile: Profile,
    members: Collection[str],
    special: Mapping[str, Callable[[str], Predicate]],
) -> list[Predicate]:
    """Return the filters in *params*. Raises: Refusal 400 for an unknown one or a wrong date, if so strict."""
    found: list[Predicate] = []
    for name, value in params.items():
        if name in _IGNORED:
            continue
        if name in special:
            found.append(special[name](value))
        elif name in {"created", "modified"}:
            if (bounds := _date_range(name, value, profile)) is not None:
                found.append(_within(name, *bounds))
        elif name in members:
            found.append(_equals(name, value))
        elif profile.strict_bodies:
            raise invalid(name, "is no attribute to filter by")
    return found


def one_status(profile: Profile) -> Callable[[str], Predicate]:
    """Return the filter by status: one only, or a list separated by commas where the profile allows it [X10]."""

    def filter_by(value: str) -> Predicate:
        wanted = frozenset(value.split(",")) if profile.status_lists else frozenset({value})
        return lambda row: row["status"] in wanted

    return filter_by


def matching(rows: Iterable[Document], filters: list[Predicate]) -> list[Document]:
    """Return the rows that pass every filter, in their order."""
    for passes in filters:
        rows = filter(passes, rows)
    return list(rows)


def cut(rows: list[Document], page: Page, profile: Profile, *, shuffle: int | None = None) -> Document:
    """Return the list reply for one page of *rows*, given in the order of their ids, without their envelopes.

    A cursor that names no row stands for its place in that order. With *shuffle* the rows come in an arbitrary but
    stable order, in which the cursor must be a row.
    """
    start = (page.number - 1) * page.limit
    if shuffle is not None:
        rows = sorted(rows, key=lambda row: zlib.crc32(f"{shuffle}{row['id']}".encode()))
        if page.next is not None:
            start = next((index for index, row in enumerate(rows, 1) if row["id"] == page.next), 0)
    elif page.next is not None:
        start = bisect_right(rows, page.next, key=lambda row: row["id"])
    shown = rows[start : start + page.limit]
    total = len(rows) - start if profile.total_is_remaining else len(rows)
    return {"total": max(total, 0), "showing": len(shown), "limit": page.limit, "result": shown}


def _whole(params: Mapping[str, str], name: str, default: int, profile: Profile) -> int:
    value = params.get(name)
    if value is None:
        return default
    if value.isdecimal() and int(value) > 0:
        return int(value)
    if profile.strict_bodies:
        raise invalid(name, "must be a positive integer")
    return default


def _equals(name: str, value: str) -> Predicate:
    return lambda row: str(row.get(name)) == value


def _within(name: str, first: str, last: str) -> Predicate:
    return lambda row: first <= row[name] < last


def _date_range(name: str, value: str, profile: Profile) -> tuple[str, str] | None:
    first, separator, last = value.partition("to")
    if not separator:
        last = first
    try:
        start, _ = _instant(first)
        end, is_day = _instant(last)
        if not is_day:
            end += timedelta(milliseconds=1)
        elif not separator or profile.end_day_inclusive:
            end += timedelta(days=1)
    except (ValueError, OverflowError):
        if profile.strict_bodies:
            raise invalid(name, "must be YYYY-MM-DD, or two of them or two ISO instants joined by 'to'") from None
        return None
    return iso(start.timestamp()), iso(end.timestamp())


def _instant(text: str) -> tuple[datetime, bool]:
    """Return a moment in UTC and whether *text* was a bare date."""
    moment = datetime.fromisoformat(text)
    is_day = len(text) == len("2026-01-31")
    return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment), is_day
