"""Runs the real command in a real process, on this test's database."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from rocksync.postgres.vault import new_key
from rocksync.sandbox.hub import Sandbox
from tests.worker.world import KEY, World, open_world

from .forked import Forked


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Awaitable[Ended]]


def clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("ROCKSYNC_")}


async def run_command(*arguments: str, environment: Mapping[str, str], folder: Path, given: str = "") -> Ended:
    """Run it as people do, by a new interpreter."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rocksync", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean_environment(), **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=folder,
    )
    out, err = await process.communicate(given.encode())
    return Ended(code=process.returncode or 0, out=out.decode(), err=err.decode())


@pytest.fixture
def environment(database: str) -> dict[str, str]:
    return {
        "ROCKSYNC_DATABASE__DSN": database,
        "ROCKSYNC_SECRETS__KEYS": new_key(),
        "ROCKSYNC_OPERATOR": "ana",
    }


@pytest.fixture
async def world(
    database: str, pool: asyncpg.Pool, hub: Sandbox, tmp_path: Path, environment: dict[str, str]
) -> AsyncIterator[World]:
    """A world whose hub and keys the command has, too."""
    environment |= {"ROCKSYNC_SECRETS__KEYS": KEY, "ROCKSYNC_PLUGGTO__BASE_URL": hub.url}
    (tmp_path / "mappers").mkdir()
    async with open_world(database, pool, hub, tmp_path) as opened:
        yield opened


@pytest.fixture(scope="session")
async def forked() -> AsyncIterator[Forked]:
    async with Forked.started() as forked:
        yield forked


@pytest.fixture
def rocksync(environment: dict[str, str], tmp_path: Path, forked: Forked) -> Command:
    """The command, on this test's database: ``await rocksync("tenant", "list")``."""

    async def run(*arguments: str, given: str = "", **variables: str) -> Ended:
        code, out, err = await forked.run(
            arguments, environment={**clean_environment(), **environment, **variables}, folder=tmp_path, given=given
        )
        return Ended(code=code, out=out.decode(), err=err.decode())

    return run
