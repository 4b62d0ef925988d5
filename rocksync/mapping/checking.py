"""A mapper tried on samples of every kind of item, before it meets a client's."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rocksync.domain.documents import StockDocument
from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import BY_MAPPER
from rocksync.domain.tenancy import Tenant, TenantId
from rocksync.mapping import samples
from rocksync.mapping.conversion import exact
from rocksync.mapping.mapper import Mappers
from rocksync.mapping.wire import Failed

_PLACE = re.compile(r"^(?:.*?: )?mapper [^,]+, (?P<file>.+?)(?: line (?P<line>\d+))?: (?P<what>.*)$", re.DOTALL)
_SET_ASIDE = re.compile(r"^(?P<what>.*) \(mapper [^,]+, (?P<file>.+?) line (?P<line>\d+)\)$", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something about a mapper. ``blocks`` False: worth knowing, no fault. ``line`` 0: of the whole file."""

    file: str
    line: int
    detail: str
    blocks: bool = True

    def __str__(self) -> str:
        """Return the finding as compilers write theirs."""
        return f"{self.file}:{self.line}: {self.detail}" if self.line else f"{self.file}: {self.detail}"


async def check(mappers: Mappers, name: str, settings: Mapping[str, Any] | None = None) -> list[Finding]:
    """Return what is wrong with mapper *name* as it is on disk, with a tenant of these *settings* (or of none)."""
    found = mappers.source(name)
    if found is None:
        return [Finding(file=name, line=0, detail=f"there is no mapper {name} in the folder")]
    version = await mappers.sound(found)
    label = found.source.label
    if isinstance(version, Failed):
        return [Finding(file=version.file or label, line=version.line, detail=version.detail)]
    tenant = Tenant(id=TenantId(0), slug="sample", name="Sample", domain="loja.example", settings=dict(settings or {}))
    twin = replace(tenant, id=TenantId(-1))
    trial = mappers.only([version], samples=True)
    findings = [Finding(file=label, line=0, detail=text) for text in await trial.complaints(tenant)]
    sellable = {stock.sku: stock.sellable for stock in samples.stocks()}
    oversold: list[Finding] = []
    before: list[object] = []
    after: list[object] = []
    async for what, answer in _answers(trial, tenant):
        before.append(answer)
        if isinstance(answer, ItemError):
            findings.append(_finding(label, what, answer))
        elif isinstance(answer, StockDocument) and (shown := answer.payload["quantity"]) > sellable[answer.key]:
            detail = f"{what} would be sold {shown} times, and the store has {sellable[answer.key]}"
            oversold.append(Finding(file=label, line=0, detail=detail, blocks=False))
    # Once more for another tenant, so in another process, which knows nothing of the first.
    async for _, answer in _answers(trial, twin):
        after.append(answer)
    if not findings and before != after:
        detail = (
            "the same items came out differently the second time, in a new process: a hook may use no clock or chance"
        )
        findings.append(Finding(file=label, line=0, detail=detail))
    return list(dict.fromkeys(findings + oversold))


async def _answers(trial: Mappers, tenant: Tenant) -> AsyncIterator[tuple[str, Any]]:
    """Yield what was mapped, and what came of it; products also as they are once the hub has them."""
    listings = samples.listings()
    created = await trial.products(tenant, [(listing, None) for listing in listings])
    for listing, document in zip(listings, created, strict=True):
        yield f"product {listing.product.sku}", document
    held = [
        (listing, exact(getattr(document, "payload", {"sku": listing.product.sku, "name": listing.product.name})))
        for listing, document in zip(listings, created, strict=True)
    ]
    for listing, document in zip(listings, await trial.products(tenant, held), strict=True):
        yield f"product {listing.product.sku} (already at Plugg.to)", document
    prices, stocks = samples.prices(), samples.stocks()
    for price, made in zip(prices, await trial.prices(tenant, prices), strict=True):
        yield f"price {price.sku}", made
    for stock, one in zip(stocks, await trial.stocks(tenant, stocks), strict=True):
        yield f"stock {stock.sku}", one
    orders = samples.hub_orders()
    for order, task in zip(orders, await trial.orders(tenant, [(order, None) for order in orders]), strict=True):
        yield f"order {order.id}", task
    parcels = samples.parcels()
    for (order, _), task in zip(parcels, await trial.orders(tenant, parcels), strict=True):
        yield f"invoice and shipment of order {order.id}", task


def _finding(label: str, what: str, error: ItemError) -> Finding:
    blocks = error.reason in BY_MAPPER
    place = (_PLACE if blocks else _SET_ASIDE).match(error.detail)
    if place is None:
        return Finding(file=label, line=0, detail=f"{what}: {error.detail}", blocks=blocks)
    detail = f"{what}: {place['what']}" if blocks else f"{what} would be set aside: {place['what']}"
    return Finding(file=place["file"], line=int(place["line"] or 0), detail=detail, blocks=blocks)
