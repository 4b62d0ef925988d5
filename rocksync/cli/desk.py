"""``rocksync quarantine``, ``resend``, ``history``, ``holds``, ``audit``: single items, and what is decided of them."""

import importlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from rocksync.cli.explain import attempt_as_json
from rocksync.cli.lazy import LazyGroup
from rocksync.cli.output import ago, json_option, print_json, print_table
from rocksync.cli.parameters import ReasonType, key_option, kind_option, slug_argument, thing_arguments
from rocksync.cli.running import run_with_access
from rocksync.domain.desk import Filter, Hold
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind

if TYPE_CHECKING:
    from rocksync.cli.access import Access
    from rocksync.domain.tenancy import TenantId
    from rocksync.postgres.desk import Keys

_Line = TypeVar("_Line")

quarantine = LazyGroup(
    name="quarantine",
    help="Items that were set aside: list them, let them try again.",
    commands={
        "list": ("rocksync.cli.desk:list_quarantine", "List what is set aside, with its reason."),
        "release": ("rocksync.cli.desk:release", "Let what matches try again."),
    },
)

holds = LazyGroup(
    name="holds",
    help="Changes beyond a tenant's limits (settings.gate), held until somebody decides.",
    commands={
        "list": ("rocksync.cli.desk:list_holds", "List what is held, with the old and the new value."),
        "approve": ("rocksync.cli.desk:approve", "Let held changes go out as they are."),
        "reject": ("rocksync.cli.desk:reject", "Leave Plugg.to as it is."),
    },
)


@click.command("list")
@click.argument("slug", required=False)
@kind_option
@key_option
@click.option("--reason", "reasons", multiple=True, type=ReasonType(), help="Only this reason; may be repeated.")
@click.option("--limit", type=click.IntRange(1), default=1000, show_default=True, help="At most so many.")
@json_option
def list_quarantine(
    slug: str | None,
    kinds: Sequence[Kind],
    keys: Sequence[str],
    reasons: Sequence[Reason],
    limit: int,
    as_json: bool,
) -> None:
    """List items in quarantine, the oldest first, of all tenants or of SLUG."""

    async def body(access: "Access") -> None:
        if slug is not None:
            await access.tenants.get(slug)
        which = Filter(slug=slug, kinds=kinds, keys=keys, reasons=reasons)
        rows = await access.desk.quarantined(which, limit=limit)
        if len(rows) == limit and (total := await access.desk.count_quarantined(which)) > limit:
            click.echo(f"{limit:,} of {total:,} are shown: --limit", err=True)
        if as_json:
            print_json(
                [
                    {
                        "tenant": row.slug,
                        "kind": row.kind,
                        "key": row.key,
                        "reason": row.reason,
                        "detail": row.detail,
                        "attempts": row.attempts,
                        "changed_at": row.changed_at,
                        "attempted_at": row.attempted_at,
                    }
                    for row in rows
                ]
            )
            return
        print_table(
            ("TENANT", "KIND", "KEY", "REASON", "SINCE", "DETAIL"),
            [(row.slug, row.kind, row.key, row.reason, ago(row.changed_at), row.detail or "") for row in rows],
            whole=("KIND", "KEY", "REASON", "SINCE"),
            none="nothing is in quarantine",
        )

    run_with_access(body)


@click.command()
@click.argument("slug", required=False)
@kind_option
@key_option
@click.option("--reason", "reasons", multiple=True, type=ReasonType(), help="Only this reason; may be repeated.")
@json_option
def release(
    slug: str | None, kinds: Sequence[Kind], keys: Sequence[str], reasons: Sequence[Reason], as_json: bool
) -> None:
    """Let items in quarantine try again: those that match all that is given. At least one thing must be given.

    Those that match and were refused but not set aside yet are tried at once, instead of after their wait.
    """
    if not (slug or kinds or keys or reasons):
        raise click.UsageError("say what to release: SLUG, --kind, --key or --reason")

    async def body(access: "Access") -> None:
        if slug is not None:
            await access.tenants.get(slug)
        held = await access.desk.holds(Filter(slug=slug, kinds=kinds, keys=keys))
        found = await access.desk.release(Filter(slug=slug, kinds=kinds, keys=keys, reasons=reasons))
        if as_json:
            print_json({"released": found.released, "retried": found.retried})
        else:
            retried = f", {found.retried} that waited tried at once" if found.retried else ""
            click.echo(f"{found.released} released{retried}")
        if not reasons or Reason.UNCONFIRMED in reasons:
            _tell_held(held)

    run_with_access(body)


