"""The orders of one account: what each write does to them."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from rocksync.sandbox.clock import Clock, Ids
from rocksync.sandbox.members import ORDER, check_members
from rocksync.sandbox.merge import overwrite
from rocksync.sandbox.products import Announce
from rocksync.sandbox.profile import Profile
from rocksync.sandbox.refusals import duplicate, invalid, not_found, not_updated
from rocksync.sandbox.shapes import Document, empty_order, empty_shipment, full_item, full_payment

ORDER_MEMBERS = frozenset(empty_order()) | {
    "id",
    "order_id",
    "user_id",
    "created",
    "created_by",
    "modified",
    "timestamp",
}
_FIRST_ORDER_ID = 1_000_000_001
_ARRAYS = ("shipments", "payments", "items", "log_history")


class Book:
    """All orders of one account."""

    def __init__(self, user_id: int, client_id: str, clock: Clock, ids: Ids, announce: Announce) -> None:
        self._user_id = user_id
        self._client_id = client_id
        self._clock = clock
        self._new_id = ids.object_id
        self._announce = announce
        self._by_id: dict[str, Document] = {}
        self._externals: dict[str, dict[str, str]] = {}
        self._originals: dict[tuple[str, str], str] = {}
        self.ids: list[str] = []
        """Ids in ascending order, which is the order of creation."""

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> Iterator[Document]:
        """Yield every order, the oldest first."""
        for order_id in self.ids:
            yield self._by_id[order_id]

    def row(self, order_id: str) -> Document:
        """Return the order of that id. Raises: Refusal 404."""
        order = self._by_id.get(order_id)
        if order is None:
            raise not_found("Order")
        return order

    def shown(self, order: Document, *, external_map: bool) -> Document:
        """Return *order* as the hub shows it, with ``external`` as a map by client id if asked to.

        Source: client code; each app sees its own text, or null, otherwise (assumed).
        """
        if not external_map:
            return order
        return {**order, "external": dict(self._externals[order["id"]])}

    def externals(self, order: Document) -> frozenset[str]:
        """Return every number under which somebody else knows *order*."""
        names = {*self._externals[order["id"]].values(), order["original_id"]}
        return frozenset(name for name in names if name)

    def create(self, sent: Document, profile: Profile, *, by: str | None = None) -> Document:
        """Store a new order and return it.

        Args:
            sent: its members.
            profile: how strict to be.
            by: the client id of the app that creates it; None: the account's own.

        Raises: Refusal 400. Refusing a second order of one channel with the same ``original_id`` is assumed.
        """
        if profile.strict_bodies:
            check_members(sent, ORDER)
            for required in ("channel", "items", "status"):
                if required not in sent:
                    raise invalid(required, "is required")
        _check_arrays(sent)
        original = (str(sent.get("channel")), str(sent.get("original_id")))
        if sent.get("original_id") and profile.strict_bodies and original in self._originals:
            raise duplicate(f"original_id: {original[1]} already exists in {original[0]}")
        by = by or self._client_id
        order = empty_order() | {
            "id": self._new_id(),
            "order_id": _FIRST_ORDER_ID + len(self.ids),
            "user_id": str(self._user_id),
            "created": self._clock.iso(),
            "created_by": by,
            "timestamp": int(self._clock.now()),
            "status": "pending",
        }
        self._by_id[order["id"]] = order
        self._externals[order["id"]] = {}
        self.ids.append(order["id"])
        self._originals[original] = order["id"]
        self._apply(order, sent, by)
        self._saved(order, sent, "created", by)
        return order

    def update(self, order: Document, sent: Document, profile: Profile, *, by: str | None = None) -> Document:
        """Change a stored order and return it.

        Any status is stored, whatever it was before (permissive, as it is undocumented). A shipment without an id
        becomes a new one, also when there is one already. Source: https://developers.plugg.to/reference/update-order-tracking-status.

        Raises: Refusal 400; ``not_updated`` if nothing changes.
        """
        if profile.strict_bodies:
            check_members(sent, ORDER)
            known = {shipment["id"] for shipment in order["shipments"]}
            for shipment in sent.get("shipments") or []:
                if "id" in shipment and shipment["id"] not in known:
                    raise invalid("shipments.id", "names no shipment of this order")  # assumed
        _check_arrays(sent)
        by = by or self._client_id
        if not self._apply(order, sent, by):
            raise not_updated("order")
        self._saved(order, sent, "updated", by)
        return order

    @contextmanager
    def rehearsal(self, order: Document | None) -> Iterator[None]:
        """Undo what happens inside to *order*, or to whatever is created meanwhile (the fault ``dropped-writes``)."""
        before = None if order is None else msgspec.json.encode(order)
        externals = None if order is None else dict(self._externals[order["id"]])
        count = len(self.ids)
        try:
            yield
        finally:
            for order_id in self.ids[count:]:
                del self._by_id[order_id], self._externals[order_id]
                self._originals = {key: value for key, value in self._originals.items() if value != order_id}
            del self.ids[count:]
            if order is not None and before is not None and externals is not None:
                order.clear()
                order.update(msgspec.json.decode(before))
                self._externals[order["id"]] = externals

    def _apply(self, order: Document, sent: Document, by: str) -> bool:
        changed = False
        for name, value in sent.items():
            match name:
                case "update" | "id":
                    continue
                case "external":
                    changed |= self._bind(order, value, by)
                case "status":
                    changed |= self._set_status(order, value, by)
                case "shipments":
                    for shipment in value or []:
                        changed |= self._put_shipment(order, shipment)
                case "payments":
                    changed |= self._put_payments(order, value or [])
                case "items":
                    changed |= overwrite(order, "items", [full_item(item) for item in value or []])
                case "log_history":
                    order["log_history"].extend(value or [])
                    changed |= bool(value)
                case _:
                    changed |= overwrite(order, name, value)
        return changed

    def _bind(self, order: Document, value: object, by: str) -> bool:
        known = self._externals[order["id"]]
        if known.get(by) == value:
            return False
        known[by] = str(value)
        if by == self._client_id:
            order["external"] = value
        return True

    def _set_status(self, order: Document, status: object, by: str) -> bool:
        """Record the status; the form of ``status_history`` is assumed."""
        if not overwrite(order, "status", status) and order["status_history"]:
            return False
        order["status_history"].append({"status": status, "date": self._clock.iso(), "client_id": by})
        return True

    def _put_shipment(self, order: Document, sent: Document) -> bool:
        shipment = next((row for row in order["shipments"] if "id" in sent and row["id"] == sent["id"]), None)
        changed = shipment is None
        if shipment is None:
            shipment = {**empty_shipment(), "id": self._new_id()}
            order["shipments"].append(shipment)
        for name, value in sent.items():
            if name == "documents":
                for paper in value or []:
                    changed |= self._put_paper(shipment, paper)
            elif name != "id":
                changed |= overwrite(shipment, name, value)
        return changed

    def _put_paper(self, shipment: Document, sent: Document) -> bool:
        """Add or change a document of a shipment, found by id or URL (assumed)."""
        for paper in shipment["documents"]:
            if any(key in sent and paper.get(key) == sent[key] for key in ("id", "url")):
                before = dict(paper)
                paper.update({name: value for name, value in sent.items() if name != "id"})
                return bool(paper != before)
        shipment["documents"].append({"id": self._new_id(), "external": None, **sent})
        return True

    def _put_payments(self, order: Document, sent: list[Document]) -> bool:
        ids = [row["id"] for row in order["payments"]]
        ids += [self._new_id() for _ in sent[len(ids) :]]
        return overwrite(order, "payments", [full_payment(row, ids[index]) for index, row in enumerate(sent)])

    def _saved(self, order: Document, sent: Document, action: str, by: str) -> None:
        order["modified"] = self._clock.iso()
        order["modified_by"] = None if action == "created" else by
        if sent.get("update") is not False:  # assumed: update=false suppresses the notification
            changes = {"status": "status" in sent, "stock": False, "price": False}
            self._announce("orders", order["id"], action, changes)


def _check_arrays(sent: Document) -> None:
    for name in _ARRAYS:
        rows = sent.get(name)
        if rows is not None and not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
            raise invalid(name, "must be an array of objects")
