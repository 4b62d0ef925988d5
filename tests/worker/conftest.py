from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.server import serve
from tests.worker.world import World, open_world


@pytest.fixture
async def hub() -> AsyncIterator[Sandbox]:
    async with serve(host="127.0.0.1", port=0, profile="strict") as sandbox:
        yield sandbox


@pytest.fixture
async def world(database: str, pool: asyncpg.Pool, hub: Sandbox, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(database, pool, hub, tmp_path) as opened:
        yield opened
