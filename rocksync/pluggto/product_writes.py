"""Bodies of product writes: what to send of a document, given what was accepted and what the hub shows. No I/O.

Source: pluggto-api 3.4 (photos), 3.5 (arrays merge by key), 3.7 (variations), 3.8 (an omitted member stays).
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rocksync.domain.documents import Offer, ProductDocument
from rocksync.domain.doubt import either
from rocksync.domain.errors import ItemError
from rocksync.domain.reasons import Reason
from rocksync.pluggto import reading
from rocksync.pluggto.offers import offer_members

Members = Mapping[str, Any]
_ARRAYS = ("attributes", "categories", "photos")
_BY_ID = {"attributes": "code", "categories": "name"}
"""Arrays whose elements the hub matches by its own id, and the member by which we know them."""
_NUMBERS = (int, float, Decimal)
_NOT_OURS = frozenset({"price", "special_price", "quantity", "variations", *_ARRAYS})


def creation(document: ProductDocument) -> tuple[dict[str, Any], list[str]]:
    """The body of a product that the hub does not have, and the SKUs that come into being with it.

    A variation without an offer is left out: it would be on sale at nothing. Raises: ItemError.
    """
    body: dict[str, Any] = {**document.payload, "sku": document.key}
    variations = document.payload.get("variations")
    if not variations:
        body |= offer_members(document.key, _offer(document, document.key))
        return body, [document.key]
    offered = [variation for variation in variations if variation["sku"] in document.offers]
    if not offered:
        _offer(document, document.key)
    body["variations"] = [_with_offer(variation, document) for variation in offered]
    return body, [variation["sku"] for variation in offered]


def _offer(document: ProductDocument, sku: str) -> Offer:
    if sku not in document.offers:
        raise ItemError(
            document.key,
            f"{document.key} has no price and stock to be created with",
            reason=Reason.MISSING_PRICE,
            final=False,
        )
    return document.offers[sku]


def _with_offer(variation: Members, document: ProductDocument) -> dict[str, Any]:
    sku = variation["sku"]
    return {**variation, **offer_members(sku, document.offers[sku])}


def needs_ids(document: ProductDocument, accepted: Members, *, full: bool) -> bool:
    """Whether the update touches attributes or categories that the hub knows by ids of its own."""
    if _differs(document.payload, accepted, _BY_ID, full=full):
        return True
    before = _by(accepted.get("variations"), "sku")
    return any(
        variation["sku"] in before and _differs(variation, before[variation["sku"]], _BY_ID, full=full)
        for variation in document.payload.get("variations", ())
    )


def _differs(payload: Members, accepted: Members, arrays: Iterable[str], *, full: bool) -> bool:
    return any(
        (full and payload.get(name)) or not same(payload.get(name) or [], accepted.get(name) or []) for name in arrays
    )


def update(
    document: ProductDocument, accepted: Members, shown: Members | None, *, full: bool
) -> tuple[dict[str, Any], list[str]]:
    """The body that changes a product the hub has, and the SKUs of variations that come into being with it.

    *shown* is the product as the hub has it, needed where ``needs_ids`` says so. Raises: ItemError.
    """
    body = {"sku": document.key, **_scalars(document.payload), **_arrays(document.payload, accepted, shown, full=full)}
    before = _by(accepted.get("variations"), "sku")
    there = _there(shown or {}, before)
    variations, created = list[dict[str, Any]](), list[str]()
    for variation in document.payload.get("variations", ()):
        sku = variation["sku"]
        if sku in before:
            if full or not same(variation, before[sku]):
                arrays = _arrays(variation, before[sku], there.get(sku), full=full)
                variations.append({"sku": sku, **_scalars(variation), **arrays})
        elif sku in document.offers:
            arrays = _arrays(variation, {}, there.get(sku), full=True)
            variations.append(_with_offer({"sku": sku, **_scalars(variation), **arrays}, document))
            created.append(sku)
    variations += removals(document, there)
    return body | ({"variations": variations} if variations else {}), created


def adoption(document: ProductDocument, shown: Members) -> tuple[dict[str, Any], list[str]]:
    """The body of a product that the hub turns out to have although it never accepted it, and its sellable SKUs.

    Raises: ItemError.
    """
    body, created = update(document, {}, shown, full=True)
    if document.payload.get("variations"):
        return body, created
    return body | offer_members(document.key, _offer(document, document.key)), [document.key]


def repair(
    document: ProductDocument, accepted: Members | None, sending: Members, shown: Members
) -> tuple[dict[str, Any], list[str], list[str]]:
    """The body of a product that may hold any of what was accepted and sent, and the SKUs it is sent with offers for.

    A SKU that may have come into being unnoticed, or is not there any more, gets its offer again; one that is not to be
    sold, no units, or nothing if it is not there: these are the third. Raises: ItemError.
    """
    before = either(accepted, sending)
    maybe = _by(before.get("variations"), "sku")
    there = _there(shown, maybe)
    known = _by((accepted or {}).get("variations"), "sku").keys() & there
    body = {"sku": document.key, **_scalars(document.payload), **_arrays(document.payload, before, shown, full=True)}
    variations, created, absent = list[dict[str, Any]](), list[str](), list[str]()
    for variation in document.payload.get("variations", ()):
        sku = variation["sku"]
        arrays = _arrays(variation, maybe.get(sku, {}), there.get(sku), full=True)
        entry = {"sku": sku, **_scalars(variation), **arrays}
        if sku not in known and sku in document.offers:
            entry = _with_offer(entry, document)
            created.append(sku)
        elif sku not in known and sku in there:
            entry["quantity"] = 0
        elif sku not in known:
            absent.append(sku)
            continue
        variations.append(entry)
    variations += removals(document, there)
    if variations:
        return body | {"variations": variations}, created, absent
    if accepted is None and not document.payload.get("variations"):
        offer = document.offers.get(document.key)
        body |= offer_members(document.key, offer) if offer else {"quantity": 0}
        return body, [document.key] if offer else [], absent
    return body, created, absent


def removals(document: ProductDocument, there: Container[str]) -> list[dict[str, Any]]:
    """What removes the variations that moved to another product, of those that are *there*."""
    return [{"sku": sku, "remove": True} for sku in document.moved if sku in there]


def _there(shown: Members, before: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The variations that the hub shows, by SKU; if it does not say which there are, those of *before*, with nothing.

    Taken for none they would be forgotten while they are on sale.
    """
    return _by(shown["variations"], "sku") if isinstance(shown.get("variations"), list) else {sku: {} for sku in before}


