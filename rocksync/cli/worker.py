"""``rocksync worker``: serve the tenants."""

import importlib
import logging
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from rocksync.cli.output import json_option, print_json
from rocksync.cli.parameters import kind_option
from rocksync.cli.running import DONE, FAILED, INTERRUPTED, STOPPED, run, stopping
from rocksync.cli.schedule import paused_line
from rocksync.domain.errors import MisuseError
from rocksync.domain.tenancy import Kind, TenantId, TenantStatus
from rocksync.settings import Http, Settings

if TYPE_CHECKING:
    from rocksync.app import App, Summary

_log = logging.getLogger(__name__)


@click.command()
@click.option("--once", is_flag=True, help="Run what is due until nothing is deliverable, then end.")
@click.option("--tenant", "slugs", multiple=True, metavar="SLUG", help="Only this tenant; may be repeated.")
@kind_option
@json_option
def worker(once: bool, slugs: Sequence[str], kinds: Sequence[Kind], as_json: bool) -> None:
    """Serve the tenants until SIGTERM or Ctrl-C; a second one ends at once.

    With --once: run every due pass, or with --tenant or --kind every selected one, until nothing is deliverable. Exit
    code 1 when items were refused or postponed or passes failed, 3 when a tenant, or a kind named of a tenant named, is
    stopped, 130 when interrupted.
    """
    app = importlib.import_module("rocksync.app")

    async def body(settings: Settings) -> int:
        metrics = app.new_metrics(settings)
        async with app.open_app(settings, app.counting(metrics)) as opened:
            tenants = await _chosen(opened, slugs)
            with stopping() as stop:
                if once:
                    summary = await opened.run_once(tenants=tenants, kinds=list(kinds) or None, stop=stop)
                    return await _sum_up(opened, summary, tenants, kinds, interrupted=stop.is_set(), as_json=as_json)
                async with app.watched(_with_free_port(settings), opened.database, metrics) as url:
                    _log.info("worker_started", extra={"worker": opened.name, "url": url})
                    await opened.run(stop, app.Scope(tenants=tenants, kinds=list(kinds) or None))
                    _log.info("worker_stopped", extra={"worker": opened.name})
        return DONE

    run(body, at_work=True)


async def _chosen(app: "App", slugs: Sequence[str]) -> list[TenantId] | None:
    """Return the tenants of *slugs*; None: all. Raises: MisuseError for one that cannot be served."""
    if not slugs:
        return None
    rows = [await app.tenants.get(slug) for slug in dict.fromkeys(slugs)]
    for row in rows:
        if row.status is TenantStatus.DRAFT:
            raise MisuseError(f"tenant {row.tenant.slug} is a draft: rocksync tenant activate {row.tenant.slug}")
    return [row.tenant.id for row in rows]


async def _sum_up(
    app: "App",
    summary: "Summary",
    tenants: Sequence[TenantId] | None,
    kinds: Sequence[Kind],
    *,
    interrupted: bool,
    as_json: bool,
) -> int:
    """Tell what was done, and return the exit code. What was named and is paused counts as stopped."""
    rows = [row for row in await app.tenants.all() if tenants is None or row.tenant.id in tenants]
    halted = {
        row.tenant.slug
        for row in rows
        if row.status is TenantStatus.NEEDS_CREDENTIALS or (row.status is TenantStatus.PAUSED and tenants is not None)
    }
    if tenants is not None and kinds:
        for row in rows:
            for each in await app.tenants.schedules(row.tenant.id):
                if each.is_paused and each.kind in kinds:
                    halted.add(row.tenant.slug)
                    click.echo(paused_line(row.tenant.slug, each.kind, each.paused_reason), err=True)
    stopped = sorted(halted)
    failed = summary.passes.get("failed", 0)
    if as_json:
        print_json(
            {
                "passes": dict(summary.passes),
                "refused": summary.refused,
                "postponed": summary.postponed,
                "stopped": stopped,
                "interrupted": interrupted,
            }
        )
    else:
        passes = ", ".join(f"{number} {outcome}" for outcome, number in sorted(summary.passes.items())) or "none"
        click.echo(
            f"passes: {passes}; refused: {summary.refused}; postponed: {summary.postponed};"
            f" stopped: {', '.join(stopped) or 'none'}{'; interrupted' if interrupted else ''}"
        )
    if interrupted:
        return INTERRUPTED
    if stopped:
        return STOPPED
    return FAILED if summary.refused or summary.postponed or failed else DONE


def _with_free_port(settings: Settings) -> Settings:
    """Return *settings* with any free port if nobody chose one and the default is taken: workers share machines."""
    if settings.http.port != Http().port:
        return settings
    family = socket.AF_INET6 if ":" in settings.http.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.http.host, settings.http.port))
        except OSError:
            _log.warning("http_port_taken", extra={"port": settings.http.port, "fix": "set http.port"})
            return replace(settings, http=replace(settings.http, port=0))
    return settings
