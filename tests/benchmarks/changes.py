"""Changes as a platform commits them, one by one, and when the hub had applied each."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from rocksync.sandbox.hub import FIRST_USER_ID
from tests.benchmarks.ground import Ground, Request

_STOCK = "UPDATE store.stock SET on_hand = $3 WHERE tenant_id = $1 AND sku = $2"
_PRICE = "UPDATE store.price SET price = $3 WHERE tenant_id = $1 AND sku = $2"


def sku(number: int) -> str:
    """The SKU of a number, as the sandbox and the stores are loaded with it."""
    return f"SKU-{number:07d}"


@dataclass(slots=True)
class Platform:
    """Writes single changes at a rate; every value is written once, so each can be recognised at the hub."""

    place: Ground
    tenants: Sequence[int]
    skus: int
    written: dict[tuple[int, str, str, int], float] = field(default_factory=dict)
    _value: int = field(default_factory=lambda: int(time.time()) % 10_000_000 * 100)  # no run repeats another's

    async def write(self, per_s: float, seconds: float) -> None:
        """Commit changes for so long, half of them prices, half stocks."""
        chance = random.Random(7)  # noqa: S311 - repeatable, not secret
        began = time.monotonic()
        number = 0
        async with asyncio.TaskGroup() as group:
            while (due_s := number / per_s) < seconds:
                await asyncio.sleep(max(began + due_s - time.monotonic(), 0))
                group.create_task(self._change(chance.choice(self.tenants), chance.randint(1, self.skus), number))
                number += 1

    async def _change(self, tenant: int, number: int, turn: int) -> None:
        self._value += 1
        value, name = self._value, sku(number)
        kind, query = ("stock", _STOCK) if turn % 2 else ("price", _PRICE)
        account = FIRST_USER_ID + self.place.tenants.index(tenant)
        self.written[account, name, kind, value] = time.time()  # before the commit: the lag includes it
        await self.place.pool.execute(query, tenant, name, value)

    def lags_ms(self, journal: Sequence[Request]) -> list[float]:
        """Milliseconds from each commit to its application, sorted; what a later change overtook has none."""
        found = []
        for one in journal:
            if one.status != 200 or one.method != "PUT":
                continue
            name = one.path.split("/")[2]
            body = json.loads(one.body)
            kind = "stock" if one.route.endswith("/stock") else "price"
            key = (one.account or 0, name, kind, int(body["quantity" if kind == "stock" else "price"]))
            if key in self.written:
                found.append((one.at - self.written.pop(key)) * 1000)
        return sorted(found)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The value that *share* of them do not exceed."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]
