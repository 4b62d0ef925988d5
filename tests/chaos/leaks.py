"""Does a secret, or what belongs to a buyer, stand where it must not? Everything is searched for all of them."""

import asyncio
from collections.abc import Iterable
from urllib.parse import quote, urlsplit

import aiohttp

from tests.chaos.arena import KEY, Arena

# Where neither secrets nor buyers' data may be. The store's orders, and the hub's documents until they are imported,
# are the buyers' data that rocksync is there to carry.
_TABLES = (
    "rocksync.item",
    "rocksync.history",
    "rocksync.schedule",
    "rocksync.tenant",
    "rocksync.audit",
    "rocksync.worker",
    "rocksync.item_count",
    "rocksync.change",
    "rocksync.reservation",
    "rocksync.credential",
    "rocksync.credential_inbox",
)
_OF_BUYERS = ("payer_email", "receiver_email", "payer_cpf", "receiver_phone", "payer_phone")


async def metrics(ring: Arena) -> list[str]:
    """What each worker tells of itself, where it runs."""
    return [await _metrics(worker.http_port) for worker in ring.workers]


async def search(ring: Arena, metrics: list[str]) -> list[str]:
    """What was found, by where; never what it says."""
    secrets = dict(_secrets(ring))
    buyers = dict.fromkeys(_buyers(ring), "a buyer's data")
    found = []
    for number, worker in enumerate(ring.workers):
        log = await asyncio.to_thread(worker.log.read_text, errors="replace")
        found += _search(f"the log of worker {number}", log, secrets | buyers)
        found += _search(f"the arguments of worker {number}", " ".join(worker.arguments), secrets | buyers)
        found += _search(f"the metrics of worker {number}", metrics[number], secrets | buyers)
    for table in _TABLES:
        for row in await ring.rows(f"SELECT t::text AS line FROM {table} t"):
            found += _search(table, row["line"], secrets | buyers)
    for row in await ring.rows("SELECT o::text AS line FROM rocksync.hub_order o"):
        found += _search("rocksync.hub_order", row["line"], secrets)
    return sorted(set(found))


def _secrets(ring: Arena) -> Iterable[tuple[str, str]]:
    yield KEY, "a key"
    password = urlsplit(ring.database).password
    if password:
        yield password, "the database's password"
    for account in ring.hub.accounts.values():
        yield account.credentials.client_secret, "a client secret"
        yield account.credentials.api_secret, "an API secret"
    for token in [*ring.hub.tokens._access, *ring.hub.tokens._refresh]:
        yield token, "a token"


def _buyers(ring: Arena) -> set[str]:
    words = set[str]()
    for user in ring.hub.accounts:
        for order in ring.hub.orders(user):
            words |= {order[name] for name in _OF_BUYERS if order.get(name)}
            words |= {f"{order['receiver_name']} {order['receiver_lastname']}"}
    words |= {quote(word) for word in words}
    return {word for word in words if len(word) >= 8}  # shorter ones are found by chance


def _search(where: str, text: str, words: dict[str, str]) -> list[str]:
    return [f"{what} stands in {where}" for word, what in words.items() if word in text]


async def _metrics(port: int) -> str:
    """What the worker tells of itself, if it runs."""
    timeout = aiohttp.ClientTimeout(total=5)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session:
            return "\n".join(
                [await (await session.get(f"http://127.0.0.1:{port}{path}")).text() for path in ("/metrics", "/readyz")]
            )
    except (aiohttp.ClientError, TimeoutError):
        return ""
