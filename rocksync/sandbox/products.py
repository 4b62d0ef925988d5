"""The products of one account: what each write does to them, and by which keys they are found."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import msgspec

from rocksync.sandbox.clock import Clock, Ids
from rocksync.sandbox.members import PRODUCT, STOCK, check_members
from rocksync.sandbox.merge import KEYS, Merger, refuse_unknown_ids
from rocksync.sandbox.profile import Profile
from rocksync.sandbox.refusals import duplicate, invalid, not_found, not_updated
from rocksync.sandbox.shapes import Document, empty_product, inspected_fields

Announce = Callable[[str, str, str, Document], None]
"""Takes type, id, action and changes of a notification."""

_SUMMARISED = frozenset(
    {"name", "description", "ean", "link", "price", "special_price", "brand", "categories", "dimension"}
    | {"real_dimension"}
)


class Shelf:
    """All products of one account."""

    def __init__(self, user_id: int, clock: Clock, ids: Ids, announce: Announce) -> None:
        self._user_id = user_id
        self._clock = clock
        self._new_id = ids.object_id
        self._announce = announce
        self._merger = Merger(user_id=user_id, new_id=ids.object_id)
        self._by_id: dict[str, Document] = {}
        self._by_sku: dict[str, str] = {}
        self.ids: list[str] = []
        """Ids in ascending order, which is the order of creation."""

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self) -> Iterator[Document]:
        """Yield every product, the oldest first."""
        for product_id in self.ids:
            yield self._by_id[product_id]

    def row(self, product_id: str) -> Document:
        """Return the product of that id. Raises: Refusal 404."""
        product = self._by_id.get(product_id)
        if product is None:
            raise not_found("Product")
        return product

    def find(self, sku: str) -> Document | None:
        """Return the product that carries *sku*, itself or on a variation."""
        product_id = self._by_sku.get(sku)
        return None if product_id is None else self._by_id[product_id]

    def at_sku(self, sku: str, profile: Profile) -> Document:
        """Return the product which ``/skus/{sku}`` addresses. Raises: Refusal 404, for a variation too if so strict."""
        product = self.find(sku)
        if product is None or (product["sku"] != sku and not profile.variation_by_sku):
            raise not_found("Sku")
        return product

    def create(self, sent: Document, profile: Profile) -> Document:
        """Store a new product and return it. Raises: Refusal 400."""
        _check(sent, profile)
        if not isinstance(sent.get("sku"), str) or not sent["sku"]:
            raise invalid("sku", "is required, as a string")
        self._refuse_clash(None, sent)
        product = {**empty_product(), "id": self._new_id(), "user_id": str(self._user_id)}
        self._merge(product, {name: value for name, value in sent.items() if name != "id"}, profile)
        product["created"] = self._clock.iso()
        self._by_id[product["id"]] = product
        self.ids.append(product["id"])
        self._index(product)
        self._saved(product, sent, "created")
        return product

    def update(self, product: Document, sent: Document, profile: Profile, *, sku: str | None = None) -> Document:
        """Change a stored product, addressed by *sku* or by its id, and return it.

        Raises: Refusal 400; ``not_updated`` if nothing changes.
        """
        if sku is not None and product["sku"] != sku:
            sent = {"variations": [{**sent, "sku": sku}]}
        _check(sent, profile)
        if profile.strict_bodies:
            refuse_unknown_ids(product, sent)
            if sku is not None and sent.get("sku", sku) != sku:
                raise invalid("sku", "differs from the one in the path")  # renaming is not evidenced
        self._refuse_clash(product, sent)
        moved = list(_skus(product)) if "sku" in sent or "variations" in sent else []
        if not self._merge(product, {name: value for name, value in sent.items() if name != "id"}, profile):
            raise not_updated("document")
        if moved:
            self._unindex(product, moved)
            self._index(product)
        self._saved(product, sent, "updated")
        return product

    def set_stock(self, sku: str, sent: Document, profile: Profile) -> Document:
        """Change the stock of a product or variation by its SKU.

        Source: https://developers.plugg.to/reference/update-sku-stock. Assumed: stock below zero is refused (clamped
        when lenient), and an update to the present quantity is ``not_updated``.
        """
        product = self.find(sku)
        if product is None:
            raise not_found("Sku")
        if profile.strict_bodies:
            check_members(sent, STOCK)
            if sent.get("sku", sku) != sku:
                raise invalid("sku", "differs from the one in the path")
        for required in ("action", "quantity"):
            if required not in sent:
                raise invalid(required, "is required")
        row = product if product["sku"] == sku else _variation(product, sku)
        quantity = _quantity(row["quantity"] or 0, sent)
        if quantity < 0:
            if profile.strict_bodies:
                raise invalid("quantity", "stock would become negative")
            quantity = 0
        if row["quantity"] == quantity:
            raise not_updated("document")
        row["quantity"] = quantity
        self._touch(product)
        self._announce("products", product["id"], "updated", {"status": False, "stock": True, "price": False})
        return product

    def delete(self, product: Document, *, sku: str | None = None) -> Document:
        """Remove a product, or the variation that *sku* addresses; return what is left or was removed.

        Source of the notification of type ``skus``: https://developers.plugg.to/reference/notification-information.
        """
        if sku is not None and product["sku"] != sku:
            product["variations"] = [row for row in product["variations"] if row["sku"] != sku]
            del self._by_sku[sku]
            self._touch(product)
        else:
            self._forget(product)
        self._announce("skus", sku or product["sku"], "deleted", {"status": False, "stock": True, "price": True})
        return product

    @contextmanager
    def rehearsal(self, product: Document | None) -> Iterator[None]:
        """Undo what happens inside to *product*, or to whatever is created meanwhile (the fault ``dropped-writes``)."""
        before = None if product is None else msgspec.json.encode(product)
        sources = dict(self._merger.photo_sources)
        count = len(self.ids)
        try:
            yield
        finally:
            self._merger.photo_sources = sources
            for created in [self._by_id[product_id] for product_id in self.ids[count:]]:
                self._forget(created)
            if product is not None and before is not None:
                self._unindex(product, _skus(product))
                product.clear()
                product.update(msgspec.json.decode(before))
                if product["id"] not in self._by_id:
                    self._by_id[product["id"]] = product
                    self.ids.insert(bisect_left(self.ids, product["id"]), product["id"])
                self._index(product)

    def _merge(self, product: Document, sent: Document, profile: Profile) -> bool:
        self._merger.subtree_removal = profile.category_subtree
        self._merger.attributes_by_id = profile.attributes_by_id
        changed = self._merger.merge(product, sent)
        if changed and not _SUMMARISED.isdisjoint(sent):
            product["inspected_fields"] = inspected_fields(product)
        return changed

    def _saved(self, product: Document, sent: Document, action: str) -> None:
        self._touch(product)
        rows = [sent, *(sent.get("variations") or [])]
        stock = any("quantity" in row for row in rows)
        price = any("price" in row or "special_price" in row for row in rows)
        self._announce("products", product["id"], action, {"status": False, "stock": stock, "price": price})

    def _touch(self, product: Document) -> None:
        product["modified"] = self._clock.iso()
        product["timestamp"] = int(self._clock.now())

    def _index(self, product: Document) -> None:
        for sku in _skus(product):
            self._by_sku[sku] = product["id"]

    def _unindex(self, product: Document, skus: Iterable[str]) -> None:
        for sku in skus:
            if self._by_sku.get(sku) == product["id"]:
                del self._by_sku[sku]

    def _forget(self, product: Document) -> None:
        self._unindex(product, _skus(product))
        del self._by_id[product["id"]]
        del self.ids[bisect_left(self.ids, product["id"])]

    def _refuse_clash(self, product: Document | None, sent: Document) -> None:
        """A SKU lives once per account, on a product or on a variation (M; the answer to a clash is assumed)."""
        own = None if product is None else product["id"]
        parent = sent.get("sku") or (product or {}).get("sku")
        seen: set[str] = set()
        if "sku" in sent and self._by_sku.get(sent["sku"], own) != own:
            raise duplicate(f"sku: {sent['sku']} already exists")
        for row in sent.get("variations") or []:
            sku = row.get("sku")
            if sku is None or row.get("remove") is True:
                continue
            if sku == parent or sku in seen or self._by_sku.get(sku, own) != own:
                raise duplicate(f"variations.sku: {sku} already exists")
            seen.add(sku)


def _check(sent: Document, profile: Profile) -> None:
    if profile.strict_bodies:
        check_members(sent, PRODUCT)
        for row in sent.get("variations") or []:
            if "sku" not in row and "id" not in row:
                raise invalid("variations.sku", "is required")
        return
    for array in KEYS.keys() & sent.keys():
        rows = sent[array]
        if rows is not None and not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
            raise invalid(array, "must be an array of objects")
    for size in ("dimension", "real_dimension"):
        if not isinstance(sent.get(size) or {}, dict):
            raise invalid(size, "must be an object")
    for row in (sent, *(sent.get("variations") or [])):
        if not isinstance(row.get("sku", ""), str):
            raise invalid("sku", "must be a string")


def _quantity(present: int, sent: Document) -> int:
    quantity = sent["quantity"]
    if isinstance(quantity, str) and quantity.lstrip("-").isdecimal():
        quantity = int(quantity)
    if isinstance(quantity, bool) or not isinstance(quantity, int):
        raise invalid("quantity", "must be an integer")
    match sent["action"]:
        case "update":
            return quantity
        case "increase":
            return present + quantity
        case "decrease":
            return present - quantity
        case _:
            raise invalid("action", "must be one of increase, decrease, update")


def _variation(product: Document, sku: str) -> Document:
    for row in product["variations"]:
        if row["sku"] == sku:
            return row  # type: ignore[no-any-return]  # rows of variations are objects
    raise not_found("Sku")


def _skus(product: Document) -> Iterator[str]:
    yield product["sku"]
    for row in product["variations"]:
        if row.get("sku"):
            yield row["sku"]
