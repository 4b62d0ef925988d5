"""``rocksync status``: tenants by lag, each with its cause."""

from typing import TYPE_CHECKING

import click

from rocksync.cli.output import json_option, print_json, print_table, rough
from rocksync.cli.running import run_with_access

if TYPE_CHECKING:
    from rocksync.cli.access import Access
    from rocksync.domain.fleet import LagRow


@click.command()
@click.argument("slug", required=False)
@click.option("--behind", is_flag=True, help="Only those whose lag is over twice their interval.")
@json_option
def status(slug: str | None, behind: bool, as_json: bool) -> None:
    """Show tenants and kinds by lag, the worst first, or only tenant SLUG."""

    async def body(access: "Access") -> None:
        if slug is not None:
            await access.tenants.get(slug)
        rows = await access.fleet.lag(slug, behind=behind)
        if as_json:
            print_json([_as_json(row) for row in rows])
            return
        print_table(
            ("TENANT", "KIND", "LAG", "STALENESS", "PENDING", "QUARANTINED", "CAUSE", "DETAIL"),
            [
                (
                    row.slug,
                    row.kind,
                    rough(row.lag_s),
                    None if row.staleness_s is None else rough(row.staleness_s),
                    row.pending,
                    row.quarantined,
                    row.cause,
                    row.detail or "",
                )
                for row in rows
            ],
            none="no tenant is behind"
            if behind
            else "no tenants yet: rocksync tenant add SLUG --name NAME --domain DOMAIN",
        )

    run_with_access(body)


def _as_json(row: "LagRow") -> dict[str, object]:
    return {
        "tenant": row.slug,
        "kind": row.kind,
        "lag_s": row.lag_s,
        "staleness_s": row.staleness_s,
        "pending": row.pending,
        "quarantined": row.quarantined,
        "cause": row.cause,
        "detail": row.detail,
        "status": row.status,
        "mode": row.mode,
        "every_s": row.every.total_seconds(),
        "behind": row.is_behind,
    }
