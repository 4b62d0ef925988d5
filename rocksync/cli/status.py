"""``rocksync status``: tenants by lag, each with its cause."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from rocksync.cli.output import json_option, print_json, print_table, rough
from rocksync.cli.running import run_with_access

if TYPE_CHECKING:
    from rocksync.cli.access import Access
    from rocksync.domain.fleet import LagRow

_SLOW_MS = 2000.0
_WORDS = {
    "tenant_paused": "paused",
    "needs_credentials": "credentials",
    "hub_unavailable": "hub down",
    "rate_limited": "rate limit",
    "mapper_error": "mapper",
    "mapper_timeout": "mapper",
    "kind_manual": "on request",
    "pending": "backlog",
    "in_sync": "in step",
}


@click.command()
@click.argument("slug", required=False)
@click.option("--behind", is_flag=True, help="Only those whose lag is over twice their interval.")
@json_option
def status(slug: str | None, behind: bool, as_json: bool) -> None:
    """Show tenants by lag, the worst first, each by its worst kind; of tenant SLUG every kind."""

    async def body(access: "Access") -> None:
        if slug is not None:
            await access.tenants.get(slug)
        rows = await access.fleet.lag(slug, behind=behind)
        faults = await access.fleet.mapper_faults()
        reasons = [] if slug is None else await access.fleet.quarantine_reasons(slug)
        if not await access.fleet.workers():
            click.echo("no worker runs: rocksync worker", err=True)
        if as_json:
            told = [_as_json(row, faults) for row in rows]
            print_json(told if slug is None else [each | _by_reason(each, reasons) for each in told])
            return
        if slug is None:
            _print_tenants(rows, faults, behind=behind)
        else:
            _print_kinds(rows, faults, reasons)

    run_with_access(body)


def _print_tenants(rows: Sequence["LagRow"], faults: Mapping[str, str], *, behind: bool) -> None:
    by_slug: dict[str, list[LagRow]] = {}
    for row in rows:  # the worst first, so the first of a tenant stands for it
        by_slug.setdefault(row.slug, []).append(row)
    print_table(
        ("TENANT", "WORST", "LAG", "PENDING", "ASIDE", "ETA", "CAUSE", "WHY", "DETAIL"),
        [
            (
                *(row.slug, row.kind, rough(row.lag_s), sum(each.pending for each in kinds)),
                *(sum(each.quarantined for each in kinds), _eta(row), row.cause, _why(row, faults)),
                _detail(row, faults),
            )
            for kinds in by_slug.values()
            for row in kinds[:1]
        ],
        whole=("WORST", "LAG", "PENDING", "ASIDE", "ETA", "CAUSE", "WHY"),
        none="no tenant is behind"
        if behind
        else "no tenants yet: rocksync tenant add SLUG --name NAME --domain DOMAIN",
    )


def _print_kinds(rows: Sequence["LagRow"], faults: Mapping[str, str], reasons: Sequence[tuple[str, str, int]]) -> None:
    print_table(
        ("KIND", "LAG", "STALE", "PENDING", "ASIDE", "PACE", "ETA", "HUB", "CAUSE", "WHY", "DETAIL"),
        [
            (
                *(row.kind, rough(row.lag_s), None if row.staleness_s is None else rough(row.staleness_s)),
                *(row.pending, row.quarantined, f"{row.per_s:.1f}/s" if row.per_s else None, _eta(row)),
                *(f"{row.took_ms:.0f} ms" if row.took_ms else None, row.cause, _why(row, faults)),
                _detail(row, faults),
            )
            for row in rows
        ],
        whole=("KIND", "LAG", "STALE", "PENDING", "ASIDE", "PACE", "ETA", "HUB", "CAUSE", "WHY"),
        none="no kind is behind",
    )
    for kind, reason, items in reasons:
        click.echo(f"in quarantine: {items} {kind} {reason}")


def _eta(row: "LagRow") -> str | None:
    return None if row.eta_s is None else rough(row.eta_s)


def _why(row: "LagRow", faults: Mapping[str, str]) -> str:
    """The cause in a word."""
    if row.cause == "pending" and not row.has_worker:
        return "no worker"
    if row.cause == "pending" and (row.took_ms or 0) > _SLOW_MS:
        return "hub slow"
    if row.cause == "in_sync" and row.slug in faults:
        return "mapper"
    return _WORDS.get(row.cause, "quarantine" if not row.pending else "items")


def _detail(row: "LagRow", faults: Mapping[str, str]) -> str:
    return row.detail or faults.get(row.slug) or ""


def _by_reason(told: Mapping[str, object], reasons: Sequence[tuple[str, str, int]]) -> dict[str, object]:
    """How many of a kind are in quarantine for which reason."""
    return {"quarantined_by_reason": {reason: items for kind, reason, items in reasons if kind == told["kind"]}}


def _as_json(row: "LagRow", faults: Mapping[str, str]) -> dict[str, object]:
    return {
        "tenant": row.slug,
        "kind": row.kind,
        "lag_s": row.lag_s,
        "staleness_s": row.staleness_s,
        "pending": row.pending,
        "quarantined": row.quarantined,
        "cause": row.cause,
        "why": _why(row, faults),
        "detail": row.detail,
        "eta_s": row.eta_s,
        "items_per_s": row.per_s,
        "hub_ms": row.took_ms,
        "mapper_fault": faults.get(row.slug),
        "status": row.status,
        "mode": row.mode,
        "every_s": row.every.total_seconds(),
        "behind": row.is_behind,
    }
