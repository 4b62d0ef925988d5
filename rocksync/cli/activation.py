"""``rocksync tenant activate``: the plan, the question, and the export of the whole catalogue."""

import asyncio
import contextlib
import importlib
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from rocksync.cli.output import json_option, print_json, printable, rough
from rocksync.cli.parameters import MomentType, slug_argument
from rocksync.cli.running import DONE, FAILED, INTERRUPTED, STOPPED, confirmed, operator, run, stopping
from rocksync.domain.errors import MisuseError
from rocksync.domain.tenancy import Kind, TenantStatus
from rocksync.settings import Settings

if TYPE_CHECKING:
    from rocksync.app import App
    from rocksync.cli.findings import Finding
    from rocksync.postgres.plans import Plan, Plans, Waiting
    from rocksync.postgres.tenants import TenantRow

_EXPORTED = (Kind.PRODUCT, Kind.PRICE, Kind.STOCK)
_LOOK_S = 0.5
_LINE_EVERY_S = 5.0
_PATIENCE_S = 20.0
_HUB_PAGES = 30
_LATER = "orders placed before are never imported"


@click.command()
@slug_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--orders-since", type=MomentType(), help="Import orders placed since then; else since now.")
@json_option
def activate(slug: str, yes: bool, orders_since: datetime | None, as_json: bool) -> None:
    """Check tenant SLUG, show what activating it would do, ask, and export its whole catalogue.

    Broken off, it goes on where it was when started again, or by a worker.
    """
    app = importlib.import_module("rocksync.app")
    preflight = importlib.import_module("rocksync.cli.preflight")
    plans_of = importlib.import_module("rocksync.postgres.plans").Plans
    tenants_of = importlib.import_module("rocksync.postgres.tenants").Tenants

    async def body(settings: Settings) -> int:
        async with app.open_app(settings) as opened:
            plans: Plans = plans_of(opened.database.pool)
            row: TenantRow = await opened.tenants.get(slug)
            _check(row, orders_since)
            if orders_since is not None and orders_since > datetime.now(UTC):
                click.echo(f"--orders-since {orders_since:%Y-%m-%d %H:%M:%SZ} is still to come: {_LATER}", err=True)
            if row.status is TenantStatus.DRAFT:
                await opened.credentials.seal_inbox()
                findings = await preflight.of_app(opened).findings(row.tenant, orders_since=orders_since)
                if _stops(slug, findings):
                    return _stays(row, as_json=as_json)
                at_hub, all_seen = await opened.hub.skus(row.tenant, pages=_HUB_PAGES)
                _show(slug, await plans.plan(row.tenant.id, at_hub), all_seen=all_seen)
                if not yes and not confirmed(f"activate tenant {slug}?"):
                    return _stays(row, as_json=as_json)
                tenants = tenants_of(opened.database.pool, operator=operator())
                await tenants.activate(slug, orders_since=orders_since)
            else:
                click.echo(f"tenant {slug} is active already: its export goes on", err=True)
            with stopping() as stop:
                code = await _export(opened, plans, row, stop)
            return await _sum_up(opened, plans, row, code, as_json=as_json)

    run(body)


def _check(row: "TenantRow", orders_since: datetime | None) -> None:
    slug = row.tenant.slug
    if row.status is TenantStatus.PAUSED:
        raise MisuseError(f"tenant {slug} is paused ({row.status_reason}): rocksync tenant resume {slug}")
    if row.status is TenantStatus.NEEDS_CREDENTIALS:
        raise MisuseError(f"tenant {slug} needs credentials: rocksync tenant credentials {slug}")
    if row.status is TenantStatus.ACTIVE and orders_since not in {None, row.tenant.orders_since}:
        raise MisuseError(
            f"tenant {slug} is active already: by SQL, `UPDATE rocksync.tenant SET orders_since ="  # noqa: S608 # only told
            f" '{orders_since:%Y-%m-%d %H:%M:%SZ}' WHERE slug = '{slug}'`, then `rocksync resend {slug} order ID` for"
            " each order that was passed over"
        )


def _stops(slug: str, findings: "Sequence[Finding]") -> bool:
    """Tell what the check found, and whether it keeps the whole tenant from being served."""
    stopping_it = [each for each in findings if each.whole and each.blocks]
    for each in stopping_it:
        click.echo(printable(f"{each.code}: {each.message}; {each.fix}"), err=True)
    if stopping_it:
        return True
    blocks = sum(each.blocks for each in findings)
    told = f"{blocks} kinds of findings block items, {len(findings) - blocks} warn"
    click.echo(f"checked: {told} (rocksync tenant check {slug} names them)", err=True)
    return False


def _stays(row: "TenantRow", *, as_json: bool) -> int:
    """Tell that nothing was done, and return the exit code."""
    click.echo(f"tenant {row.tenant.slug} stays a draft; nothing is sent", err=True)
    if as_json:
        print_json({"slug": row.tenant.slug, "status": row.status, "activated": False})
    return FAILED


