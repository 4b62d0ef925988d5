"""``rocksync tenant``: onboard tenants and keep them."""

import dataclasses
import importlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rocksync.cli.credentials import credentials_option, read_credentials
from rocksync.cli.lazy import LazyGroup
from rocksync.cli.output import ago, json_option, print_done, print_facts, print_json, print_table, printable, rough
from rocksync.cli.parameters import MomentType, SettingType, as_settings, kind_option, slug_argument
from rocksync.cli.running import FAILED, confirmed, run_with_access
from rocksync.domain.durations import format_duration
from rocksync.domain.errors import MisuseError
from rocksync.domain.tenancy import Kind, Mode, TenantStatus

if TYPE_CHECKING:
    from rocksync.cli.access import Access
    from rocksync.domain.fleet import LagRow
    from rocksync.postgres.tenants import ScheduleRow, TenantRow

tenant = LazyGroup(
    name="tenant",
    help="Add, check, activate, list, show, change, pause, resume and remove tenants.",
    commands={
        "add": ("rocksync.cli.tenant:add", "Add a tenant as a draft."),
        "check": ("rocksync.cli.check:check", "Look for what would go wrong, each with what mends it."),
        "activate": ("rocksync.cli.activation:activate", "Show the plan, ask, and export the whole catalogue."),
        "list": ("rocksync.cli.tenant:list_tenants", "List the tenants."),
        "show": ("rocksync.cli.tenant:show", "Show one tenant with its schedules."),
        "set": ("rocksync.cli.tenant:set_tenant", "Change name, domain, mappers or settings."),
        "credentials": ("rocksync.cli.tenant:credentials", "Replace the credentials."),
        "pause": ("rocksync.cli.tenant:pause", "Stop serving a tenant, or some kinds of it."),
        "resume": ("rocksync.cli.tenant:resume", "Serve a tenant, or some kinds of it, again."),
        "remove": ("rocksync.cli.tenant:remove", "Delete a tenant with its credentials."),
    },
)


@click.command()
@slug_argument
@click.option("--name", required=True, help="Name of the store, for people.")
@click.option("--domain", required=True, help="Host name of the store: www.casadapanela.com.br")
@click.option("--mapper", "mappers", multiple=True, help="A shared mapper, in the order they run; may be repeated.")
@click.option("--setting", "settings", multiple=True, type=SettingType(), help="name=value; may be repeated.")
@credentials_option
@json_option
def add(
    slug: str,
    name: str,
    domain: str,
    mappers: Sequence[str],
    settings: Sequence[tuple[str, Any]],
    credentials_file: Path | None,
    as_json: bool,
) -> None:
    """Add tenant SLUG as a draft: nothing is sent before it is activated."""
    given = read_credentials(credentials_file)

    async def body(access: "Access") -> None:
        new = access.new_tenant(slug, name, domain, mappers, as_settings(settings))
        tenant_id = await access.tenants.add(new, given, access.vault())
        _tell_missing(mappers, access.settings.mappers.dir)
        if as_json:
            print_json({"id": tenant_id, "slug": slug, "status": "draft"})
        else:
            click.echo(f"tenant {slug} is added as a draft; next: rocksync tenant check {slug}")

    run_with_access(body)


@click.command("list")
@click.option("--status", type=click.Choice([str(each) for each in TenantStatus]), help="Only these.")
@json_option
def list_tenants(status: str | None, as_json: bool) -> None:
    """List the tenants by slug."""

    async def body(access: "Access") -> None:
        rows = [row for row in await access.tenants.all() if status in {None, row.status}]
        if as_json:
            print_json([_as_json(row) for row in rows])
            return
        print_table(
            ("TENANT", "NAME", "DOMAIN", "STATUS", "REASON"),
            [(row.tenant.slug, row.tenant.name, row.tenant.domain, row.status, row.status_reason) for row in rows],
            none="no tenants yet: rocksync tenant add SLUG --name NAME --domain DOMAIN",
        )

    run_with_access(body)


