"""The demo's Plugg.to: the sandbox in a child process, and what is asked of it beside its API."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp

from rocksync.domain.errors import SettingsError
from rocksync.domain.tenancy import Credentials

Document: TypeAlias = dict[str, Any]
_PACKAGES = Path(__file__).parents[2]
_INHERITED = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG")  # and no more: settings in the environment hold secrets
_START_DEADLINE_S = 30.0
_STOP_DEADLINE_S = 5.0
_ANSWER_DEADLINE_S = 30.0


class DemoHub:
    """Acts at the sandbox as its owner and as a marketplace. ``url`` is that of the API."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def register(self, credentials: Credentials, webhook: str | None) -> int:
        """Open an account and return its number."""
        account = await self._ask(
            "POST",
            "accounts",
            {
                "client_id": credentials.client_id,
                "client_secret": credentials.client_secret,
                "api_user": credentials.api_user,
                "api_secret": credentials.api_secret,
                "webhook": webhook,
            },
        )
        return int(account["user_id"])

    async def products(self, account: int) -> list[Document]:
        """Return the products of an account as the hub holds them."""
        found: list[Document] = await self._ask("GET", f"accounts/{account}/products")
        return found

    async def orders(self, account: int) -> list[Document]:
        """Return the orders of an account as the hub holds them, the oldest first."""
        found: list[Document] = await self._ask("GET", f"accounts/{account}/orders")
        return found

    async def order(self, account: int, items: Sequence[Document], *, status: str, channel: str) -> str:
        """Place an order of a made-up buyer and return its id."""
        placed = await self._ask(
            "POST", f"accounts/{account}/orders", {"items": list(items), "status": status, "channel": channel}
        )
        return str(placed["id"])

    async def move(self, account: int, order_id: str, action: str) -> None:
        """Let an order be approved, cancelled or delivered (``approve``, ``cancel``, ``deliver``)."""
        await self._ask("POST", f"accounts/{account}/orders/{order_id}/{action}")

    async def _ask(self, method: str, path: str, body: Document | None = None) -> Any:  # noqa: ANN401 # decoded JSON
        async with self._session.request(method, f"{self.url}/_sandbox/{path}", json=body) as answer:
            answer.raise_for_status()
            return await answer.json()


@contextlib.asynccontextmanager
async def demo_hub(*, latency_s: float, seed: int) -> AsyncIterator[DemoHub]:
    """A new sandbox, in a process that neither slows the demo nor outlives it.

    Raises: SettingsError if it does not start.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rocksync.demo.hub_process", str(latency_s), str(seed)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": str(_PACKAGES), **{name: os.environ[name] for name in _INHERITED if name in os.environ}},
        start_new_session=True,  # Ctrl-C is for the demo, which still needs it while it ends
    )
    try:
        url = await _told(process)
        timeout = aiohttp.ClientTimeout(total=_ANSWER_DEADLINE_S)
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            yield DemoHub(url, session)
    finally:
        await _end(process)


async def _told(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        line = await asyncio.wait_for(process.stdout.readline(), _START_DEADLINE_S)
    except TimeoutError:
        line = b""
    if not line:
        raise SettingsError("the sandbox did not start: run `rocksync sandbox` to see why")
    return line.decode("ascii").strip()


async def _end(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _STOP_DEADLINE_S)
    except TimeoutError:
        process.kill()
        await process.wait()
