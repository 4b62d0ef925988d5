"""The API itself: which path does what. Source: pluggto-api.md sections 3.1 and 4.1; anything not evidenced is 404."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from rocksync.sandbox.accounts import Account
from rocksync.sandbox.clock import iso
from rocksync.sandbox.listing import Page, Predicate, cut, matching, one_status, parse_page, predicates
from rocksync.sandbox.orders import ORDER_MEMBERS
from rocksync.sandbox.profile import Profile
from rocksync.sandbox.refusals import invalid, not_found, refusal
from rocksync.sandbox.shapes import PRODUCT_MEMBERS, Document

Answer: TypeAlias = tuple[int, Document]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to the API, authenticated, with the faults that bend its answer (name to value)."""

    account: Account
    profile: Profile
    now: float
    seed: int
    key: str
    params: dict[str, str]
    content_type: str
    body: bytes
    faults: dict[str, float]

    def document(self) -> Document:
        """Return the body. Raises: Refusal 400 if it is no JSON object, or not said to be JSON."""
        kind = self.content_type.partition(";")[0].strip().lower()
        if self.profile.strict_bodies and kind != "application/json":
            raise invalid("Content-Type", "must be application/json")
        try:
            return msgspec.json.decode(self.body, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise refusal(400, "invalid_json", "The body is not a JSON object") from None


@dataclass(frozen=True, slots=True)
class Route:
    """A path template and what answers it."""

    template: str
    function: Callable[[Call], Answer]


def resolve(method: str, segments: list[str]) -> tuple[Route, str]:
    """Return the route of a path given by its decoded segments, and the SKU or id in it."""
    route = _ROUTES.get((method, *segments))
    if route is not None and "{" not in route.template:
        return route, ""
    if len(segments) > 1:
        route = _ROUTES.get((method, segments[0], "*", *segments[2:]))
        if route is not None and segments[1]:
            return route, segments[1]
    return _NOWHERE, ""


def parse_params(query: str) -> dict[str, str]:
    """Return the parameters of a query string; the last of several with one name counts."""
    return dict(parse_qsl(query, keep_blank_values=True)) if query else {}


def _list_products(call: Call) -> Answer:
    reply = _list(call, _products(call), _product_filters(call))
    reply["result"] = [{"Product": row} for row in reply["result"]]
    return 200, reply


def _products(call: Call) -> Iterable[Document]:
    sku = None if "ignored-filters" in call.faults else call.params.get("bysku")
    if sku is None:
        return call.account.shelf.rows()
    found = call.account.shelf.find(sku)
    return [] if found is None else [found]


def _product_filters(call: Call) -> list[Predicate]:
    params = {name: value for name, value in call.params.items() if name != "bysku"}
    return predicates(params, call.profile, PRODUCT_MEMBERS, {"ean": _by_ean})


def _by_ean(value: str) -> Predicate:
    return lambda row: row["ean"] == value or any(variation["ean"] == value for variation in row["variations"])


def _get_product(call: Call) -> Answer:
    return 200, {"Product": call.account.shelf.row(call.key)}


def _post_product(call: Call) -> Answer:
    return 201, {"Product": call.account.shelf.create(call.document(), call.profile)}


def _put_product(call: Call) -> Answer:
    product = call.account.shelf.row(call.key)
    return 200, {"Product": call.account.shelf.update(product, call.document(), call.profile)}


def _put_product_stock(call: Call) -> Answer:
    product = call.account.shelf.row(call.key)
    return 200, {"Product": call.account.shelf.set_stock(product["sku"], call.document(), call.profile)}


def _delete_product(call: Call) -> Answer:
    return 200, {"Product": call.account.shelf.delete(call.account.shelf.row(call.key))}


def _get_sku(call: Call) -> Answer:
    return 200, {"Product": call.account.shelf.at_sku(call.key, call.profile)}


def _put_sku(call: Call) -> Answer:
    shelf = call.account.shelf
    document = call.document()
    if call.profile.upsert and shelf.find(call.key) is None:
        return 200, {"Product": shelf.create({"sku": call.key, **document}, call.profile)}
    product = shelf.at_sku(call.key, call.profile)
    return 200, {"Product": shelf.update(product, document, call.profile, sku=call.key)}


def _put_sku_stock(call: Call) -> Answer:
    return 200, {"Product": call.account.shelf.set_stock(call.key, call.document(), call.profile)}


def _delete_sku(call: Call) -> Answer:
    shelf = call.account.shelf
    return 200, {"Product": shelf.delete(shelf.at_sku(call.key, call.profile), sku=call.key)}


def _tabledata(call: Call) -> Answer:
    """Return the light table of products, a list of rows [X19]."""
    wanted = ("id", "sku", "price", "special_price", "quantity")
    rows = _list(call, call.account.shelf.rows(), [])["result"]
    return 200, {
        "Products": [
            {name: row[name] for name in (*wanted, "timestamp")}
            | {"variations": [{name: variation[name] for name in wanted} for variation in row["variations"]]}
            for row in rows
        ]
    }


def _list_orders(call: Call) -> Answer:
    book = call.account.book
    special = {
        "status": one_status(call.profile),
        "external": lambda value: lambda row: value in book.externals(row),
    }
    reply = _list(call, book.rows(), predicates(call.params, call.profile, ORDER_MEMBERS, special))
    as_map = _external_map(call)
    reply["result"] = [{"Order": book.shown(row, external_map=as_map)} for row in reply["result"]]
    return 200, reply


def _get_order(call: Call) -> Answer:
    book = call.account.book
    return 200, {"Order": book.shown(book.row(call.key), external_map=_external_map(call))}


def _post_order(call: Call) -> Answer:
    book = call.account.book
    order = book.create(call.document(), call.profile)
    return 201, {"Order": book.shown(order, external_map=_external_map(call))}


def _put_order(call: Call) -> Answer:
    book = call.account.book
    order = book.update(book.row(call.key), call.document(), call.profile)
    return 200, {"Order": book.shown(order, external_map=_external_map(call))}


def _external_map(call: Call) -> bool:
    return (
        call.profile.external_maps
        or "external-maps" in call.faults
        or call.params.get("showExternal", "false") == "true"
    )


def _list_invoices(call: Call) -> Answer:
    """Return what the orders' shipments say of fiscal documents, in the form of the invoices page."""
    page = parse_page(call.params, call.profile)
    found: list[Document] = [
        {
            "id": shipment["id"],
            "files": [
                {"url": paper["url"], "type": "xml_authorization", "id": paper["id"]}
                for paper in shipment["documents"]
                if paper.get("type") == "invoice"
            ],
            "log_history": [],
            "user_id": order["user_id"],
            "number": shipment["nfe_number"],
            "nfe_serie": shipment["nfe_serie"],
            "app_origin": order["channel"],
            "app_sub_origin": order["channel_account"],
            "reference_order": order["id"],
            "nfe_type": "sale",
            "nfe_key": shipment["nfe_key"],
            "nfe_date": shipment["nfe_date"],
            "nfe_status": "authorized",
        }
        for order in call.account.book.rows()
        for shipment in order["shipments"]
        if shipment["nfe_key"]
    ]
    found.sort(key=lambda row: str(row["id"]))
    reply = cut(found, page, call.profile)
    dates = [row["nfe_date"] for row in reply["result"]]
    reply |= {"hash_prev": dates[0] if dates else None, "hash_next": dates[-1] if dates else None}
    reply["result"] = [{"Invoice": row} for row in reply["result"]]
    return 200, reply


def _labels(call: Call) -> Answer:
    """Return one URL for the labels of all orders asked for (that they are PDF is assumed)."""
    wanted = [name for name in call.params.get("orders", "").split(",") if name]
    if not wanted:
        raise invalid("orders", "is required")
    for order_id in wanted:
        call.account.book.row(order_id)
    return 200, {"urls": [f"https://labels.invalid/{call.account.user_id}/{wanted[0]}-{len(wanted)}.pdf"]}


def _list(call: Call, rows: Iterable[Document], filters: list[Predicate]) -> Document:
    faults = call.faults
    page = parse_page(call.params, call.profile)
    if "limit-cap-50" in faults:
        page = Page(limit=min(page.limit, 50), next=page.next, number=page.number)
    if "repeated-pages" in faults:
        page = Page(limit=page.limit, next=None, number=1)
    if "ignored-filters" in faults:
        filters = []
    if "stale-lists" in faults:
        horizon = iso(call.now - faults["stale-lists"])
        filters = [lambda row: row["modified"] <= horizon, *filters]
    reply = cut(matching(rows, filters), page, call.profile, shuffle=call.seed if "reordered-pages" in faults else None)
    if "short-pages" in faults:
        reply["result"] = reply["result"][: (len(reply["result"]) + 1) // 2]
        reply["showing"] = len(reply["result"])
    return reply


def _nowhere(call: Call) -> Answer:
    raise not_found("Resource")


_NOWHERE = Route("/other", _nowhere)
_ROUTES: dict[tuple[str, ...], Route] = {
    ("GET", "products"): Route("/products", _list_products),
    ("POST", "products"): Route("/products", _post_product),
    ("GET", "products", "tabledata"): Route("/products/tabledata", _tabledata),
    ("GET", "products", "*"): Route("/products/{id}", _get_product),
    ("PUT", "products", "*"): Route("/products/{id}", _put_product),
    ("DELETE", "products", "*"): Route("/products/{id}", _delete_product),
    ("PUT", "products", "*", "stock"): Route("/products/{id}/stock", _put_product_stock),
    ("GET", "skus", "*"): Route("/skus/{sku}", _get_sku),
    ("PUT", "skus", "*"): Route("/skus/{sku}", _put_sku),
    ("DELETE", "skus", "*"): Route("/skus/{sku}", _delete_sku),
    ("PUT", "skus", "*", "stock"): Route("/skus/{sku}/stock", _put_sku_stock),
    ("GET", "orders"): Route("/orders", _list_orders),
    ("POST", "orders"): Route("/orders", _post_order),
    ("GET", "orders", "*"): Route("/orders/{id}", _get_order),
    ("PUT", "orders", "*"): Route("/orders/{id}", _put_order),
    ("GET", "invoices"): Route("/invoices", _list_invoices),
    ("GET", "labels"): Route("/labels", _labels),
}