@click.command()
@slug_argument
@thing_arguments
@json_option
def resend(slug: str, what: str, key: str, as_json: bool) -> None:
    """Send a SKU (product, price and stock) or an order of tenant SLUG again, although Plugg.to holds the same."""

    async def body(access: "Access") -> None:
        tenant = (await access.tenants.get(slug)).tenant.id
        keys = await _keys(access, tenant, what, key)
        held = await access.desk.holds(Filter(slug=slug, kinds=list(keys.by_kind), keys=list(keys.by_kind.values())))
        kept_out = await _kept_out(access, tenant, keys)
        manual = await access.desk.resend(tenant, slug, keys)
        _tell_held(held)
        if kept_out is not None:
            still = f"and still is unless that has changed: rocksync explain {slug} order {key}"
            click.echo(f"order {key} was kept out of the store ({kept_out}), {still}", err=True)
        if as_json:
            resent = {str(kind): name for kind, name in keys.by_kind.items()}
            print_json({"tenant": slug, "resent": resent, "on_request_only": manual})
            return
        click.echo(f"{what} {key} of tenant {slug} is sent again by the next passes: {', '.join(keys.by_kind)}")
        if manual:
            click.echo(f"{', '.join(manual)} runs on request only: rocksync sync {slug} {' '.join(manual)}")

    run_with_access(body)


@click.command()
@slug_argument
@thing_arguments
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="At most so many, the latest.")
@json_option
def history(slug: str, what: str, key: str, limit: int, as_json: bool) -> None:
    """Show what was sent for a SKU or an order of tenant SLUG, what Plugg.to answered, and when.

    It is kept for history.keep_days days, without secrets and personal data.
    """

    async def body(access: "Access") -> None:
        tenant = (await access.tenants.get(slug)).tenant.id
        lines = _cut(await access.desk.history(tenant, await _keys(access, tenant, what, key), limit=limit + 1), limit)
        told = [attempt_as_json(line) for line in lines]
        if as_json:
            print_json(told)
            return
        print_table(
            ("AT", "KIND", "ACTION", "HTTP", "MS", "REASON", "DETAIL", "SENT"),
            [
                (
                    *(line.at, line.kind, line.action, line.status, line.took_ms, line.reason),
                    each["detail"],
                    each["sent"],
                )
                for line, each in zip(lines, told, strict=True)
            ],
            whole=("AT", "KIND", "ACTION", "HTTP", "MS", "REASON"),
            none=f"nothing was sent for it in the last {access.settings.history.keep_days} days",
        )

    run_with_access(body)


def _cut(lines: list[_Line], limit: int) -> list[_Line]:
    """The first *limit* of *lines*, and a word on those that are left out."""
    if len(lines) > limit:
        click.echo(f"the latest {limit:,} are shown: --limit", err=True)
    return lines[:limit]


def _tell_held(held: Sequence[Hold]) -> None:
    """Say of changes beyond a tenant's limits that trying again is not what lets them out."""
    for slug, count in Counter(each.slug for each in held).items():
        let_out = f"rocksync holds list {slug}, then rocksync holds approve {slug} --key KEY"
        click.echo(
            f"{count} of it held by the limits of tenant {slug}, and again by the next pass: {let_out}", err=True
        )


async def _kept_out(access: "Access", tenant: "TenantId", keys: "Keys") -> str | None:
    """Why an order was kept out of the store, where sending it again does not change it."""
    situation = importlib.import_module("rocksync.postgres.situations").situation
    item = (await situation(access.database.pool, tenant, keys.by_kind)).items.get(Kind.ORDER)
    if item is None or item.state != "skipped" or item.reason is not Reason.NOT_SELECTED:
        return None
    return None if item.detail is None or "rocksync resend" in item.detail else item.detail