@click.command()
@slug_argument
@json_option
def show(slug: str, as_json: bool) -> None:
    """Show tenant SLUG with its schedules."""

    async def body(access: "Access") -> None:
        row = await access.tenants.get(slug)
        schedules = await access.tenants.schedules(row.tenant.id)
        lags = {each.kind: each for each in await access.fleet.lag(slug)}
        if as_json:
            kinds = {each.kind: dataclasses.asdict(each) | _standing(lags[each.kind]) for each in schedules}
            print_json(_as_json(row) | {"kinds": kinds})
            return
        print_facts(
            {
                "tenant": row.tenant.slug,
                "name": row.tenant.name,
                "domain": row.tenant.domain,
                "status": row.status,
                "reason": row.status_reason,
                "paused until": row.paused_until,
                "mappers": row.tenant.mappers or None,
                "settings": dict(row.tenant.settings) or None,
                "orders since": row.tenant.orders_since,
                "created": row.created_at,
                "activated": row.activated_at,
            }
        )
        click.echo()
        print_table(
            ("KIND", "RUNS", "LAST COMPLETE", "LAG", "PENDING", "QUARANTINED", "CAUSE"),
            [
                (
                    each.kind,
                    _runs(each),
                    ago(each.last_completed_at),
                    rough(lags[each.kind].lag_s),
                    lags[each.kind].pending,
                    lags[each.kind].quarantined,
                    lags[each.kind].cause,
                )
                for each in schedules
            ],
            none="",
        )

    run_with_access(body)


@click.command("set")
@slug_argument
@click.option("--name", help="Name of the store, for people.")
@click.option("--domain", help="Host name of the store.")
@click.option("--mapper", "mappers", multiple=True, help="The shared mappers from now on; may be repeated.")
@click.option("--no-mappers", is_flag=True, help="No shared mappers from now on.")
@click.option("--setting", "settings", multiple=True, type=SettingType(), help="Set name=value; may be repeated.")
@click.option("--unset", multiple=True, help="Drop a setting by name; may be repeated.")
@json_option
def set_tenant(
    slug: str,
    name: str | None,
    domain: str | None,
    mappers: Sequence[str],
    no_mappers: bool,
    settings: Sequence[tuple[str, Any]],
    unset: Sequence[str],
    as_json: bool,
) -> None:
    """Change tenant SLUG; what is mapped otherwise from now on is sent again."""
    if no_mappers and mappers:
        raise click.UsageError("give either --mapper or --no-mappers")
    if name is None and domain is None and not (mappers or no_mappers or settings or unset):
        raise click.UsageError("say what to change: --name, --domain, --mapper, --no-mappers, --setting or --unset")

    async def body(access: "Access") -> None:
        await access.tenants.set(
            slug,
            name=name,
            domain=domain,
            mappers=list(mappers) if mappers or no_mappers else None,
            settings=as_settings(settings),
            unset=unset,
        )
        _tell_missing(mappers, access.settings.mappers.dir)
        print_done(f"tenant {slug} is changed", _as_json(await access.tenants.get(slug)), as_json=as_json)

    run_with_access(body)


@click.command()
@slug_argument
@credentials_option
@json_option
def credentials(slug: str, credentials_file: Path | None, as_json: bool) -> None:
    """Replace the credentials of tenant SLUG; one that needs credentials is served again."""
    given = read_credentials(credentials_file)

    async def body(access: "Access") -> None:
        row = await access.tenants.get(slug)
        await access.credentials().replace(row.tenant.id, slug, given, operator=access.operator)
        again = ", and it is served again" if row.status is TenantStatus.NEEDS_CREDENTIALS else ""
        status = (await access.tenants.get(slug)).status
        told = f"credentials of tenant {slug} are replaced{again}"
        print_done(told, {"slug": slug, "status": status}, as_json=as_json)

    run_with_access(body)


@click.command()
@slug_argument
@click.option("--reason", required=True, help="Why, for those who ask.")
@click.option("--until", type=MomentType(after_now=True), help="When it ends by itself: a time, or a duration.")
@kind_option
@json_option
def pause(slug: str, reason: str, until: datetime | None, kinds: Sequence[Kind], as_json: bool) -> None:
    """Stop serving tenant SLUG, or some kinds of it; what changes is delivered later."""
    if not reason.strip():
        raise MisuseError("--reason must not be blank")

    async def body(access: "Access") -> None:
        await access.tenants.pause(slug, reason.strip(), kinds=kinds, until=until)
        end = f"until {until:%Y-%m-%d %H:%M:%SZ}" if until else f"until rocksync tenant resume {slug}"
        facts = {"slug": slug, "kinds": kinds, "reason": reason.strip(), "until": until}
        print_done(f"{_what(slug, kinds)} is paused {end}", facts, as_json=as_json)

    run_with_access(body)