def _scalars(payload: Members) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in _NOT_OURS}


def _arrays(payload: Members, accepted: Members, shown: Members | None, *, full: bool) -> dict[str, Any]:
    """The arrays that differ from what was accepted, or all; elements that we once sent and that are gone, removed.

    Raises: ItemError when elements have to go and the answer leaves their array out. One that is null has none
    (assumed: products without any may be shown so).
    """
    body = {}
    for name in _ARRAYS:
        wanted, before = reading.rows(payload.get(name)), reading.rows(accepted.get(name))
        if full or not same(wanted, before):
            if name in _BY_ID and shown is not None and name not in shown and _gone(_BY_ID[name], wanted, before):
                raise _hidden(payload["sku"], name)
            there = _elements((shown or {}).get(name))
            rows = _photos(wanted, before, there) if name == "photos" else _keyed(_BY_ID[name], wanted, before, there)
            if rows:
                body[name] = rows
    return body


def _gone(key: str, wanted: Sequence[Members], before: Sequence[Members]) -> set[Any]:
    return {element.get(key) for element in before} - {element.get(key) for element in wanted}


def _hidden(sku: str, name: str) -> ItemError:
    """Not what ends a pass: a hub that never shows them would end all of them."""
    return ItemError(
        sku,
        f"Plugg.to's answer leaves out the {name} of {sku}: those that left the store cannot be removed",
        reason=Reason.REJECTED,
        final=False,
    )


def _photos(wanted: Sequence[Members], before: Sequence[Members], there: Sequence[Members]) -> list[dict[str, Any]]:
    """Source: client code: a photo is found by the URL it came from, and removed by it."""
    kept = {photo.get("url") for photo in wanted}
    if there:  # what is not there need not go
        shown = {photo.get(name) for photo in there for name in ("url", "external")}
        before = [photo for photo in before if photo.get("url") in shown]
    gone = [{"url": photo["url"], "remove": True} for photo in before if photo.get("url") and photo["url"] not in kept]
    return [*map(dict, wanted), *gone]


