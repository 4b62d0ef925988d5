"""How a PUT changes what is stored: given members overwrite, keyed arrays merge by key.

Source: https://developers.plugg.to/reference/createupdate-and-delete-table-price (price_table, and the sibling pages
for stock_table, attributes, categories); photos and variations from client code. Matching an attribute sent
without an id by its ``code``, and a category by its ``name``, is assumed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from rocksync.sandbox.refusals import invalid
from rocksync.sandbox.shapes import Document, empty_row

KEYS: dict[str, tuple[str, ...]] = {
    "categories": ("id", "name"),
    "attributes": ("id", "code"),
    "photos": ("id", "url", "external"),
    "price_table": ("id", "code"),
    "stock_table": ("id", "code"),
    "variations": ("id", "sku"),
}
"""The members by which an element of each array is found, in the order in which they are tried."""

_PARTIAL = frozenset({"dimension", "real_dimension"})


@dataclass(slots=True, kw_only=True)
class Merger:
    """Merges bodies into the documents of one account; *photo_sources* remembers where each stored photo came from."""

    user_id: int
    new_id: Callable[[], str]
    subtree_removal: bool = False
    attributes_by_id: bool = False
    photo_sources: dict[str, str] = field(default_factory=dict)

    def merge(self, stored: Document, sent: Document) -> bool:
        """Change *stored* as *sent* says and return whether anything became different."""
        changed = False
        for name, value in sent.items():
            if value is None and (name in KEYS or name in _PARTIAL):
                continue  # assumed: null does not empty an array
            if name in KEYS and isinstance(value, list):
                changed |= self._merge_rows(name, stored.setdefault(name, []), value)
            elif name in _PARTIAL and isinstance(value, dict):
                changed |= _merge_flat(stored[name], value) if stored.get(name) else overwrite(stored, name, value)
            else:
                changed |= overwrite(stored, name, value)
        return changed

    def _merge_rows(self, array: str, stored: list[Document], sent: list[Document]) -> bool:
        index = _index(array, stored)
        changed = False
        for element in sent:
            unnamed = self.attributes_by_id and array == "attributes" and "id" not in element
            row = None if unnamed else find_row(array, index, element)
            if element.get("remove") is True:
                changed |= row is not None and self._remove(array, stored, index, row)
            elif row is None:
                row = self._add(array, element)
                stored.append(row)
                _enter(array, index, row)
                changed = True
            else:
                changed |= self._update(array, row, element)
                _enter(array, index, row)
        return changed

    def _add(self, array: str, element: Document) -> Document:
        row = {**empty_row(array), "id": self.new_id()}
        self.merge(row, {name: value for name, value in element.items() if name not in {"remove", "id"}})
        if array == "photos":
            source = str(element.get("url"))
            self.photo_sources[row["id"]] = source
            row["external"] = element.get("external") or source
            row["url"] = self._stored_url(row["id"])
        return row

    def _update(self, array: str, row: Document, element: Document) -> bool:
        given = {name: value for name, value in element.items() if name not in {"remove", "id"}}
        if array != "photos":
            return self.merge(row, given)
        url = given.pop("url", None)
        source = self.photo_sources.get(row["id"])
        fetched = url is not None and url not in {row["url"], source}
        if fetched:  # another picture under a known key: downloaded and stored anew
            self.photo_sources[row["id"]] = str(url)
            row["url"] = self._stored_url(self.new_id())
        return _merge_flat(row, given) or fetched

    def _remove(
        self, array: str, stored: list[Document], index: dict[tuple[str, object], Document], row: Document
    ) -> bool:
        doomed = [row]
        if array == "categories" and self.subtree_removal:
            doomed += [other for other in stored if str(other["name"]).startswith(f"{row['name']} > ")]
        for gone in doomed:
            stored[:] = [kept for kept in stored if kept is not gone]
            for key in [key for key, entry in index.items() if entry is gone]:
                del index[key]
            self.photo_sources.pop(str(gone.get("id")), None)
        return True

    def _stored_url(self, file_id: str) -> str:
        return f"https://s3-sa-east-1.amazonaws.com/pluggto/{self.user_id}/{self.user_id}_{file_id}.jpg"


def refuse_unknown_ids(stored: Document, sent: Document) -> None:
    """Raise a Refusal if an element of a keyed array names an id that is not stored (assumed)."""
    for array in KEYS.keys() & sent.keys():
        rows = stored.get(array) or []
        known = {row["id"]: row for row in rows}
        by_sku = {row["sku"]: row for row in rows} if array == "variations" else {}
        for element in sent[array]:
            if "id" in element and element["id"] not in known:
                raise invalid(f"{array}.id", "names no stored element")
            if array == "variations":
                refuse_unknown_ids(known.get(element.get("id")) or by_sku.get(element.get("sku")) or {}, element)


def find_row(array: str, index: dict[tuple[str, object], Document], element: Document) -> Document | None:
    """Return the stored row that *element* means, or None if there is none yet."""
    for key in KEYS[array]:
        if key in element and (row := index.get((key, _plain(element[key])))) is not None:
            return row
    if array == "photos" and "url" in element:
        return index.get(("external", _plain(element["url"])))
    return None


def _index(array: str, rows: list[Document]) -> dict[tuple[str, object], Document]:
    index: dict[tuple[str, object], Document] = {}
    for row in rows:
        _enter(array, index, row)
    return index


def _enter(array: str, index: dict[tuple[str, object], Document], row: Document) -> None:
    for key in KEYS[array]:
        index[key, _plain(row.get(key))] = row


def _plain(value: object) -> object:
    return value if isinstance(value, (str, int, float)) else repr(value)


def overwrite(stored: Document, name: str, value: object) -> bool:
    """Set a member; return whether that changed it."""
    if name in stored and stored[name] == value:
        return False
    stored[name] = value
    return True


def _merge_flat(stored: Document, sent: Document) -> bool:
    changed = False
    for name, value in sent.items():
        changed |= overwrite(stored, name, value)
    return changed
