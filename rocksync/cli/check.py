"""``rocksync tenant check``: what would go wrong, told before anything is sent."""

import importlib
from datetime import datetime

import click

from rocksync.cli.output import json_option, print_json, printable
from rocksync.cli.parameters import MomentType, slug_argument
from rocksync.cli.running import DONE, FAILED, run
from rocksync.settings import Settings


@click.command()
@slug_argument
@click.option("--orders-since", type=MomentType(), help="As it will be activated: orders since then count.")
@json_option
def check(slug: str, orders_since: datetime | None, as_json: bool) -> None:
    """Look for what would keep tenant SLUG, or items of it, off Plugg.to: a line each, with what mends it.

    It writes nothing, here or there. Exit code 1 if anything blocks.
    """
    preflight = importlib.import_module("rocksync.cli.preflight")

    async def body(settings: Settings) -> int:
        async with preflight.open_preflight(settings) as (tenants, opened):
            tenant = (await tenants.get(slug)).tenant
            findings = await opened.findings(tenant, orders_since=orders_since)
        if as_json:
            print_json(preflight.as_json(slug, findings))
        else:
            for each in findings:
                click.echo(printable(f"{preflight.severity(each):6}  {each.code}  {each.message}; {each.fix}"))
            blocks = sum(each.blocks for each in findings)
            click.echo(f"tenant {slug}: {blocks} block, {len(findings) - blocks} warn")
        return FAILED if any(each.blocks for each in findings) else DONE

    run(body)
