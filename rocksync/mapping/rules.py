"""The default mapping with a tenant's mappers after it. Runs in hosts only."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

from rocksync.domain.catalog import Price, Product, Stock
from rocksync.domain.documents import (
    InvoicePayload,
    OrderDocument,
    PricePayload,
    ProductPayload,
    ShipmentPayload,
    StockPayload,
)
from rocksync.domain.errors import ItemError
from rocksync.domain.orders import HubOrder, StoreOrder
from rocksync.domain.reasons import Reason
from rocksync.domain.tenancy import Tenant
from rocksync.mapping import default, refusal, validation
from rocksync.mapping.changes import changes
from rocksync.mapping.conversion import of_offer, without_unoffered
from rocksync.mapping.conversion import refusal as store_refusal
from rocksync.mapping.modules import LoadedMapper, describe
from rocksync.mapping.readonly import ReadOnlyDict, read_only
from rocksync.mapping.texts import tellable
from rocksync.mapping.validation import InvalidPayloadError
from rocksync.mapping.wire import ACCEPTED, NULL, PAYLOADS, ListingRow, MadeListing, checked, encoded, mark

_NOT_SELECTED = MadeListing(False, NULL, (), {})
# Makes a copy of the payload that the hub last accepted; None: it never did.
_LastAccepted = Callable[[], dict[str, Any]] | None
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class _Step:
    """One mapper's part in one hook. ``mark`` is what the worker sees while it runs."""

    mapper: LoadedMapper
    mark: int
    call: Callable[[dict[str, Any]], Any]
    line: int
    wants_accepted: bool


