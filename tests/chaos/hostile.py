"""A round in which everybody says the worst: platforms, buyers, and strangers at the HTTP port."""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp

from rocksync.sandbox.members import ORDER
from rocksync.sandbox.refusals import Refusal
from tests.chaos.arena import Arena, Server, Tenant, Worker, arena
from tests.chaos.crowds import add_small, serve_one
from tests.chaos.growth import rss_mb
from tests.chaos.storm import Outcome, conclude, settle

TEXTS = (
    "'; DROP TABLE store.product CASCADE; --",
    "$1 %s {0} ${jndi:ldap://hub.invalid/a} {{7*7}}",
    'x"}\n{"at":"2026-01-01T00:00:00Z","level":"error","event":"forged"}',
    "x\r\nX-Forged: yes\r\n\r\nGET /forged HTTP/1.1",
    "../../../../etc/passwd",
    "\u202e\u0000\ufeff\U0001f600 \ud7ff<script>alert(1)</script>".replace("\0", ""),
    "9" * 3_000,
)
UNADDRESSABLE = ".."
"""A SKU that cannot be put into a path: whoever reads the address takes it for another."""
SKUS = (
    *(
        "../../oauth/token",
        "..",
        "./A",
        "/etc/passwd",
        "A/../B",
        "A/stock",
        "%2e%2e%2forders",
        "A?limit=0",
        "A#B",
        "A;B",
    ),
    *("A' OR '1'='1", "A\\..\\B", "{sku}", "A&B=C", "A%00B", "http://hub.invalid/A", "A" * 100, "é" * 30),
)
_COLUMNS = ("name", "description", "short_description", "brand", "model", "ean", "link", "external_id")
_OPEN_AT_ONCE = 40
_STALLED = 300
_SERVED_WITHIN_S = 20.0
"""The flood may drown the notification of the order, which is then found by the next poll but one at the latest."""
_RIGHTLY_REFUSED = "invalid_item"
"""What the worker says of texts that the hub's API has no place for, such as an EAN that is none."""