def _keyed(
    key: str, wanted: Sequence[Members], before: Sequence[Members], there: Sequence[Members]
) -> list[dict[str, Any]]:
    """Elements with the hub's ids where it has them: without, a change would add a second one. What is gone, each time.

    Source: https://developers.plugg.to/reference/createupdate-and-delete-attributes and /update-and-delete-categories.
    """
    ids = {element[key]: element["id"] for element in reversed(there) if element.get(key) and element.get("id")}
    sent = [{**element, "id": ids[element[key]]} if element.get(key) in ids else dict(element) for element in wanted]
    gone = ids.keys() & _gone(key, wanted, before)
    return sent + [{"id": each["id"], "remove": True} for each in there if each.get(key) in gone and each.get("id")]


def without_duplicates(shown: Members, sent: Members) -> dict[str, Any] | None:
    """The body that removes what a write of *sent* has doubled, or its repetition; None: nothing of it is doubled.

    What was sent by its id stays; else of attributes the last, which has the value just sent, of categories the first.
    """
    body = _doubled(shown, sent)
    parts = _by(sent.get("variations"), "sku")
    variations = [
        {"sku": entry["sku"], **doubled}
        for entry in reading.rows(shown.get("variations"))
        if entry.get("sku") in parts and (doubled := _doubled(entry, parts[entry["sku"]]))
    ]
    if variations:
        body["variations"] = variations
    return {"sku": shown["sku"], **body} if body and shown.get("sku") else None


def _doubled(shown: Members, sent: Members) -> dict[str, Any]:
    body = {}
    for name, key in _BY_ID.items():
        kept = [each for each in _elements(sent.get(name)) if not each.get("remove")]
        ours, ids = {each.get(key) for each in kept}, {each.get("id") for each in kept}
        elements = [each for each in _elements(shown.get(name)) if each.get(key) in ours and each.get("id")]
        if name == "attributes":
            elements.reverse()
        elements.sort(key=lambda each: each["id"] not in ids)
        seen, extra = set[Any](), list[dict[str, Any]]()
        for element in elements:
            if element[key] in seen:
                extra.append({"id": element["id"], "remove": True})
            seen.add(element[key])
        if extra:
            body[name] = extra
    return body


def lost_categories(sent: Members, before: Members, after: Members) -> list[dict[str, Any]]:
    """Categories that went with a removed one although nobody asked for that, to be added again.

    Source: https://developers.plugg.to/reference/update-and-delete-categories shows such a loss (9 X8).
    """
    elements = reading.rows(sent.get("categories"))
    removed = {element.get("id") for element in elements if element.get("remove")}
    if not removed:
        return []
    names = [each.get("name") for each in _elements(before.get("categories")) if each.get("id") not in removed]
    names += [element.get("name") for element in elements if not element.get("remove")]
    left = {each.get("name") for each in _elements(after.get("categories"))}
    return [{"name": name} for name in dict.fromkeys(names) if name and name not in left]


def _elements(shown: object) -> list[dict[str, Any]]:
    """The elements of an array that the hub shows; none that is named by something other than text or a number."""
    names = ("id", "code", "name", "url", "external")
    return [
        each
        for each in reading.rows(shown)
        if all(isinstance(each.get(name), str | int | float | None) for name in names)
    ]


def skus(shown: Members) -> set[str]:
    """Every SKU of a product that the hub shows: its own and those of its variations."""
    own = reading.text(shown.get("sku"))
    return {sku for sku in (own, *_by(shown.get("variations"), "sku")) if sku}


def _by(elements: object, key: str) -> dict[str, dict[str, Any]]:
    return {name: element for element in reading.rows(elements) if (name := reading.text(element.get(key)))}


def same(one: object, other: object) -> bool:
    """Whether two JSON values say the same, whatever type their numbers have."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float | Decimal) or isinstance(other, float | Decimal):
        return isinstance(one, _NUMBERS) and isinstance(other, _NUMBERS) and Decimal(str(one)) == Decimal(str(other))
    return one == other
