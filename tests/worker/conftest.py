from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from rocksync.sandbox.hub import Sandbox
from tests.worker.world import World, open_world


@pytest.fixture
async def world(database: str, pool: asyncpg.Pool, hub: Sandbox, tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(database, pool, hub, tmp_path) as opened:
        yield opened
