"""Does a secret, or what belongs to a buyer, stand where it must not? Everything is searched for all of them."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import aiohttp

from tests.chaos.arena import KEY, Arena

# Neither secrets nor buyers' data may be in any table of rocksync, but for the hub's documents until they are imported:
# these and the store's orders are the buyers' data that rocksync is there to carry.
_CARRIED = "hub_order"
_TABLES = """
SELECT c.relname AS name FROM pg_class c
 WHERE c.relnamespace = 'rocksync'::regnamespace AND c.relkind IN ('r', 'p')
 ORDER BY c.relname
"""
_START = 8
_OF_BUYERS = ("payer_email", "receiver_email", "payer_cpf", "receiver_phone", "payer_phone")


async def metrics(ring: Arena) -> list[str]:
    """What each worker tells of itself, where it runs."""
    return [await _metrics(worker.http_port) for worker in ring.workers]


async def search(ring: Arena, metrics: list[str]) -> list[str]:
    """What was found, by where; never what it says."""
    secrets = Words.of(dict(_secrets(ring)))
    anything = Words.of({**secrets.whats, **dict.fromkeys(_buyers(ring), "a buyer's data")})
    found = []
    for number, worker in enumerate(ring.workers):
        log = await asyncio.to_thread(worker.log.read_text, errors="replace")
        found += _search(f"the log of worker {number}", log, anything)
        found += _search(f"the arguments of worker {number}", " ".join(worker.arguments), anything)
        found += _search(f"the metrics of worker {number}", metrics[number], anything)
    for table in await ring.rows(_TABLES):
        words = secrets if table["name"] == _CARRIED else anything
        for row in await ring.rows(f"SELECT t::text AS line FROM rocksync.{table['name']} t"):
            found += _search(f"rocksync.{table['name']}", row["line"], words)
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
    return {word for word in words if len(word) >= _START}  # shorter ones are found by chance


@dataclass(frozen=True)
class Words:
    """What is searched for, with what it is, by how it begins: a day has thousands of words, and a million rows."""

    whats: Mapping[str, str]
    starting: Mapping[str, list[str]]

    @classmethod
    def of(cls, whats: Mapping[str, str]) -> "Words":
        starting: dict[str, list[str]] = {}
        for word in whats:
            starting.setdefault(word[:_START], []).append(word)
        return cls(whats, starting)

    def in_text(self, text: str) -> set[str]:
        """What of them stands in *text*."""
        starts = {text[at : at + _START] for at in range(len(text) - _START + 1)}
        words = (word for start in starts & self.starting.keys() for word in self.starting[start])
        return {self.whats[word] for word in words if _stands(word, text)}


def _stands(word: str, text: str) -> bool:
    """Digits count as a number of their own only: among thousands of NF-e keys, some contain a CPF by chance."""
    return word in text and (not word.isdigit() or re.search(rf"(?<!\d){word}(?!\d)", text) is not None)


def _search(where: str, text: str, words: Words) -> list[str]:
    return [f"{what} stands in {where}" for what in words.in_text(text)]


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