def _show(slug: str, plan: "Plan", *, all_seen: bool) -> None:
    """Tell the plan: of products, counted in the store and in what Plugg.to lists, before any mapper is asked."""
    blocked = sum(plan.blocked.values())
    click.echo(f"tenant {slug}: create {plan.create}, update {plan.update}, blocked {blocked} products", err=True)
    for reason, products in plan.blocked.items():
        click.echo(f"  blocked {products}: {reason}", err=True)
    if not all_seen:
        known = _HUB_PAGES * 100
        click.echo(f"  of Plugg.to's products only {known} were looked at: more may be updates", err=True)


async def _export(app: "App", plans: "Plans", row: "TenantRow", stop: asyncio.Event) -> int:
    """Run the tenant's passes, or let the worker that has it run them, until nothing is left; returns an exit code.

    Whoever ran them: what is left, or was set aside, is not done.
    """
    tenant = row.tenant.id
    moved_at, last = time.monotonic(), -1
    async with _progress() as show:
        while not stop.is_set():
            running = asyncio.create_task(app.run_once(tenants=[tenant], kinds=list(_EXPORTED), stop=stop))
            while not running.done():
                await asyncio.wait({running}, timeout=_LOOK_S)
                waiting = await plans.waiting(tenant)
                show(waiting)
            summary = await running
            failed = summary.passes.get("failed", 0)
            waiting = await plans.waiting(tenant)
            show(waiting)
            if summary.stopped:
                return STOPPED
            if waiting.pending == 0 or failed:
                break
            if waiting.pending != last:
                moved_at, last = time.monotonic(), waiting.pending
            elif time.monotonic() - moved_at > _PATIENCE_S:
                break  # what is left waits for its backoff; a worker delivers it
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _LOOK_S)
    if stop.is_set():
        return INTERRUPTED
    return FAILED if failed or waiting.pending or waiting.quarantined else DONE


async def _sum_up(app: "App", plans: "Plans", row: "TenantRow", code: int, *, as_json: bool) -> int:
    slug = row.tenant.slug
    now = await app.tenants.get(slug)
    waiting = await plans.waiting(row.tenant.id)
    if as_json:
        print_json(
            {
                "slug": slug,
                "status": now.status,
                "pending": waiting.pending,
                "quarantined": waiting.quarantined,
                "complete": code == DONE,
            }
        )
    if code == INTERRUPTED:
        click.echo(f"broken off: rocksync tenant activate {slug}, or a worker, goes on", err=True)
    elif code == STOPPED:
        click.echo(f"tenant {slug} is stopped: {now.status_reason}; rocksync tenant credentials {slug}", err=True)
    elif not as_json:
        left = f"{waiting.pending} left to a worker" if waiting.pending else "all delivered"
        click.echo(f"tenant {slug} is active: {left}, {waiting.quarantined} quarantined")
    return code


@contextlib.asynccontextmanager
async def _progress() -> AsyncIterator[Callable[["Waiting"], None]]:
    """Show how far the export is: a bar on a terminal, else a line now and then. Prices and stocks follow products."""
    began = time.monotonic()
    left_at_first: int | None = None

    def did(now: "Waiting") -> int:
        nonlocal left_at_first
        left_at_first = max(left_at_first or 0, now.products_left)
        return left_at_first - now.products_left

    if not sys.stderr.isatty():
        told_at = began

        def tell(now: "Waiting") -> None:
            nonlocal told_at
            did(now)
            if time.monotonic() - told_at >= _LINE_EVERY_S:
                told_at = time.monotonic()
                click.echo(_line(now, did(now), told_at - began), err=True)

        yield tell
        return
    progress = importlib.import_module("rich.progress")
    with progress.Progress(
        *(progress.TextColumn("exporting"), progress.BarColumn(), progress.MofNCompleteColumn()),
        *(progress.TextColumn("products"), progress.TextColumn("{task.fields[told]}")),
        console=importlib.import_module("rich.console").Console(stderr=True),
    ) as bar:
        task = bar.add_task("export", total=None, told="")

        def move(now: "Waiting") -> None:
            told = _told(now, did(now), time.monotonic() - began)
            bar.update(task, total=now.products, completed=now.products - now.products_left, told=told)

        yield move


def _line(now: "Waiting", did: int, seconds: float) -> str:
    return f"{now.products - now.products_left} of {now.products} products, {_told(now, did, seconds)}"


def _told(now: "Waiting", did: int, seconds: float) -> str:
    """Return rate, time to go and refusals; at the end how many prices and stocks are left."""
    rate = did / max(seconds, 0.001)
    if now.products_left == 0:
        going = f"{now.pending} prices and stocks left" if now.pending else "done"
    else:
        going = f"{rough(now.products_left / rate)} to go" if rate > 0 else "beginning"
    return f"{rate:.0f}/s, {going}, refused {now.quarantined}"
