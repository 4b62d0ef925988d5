"""Why a SKU is, or is not, at Plugg.to as it is: a dry run of its passes that writes nothing anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from typing import Any

from rocksync.domain.catalog import Listing, Price, Stock, Variation
from rocksync.domain.desk import Attempt
from rocksync.domain.documents import PriceDocument, ProductDocument, Skip, StockDocument
from rocksync.domain.errors import ItemError
from rocksync.domain.explanation import Explanation, ItemSituation, Live, Part, Situation, StockSum, Verdict
from rocksync.domain.outcomes import Item, Skipped
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Kind, Tenant
from rocksync.sync import verdicts
from rocksync.sync.deps import Deps
from rocksync.sync.engine import Flow, plain
from rocksync.sync.prices import price_flow
from rocksync.sync.products import product_flow
from rocksync.sync.stock import stock_flow

_Draft = ProductDocument | PriceDocument | StockDocument | Skip | Skipped | ItemError | Any


async def explain_sku(
    tenant: Tenant,
    sku: str,
    keys: Mapping[Kind, str],
    *,
    deps: Deps,
    situation: Situation,
    attempts: Sequence[Attempt],
) -> Explanation:
    """Return the whole chain of *sku*, whose product is ``keys[Kind.PRODUCT]``."""
    run = _Run(tenant, sku, keys, deps, situation)
    return await run.explanation(attempts)


class _Run:
    """What is found out on the way."""

    def __init__(self, tenant: Tenant, sku: str, keys: Mapping[Kind, str], deps: Deps, situation: Situation) -> None:
        self._tenant = tenant
        self._sku = sku
        self._keys = keys
        self._deps = deps
        self._situation = situation
        self._live = Live()
        self._listing: Listing | None = None
        self._price: Price | None = None
        self._stock: Stock | None = None

    async def explanation(self, attempts: Sequence[Attempt]) -> Explanation:
        product_sku = self._keys[Kind.PRODUCT]
        self._listing = (await self._deps.catalog.listings(self._tenant.id, [product_sku])).get(product_sku)
        self._live = await verdicts.look(self._shown())
        parts = await self._parts() if self._is_known() else []
        decided, verdict = self._overall(parts)
        item = self._situation.items.get(decided) if decided else None
        return Explanation(
            slug=self._tenant.slug,
            what="sku",
            name=self._sku,
            verdict=verdict,
            next_action=verdicts.next_action(verdict, decided, item, self._situation),
            eligibility=self._eligibility(),
            parts=tuple(parts),
            live=self._live,
            stock=await self._stock_sum(),
            attempts=tuple(attempts),
            decided_by=decided,
        )

    async def _shown(self) -> Mapping[str, Any] | None:
        """What Plugg.to shows of the SKU: its own members, and which product carries it."""
        product = await self._deps.hub.product(self._tenant, self._sku)
        if product is None:
            return None
        variations = product.get("variations")
        entries = [each for each in variations if isinstance(each, dict)] if isinstance(variations, list) else []
        entry = next((each for each in entries if each.get("sku") == self._sku), product)
        members = ("sku", "name", "price", "special_price", "quantity", "available")
        shown = {name: entry[name] for name in members if name in entry}
        return shown | {"product": product.get("sku"), "variations": [each.get("sku") for each in entries]}

    @property
    def _variation(self) -> Variation | None:
        variations = self._listing.product.variations if self._listing else ()
        return next((each for each in variations if each.sku == self._sku), None)

    @property
    def _is_parent(self) -> bool:
        listing = self._listing
        return listing is not None and listing.product.sku == self._sku and bool(listing.product.variations)

    @property
    def _is_in_store(self) -> bool:
        listing = self._listing
        return listing is not None and (listing.product.sku == self._sku or self._variation is not None)

    @property
    def _is_active(self) -> bool:
        listing, variation = self._listing, self._variation
        return listing is not None and listing.product.active and (variation is None or variation.active)

    def _is_known(self) -> bool:
        """Whether there is anything to tell: a row of the store, or something that Plugg.to once accepted."""
        return self._listing is not None or any(item.accepted is not None for item in self._situation.items.values())

    def _eligibility(self) -> dict[str, Any]:
        listing = self._listing
        facts = {
            "in_store": self._is_in_store,
            "active": self._is_active,
            "product": self._keys[Kind.PRODUCT],
            "is_parent": self._is_parent,
        }
        if listing is not None and not self._is_parent:
            facts |= {"has_price": self._sku in listing.prices, "has_stock": self._sku in listing.stocks}
        if self._is_parent and listing is not None:
            facts["variations"] = [variation.sku for variation in listing.product.variations]
        return facts

    async def _parts(self) -> list[Part]:
        product = await self._part(Kind.PRODUCT, product_flow(self._tenant, self._deps))
        if self._is_parent:
            return [product]
        price = await self._part(Kind.PRICE, price_flow(self._tenant, self._deps))
        stock = await self._part(Kind.STOCK, stock_flow(self._tenant, self._deps))
        return [product, price, stock]

    async def _part(self, kind: Kind, flow: Flow[Any, Any]) -> Part:
        key = self._keys[kind]
        known = self._situation.items.get(kind)
        item = _item(key, known, self._deps)
        row = (await flow.read([key])).get(key)
        [draft] = await flow.convert([(item, row)])
        if isinstance(row, Price):
            self._price = row
        if isinstance(row, Stock):
            self._stock = row
        if isinstance(draft, Skipped) and draft.reason is Reason.PENDING:
            draft = await self._own_fault(kind, row) or draft
        return Part(
            kind=kind,
            key=key,
            verdict=self._judged(kind, known, draft),
            store=self._shown_row(row),
            mapped=plain(draft.payload) if hasattr(draft, "payload") else None,
            item=known,
        )

    async def _own_fault(self, kind: Kind, row: Price | Stock | None) -> ItemError | None:
        """What is wrong with the price or stock itself of a SKU that waits to be created."""
        made: Sequence[object] = ()
        if kind is Kind.PRICE and isinstance(row, Price):
            made = await self._deps.mapper.prices(self._tenant, [row])
        elif kind is Kind.STOCK and isinstance(row, Stock):
            made = await self._deps.mapper.stocks(self._tenant, [row])
        return next((each for each in made if isinstance(each, ItemError)), None)

    def _shown_row(self, row: Listing | Price | Stock | None) -> Mapping[str, Any] | None:
        """The store's row, without what is empty; of a product its variations by SKU, the one in question whole."""
        if row is None or (isinstance(row, Stock) and self._listing and self._sku not in self._listing.stocks):
            return None
        if not isinstance(row, Listing):
            return asdict(row)
        members = asdict(row.product) | {"variations": [variation.sku for variation in row.product.variations]}
        if self._variation is not None:
            members["variation"] = asdict(self._variation)
        return {name: value for name, value in members.items() if value not in (None, (), {}, [])}

    def _judged(self, kind: Kind, item: ItemSituation | None, draft: _Draft) -> Verdict:
        absent = self._absent(kind)
        if absent is not None and (item is None or item.accepted is None):
            return absent
        if isinstance(draft, ItemError | Skip | Skipped):
            return self._not_sent(kind, item, draft)
        wanted = plain(draft.payload)
        if item is None or item.accepted != wanted or item.resend or item.state == "quarantined":
            return self._to_send(kind, item, wanted)
        if (fault := getattr(draft, "fault", None)) is not None:
            return Verdict(reason=fault.reason, detail=fault.detail)
        reason = getattr(draft, "reason", Reason.IN_SYNC)
        if reason is not Reason.IN_SYNC:
            return Verdict(reason=reason, detail="off sale at Plugg.to, as it is to be")
        return absent or Verdict(reason=Reason.IN_SYNC)

    def _to_send(self, kind: Kind, item: ItemSituation | None, wanted: Mapping[str, Any]) -> Verdict:
        """Why Plugg.to does not have yet what is wanted."""
        if item is not None and kind not in self._situation.changed:
            is_kept_back = item.state == "skipped" and item.accepted != wanted
            if item.state == "quarantined" or is_kept_back:
                return Verdict(reason=item.reason, detail=item.detail)
            if item.state == "synced" and not item.resend and not self._is_mapped_anew(kind):
                return verdicts.unnoted(self._sku)
        return verdicts.waiting(kind, item, self._situation, self._live)

    def _is_mapped_anew(self, kind: Kind) -> bool:
        """Whether mappers are others by now, so that the next pass maps every item again."""
        schedule = self._situation.kinds.get(kind)
        return schedule is not None and (schedule.mapper_version or "") != self._deps.mapper.version(self._tenant)

    def _not_sent(self, kind: Kind, item: ItemSituation | None, draft: ItemError | Skip | Skipped) -> Verdict:
        if draft.reason is Reason.PENDING:
            found = verdicts.waiting(kind, item, self._situation, self._live)
            return Verdict(reason=found.reason, detail=found.detail or draft.detail)
        return Verdict(reason=draft.reason, detail=draft.detail)

    def _absent(self, kind: Kind) -> Verdict | None:
        """What the store lacks of a SKU that it sells."""
        if kind is Kind.PRODUCT or self._listing is None or not self._is_in_store:
            return None
        if not self._is_active:
            return Verdict(reason=Reason.INACTIVE, detail=f"{self._sku} is inactive in the store")
        if kind is Kind.PRICE and self._sku not in self._listing.prices:
            return Verdict(reason=Reason.MISSING_PRICE, detail=f"no row in store.price for {self._sku}")
        if kind is Kind.STOCK and self._sku not in self._listing.stocks:
            return Verdict(reason=Reason.MISSING_STOCK, detail=f"no row in store.stock for {self._sku}")
        return None

    def _overall(self, parts: Sequence[Part]) -> tuple[Kind | None, Verdict]:
        """The verdict that the chain ends in, and the kind that it comes from."""
        stopped = verdicts.of_tenant(self._situation, self._live)
        if stopped is not None:
            return None, stopped
        if not parts:
            return None, Verdict(reason=Reason.UNKNOWN_SKU, detail=f"the store has no SKU {self._sku}")
        product = parts[0]
        if product.verdict.reason is not Reason.IN_SYNC and (product.item is None or product.item.accepted is None):
            return product.kind, product.verdict  # price and stock wait for it
        counted = parts if self._is_in_store else [part for part in parts if part.kind is not Kind.PRICE]
        worst = min(counted, key=lambda part: verdicts.severity(part.verdict))
        if not self._is_in_store and verdicts.severity(worst.verdict) > 1:
            return worst.kind, Verdict(reason=Reason.INACTIVE, detail=f"{self._sku} has left the store")
        if worst.verdict.reason is Reason.IN_SYNC:
            return self._confirmed(parts)
        return worst.kind, worst.verdict

    def _confirmed(self, parts: Sequence[Part]) -> tuple[Kind, Verdict]:
        """In step by our own books: does Plugg.to show it as well?"""
        if self._live.error is not None:
            return Kind.PRODUCT, Verdict(reason=Reason.IN_SYNC, detail="by what Plugg.to last accepted")
        shown = self._live.shown
        if shown is None:
            return Kind.PRODUCT, Verdict(
                reason=Reason.UNCONFIRMED, detail=f"Plugg.to accepted {self._sku} and does not have it now"
            )
        for part in parts[1:]:
            for name, sent in (part.mapped or {}).items():
                if sent is not None and not _same(shown.get(name), sent):
                    detail = f"Plugg.to accepted {name} {sent} and shows {shown.get(name)} now"
                    return part.kind, Verdict(reason=Reason.UNCONFIRMED, detail=detail)
        return Kind.PRODUCT, Verdict(reason=Reason.IN_SYNC)

    async def _stock_sum(self) -> StockSum | None:
        stock = self._stock
        if stock is None or self._listing is None or self._sku not in self._listing.stocks:
            return None
        [made] = await self._deps.mapper.stocks(self._tenant, [stock])
        quantity = made.payload["quantity"] if isinstance(made, StockDocument) else None
        return StockSum(
            on_hand=stock.on_hand,
            reserved=stock.reserved,
            held=stock.held,
            sellable=stock.sellable,
            buffer=None if quantity is None else stock.sellable - quantity,
            quantity=quantity,
            active=stock.active,
        )


def _item(key: str, known: ItemSituation | None, deps: Deps) -> Item:
    if known is None:
        return Item(key=key, revision=0, changed_at=deps.now())
    return Item(
        key=key,
        revision=known.revision,
        changed_at=known.changed_at or deps.now(),
        attempts=known.attempts,
        resend=known.resend,
        accepted=known.accepted,
    )


def _same(shown: object, sent: object) -> bool:
    try:
        return Decimal(str(shown)) == Decimal(str(sent))
    except InvalidOperation:
        return shown == sent
