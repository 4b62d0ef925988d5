"""The other side of the hub: a marketplace on which people order, pay, cancel and receive."""

import random
from collections.abc import Iterable

from rocksync.sandbox.accounts import Account
from rocksync.sandbox.buyers import buyer
from rocksync.sandbox.clock import Clock
from rocksync.sandbox.profile import PROFILES
from rocksync.sandbox.shapes import Document

CHANNEL = "MercadoLivre"
CHANNEL_CLIENT = "channel-client"
_AS_SENT = PROFILES["lenient"]
_FIRST_NUMBER = 2_000_000_000_000_001


class Marketplace:
    """Acts on the orders of one account as its sales channel does."""

    def __init__(self, account: Account, clock: Clock, rng: random.Random) -> None:
        self._account = account
        self._clock = clock
        self._rng = rng
        self._number = _FIRST_NUMBER

    def create_order(
        self,
        items: Iterable[Document],
        *,
        status: str = "approved",
        channel: str = CHANNEL,
        original_id: str | None = None,
        shipment: bool = False,
        created: str | None = None,
        members: Document | None = None,
    ) -> Document:
        """Place an order of a made-up buyer and return it.

        Args:
            items: ``{"sku", "quantity", "price", "name"}``; all but ``sku`` have defaults. A variation is shown
                as the hub does: ``sku`` of the parent, ``variation.sku`` of what was bought. Others stay as they are.
            status: the first status.
            channel: the marketplace.
            original_id: its order number; None: the next one.
            shipment: whether a shipment with an id, a carrier and a method exists already.
            created: when it was placed, ISO with ``Z``; None: now.
            members: further members, which overwrite the made-up ones.

        Raises: Refusal 400 for members of a wrong type.
        """
        lines = [self._line(dict(item)) for item in items]
        subtotal = round(sum(line["total"] for line in lines), 2)
        freight = round(self._rng.uniform(8, 40), 2)
        number = original_id or str(self._number)
        self._number += original_id is None
        sent: Document = {
            **buyer(self._rng),
            "channel": channel,
            "channel_account": "CONTA-TESTE",
            "original_id": number,
            "external": number,
            "status": status,
            "items": lines,
            "payments": [
                {
                    "payment_type": "credit",
                    "payment_method": "Cartão",
                    "payment_installments": 3,
                    "payment_total": round(subtotal + freight, 2),
                    "payment_interest": 0,
                }
            ],
            "subtotal": subtotal,
            "shipping": freight,
            "total": round(subtotal + freight, 2),
            "total_paid": str(round(subtotal + freight, 2)),
            "delivery_type": "standard",
            "auto_reserve": True,
            "sale_intermediary": "11222333000181",
            "payment_intermediary": "11222333000181",
            "intermediary_seller_id": "vendedor-teste",
            **(members or {}),
        }
        if shipment:
            sent["shipments"] = [{"shipping_company": "Correios", "shipping_method": "PAC"}]
        order = self._account.book.create(sent, _AS_SENT, by=CHANNEL_CLIENT)
        if created is not None:
            order["created"] = created
        return order

    def set_status(self, order_id: str, status: str) -> Document:
        """Give an order another status and return it. Raises: Refusal 404; 400 if it has that status already."""
        return self._update(order_id, {"status": status})

    def approve(self, order_id: str, *, shipment: bool = False) -> Document:
        """Report that an order is paid; with *shipment* a shipment with an id appears too, unless there is one."""
        sent: Document = {"status": "approved"}
        if shipment and not self._account.book.row(order_id)["shipments"]:
            sent["shipments"] = [{"shipping_company": "Correios", "shipping_method": "PAC"}]
        return self._update(order_id, sent)

    def cancel(self, order_id: str) -> Document:
        """Report that an order is cancelled."""
        return self._update(order_id, {"status": "canceled"})

    def deliver(self, order_id: str) -> Document:
        """Report that an order has arrived: its shipments too."""
        ids = [shipment["id"] for shipment in self._account.book.row(order_id)["shipments"]]
        arrived = {"status": "delivered", "date_delivered": self._clock.iso()}
        return self._update(order_id, {"status": "delivered", "shipments": [{"id": row, **arrived} for row in ids]})

    def add_shipment(self, order_id: str, shipment: Document | None = None) -> Document:
        """Let a shipment with an id appear on an order."""
        chosen = shipment or {"shipping_company": "Correios", "shipping_method": "PAC"}
        return self._update(order_id, {"shipments": [chosen]})

    def change(self, order_id: str, members: Document) -> Document:
        """Change any members of an order."""
        return self._update(order_id, members)

    def _update(self, order_id: str, sent: Document) -> Document:
        book = self._account.book
        return book.update(book.row(order_id), sent, _AS_SENT, by=CHANNEL_CLIENT)

    def _line(self, item: Document) -> Document:
        sku = item.get("sku") or ""
        product = self._account.shelf.find(sku)
        variation = next((row for row in (product or {}).get("variations", ()) if row["sku"] == sku), None)
        shown = variation or product or {}
        quantity = item.get("quantity", 1)
        price = float(item.get("price") or shown.get("special_price") or shown.get("price") or 10.0)
        line: Document = {
            "sku": sku if product is None else product["sku"],
            "original_sku": sku,
            "name": shown.get("name") or sku or "Produto",
            "quantity": quantity,
            "price": price,
            "total": round(price * quantity, 2),
        }
        if variation is not None:
            names = ("id", "name", "external", "sku", "ean", "attributes")
            line["variation"] = {name: variation[name] for name in names}
        return line | {name: value for name, value in item.items() if name not in {"sku", "quantity", "price"}}
