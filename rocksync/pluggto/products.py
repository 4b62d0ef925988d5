"""Products, prices and stock to the hub. Source: pluggto-api 3; each body with its own in the modules that build it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from rocksync.domain.documents import PriceDocument, ProductDocument, StockDocument
from rocksync.domain.doubt import either
from rocksync.domain.errors import ItemError, MissingAtHubError, PassError
from rocksync.domain.outcomes import Created, Delivery
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Tenant
from rocksync.pluggto import offers, product_writes, reading, requests
from rocksync.pluggto.client import AmbiguousError, Client
from rocksync.pluggto.encoding import body, sku_segment
from rocksync.pluggto.replies import Reply, Request

_NOT_FOUND, _CREATED = 404, 201
_LOOKED_UP = 20
"""Variations that are looked up, at most, to say why a product was refused."""

Members = dict[str, Any]
T = TypeVar("T")


class Products:
    """The hub's products."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def put_product(
        self,
        tenant: Tenant,
        document: ProductDocument,
        accepted: Members | None,
        *,
        full: bool,
        sending: Members | None = None,
    ) -> Delivery:
        """Bring the product in line; *full*: send every member. Raises: ItemError when it is refused.

        *sending*: what was sent before and may have arrived; what the hub has of it and should not is removed.
        """
        sku_segment(document.key)
        async with self._client.writing(tenant, document.key):
            write = _Write(self._client, tenant, document)
            if sending is not None:
                await write.repair(accepted, sending)
            elif accepted is None:
                await write.first()
            else:
                await write.update(accepted, full=full)
        return write.delivery()

    async def put_prices(self, tenant: Tenant, documents: Sequence[PriceDocument]) -> Delivery:
        """Bring the prices of SKUs of one product in line; ``bare`` are those that are there by it alone, as it seems.

        Raises: ItemError; MissingAtHubError when there is no such product.
        """
        sku = documents[0].product_sku
        sent, content = body(sku, offers.prices(documents))
        async with self._client.writing(tenant, sku):
            reply = await self._client.send(tenant, requests.put_sku(sku, content))
        if reply.status == _NOT_FOUND:
            raise _missing(documents[0].key, sku)
        return replace(reply.delivery(sku, "price", sent), bare=offers.bare(reply.value or {}, documents))

    async def put_stock(self, tenant: Tenant, document: StockDocument) -> Delivery:
        """Set the quantity of one SKU.

        Raises: ItemError; MissingAtHubError when there is no such SKU.
        """
        sent, content = body(document.key, offers.stock(document))
        async with self._client.writing(tenant, document.product_sku):
            reply = await self._client.send(tenant, requests.put_stock(document.key, content))
        if reply.status == _NOT_FOUND:
            raise _missing(document.key, document.key)
        return reply.delivery(document.key, "stock", sent)

    async def product(self, tenant: Tenant, sku: str) -> Members | None:
        """The product that carries *sku*, itself or on a variation, as the hub has it now; None: there is none."""
        return await look_up(self._client, tenant, sku)

    async def skus(self, tenant: Tenant, *, pages: int) -> tuple[frozenset[str], bool]:
        """SKUs of the products that the hub has, variations' too, from so many pages; and whether that was all."""
        found, seen = set[str](), set[str]()
        after: str | None = None
        for _ in range(pages):
            reply = await self._client.send(tenant, requests.list_products(after))
            if reply.value is None:
                raise PassError(f"Plugg.to refused to list products ({reply.status})")
            rows = [row for row in reply.value.rows if str(row.get("id")) not in seen]
            for row in rows:
                found.update(product_writes.skus(row))
                seen.add(str(row.get("id")))
            if not rows or len(reply.value.rows) < min(requests.PAGE, reply.value.limit or requests.PAGE):
                return frozenset(found), True
            after = str(rows[-1].get("id"))
        return frozenset(found), False


async def look_up(client: Client, tenant: Tenant, sku: str) -> Members | None:
    """The product that carries *sku*. Asked for by itself first: lists may not know yet what changed a moment ago."""
    reply = await client.send(tenant, requests.get_sku(sku))
    return reply.value if reply.value is not None else await find(client, tenant, sku)


async def find(client: Client, tenant: Tenant, sku: str) -> Members | None:
    """The product that carries *sku*, looked up in a list: what does not carry it was not asked for."""
    reply = await client.send(tenant, requests.find_sku(sku))
    rows = reply.value.rows if reply.value is not None else []
    return next((row for row in rows if sku in product_writes.skus(row)), None)


