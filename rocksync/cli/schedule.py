"""``rocksync schedule`` and ``rocksync sync``: when passes run, and one now."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from rocksync.cli.lazy import LazyGroup
from rocksync.cli.output import ago, json_option, print_done
from rocksync.cli.parameters import DurationType, KindType, slug_argument
from rocksync.cli.running import DONE, FAILED, STOPPED, run_with_access
from rocksync.domain.durations import format_duration
from rocksync.domain.errors import TenantError
from rocksync.domain.reasons import POSTPONED
from rocksync.domain.tenancy import Kind, Mode, TenantStatus

if TYPE_CHECKING:
    from rocksync.cli.access import Access

_LOOK_S = 0.5

schedule = LazyGroup(
    name="schedule",
    help="Choose when a tenant's kinds run.",
    commands={
        "set": ("rocksync.cli.schedule:set_schedule", "At an interval, on request, or as soon as something changes.")
    },
)


@click.command("set")
@slug_argument
@click.argument("kind", type=KindType())
@click.option("--every", type=DurationType(), help="At this interval, such as 90s, 10m or 1h30m.")
@click.option("--manual", is_flag=True, help="Only on request (rocksync sync).")
@click.option(
    "--immediate",
    is_flag=True,
    help="Within seconds of a change; then the platform cannot PREPARE TRANSACTION what changes it.",
)
@click.option("--default", "as_default", is_flag=True, help="At the default interval of the kind.")
@json_option
def set_schedule(
    slug: str, kind: Kind, every: timedelta | None, manual: bool, immediate: bool, as_default: bool, as_json: bool
) -> None:
    """Choose when KIND of tenant SLUG runs."""
    if sum((every is not None, manual, immediate, as_default)) != 1:
        raise click.UsageError("give one of --every DURATION, --manual, --immediate or --default")
    mode = Mode.MANUAL if manual else Mode.IMMEDIATE if immediate else Mode.AUTOMATIC

    async def body(access: "Access") -> None:
        await access.tenants.set_schedule(slug, kind, mode, every)
        when = {
            Mode.MANUAL: "only on request",
            Mode.IMMEDIATE: "as soon as something changes",
            Mode.AUTOMATIC: f"every {format_duration(every)}" if every else "at its default interval",
        }
        facts = {"tenant": slug, "kind": kind, "mode": mode, "every_s": every}
        print_done(f"{kind} of tenant {slug} runs {when[mode]}", facts, as_json=as_json)

    run_with_access(body)


@click.command()
@slug_argument
@click.argument("kinds", nargs=-1, type=KindType())
@click.option("--all-items", is_flag=True, help="Mark every item changed first: what differs is sent again.")
@click.option(
    "--wait", is_flag=True, help="Wait until the passes are complete; exit code 1 if items are not delivered."
)
@json_option
def sync(slug: str, kinds: Sequence[Kind], all_items: bool, wait: bool, as_json: bool) -> None:
    """Let a worker run passes of tenant SLUG now: of KIND, or of all kinds."""
    chosen = list(dict.fromkeys(kinds)) or list(Kind)

    async def body(access: "Access") -> int:
        await _check_served(access, slug)
        asked_at = await access.fleet.moment()
        await access.tenants.request_sync(slug, chosen, all_items=all_items)
        named = f"{', '.join(chosen)} of tenant {slug}"
        if wait:
            code = await _wait(access, slug, chosen, asked_at)
            facts = {"tenant": slug, "kinds": chosen, "complete": code == DONE}
            if as_json or code == DONE:
                print_done(f"{named}: complete", facts, as_json=as_json)
            return code
        tenant = (await access.tenants.get(slug)).tenant.id
        for each in await access.fleet.unfinished(tenant, chosen):
            if each.is_paused:
                told = paused_line(slug, each.kind, each.paused_reason)
                click.echo(f"nothing runs until it is resumed: {told}", err=True)
        print_done(f"{named}: asked for", {"tenant": slug, "kinds": chosen, "complete": False}, as_json=as_json)
        return DONE

    run_with_access(body)


async def _check_served(access: "Access", slug: str) -> None:
    """Raise TenantError, with what to do, for a tenant of which nothing runs."""
    row = await access.tenants.get(slug)
    because = f" ({row.status_reason})" if row.status_reason else ""
    match row.status:
        case TenantStatus.ACTIVE:
            if not await access.fleet.has_credentials(row.tenant.id):
                raise TenantError(f"tenant {slug} has no credentials: rocksync tenant credentials {slug}")
        case TenantStatus.DRAFT:
            raise TenantError(f"tenant {slug} is a draft: rocksync tenant activate {slug}")
        case TenantStatus.PAUSED:
            raise TenantError(f"tenant {slug} is paused{because}: rocksync tenant resume {slug}")
        case TenantStatus.NEEDS_CREDENTIALS:
            raise TenantError(f"tenant {slug} needs credentials{because}: rocksync tenant credentials {slug}")


async def _wait(access: "Access", slug: str, kinds: Sequence[Kind], asked_at: datetime) -> int:
    """Wait until all passes are complete, or cannot be; a worker must be there to run them.

    Complete they are only if no item waits for a retry or was set aside by them.
    """
    tenant = (await access.tenants.get(slug)).tenant.id
    while left := await access.fleet.unfinished(tenant, kinds):
        await _check_served(access, slug)
        paused = [each for each in left if each.is_paused]
        failed = [each for each in left if each.failure and not each.is_paused]
        if len(paused) + len(failed) == len(left):
            for each in failed:
                click.echo(f"{each.kind} of tenant {slug} failed: {each.failure}", err=True)
            for each in paused:
                click.echo(paused_line(slug, each.kind, each.paused_reason), err=True)
            return STOPPED if paused else FAILED
        if not await access.fleet.workers():
            click.echo(f"no worker runs: start one, or rocksync worker --once --tenant {slug}", err=True)
            return FAILED
        await asyncio.sleep(_LOOK_S)
    undelivered = await access.fleet.left_over(tenant, kinds, asked_at)
    for some in undelivered:
        items = f"{some.items} items of {some.kind} of tenant {slug}"
        if some.next_at is None:
            click.echo(f"{items} were set aside ({some.reason}): rocksync quarantine list {slug}", err=True)
        else:
            first = f"the first {ago(some.next_at)}"
            at_once = f"rocksync quarantine release {slug} --kind {some.kind} --reason {some.reason}"
            then = f"rocksync status {slug}" if some.reason in POSTPONED else f"at once by {at_once}"
            click.echo(f"{items} wait for a retry ({some.reason}), {first}: {then}", err=True)
    return FAILED if undelivered else DONE


def paused_line(slug: str, kind: Kind, reason: str | None) -> str:
    """Return the line that tells of a kind that an operator paused."""
    because = f" ({reason})" if reason else ""
    return f"{kind} of tenant {slug} is paused{because}: rocksync tenant resume {slug} --kind {kind}"