async def hostile(server: Server, seed: int, *, flood: int = 4_000) -> Outcome:
    """Hostile texts in every field of the store and of orders, *flood* notifications, and clients that never finish.

    A tenant with one change is served meanwhile, the worker's memory stays as it is, and nothing said is obeyed.
    """
    outcome = Outcome(name="hostile input", seed=seed, workers=1)
    began = time.monotonic()
    async with arena(server, seed=seed) as ring:
        worker, shop, small = (
            ring.workers[0],
            await ring.add_tenant("loja-0"),
            await add_small(ring),
        )
        outcome.attacks["hostile rows"] = await _fill(ring, shop)
        await worker.start()
        await settle(ring, outcome)
        outcome.attacks["hostile orders"] = _order(ring, shop)
        _expect_loopback(worker, outcome)
        async with _stalled(worker.http_port):
            outcome.attacks["clients that never finish"] = _STALLED
            await _flood(ring, worker, flood // 2)
            early_mb = rss_mb(worker.pid)
            flooding = asyncio.create_task(_flood(ring, worker, flood // 2))
            outcome.figures["served_s"] = await serve_one(ring, small)
            await flooding
            outcome.attacks["notifications"] = flood
            outcome.figures |= {"rss_mb_early": early_mb, "rss_mb_late": rss_mb(worker.pid)}
        outcome.recover_s = await settle(ring, outcome)
        await _expect_unmoved(ring, worker, outcome)
        await conclude(ring, outcome, [])
        outcome.wrong = [line for line in outcome.wrong if _RIGHTLY_REFUSED not in line]
        outcome.lost = [
            line for line in outcome.lost if not line.endswith(f"product {UNADDRESSABLE} is not at the hub")
        ]
        outcome.changes, outcome.orders = outcome.attacks["hostile rows"], outcome.attacks["hostile orders"] + 1
    outcome.took_s = time.monotonic() - began
    return outcome


async def _fill(ring: Arena, tenant: Tenant) -> int:
    """A product for each column and text, and one for each SKU."""
    number = 0
    for text in TEXTS:
        for column in _COLUMNS:
            number += 1
            await _sell(ring, tenant, f"T{number}", {"name": "Produto", column: text})
        number += 1
        lists = {"categories": [text.replace(">", "")], "photos": [f"https://img.example/{text}"]}
        await _sell(ring, tenant, f"T{number}", {"name": text, "attributes": json.dumps({text: text}), **lists})
    for sku in SKUS:
        await _sell(ring, tenant, sku, {"name": "Produto"})
    return number + len(SKUS)


async def _sell(ring: Arena, tenant: Tenant, sku: str, columns: dict[str, Any]) -> None:
    names, marks = ", ".join(columns), ", ".join(f"${place}" for place in range(3, len(columns) + 3))
    insert = f"INSERT INTO store.product (tenant_id, sku, {names}) VALUES ($1, $2, {marks})"
    await ring.once(
        f"sell {sku}",
        (insert, (tenant.id, sku, *columns.values())),
        ("INSERT INTO store.price (tenant_id, sku, price) VALUES ($1, $2, 10)", (tenant.id, sku)),
        ("INSERT INTO store.stock (tenant_id, sku, on_hand) VALUES ($1, $2, 50)", (tenant.id, sku)),
        ("INSERT INTO chaos.delta VALUES ($1, $2, 50)", (tenant.id, sku)),
    )


def _order(ring: Arena, tenant: Tenant) -> int:
    """An order for each member that may be text, and each text that the marketplace would take for it."""
    placed, market = 0, ring.hub.market(tenant.user)
    for member in sorted(ORDER):
        for text in TEXTS:
            with contextlib.suppress(Refusal):
                market.create_order([{"sku": "T1"}], members={member: f"{text}, {member}"})
                placed += 1
    return placed


def _expect_loopback(worker: Worker, outcome: Outcome) -> None:
    """Whoever says nothing about it gets a port that no other machine reaches."""
    listening = [
        line.split()[1]
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{worker.pid}/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and int(line.split()[1].rpartition(":")[2], 16) == worker.http_port
    ]
    if listening != [f"0100007F:{worker.http_port:04X}"]:
        outcome.wrong.append(f"the worker listens at {listening}")


@contextlib.asynccontextmanager
async def _stalled(port: int) -> AsyncIterator[None]:
    """Clients that send the beginning of a request, and no more; who is turned away comes again."""

    def knock() -> Iterator[socket.socket]:
        for number in range(_STALLED):
            client = socket.create_connection(("127.0.0.1", port), timeout=5)
            begun = (
                b"GET /metr" if number % 2 else b"POST /notifications/pluggto HTTP/1.1\r\nContent-Length: 99\r\n\r\n{"
            )
            client.sendall(begun)
            yield client

    with contextlib.ExitStack() as stack:
        for client in await asyncio.to_thread(lambda: list(knock())):
            stack.enter_context(client)
        yield


async def _flood(ring: Arena, worker: Worker, notifications: int) -> None:
    """Send so many notifications, as fast as they are taken: of orders that nobody placed, of nobody's, and rubbish."""
    users, limit = [tenant.user for tenant in ring.tenants], asyncio.Semaphore(_OPEN_AT_ONCE)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(timeout=timeout) as session:

        async def send(number: int) -> None:
            order = {"type": "orders", "id": f"{number:024x}", "user": users[number % 2] if number % 3 else number}
            bodies = (
                json.dumps(order).encode(),
                b"[" * 60_000,
                b"\xff" * 100,
                b"x" * 70_000,
                TEXTS[number % 7].encode(),
            )
            body = bodies[number % 5 if number % 4 == 0 else 0]
            async with limit:
                with contextlib.suppress(aiohttp.ClientError):  # who comes when there are too many is turned away
                    await session.post(f"http://127.0.0.1:{worker.http_port}/notifications/pluggto", data=body)

        await asyncio.gather(*map(send, range(notifications)))


async def _expect_unmoved(ring: Arena, worker: Worker, outcome: Outcome) -> None:
    """Nothing of what was said was done: no line forged, no address reached that is none of the API's."""
    for line in worker.log.read_text().splitlines():
        if json.loads(line)["event"] == "forged":
            outcome.wrong.append("a line of the log was forged")
    strange = {(entry["method"], entry["path"]) for entry in ring.hub.requests() if entry["status"] == 404}
    outcome.wrong += [
        f"{method} {path} was asked for" for method, path in strange if not path.startswith(("/skus/", "/orders/"))
    ]
    if "GET /oauth/token" in {f"{entry['method']} {entry['path']}" for entry in ring.hub.requests()}:
        outcome.wrong.append("a SKU led to the token endpoint")
    early_mb, late_mb = outcome.figures["rss_mb_early"], outcome.figures["rss_mb_late"]
    if late_mb > early_mb * 1.1 + 8:
        outcome.wrong.append(f"memory grew from {early_mb:.0f} to {late_mb:.0f} MB")
    if outcome.figures["served_s"] > _SERVED_WITHIN_S:
        outcome.wrong.append(f"the other tenant waited {outcome.figures['served_s']:.0f} s")