async def _keys(access: "Access", tenant: "TenantId", what: str, key: str) -> "Keys":
    return await (access.desk.keys_of_sku if what == "sku" else access.desk.keys_of_order)(tenant, key)


@click.command("list")
@click.argument("slug", required=False)
@kind_option
@key_option
@json_option
def list_holds(slug: str | None, kinds: Sequence[Kind], keys: Sequence[str], as_json: bool) -> None:
    """List held changes, the oldest first, of all tenants or of SLUG."""

    async def body(access: "Access") -> None:
        if slug is not None:
            await access.tenants.get(slug)
        rows = await access.desk.holds(Filter(slug=slug, kinds=kinds, keys=keys))
        if as_json:
            print_json(
                [
                    {
                        "tenant": row.slug,
                        "kind": row.kind,
                        "key": row.key,
                        "before": row.before,
                        "after": row.after,
                        "why": row.why,
                        "held_at": row.held_at,
                    }
                    for row in rows
                ]
            )
            return
        print_table(
            ("TENANT", "KIND", "KEY", "BEFORE", "AFTER", "SINCE", "WHY"),
            [
                (row.slug, row.kind, row.key, dict(row.before), dict(row.after), ago(row.held_at), row.why)
                for row in rows
            ],
            whole=("KIND", "KEY", "SINCE"),
            none="nothing is held",
        )

    run_with_access(body)


@click.command()
@slug_argument
@kind_option
@key_option
@click.option("--all", "everything", is_flag=True, help="All that is held of the tenant.")
@json_option
def approve(slug: str, kinds: Sequence[Kind], keys: Sequence[str], everything: bool, as_json: bool) -> None:
    """Let held changes of tenant SLUG go out as they were seen; another change of the same item is judged anew."""
    _decide(slug, kinds, keys, everything=everything, as_json=as_json, approved=True)


@click.command()
@slug_argument
@kind_option
@key_option
@click.option("--all", "everything", is_flag=True, help="All that is held of the tenant.")
@json_option
def reject(slug: str, kinds: Sequence[Kind], keys: Sequence[str], everything: bool, as_json: bool) -> None:
    """Leave Plugg.to as it is; a later change of the same item is judged anew."""
    _decide(slug, kinds, keys, everything=everything, as_json=as_json, approved=False)


def _decide(
    slug: str, kinds: Sequence[Kind], keys: Sequence[str], *, everything: bool, as_json: bool, approved: bool
) -> None:
    if not (kinds or keys or everything):
        raise click.UsageError("say what is meant: --kind, --key or --all")

    async def body(access: "Access") -> None:
        tenant = (await access.tenants.get(slug)).tenant.id
        which = Filter(slug=slug, kinds=kinds, keys=keys)
        decided = await (access.desk.approve if approved else access.desk.reject)(tenant, which)
        word = "approved" if approved else "rejected"
        if as_json:
            print_json({"tenant": slug, word: decided})
        else:
            click.echo(f"{decided} {word}")

    run_with_access(body)


@click.command()
@click.argument("slug", required=False)
@click.option("--limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many, the latest.")
@json_option
def audit(slug: str | None, limit: int, as_json: bool) -> None:
    """Show what operators changed, who and when, the latest first: of everything or of tenant SLUG."""

    async def body(access: "Access") -> None:
        lines = _cut(await access.desk.audit(slug, limit=limit + 1), limit)
        if slug is not None and not lines:  # one that was removed has lines
            await access.tenants.get(slug)
        if as_json:
            print_json(
                [
                    {"at": line.at, "who": line.who, "action": line.action, "tenant": line.slug, "what": line.what}
                    for line in lines
                ]
            )
            return
        print_table(
            ("AT", "WHO", "ACTION", "TENANT", "WHAT"),
            [(line.at, line.who, line.action, line.slug, dict(line.what)) for line in lines],
            whole=("AT", "ACTION", "TENANT"),
            none="nothing was changed",
        )

    run_with_access(body)
