"""What demo tests share: a moment, and the demo as a process of its own."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEADLINE_S = 90.0


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 7, 15, 12, 0, tzinfo=UTC)


@dataclass
class DemoProcess:
    """A running ``rocksync demo``, and what it has written so far."""

    process: asyncio.subprocess.Process
    text: str = ""
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def listen(self) -> None:
        assert self.process.stdout is not None
        while chunk := await self.process.stdout.read(4096):
            self.text += chunk.decode()
            self._more.set()

    async def until(self, words: str) -> str:
        """Wait until it has written *words*; return the last line with them."""
        async with asyncio.timeout(DEADLINE_S):
            while words not in self.text:
                self._more.clear()
                await self._more.wait()
        return next(line for line in reversed(self.text.splitlines()) if words in line)

    async def ended(self) -> int:
        async with asyncio.timeout(DEADLINE_S):
            return await self.process.wait()


StartDemo = Callable[..., AbstractAsyncContextManager[DemoProcess]]


@pytest.fixture
def start_demo(tmp_path: Path) -> StartDemo:
    """Start ``rocksync demo`` with a data folder of this test's own; what is left of it at the end is killed."""

    @contextlib.asynccontextmanager
    async def start(*arguments: str) -> AsyncIterator[DemoProcess]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ROCKSYNC_")}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "rocksync", "demo", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            cwd=ROOT,
            env={**kept, "ROCKSYNC_DATA_DIR": str(tmp_path), "ROCKSYNC_HTTP__PORT": "0"},
        )
        demo = DemoProcess(process)
        listening = asyncio.create_task(demo.listen())
        try:
            yield demo
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            await listening

    return start
