"""The sandbox in a process and on a core of its own: ``python -m tests.benchmarks.hub CORE``.

It tells its URL on standard output, obeys one command a line of standard input, answers each with a line of JSON, and
ends when standard input does. It is the sandbox as it is, but for a log that forgets nothing.
"""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from rocksync.sandbox.hub import FIRST_USER_ID, Sandbox
from rocksync.sandbox.journal import Entry, Journal
from rocksync.sandbox.server import serve
from tests.benchmarks.machine import pin

_LIMIT = 2**20


class Everything(Journal):
    """A log without limits, written to a file when asked."""

    def __init__(self) -> None:
        super().__init__(size=sys.maxsize)

    def record(self, **told: Any) -> None:
        """Keep one request."""
        self._number += 1
        self.counts[told["method"], told["route"], told["status"]] += 1
        self._entries.append(Entry(self._number, **told))

    def write(self, file: Path) -> None:
        """Write what there is: a line of JSON a request, its body as text."""
        with file.open("w", encoding="utf-8") as lines:
            for one in self._entries:
                lines.write(
                    json.dumps([one.at, one.account, one.method, one.route, one.path, one.status, one.body.decode()])
                    + "\n"
                )


def _seed(hub: Sandbox, accounts: int, skus: int, *, first: int = 0) -> None:
    """Give *accounts* accounts simple products SKU-0000001 and on, at price 10 and stock 5."""
    for number in range(first, first + accounts):
        shelf = hub.account(FIRST_USER_ID + number).shelf
        for sku in range(1, skus + 1):
            name = f"SKU-{sku:07d}"
            sent = {"sku": name, "name": f"Produto {name}", "price": 10, "special_price": 10, "quantity": 5}
            shelf.create(sent, hub.profile)


def _open_accounts(hub: Sandbox, count: int) -> None:
    for _ in range(count):
        hub.add_account()


def _offers(hub: Sandbox) -> dict[str, dict[str, tuple[float, int]]]:
    """Price and stock of every simple product, by account and SKU."""
    return {
        str(user): {row["sku"]: (row["price"], row["quantity"]) for row in account.shelf.rows()}
        for user, account in hub.accounts.items()
    }


def _obey(hub: Sandbox, journal: Everything, command: dict[str, Any]) -> object:
    match command.pop("do"):
        case "accounts":
            _open_accounts(hub, command["count"])
        case "reset":
            hub.reset()
        case "seed":
            _seed(hub, **command)
        case "latency":
            hub.latency_s = command["seconds"]
        case "mark":
            journal.clear()
        case "counts":
            return journal.counters()
        case "written":
            return sum(n for (method, _, status), n in journal.counts.items() if method == "PUT" and status < 500)
        case "journal":
            journal.write(Path(command["file"]))
        case "offers":
            Path(command["file"]).write_text(json.dumps(_offers(hub)), encoding="utf-8")
    return None


async def _serve() -> None:
    async with serve() as hub:
        hub.journal = journal = Everything()
        sys.stdout.write(f"{hub.url}\n")
        sys.stdout.flush()
        reader = asyncio.StreamReader(limit=_LIMIT)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            sys.stdout.write(json.dumps(_obey(hub, journal, json.loads(line))) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    pin(int(sys.argv[1]))
    asyncio.run(_serve())
