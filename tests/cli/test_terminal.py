"""What a terminal gets: colours where they are wanted, completion, and nothing of the store's that would steer it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from tests.worker.world import Shop, World

from .conftest import Command, clean_environment

MAPPER = """from rocksync.mapping import *


@hookimpl
def rocksync_map_stock(stock, payload):
    payload["quantity"] = 1
"""


@pytest.fixture
async def shop(world: World) -> Shop:
    shop = await world.shop()
    await shop.simple("A", on_hand=7)
    await world.sync(shop)
    return shop


@pytest.mark.parametrize("command", ["explain loja sku A", "mapper preview loja loja A"])
async def test_nothing_that_the_store_holds_steers_the_terminal(
    rocksync: Command, shop: Shop, connection: asyncpg.Connection, tmp_path: Path, command: str
) -> None:
    (tmp_path / "mappers" / "loja.py").write_text(MAPPER)
    await connection.execute("UPDATE store.product SET name = E'x\\x1b]0;y\\x07\\x1b[2J'")

    told = await rocksync(*command.split())

    assert "x\N{REPLACEMENT CHARACTER}]0;y" in told.out
    assert "\x1b" not in told.out


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_completion_knows_the_commands(tmp_path: Path, shell: str) -> None:
    environment = {**clean_environment(), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-m", "rocksync"]
    script = subprocess.run([*command, "completion", shell], capture_output=True, env=environment, check=True)
    asked = {"_ROCKSYNC_COMPLETE": f"{shell}_complete", "COMP_WORDS": "rocksync quar", "COMP_CWORD": "1"}

    answer = subprocess.run(command, capture_output=True, env=environment | asked, check=False)

    assert b"_ROCKSYNC_COMPLETE" in script.stdout
    assert b"quarantine" in answer.stdout


async def test_a_preview_is_in_colour_on_a_terminal_and_not_where_they_are_off(
    environment: dict[str, str], shop: Shop, tmp_path: Path
) -> None:
    (tmp_path / "mappers" / "loja.py").write_text(MAPPER)

    def shown(**variables: str) -> str:
        ours, theirs = pty.openpty()
        subprocess.run(
            [sys.executable, "-m", "rocksync", "mapper", "preview", "loja", "loja", "A"],
            stdout=theirs,
            cwd=tmp_path,
            env={
                **clean_environment(),
                **environment,
                **variables,
                "TERM": "xterm",
                "PYTHONPATH": str(Path(__file__).parents[2]),
            },
            check=True,
        )
        os.close(theirs)
        return os.read(ours, 100_000).decode()

    assert "\x1b[" in shown()
    assert "\x1b[" not in shown(NO_COLOR="1")
