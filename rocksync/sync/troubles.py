"""Import failures told where the client works: in the log of the order at Plugg.to, once, and once when solved.

Only for a tenant that wants it (``settings.tell_orders``). What is to be told follows from where the orders are, not
from what just happened, so a crash or a restart neither loses nor repeats it.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress

from rocksync.domain.errors import ItemError, PassError, TenantError
from rocksync.domain.orders import Trouble
from rocksync.domain.outcomes import PassReport
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Lease, Tenant
from rocksync.sync.deps import Deps
from rocksync.sync.engine import Slice
from rocksync.sync.orders import sync_orders

log = logging.getLogger(__name__)

_AT_ONCE = 20
_MOST_SKUS = 10
_BECAUSE: Mapping[Reason, str] = {
    Reason.UNKNOWN_SKU: "a loja não conhece um SKU do pedido",
    Reason.INVALID_ITEM: "um dado do pedido não pode ser gravado na loja",
    Reason.MAPPER_ERROR: "a regra própria da loja falhou",
    Reason.MAPPER_TIMEOUT: "a regra própria da loja não terminou a tempo",
}
_ANYTHING_ELSE = "a integração não conseguiu gravá-lo"
_THEN = "Corrigido isso, ele é importado automaticamente."


async def sync_and_tell(lease: Lease, deps: Deps, limits: Slice) -> PassReport:
    """Synchronise orders; then tell Plugg.to's log of those that could not be imported, if the tenant wants that."""
    report = await sync_orders(lease, deps, limits)
    if tells(lease.tenant):
        try:
            for trouble in await deps.troubles.open(lease.tenant.id, _AT_ONCE):
                if limits.over():
                    break
                await _tell(lease, deps, trouble)
        except (PassError, TenantError) as error:
            log.warning("order_trouble_not_told", extra={"detail": error.detail})  # the next pass tells it
    return report


def tells(tenant: Tenant) -> bool:
    """Whether *tenant* wants failures told."""
    return tenant.settings.get("tell_orders") is True


def text_of(trouble: Trouble) -> str:
    """Return the line of the log, in the language of the panel; it holds no buyer's data."""
    if trouble.store_id is not None:
        return f"rocksync: pedido importado; o número dele na loja é {trouble.store_id}."
    because = _BECAUSE.get(trouble.reason, _ANYTHING_ELSE)
    skus = [sku for sku in trouble.missing_skus if sku.isprintable()][:_MOST_SKUS]
    named = f": {', '.join(skus)}" if skus else ""
    return f"rocksync: pedido não importado ({trouble.reason}): {because}{named}. {_THEN}"


async def _tell(lease: Lease, deps: Deps, trouble: Trouble) -> None:
    """Write the line unless it is there, and note that. One that Plugg.to refuses is not tried again."""
    text = text_of(trouble)
    try:
        if not await _is_there(lease, deps, trouble.order_id, text):
            await deps.hub.log_message(lease.tenant, trouble.order_id, text)
    except ItemError as error:
        log.warning("order_trouble_refused", extra={"order": trouble.order_id, "detail": error.detail})
    await deps.troubles.told(lease.tenant.id, trouble)


async def _is_there(lease: Lease, deps: Deps, order_id: str, text: str) -> bool:
    """Whether the order's log has the line: it was written before, and whoever wrote it did not live to note that."""
    with suppress(ItemError):  # an order that cannot be read as one can be told of all the same
        order = await deps.hub.order(lease.tenant, order_id)
        entries = order.document.get("log_history") if order is not None else None
        return isinstance(entries, list) and any(
            isinstance(entry, Mapping) and entry.get("message") == text for entry in entries
        )
    return False
