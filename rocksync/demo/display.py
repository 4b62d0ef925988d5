"""What the demo shows: a live table, a line where there is no terminal, and the summary."""

from collections.abc import Iterable, Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from rocksync.demo.once import Result
from rocksync.demo.progress import KindProgress, NotDelivered, Progress
from rocksync.domain.durations import format_duration
from rocksync.domain.tenancy import Kind

_LATE_S = 15.0
_VERY_LATE_S = 60.0


def live_table(progress: Progress, tenants: Sequence[str]) -> RenderableType:
    """Return lag and deliveries of every tenant and kind, and what became of the orders."""
    items = _table("tenant", "kind")
    for name in ("lag", "pending", "delivered", "per s", "aside"):
        items.add_column(name, justify="right")
    items.add_column("cause", no_wrap=True)
    for tenant in tenants:
        for row in progress.kinds:
            if row.tenant == tenant:
                items.add_row(*_cells(row))
    orders = _table("orders of")
    for name in ("imported", "unpaid", "cancelled", "invoiced", "shipped", "waiting"):
        orders.add_column(name, justify="right")
    for tenant in tenants:
        of = progress.of(tenant)
        counts = (of.imported, of.pending, of.canceled, of.invoiced, of.shipped, of.parked)
        orders.add_row(tenant, *map(str, counts))
    return Group(items, Text(), orders)


def _table(*names: str) -> Table:
    """Return a table narrow enough for eighty characters, with its first columns, which are texts."""
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, no_wrap=True)
    return table


def _cells(row: KindProgress) -> Iterable[RenderableType]:
    colour = "red" if row.lag_s >= _VERY_LATE_S else "yellow" if row.lag_s >= _LATE_S else "green"
    yield row.tenant if row.kind is Kind.PRODUCT else ""
    yield str(row.kind)
    yield Text(format_duration(row.lag_s), style=colour)
    yield str(row.pending)
    yield str(row.delivered)
    yield f"{row.rate:.1f}"
    yield str(row.skipped + row.quarantined)
    yield row.cause


def plain_line(progress: Progress, tenants: Sequence[str]) -> str:
    """Return the same in one line, for logs and pipes."""
    parts = []
    for tenant in tenants:
        rows = [row for row in progress.kinds if row.tenant == tenant]
        lag = format_duration(max((row.lag_s for row in rows), default=0.0))
        pending, delivered = sum(row.pending for row in rows), sum(row.delivered for row in rows)
        parts.append(f"{tenant} lag {lag} pending {pending} delivered {delivered}")
    imported = sum(progress.of(tenant).imported for tenant in tenants)
    shipped = sum(progress.of(tenant).shipped for tenant in tenants)
    return " | ".join([*parts, f"orders {imported} imported {shipped} shipped"])


def summary(progress: Progress, skus: Mapping[str, int]) -> dict[str, Mapping[str, int]]:
    """Return what was delivered, by what it is and by tenant. *skus*: how many SKUs each store sells."""
    rows = {(row.tenant, row.kind): row for row in progress.kinds}
    aside = {slug: rows[slug, Kind.PRODUCT].skipped + rows[slug, Kind.PRODUCT].quarantined for slug in skus}
    return {
        "SKUs in the store": skus,
        "products delivered": {slug: rows[slug, Kind.PRODUCT].delivered for slug in skus},
        "prices delivered": {slug: rows[slug, Kind.PRICE].delivered for slug in skus},
        "stocks delivered": {slug: rows[slug, Kind.STOCK].delivered for slug in skus},
        "products set aside": aside,
        "orders imported": {slug: progress.of(slug).imported for slug in skus},
        "orders approved": {slug: progress.of(slug).approved for slug in skus},
        "orders cancelled": {slug: progress.of(slug).canceled for slug in skus},
        "orders invoiced": {slug: progress.of(slug).invoiced for slug in skus},
        "orders shipped": {slug: progress.of(slug).shipped for slug in skus},
    }


def summary_table(lines: Mapping[str, Mapping[str, int]], tenants: Iterable[str]) -> Table:
    """Return the summary, a column a tenant."""
    table = Table(title="delivered to Plugg.to, and orders back", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("")
    for name in (*tenants, "all"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, numbers in lines.items():
        table.add_row(name, *map(str, numbers.values()), str(sum(numbers.values())))
    return table


def result_as_json(result: Result) -> dict[str, object]:
    """Return how it ended, for machines: the summary by tenant, what is set aside, and what is missing."""
    lines = summary(result.progress, result.skus) if result.progress.kinds else {}
    return {
        "delivered": not result.missing,
        "summary": {
            slug: {name.lower().replace(" ", "_"): numbers[slug] for name, numbers in lines.items()}
            for slug in result.skus
        },
        "set_aside": [
            {"tenant": item.tenant, "sku": item.key, "reason": item.reason, "detail": item.detail}
            for item in result.refused
        ],
        "missing": list(result.missing),
    }


def refused_table(items: Sequence[NotDelivered]) -> Table:
    """Return the products that were set aside, each with its reason."""
    table = Table(title="set aside, as half-filled rows should be", title_justify="left", box=SIMPLE_HEAD)
    for name in ("tenant", "SKU", "reason", "detail"):
        table.add_column(name, overflow="fold")
    for item in items:
        table.add_row(
            item.tenant, repr(item.key) if item.key != item.key.strip() else item.key, item.reason, item.detail
        )
    return table
