"""Which reason code holds for a thing, and what happens to it next: pure rules over what is known."""

import asyncio
import shlex
from collections.abc import Awaitable, Mapping
from datetime import datetime
from typing import Any

from rocksync.domain.errors import ItemError, PassError, TenantError
from rocksync.domain.explanation import ItemSituation, Live, Situation, Verdict
from rocksync.domain.reasons import GUIDANCE, POSTPONED, Reason
from rocksync.domain.tenancy import Kind, Mode, TenantStatus

LIVE_WITHIN_S = 10.0
"""How long Plugg.to may take to show its live value."""
PASSING = frozenset(
    {
        Reason.PENDING,
        Reason.HUB_UNAVAILABLE,
        Reason.RATE_LIMITED,
        Reason.UNCONFIRMED,
        Reason.KIND_MANUAL,
        Reason.TENANT_PAUSED,
        Reason.NEEDS_CREDENTIALS,
    }
)
"""Reasons that are not the item's own fault."""
_GOES_ON = frozenset({Reason.PENDING, Reason.HUB_UNAVAILABLE, Reason.RATE_LIMITED})
_OFF_SALE = frozenset({Reason.INACTIVE, Reason.NOT_SELECTED})


async def look(reading: Awaitable[Mapping[str, Any] | None]) -> Live:
    """What Plugg.to shows now; that it cannot be asked is an answer too."""
    try:
        async with asyncio.timeout(LIVE_WITHIN_S):
            return Live(shown=await reading)
    except TimeoutError:
        return Live(error=f"no answer within {LIVE_WITHIN_S:.0f} s", reason=Reason.HUB_UNAVAILABLE)
    except (PassError, TenantError) as error:
        return Live(error=error.detail, reason=error.reason)
    except ItemError as error:
        return Live(error=error.detail)


def of_tenant(situation: Situation, live: Live) -> Verdict | None:
    """Why nothing of the tenant is served, if so."""
    match situation.status:
        case TenantStatus.NEEDS_CREDENTIALS:
            return Verdict(reason=Reason.NEEDS_CREDENTIALS, detail=situation.status_reason)
        case TenantStatus.PAUSED:
            return Verdict(reason=Reason.TENANT_PAUSED, detail=situation.status_reason or "the tenant is paused")
        case TenantStatus.DRAFT:
            return Verdict(reason=Reason.TENANT_PAUSED, detail="the tenant is a draft: it was never activated")
        case TenantStatus.ACTIVE:
            is_refused = live.reason is Reason.NEEDS_CREDENTIALS and not situation.is_sealing
            return Verdict(reason=Reason.NEEDS_CREDENTIALS, detail=live.error) if is_refused else None


def waiting(kind: Kind, item: ItemSituation | None, situation: Situation, live: Live) -> Verdict:
    """Why something that is to be sent has not been sent yet."""
    schedule = situation.kinds.get(kind)
    if schedule is not None and schedule.is_paused:
        return Verdict(reason=Reason.TENANT_PAUSED, detail=f"{kind} is paused: {schedule.paused_reason}")
    if item is not None and item.state == "pending" and item.reason is not Reason.PENDING and not item.is_changed:
        return Verdict(reason=item.reason, detail=item.detail)
    if schedule is not None and schedule.failure_reason is not None:
        return Verdict(reason=schedule.failure_reason, detail=schedule.failure)
    if schedule is not None and schedule.mode is Mode.MANUAL and not schedule.is_requested and not schedule.is_running:
        return Verdict(reason=Reason.KIND_MANUAL, detail=f"{kind} runs on request only")
    if live.reason in {Reason.HUB_UNAVAILABLE, Reason.RATE_LIMITED}:
        return Verdict(reason=live.reason, detail=live.error)
    return Verdict(reason=Reason.PENDING, detail=item.detail if item is not None else None)


def unnoted(sku: str) -> Verdict:
    """The verdict on what was sent otherwise than it is in the store, with nothing that would have it sent again."""
    return Verdict(
        reason=Reason.PENDING,
        detail="the store's row differs from what was sent, but its change was never noted"
        " (triggers off, or a view without mark_changed)",
        fix=f"`rocksync resend SLUG sku {shlex.quote(sku)}` sends it; `rocksync sync SLUG KIND --all-items` sends all"
        " that differ.",
    )


def severity(verdict: Verdict) -> int:
    """How much a verdict weighs against others of the same thing: 0 the most."""
    if verdict.reason is Reason.IN_SYNC:
        return 3
    if verdict.reason in _OFF_SALE:
        return 2
    return 1 if verdict.reason in PASSING else 0


def next_action(verdict: Verdict, kind: Kind | None, item: ItemSituation | None, situation: Situation) -> str:
    """What happens next by itself, or who has to do what. *kind* is the one that decided, *item* its item."""
    if verdict.reason is Reason.IN_SYNC:
        return "none"
    fix = verdict.fix or GUIDANCE[verdict.reason].fix
    if kind is None or verdict.fix is not None:
        return fix
    if item is not None and item.state == "quarantined" and verdict.reason is Reason.UNCONFIRMED:
        return (
            f"held until somebody decides: rocksync holds approve SLUG --key {shlex.quote(item.key)}, or holds reject"
        )
    if item is not None and item.state == "quarantined" and not item.is_changed:
        return f"set aside: tried again when its row changes or it is released. {fix}"
    return _when(kind, item, situation) if _goes_on(verdict, kind, item, situation) else fix


def _goes_on(verdict: Verdict, kind: Kind, item: ItemSituation | None, situation: Situation) -> bool:
    """Whether a pass looks at it without anybody acting."""
    schedule = situation.kinds.get(kind)
    if schedule is None or schedule.is_paused or verdict.reason is Reason.KIND_MANUAL:
        return False
    return (item is not None and item.state == "pending") or verdict.reason in _GOES_ON or kind in situation.changed


def _when(kind: Kind, item: ItemSituation | None, situation: Situation) -> str:
    schedule = situation.kinds[kind]
    if schedule.is_running:
        return f"the {kind} pass that runs now looks at it"
    moments = [schedule.due_at, schedule.backoff_until]
    at_once = ""
    if item is not None and item.state == "pending" and not item.is_changed:
        moments.append(item.next_attempt_at)
        if item.attempts and item.reason not in POSTPONED:
            at_once = f"; at once: rocksync quarantine release SLUG --key {shlex.quote(item.key)}"
    known = [moment for moment in moments if moment is not None]
    due = f"from {_stamp(max(known))}" if known else "when it is asked for"
    runs = "" if situation.workers else "; no worker runs: start one"
    return f"the next {kind} pass looks at it, {due}{at_once}{runs}"


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%SZ}"
