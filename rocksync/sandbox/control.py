"""The control API under ``/_sandbox/``: JSON in and out, for whoever runs the sandbox as a process of its own.

====== =============================== ==========================================================================
GET    status                          profile, clock, totals
POST   reset                           forget everything but clock and profile
PUT    profile                         ``{"name": "strict+upsert"}``
POST   clock                           ``{"advance_s": 60}``
GET    faults                          those in force; ``POST`` ``{"fault": "429:0.1", "account": 129}``
DELETE faults[/NAME]                   all, or those of one name
POST   tokens/expire, tokens/revoke    ``{"account": 129}``, or all
GET    requests?after=&method=&route=  the log; ``DELETE`` forgets it
GET    counters                        requests by method, route and status
GET    accounts                        all; ``POST`` ``{user_id, webhook}`` and the four credentials, each optional
GET    accounts/UID/products           as stored; ``accounts/UID/products/SKU`` one of them
GET    accounts/UID/orders             as stored; ``accounts/UID/orders/ID`` one of them
POST   accounts/UID/orders             ``{items, status, channel, original_id, shipment, created, members}``
POST   accounts/UID/orders/ID/ACTION   ``approve``, ``cancel``, ``deliver``, ``ship``, ``status`` ``{"status": S}``
PUT    accounts/UID/orders/ID          any members, as the marketplace
PUT    accounts/UID/webhook            ``{"url": URL or null}``
POST   accounts/UID/code               a ``pluggtocode`` to exchange
====== =============================== ==========================================================================

UID is the user id, or the API user's name.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from rocksync.sandbox.accounts import Account
from rocksync.sandbox.faults import described, parse_fault
from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.profile import parse_profile
from rocksync.sandbox.refusals import Refusal, not_found
from rocksync.sandbox.shapes import Document


def control(hub: Sandbox, method: str, target: str, body: bytes) -> tuple[int, bytes]:
    """Do what one control request asks and return status and JSON body. *target* is the path below the prefix."""
    path, _, query = target.partition("?")
    words = [unquote(word) for word in path.strip("/").split("/")]
    try:
        sent = msgspec.json.decode(body, type=dict[str, Any]) if body else {}
        result = _dispatch(hub, method, words, sent, dict(parse_qsl(query)))
    except Refusal as no:
        return no.status, msgspec.json.encode(no.body)
    except KeyError as error:
        return 404, msgspec.json.encode({"error": f"not found: {error.args[0]}"})
    except (ValueError, TypeError, msgspec.MsgspecError) as error:
        return 400, msgspec.json.encode({"error": str(error)})
    return 200, msgspec.json.encode(result)


def _dispatch(hub: Sandbox, method: str, words: list[str], sent: Document, params: dict[str, str]) -> object:
    match method, *words:
        case "POST", "accounts":
            return _account(hub.add_account(**sent))
        case "GET", "accounts":
            return [_account(account) for account in hub.accounts.values()]
        case _, "accounts", uid, *rest:
            return _of_account(hub, _find(hub, uid), method, rest, sent)
        case _, "faults", *rest:
            return _faults(hub, method, rest, sent)
        case "GET", "requests":
            after = int(params.get("after", 0))
            return hub.requests(after=after, method=params.get("method"), route=params.get("route"))
        case _:
            return _of_hub(hub, method, words, sent)


def _of_hub(hub: Sandbox, method: str, words: list[str], sent: Document) -> object:  # noqa: PLR0911 (one a command)
    match method, *words:
        case "GET", "status":
            return {
                "profile": hub.profile.name,
                "now": hub.clock.iso(),
                "accounts": len(hub.accounts),
                "products": sum(len(account.shelf) for account in hub.accounts.values()),
                "orders": sum(len(account.book) for account in hub.accounts.values()),
                "notices_sent": hub.notices.sent,
            }
        case "GET", "counters":
            return hub.journal.counters()
        case "DELETE", "requests":
            hub.journal.clear()
            return {}
        case "POST", "reset":
            hub.reset()
            return {}
        case "PUT", "profile":
            hub.profile = parse_profile(sent["name"])
            return {"name": hub.profile.name}
        case "POST", "clock":
            hub.advance(float(sent["advance_s"]))
            return {"now": hub.clock.iso()}
        case "POST", "tokens", "expire" | "revoke" as action:
            account = _find(hub, str(sent["account"])) if "account" in sent else None
            (hub.tokens.expire if action == "expire" else hub.tokens.revoke)(account)
            return {}
        case _:
            raise not_found("Control")


def _faults(hub: Sandbox, method: str, rest: list[str], sent: Document) -> object:
    match method, *rest:
        case ("GET",):
            return [described(fault) for fault in hub.faults.all]
        case ("POST",):
            fault = parse_fault(sent["fault"])
            fault.account = sent.get("account")
            return described(hub.add_fault(fault))
        case "DELETE", *names:
            hub.remove_faults(names[0] if names else None)
            return {}
        case _:
            raise not_found("Control")


def _of_account(hub: Sandbox, account: Account, method: str, rest: list[str], sent: Document) -> object:
    match method, *rest:
        case "GET", "products":
            return hub.products(account.user_id)
        case "GET", "products", sku:
            return _present(hub.product(account.user_id, sku), sku)
        case "PUT", "webhook":
            account.webhook = sent["url"]
            return _account(account)
        case "POST", "code":
            return {"code": hub.tokens.issue_code(account)}
        case _, "orders", *more:
            return _orders(hub, account, method, more, sent)
        case "GET", *none if not none:
            return _account(account)
        case _:
            raise not_found("Control")


def _orders(hub: Sandbox, account: Account, method: str, rest: list[str], sent: Document) -> object:
    market = hub.market(account.user_id)
    actions: dict[str, Callable[[str], Document]] = {
        "approve": lambda order_id: market.approve(order_id, shipment=bool(sent.get("shipment"))),
        "cancel": market.cancel,
        "deliver": market.deliver,
        "ship": lambda order_id: market.add_shipment(order_id, sent or None),
        "status": lambda order_id: market.set_status(order_id, str(sent["status"])),
    }
    match method, *rest:
        case ("GET",):
            return hub.orders(account.user_id)
        case ("POST",):
            return market.create_order(sent.pop("items"), **sent)
        case "GET", order_id:
            return hub.order(account.user_id, order_id)
        case "PUT", order_id:
            return market.change(order_id, sent)
        case "POST", order_id, action if action in actions:
            return actions[action](order_id)
        case _:
            raise not_found("Control")


def _find(hub: Sandbox, uid: str) -> Account:
    if uid.isdecimal() and int(uid) in hub.accounts:
        return hub.accounts[int(uid)]
    return hub.account_of(uid)


def _account(account: Account) -> Document:
    return {
        "user_id": account.user_id,
        "client_id": account.credentials.client_id,
        "api_user": account.credentials.api_user,
        "webhook": account.webhook,
        "products": len(account.shelf),
        "orders": len(account.book),
    }


def _present(found: Document | None, key: str) -> Document:
    if found is None:
        raise KeyError(key)
    return found
