"""The demo from outside, as people start and end it."""

import asyncio
import json
import re
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from rocksync.demo.pasting import line_to_paste
from tests.demo.conftest import DEADLINE_S, StartDemo


async def gone(url: str) -> None:
    """Wait until nobody listens at *url*."""
    async with asyncio.timeout(DEADLINE_S), aiohttp.ClientSession() as session:
        while True:
            try:
                async with session.get(url):
                    await asyncio.sleep(0.05)
            except aiohttp.ClientConnectionError:
                return


def sandbox_of(line: str) -> str:
    found = re.search(r"http://[0-9.]+:[0-9]+", line)
    assert found
    return f"{found[0]}/_sandbox/status"


async def test_once_delivers_everything_and_does_so_again_in_the_same_folder_and_tells_machines_too(
    start_demo: StartDemo,
):
    async with start_demo("--once") as demo:
        code = await demo.ended()

    assert code == 0, demo.text
    assert "all delivered" in demo.text
    assert re.search(r"orders shipped +5 +5 +5 +15", demo.text)
    assert re.search(r"orders cancelled +1 +1 +1 +3", demo.text)
    for reason in ("missing_price", "missing_stock", "invalid_item", "inactive"):
        assert reason in demo.text

    async with start_demo("--once", "--json") as again:
        code = await again.ended()

    assert code == 0, again.text
    told = json.loads(next(line for line in again.text.splitlines() if line.startswith("{")))
    assert told["delivered"] is True
    assert told["missing"] == []
    assert set(told["summary"]) == {"casa-da-panela", "livraria-aurora", "moda-ipe"}
    assert {each["orders_shipped"] for each in told["summary"].values()} == {5}
    assert {"missing_price", "missing_stock", "invalid_item"} <= {each["reason"] for each in told["set_aside"]}
    assert told["summary"]["moda-ipe"]["products_set_aside"] == sum(
        each["tenant"] == "moda-ipe" for each in told["set_aside"]
    )


async def test_the_live_demo_ends_cleanly_on_ctrl_c_and_takes_everything_with_it(start_demo: StartDemo):
    async with start_demo() as demo:
        sandbox = sandbox_of(await demo.until("sandbox"))
        await demo.until("delivered")
        async with start_demo("--once") as second:
            refused = await second.ended()
        demo.process.send_signal(signal.SIGINT)
        code = await demo.ended()

    assert refused == 2, second.text
    assert "running" in second.text
    assert code == 0, demo.text
    assert "Traceback" not in demo.text
    await gone(sandbox)


async def test_a_killed_demo_leaves_no_sandbox_behind(start_demo: StartDemo):
    async with start_demo() as demo:
        sandbox = sandbox_of(await demo.until("sandbox"))
        demo.process.kill()
        await demo.ended()

        await gone(sandbox)


async def typed(script: str, folder: Path) -> str:
    """What a new terminal in *folder* shows for *script*."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-euc", script), cwd=folder, env={"PATH": "/usr/bin:/bin"}, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def test_the_line_to_paste_makes_rocksync_look_at_the_demo_from_anywhere(start_demo: StartDemo, tmp_path: Path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    async with start_demo() as demo:
        await demo.until("delivered")
        line = await demo.until("export ROCKSYNC_DATA_DIR=")
        tenants = json.loads(await typed(f"{line}\nrocksync tenant list --json", elsewhere))

    assert line.startswith("export ")
    assert [each["slug"] for each in tenants] == ["casa-da-panela", "livraria-aurora", "moda-ipe"]
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("installed", [True, False])
async def test_the_line_to_paste_works_with_and_without_an_installed_program(tmp_path: Path, installed: bool):
    folder = tmp_path / "a folder"
    folder.mkdir()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    if installed:
        (folder / "rocksync").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m rocksync "$@"\n')
    for each in folder.iterdir():
        each.chmod(0o755)

    line = line_to_paste({"ROCKSYNC_DATA_DIR": "/it's here"}, python)

    assert await typed(f"{line}\nrocksync --version", tmp_path) == await typed(
        f"{sys.executable} -m rocksync --version", tmp_path
    )
    assert await typed(f'{line}\nprintf %s "$ROCKSYNC_DATA_DIR"', tmp_path) == "/it's here"