class _Write:
    """One product being brought in line, step by step."""

    def __init__(self, client: Client, tenant: Tenant, document: ProductDocument) -> None:
        self._client = client
        self._tenant = tenant
        self._document = document
        self._key = document.key
        self._action = "update"
        self._status: int | None = None
        self._sent: Members = {}
        self._created: list[str] = []
        self._absent: list[str] = []
        self._took_s = 0.0

    def delivery(self) -> Delivery:
        """What was done."""
        offered = self._document.offers
        return Delivery(
            action=self._action,
            status=self._status,
            sent=self._sent,
            took_ms=round(self._took_s * 1000),
            created=tuple(
                Created(
                    sku=sku,
                    price=dict(offered[sku].price),
                    stock=dict(offered[sku].stock),
                    revisions=offered[sku].revisions,
                )
                for sku in self._created
            ),
            absent=tuple(self._absent),
        )

    async def _send(self, request: Request[T]) -> Reply[T]:
        reply = await self._client.send(self._tenant, request)
        self._took_s += reply.took_s
        return reply

    async def first(self) -> None:
        """Write a product that the hub never accepted: PUT, and POST if there is none."""
        members, created = product_writes.creation(self._document)
        sent, content = body(self._key, members)
        reply = await self._put_body(sent, content)
        if reply.status == _NOT_FOUND:
            await self._create(sent, content, created)
            return
        self._created = created
        reply = await self._settle(reply, None)
        if reply.unchanged:
            self._check_own(await look_up(self._client, self._tenant, self._key))
        await self._remove_doubled(reply.value)

    async def update(self, accepted: Members, *, full: bool) -> None:
        """Change a product that the hub has; one that it has lost is created again."""
        shown: Members | None = None
        if product_writes.needs_ids(self._document, accepted, full=full):
            found = await self._send(requests.get_sku(self._key))
            shown = found.value
            if found.status == _NOT_FOUND:
                await self._create_again()
                return
            self._accept(found)
        members, self._created = product_writes.update(self._document, accepted, shown, full=full)
        reply = await self._put(members)
        if reply.status == _NOT_FOUND:
            await self._create_again()
            return
        reply = await self._settle(reply, accepted)
        after = reply.value or shown
        if after is None:  # it held this already, and does not say what else
            after = (await self._send(requests.get_sku(self._key))).value
        await self._remove_doubled(after)
        await self._restore_categories(reply.value, shown)
        await self._restore_offers(after)

    async def repair(self, accepted: Members | None, sending: Members) -> None:
        """Write a product of which nobody knows what the hub has taken: look, then send all of it."""
        found = await self._send(requests.get_sku(self._key))
        reply = None
        if found.status != _NOT_FOUND:
            self._accept(found)
            if accepted is None and self._document.reason is not Reason.IN_SYNC and self._is_others(found.value or {}):
                raise _missing(self._key, self._key)
            self._check_own(found.value)
            members, self._created, self._absent = product_writes.repair(
                self._document, accepted, sending, found.value or {}
            )
            reply = await self._put(members)
        if reply is None or reply.status == _NOT_FOUND:
            if not self._document.offers:  # it is like a new product, and not ready
                raise _missing(self._key, self._key)
            self._absent = []
            await self._create_again()
            return
        reply = await self._settle(reply, either(accepted, sending))
        await self._remove_doubled(reply.value or found.value)
        await self._restore_categories(reply.value, found.value)
        await self._restore_offers(reply.value or found.value)  # unchanged, it is as it was found

    async def _put(self, members: Members, *, told: bool = True) -> Reply[Members]:
        sent, content = body(self._key, members)
        if not told:
            return await self._send(requests.put_sku(self._key, content))
        return await self._put_body(sent, content)

    async def _put_body(self, sent: Members, content: bytes) -> Reply[Members]:
        reply = await self._send(requests.put_sku(self._key, content))
        self._sent, self._status = sent, reply.status
        return reply

    def _accept(self, reply: Reply[Members]) -> None:
        refusal = reply.refusal(self._key)
        if refusal is not None:
            raise refusal

    async def _settle(self, reply: Reply[Any], accepted: Members | None) -> Reply[Any]:
        """Accept the reply to a PUT; if it is refused, find out under which SKU the product is, and write there once.

        What was just refused is not sent again as it is. Returns the reply that counts. Raises: ItemError.
        """
        refusal = reply.refusal(self._key)
        if refusal is None:
            if reply.unchanged:
                self._action = "unchanged"
            self._check_own(reply.value)
            return reply
        found = await look_up(self._client, self._tenant, self._key)
        if found is None or found.get("sku") != self._key:
            raise await self._explained(refusal, found)
        if accepted is None:
            members, self._created = product_writes.adoption(self._document, found)
        else:
            members, self._created, self._absent = product_writes.repair(self._document, accepted, accepted, found)
        sent, content = body(self._key, members)
        if sent != self._sent:
            again = await self._put_body(sent, content)
            if (refusal_again := again.refusal(self._key)) is None:
                return again
            refusal = refusal_again
        await self._let_go(found)
        raise await self._explained(refusal, found)

    def _check_own(self, shown: Members | None) -> None:
        """Take nothing for the product that is another one with a variation of this SKU. Raises: ItemError.

        That a hub may reach a variation by its SKU is assumed.
        """
        if shown is not None and self._is_others(shown):
            raise _conflict(self._key, self._key, shown)

    def _is_others(self, shown: Members) -> bool:
        """Whether the hub has the SKU as a variation of another product."""
        return reading.text(shown.get("sku")) != self._key and self._key in product_writes.skus(shown)

    async def _let_go(self, shown: Members) -> None:
        """Remove by itself what belongs to other products now: they may hold what this one is refused for."""
        gone = product_writes.removals(self._document, product_writes.skus(shown))
        if gone:
            await self._put({"sku": self._key, "variations": gone}, told=False)

    async def _create_again(self) -> None:
        """Create a product that the hub has lost, unless it is off sale anyway. Raises: ItemError."""
        if self._document.reason is not Reason.IN_SYNC:
            raise _missing(self._key, self._key)
        members, created = product_writes.creation(self._document)
        await self._create(*body(self._key, members), created)

    async def _create(self, sent: Members, content: bytes, created: list[str]) -> None:
        """POST a product; after a reply that got lost, only if it is not there. Raises: ItemError."""
        self._sent, self._created = sent, created
        self._action = "create"
        request = requests.post_product(content)
        try:
            reply = await self._send(request)
        except AmbiguousError:
            if await self._is_there():
                self._status = _CREATED
                return
            reply = await self._send(request)
        self._status = reply.status
        if reply.refusal(self._key) is not None:
            await self._settle(reply, None)

    async def _is_there(self) -> bool:
        found = await look_up(self._client, self._tenant, self._key)
        return found is not None and found.get("sku") == self._key

    async def _explained(self, refusal: ItemError, found: Members | None) -> ItemError:
        """Why the product was refused: a SKU of it lives elsewhere, or what the hub said."""
        if found is not None and found.get("sku") != self._key:
            return _conflict(self._key, self._key, found)
        variations = [variation["sku"] for variation in self._document.payload.get("variations", ())]
        own = product_writes.skus(found or {})
        for sku in [sku for sku in variations if sku not in own][:_LOOKED_UP]:
            other = await find(self._client, self._tenant, sku)
            if other is not None and other.get("sku") != self._key:
                return _conflict(self._key, sku, other)
        return refusal

    async def _remove_doubled(self, after: Members | None) -> None:
        """Remove what a first write onto an existing product has doubled, or one that was repeated without a reply.

        *after*: what the hub has now; of a write that changed nothing, what it had before.
        """
        doubled = product_writes.without_duplicates(after, self._sent) if after is not None else None
        if doubled is not None:
            self._accept(await self._put(doubled, told=False))

    async def _restore_categories(self, after: Members | None, before: Members | None) -> None:
        """Add again what a removed category has taken with it."""
        if after is None or before is None:
            return
        lost = product_writes.lost_categories(self._sent, before, after)
        if lost:
            self._accept(await self._put({"sku": self._key, "categories": lost}, told=False))

    async def _restore_offers(self, after: Members | None) -> None:
        """Write the product as a new one if it, or a variation of it, was lost and came back without its price.

        Its other variations are on sale: their prices and stocks are not sent. Those that the hub does not show are
        lost too; as an answer may show less than there is, the hub is asked for that.
        """
        offered = self._document.offers
        if after is None or not offered:
            return
        lost = offers.unpriced(after, offered)
        if (lost and not offered.keys() <= product_writes.skus(after)) or self._shows_none(after):
            after = (await self._send(requests.get_sku(self._key))).value or after
            there = product_writes.skus(after)
            lost = [sku for sku in offered if sku not in there] + offers.unpriced(after, offered)
        if lost:
            self._action = "create"
            self._document = replace(self._document, offers={sku: offered[sku] for sku in lost})
            await self.first()

    def _shows_none(self, after: Members) -> bool:
        """Whether the hub shows that there are no variations although the product has some."""
        return bool(self._document.payload.get("variations")) and after.get("variations") == []


def _conflict(key: str, sku: str, other: Members) -> ItemError:
    return ItemError(
        key,
        f"{sku} belongs to product {other.get('sku')} at Plugg.to",
        reason=Reason.SKU_CONFLICT,
        final=False,
        wake=reading.text(other.get("sku")),  # it may have to let go
    )


def _missing(key: str, sku: str) -> MissingAtHubError:
    return MissingAtHubError(key, f"Plugg.to has no {sku} any more", reason=Reason.PENDING, final=False)
