"""What an adapter needs of Plugg.to: a login, and one PUT for one changed price or stock, over kept connections."""

import json
from typing import Any

import requests
from requests.adapters import HTTPAdapter


class Hub:
    """The hub, for any number of accounts."""

    def __init__(self, url: str, connections: int) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.mount("http://", HTTPAdapter(pool_connections=1, pool_maxsize=connections))
        self._tokens: dict[int, str] = {}

    def login(self, number: int) -> None:
        """Get a token for an account."""
        form = {
            "grant_type": "password",
            "client_id": f"client-{number}",
            "client_secret": f"client-secret-{number}",
            "username": f"user-{number}",
            "password": f"user-secret-{number}",
        }
        self._tokens[number] = self._session.post(f"{self._url}/oauth/token", data=form, timeout=20).json()[
            "access_token"
        ]

    def put(self, number: int, change: dict[str, Any]) -> None:
        """Send one change; what the hub holds already is fine."""
        sku, value = change["sku"], float(change["value"])
        if change["kind"] == "stock":
            path, body = f"/skus/{sku}/stock", {"action": "update", "quantity": int(value), "sku": sku}
        else:
            path, body = f"/skus/{sku}", {"sku": sku, "price": value, "special_price": value}
        reply = self._session.put(
            self._url + path,
            data=json.dumps(body),
            headers={"Content-Type": "application/json", "Authorization": f"Bearer {self._tokens[number]}"},
            timeout=20,
        )
        if reply.status_code >= 400 and reply.json().get("type") != "not_updated":
            reply.raise_for_status()


CHANGED = """
SELECT sku, 'price' AS kind, price AS value, updated_at FROM store.price
 WHERE tenant_id = %(tenant)s AND updated_at > %(since)s
UNION ALL
SELECT sku, 'stock', on_hand, updated_at FROM store.stock
 WHERE tenant_id = %(tenant)s AND updated_at > %(since)s
 ORDER BY updated_at
"""