class MapperRules:
    """Rules of one tenant. ``at`` is told the mark of what is about to run."""

    def __init__(
        self, tenant: Tenant, mappers: Sequence[LoadedMapper], at: Callable[[int], None], *, samples: bool
    ) -> None:
        self._tenant = _sealed(tenant)
        self._at = at
        self._samples = samples
        self._select = _steps(mappers, "rocksync_select_product")
        self._product = _steps(mappers, "rocksync_map_product")
        self._price = _steps(mappers, "rocksync_map_price")
        self._stock = _steps(mappers, "rocksync_map_stock")
        self._order = _steps(mappers, "rocksync_map_order")
        self._invoice = _steps(mappers, "rocksync_map_invoice")
        self._shipment = _steps(mappers, "rocksync_map_shipment")
        self._settings = _steps(mappers, "rocksync_check_settings")

    def listing(self, row: ListingRow) -> MadeListing:
        """Return the mapped listing. A SKU whose price or stock is at fault is not created; if none can be, it is told.

        Raises: ItemError.
        """
        if row.product is not None:
            _seal_product(row.product)
        if self._select and not self._selects(row):
            return _NOT_SELECTED
        offers: dict[str, tuple[Decimal, Decimal | None, int]] = {}
        faults: list[ItemError] = []
        for price, stock in row.offered:
            try:
                money, units = self.price(price, creating=True), self.stock(stock, creating=True)
            except ItemError as error:
                faults.append(of_offer(price.product_sku, price.sku, error))
            else:
                if money is not None and units is not None:
                    offers[price.sku] = money["price"], money["special_price"], units["quantity"]
        if not row.known and not offers and faults:
            raise faults[0]
        changed, gone = (NULL, ()) if row.payload == NULL else self._changes(row, offers)
        return MadeListing(True, changed, gone, offers)

    def _selects(self, row: ListingRow) -> bool:
        """Tell what the first mapper with an opinion says."""
        for step in self._select:
            self._at(step.mark)
            try:
                answer = step.call({"tenant": self._tenant, "product": row.product})
            except BaseException as error:  # a mapper may raise anything, and may try to exit
                raise _failure(step, "", error) from error
            if answer is not None:
                if not isinstance(answer, bool):
                    raise _rubbish(step, "", f"returned {_kind(answer)}: return True, False or None")
                return answer
        return True

    def _changes(self, row: ListingRow, offers: Collection[str]) -> tuple[msgspec.Raw, Collection[str]]:
        def start() -> ProductPayload:
            payload = PAYLOADS.decode(row.payload)
            return payload if len(offers) == len(row.offered) else without_unoffered(payload, row.known, offers)

        payload = start()
        members, sku, parts, creating = len(payload), payload["sku"], payload.get("variations"), not row.known
        variations = [part["sku"] for part in parts] if parts else ()
        given = {"tenant": self._tenant, "product": row.product, "accepted": None, "payload": payload}
        return self._through(
            sku,
            self._product,
            given,
            lambda left: changes(left, row.payload, members, sku, variations, creating=creating),
            start,
            accepted=None if creating else lambda: ACCEPTED.decode(row.accepted),
        )

    def price(self, price: Price, *, creating: bool) -> PricePayload | None:
        """Return the mapped payload; None when a mapper emptied it, which it may not when *creating*."""
        return self._through(
            price.sku,
            self._price,
            {"tenant": self._tenant, "price": price, "creating": creating, "payload": default.price_payload(price)},
            validation.price if creating else _price_or_none,
            lambda: default.price_payload(price),
            may_leave=True,
        )

    def stock(self, stock: Stock, *, creating: bool) -> StockPayload | None:
        """Return the mapped payload; None as for prices. No mapper has a say in what is inactive."""
        if not stock.active:
            return default.stock_payload(stock)
        return self._through(
            stock.sku,
            self._stock,
            {"tenant": self._tenant, "stock": stock, "creating": creating, "payload": default.stock_payload(stock)},
            validation.stock if creating else _stock_or_none,
            lambda: default.stock_payload(stock),
            may_leave=True,
        )

    def order(self, order: HubOrder) -> OrderDocument | None:
        """Return the mapped order to import, None if its status is none that is imported."""
        document = default.order_document(order)
        if document is None:
            return None
        status = document["status"]
        return self._through(
            order.id,
            self._order,
            {"tenant": self._tenant, "order": _seal_order(order), "document": document},
            lambda left: _sized(validation.order(left, order.id, status)),
            lambda: default.order_document(order),
            slot="document",
            private=True,
        )

    def invoice(self, order: StoreOrder) -> InvoicePayload | None:
        """Return the mapped NF-e members."""
        invoice = order.invoice
        if invoice is None:
            return None
        return self._through(
            order.pluggto_id,
            self._invoice,
            {
                "tenant": self._tenant,
                "order": order,
                "invoice": invoice,
                "payload": default.invoice_payload(invoice),
            },
            lambda payload: _sized(validation.invoice(payload)),
            lambda: default.invoice_payload(invoice),
            private=True,
        )

    def shipment(self, order: StoreOrder) -> ShipmentPayload | None:
        """Return the mapped tracking members."""
        shipment = order.shipment
        if shipment is None:
            return None
        return self._through(
            order.pluggto_id,
            self._shipment,
            {
                "tenant": self._tenant,
                "order": order,
                "shipment": shipment,
                "payload": default.shipment_payload(shipment),
            },
            lambda payload: _sized(validation.shipment(payload)),
            lambda: default.shipment_payload(shipment),
            private=True,
        )

    def complaints(self) -> list[str]:
        """Return what every mapper says of the tenant's settings, each line behind the mapper's name.

        Raises: ItemError.
        """
        found: list[str] = []
        for step in self._settings:
            self._at(step.mark)
            try:
                texts = step.call({"tenant": self._tenant})
            except BaseException as error:  # a mapper may raise anything, and may try to exit
                raise _failure(step, "", error) from error
            if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
                raise _rubbish(step, "", "must return a list of texts")
            found += [f"{step.mapper.name}: {tellable(text)}" for text in texts]
        return found

    def _through(
        self,
        key: str,
        steps: Sequence[_Step],
        given: dict[str, Any],
        check: Callable[[Any], _Made],
        start: Callable[[], object],
        *,
        slot: str = "payload",
        accepted: _LastAccepted = None,
        private: bool = False,
        may_leave: bool = False,
    ) -> _Made:
        """Return what *check* makes of ``given[slot]`` after every step; it is what *start* returns, the default.

        With *may_leave* the step that empties it is the last one: what is at the hub is left as it is.
        """
        payload = given[slot]
        for step in steps:
            self._run(step, key, given, accepted, private=private)
            if may_leave and not payload:
                break
        try:
            return check(payload)
        except InvalidPayloadError as error:
            given[slot] = start()
            raise self._blamed(key, error, steps, given, accepted, lambda: check(given[slot])) from error
        except Exception as error:  # what a mapper put into the payload may raise when it is looked at
            if not steps:
                raise
            raise _rubbish(steps[-1], key, f"left a payload that cannot be read ({type(error).__name__})") from error

    def _run(
        self, step: _Step, key: str, given: dict[str, Any], accepted: _LastAccepted, *, private: bool = False
    ) -> None:
        if step.wants_accepted and accepted is not None:
            given["accepted"] = accepted()
        self._at(step.mark)
        try:
            returned = step.call(given)
        except BaseException as error:  # a mapper may raise anything, and may try to exit
            raise _failure(step, key, error, private=private and not self._samples) from error
        if returned is not None:
            raise _rubbish(step, key, f"returned {_kind(returned)}: change the payload in place")

    def _blamed(
        self,
        key: str,
        error: InvalidPayloadError,
        steps: Sequence[_Step],
        given: dict[str, Any],
        accepted: _LastAccepted,
        check: Callable[[], object],
    ) -> ItemError:
        """Return the error as that of the first mapper after which the payload is invalid, or of the store's row."""
        if not steps or _fault(check) == error.detail:
            return store_refusal(key, error)
        for step in steps:
            try:
                self._run(step, key, given, accepted, private=True)
            except ItemError as second:
                return second
            if fault := _fault(check):
                return _rubbish(step, key, f"left an invalid payload: {fault}")
        return store_refusal(key, error)


