"""What counts as told, where the hub shows less than it was sent, or the same in other words."""

from typing import Any

import pytest

from rocksync.domain.documents import OrderTask
from rocksync.domain.orders import HubOrder, HubShipment, OrderStatus, StoreOrder
from rocksync.sync.order_rules import is_acknowledged, shows_invoice, shows_tracking
from tests.store.shop import hub_order

STORE = StoreOrder(id=7, pluggto_id="f00", status=OrderStatus.SHIPPED)
INVOICE = {"nfe_key": "4" * 44, "nfe_number": "12", "nfe_serie": "1"}
TRACKING = {"track_code": "AA1", "track_url": "https://t.example/AA1", "shipping_method": "Expressa"}


def shown(**shipment: Any) -> HubOrder:
    return hub_order(status="shipped", shipments=(HubShipment(id="1", **shipment),))


def task(hub: HubOrder, **told: Any) -> OrderTask:
    return OrderTask(key="f00", hub=hub, store=STORE, invoice=INVOICE, shipment=TRACKING, told=told)  # type: ignore[arg-type]  # members enough


@pytest.mark.parametrize(("ack", "is_told"), [(True, True), (None, True), (False, False)])
def test_an_acknowledgement_that_was_told_counts_unless_the_hub_says_otherwise(ack: bool | None, is_told: bool) -> None:
    assert is_acknowledged(task(hub_order(ack=ack), external="7"), STORE) is is_told


@pytest.mark.parametrize(("number", "series"), [("12", "1"), ("000012", "001"), ("12 ", " 1")])
def test_an_invoice_reads_the_same_with_leading_zeros_and_spaces(number: str, series: str) -> None:
    hub = shown(invoice_key="4" * 44, invoice_number=number, invoice_series=series)

    assert shows_invoice(hub, task(hub))


@pytest.mark.parametrize(
    ("url", "is_done"), [(None, True), ("https://t.example/AA1", True), ("https://t.example/2", False)]
)
def test_a_member_that_was_told_may_be_missing_and_not_be_another(url: str | None, is_done: bool) -> None:
    hub = shown(tracking_code="AA1", tracking_url=url, method="PAC")

    assert shows_tracking(hub, task(hub, tracking={"payload": TRACKING, "done": True})) is is_done


@pytest.mark.parametrize(("method", "is_shown"), [("PAC", True), (None, False)])
def test_the_method_that_the_marketplace_chose_stays(method: str | None, is_shown: bool) -> None:
    hub = shown(tracking_code="AA1", tracking_url="https://t.example/AA1", method=method)

    assert shows_tracking(hub, task(hub)) is is_shown