@click.command()
@slug_argument
@kind_option
@json_option
def resume(slug: str, kinds: Sequence[Kind], as_json: bool) -> None:
    """Serve tenant SLUG, or some kinds of it, again.

    Kinds that were paused by themselves stay paused when the whole tenant was: --kind resumes them.
    """

    async def body(access: "Access") -> None:
        row = await access.tenants.get(slug)
        await access.tenants.resume(slug, kinds=kinds)
        paused = [each for each in await access.tenants.schedules(row.tenant.id) if each.is_paused]
        facts = {"slug": slug, "kinds": kinds, "paused": [each.kind for each in paused]}
        print_done(f"{_what(slug, kinds)} is served again", facts, as_json=as_json)
        for each in paused:
            because = f" ({each.paused_reason})" if each.paused_reason else ""
            lift = f"rocksync tenant resume {slug} --kind {each.kind}"
            click.echo(printable(f"{each.kind} stays paused{because}: {lift}"), err=True)

    run_with_access(body)


@click.command()
@slug_argument
@click.option("--with-store", is_flag=True, help="Also delete its rows in the store.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(slug: str, with_store: bool, yes: bool, as_json: bool) -> None:
    """Delete tenant SLUG: its credentials and all that is known of it. Nothing is changed at Plugg.to."""

    async def body(access: "Access") -> int | None:
        await access.tenants.get(slug)
        rows = " and its rows in the store" if with_store else ""
        if not yes and not confirmed(f"delete tenant {slug}{rows}?"):
            kept = {"slug": slug, "deleted": False, "with_store": with_store}
            print_done(f"tenant {slug} stays: nothing is deleted", kept, as_json=as_json)
            return FAILED
        await access.tenants.remove(slug, with_store=with_store)
        facts = {"slug": slug, "deleted": True, "with_store": with_store}
        print_done(f"tenant {slug}{rows} is deleted", facts, as_json=as_json)
        return None

    run_with_access(body)


def _tell_missing(mappers: Sequence[str], folder: Path) -> None:
    """Say which of *mappers* are not there; workers may run elsewhere, with other files."""
    if not mappers:
        return
    found = importlib.import_module("rocksync.mapping.folder")
    spellings = importlib.import_module("rocksync.mapping.registry").spellings
    scan = found.scan(folder, {})
    there = {*scan.found, *scan.unreadable, *found.installed()}
    for name in mappers:
        if there.isdisjoint(spellings(name)):
            click.echo(
                f"there is no mapper {name} in {folder} of this machine: where workers lack it too, nothing of the"
                " tenant is sent (rocksync mapper list)",
                err=True,
            )


def _as_json(row: "TenantRow") -> dict[str, object]:
    return {
        "id": row.tenant.id,
        "slug": row.tenant.slug,
        "name": row.tenant.name,
        "domain": row.tenant.domain,
        "status": row.status,
        "status_reason": row.status_reason,
        "paused_until": row.paused_until,
        "mappers": list(row.tenant.mappers),
        "settings": dict(row.tenant.settings),
        "orders_since": row.tenant.orders_since,
        "created_at": row.created_at,
        "activated_at": row.activated_at,
    }


def _standing(lag: "LagRow") -> dict[str, object]:
    return {"lag_s": lag.lag_s, "pending": lag.pending, "quarantined": lag.quarantined, "cause": lag.cause}


def _what(slug: str, kinds: Sequence[Kind]) -> str:
    return f"tenant {slug} ({', '.join(kinds)})" if kinds else f"tenant {slug}"


def _runs(schedule: "ScheduleRow") -> str:
    if schedule.is_paused:
        return f"paused: {schedule.paused_reason}"
    every = format_duration(schedule.interval)
    return {
        Mode.AUTOMATIC: f"every {every}",
        Mode.MANUAL: "on request",
        Mode.IMMEDIATE: f"at once, every {every}",
    }[schedule.mode]