def _sized(payload: _Made) -> _Made:
    validation.check_size(checked(encoded(payload)))
    return payload


def _price_or_none(payload: object) -> PricePayload | None:
    return None if payload == {} else validation.price(payload)


def _stock_or_none(payload: object) -> StockPayload | None:
    return None if payload == {} else validation.stock(payload)


def _fault(check: Callable[[], object]) -> str | None:
    try:
        check()
    except InvalidPayloadError as error:
        return error.detail
    return None


def _steps(mappers: Sequence[LoadedMapper], hook: str) -> list[_Step]:
    steps = []
    for number, mapper in enumerate(mappers, start=1):
        for seen in mapper.hooks:
            if seen.name == hook:
                call = mapper.caller(hook)
                steps.append(_Step(mapper, mark(number, hook), call, seen.line, "accepted" in seen.arguments))
    return steps


def _failure(step: _Step, key: str, error: BaseException, *, private: bool = False) -> ItemError:
    file, line = step.mapper.place(error)
    if isinstance(error, refusal.ItemError):
        told = tellable(str(error.detail))
        return ItemError(key, f"{told} (mapper {step.mapper.name}, {file} line {line})", final=error.final)
    what = type(error).__name__ if private and not isinstance(error, SystemExit) else describe(error)
    return _mapper_error(step, key, file, line or step.line, what)


def _rubbish(step: _Step, key: str, what: str) -> ItemError:
    return _mapper_error(step, key, step.mapper.default_label, step.line, what)


def _mapper_error(step: _Step, key: str, file: str, line: int, what: str) -> ItemError:
    told = f"mapper {step.mapper.name}, {file} line {line}: {tellable(what)}"
    return ItemError(key, told, reason=Reason.MAPPER_ERROR)


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"


def _sealed(tenant: Tenant) -> Tenant:
    object.__setattr__(tenant, "settings", read_only(tenant.settings))
    return tenant


def _seal_product(product: Product) -> None:
    """Make read-only what can be changed in a row that this process decoded for itself."""
    object.__setattr__(product, "attributes", ReadOnlyDict(product.attributes))
    for variation in product.variations:
        object.__setattr__(variation, "attributes", ReadOnlyDict(variation.attributes))


def _seal_order(order: HubOrder) -> HubOrder:
    for member in ("customer", "delivery", "document"):
        object.__setattr__(order, member, read_only(getattr(order, member)))
    object.__setattr__(order, "payments", tuple(read_only(payment) for payment in order.payments))
    return order
