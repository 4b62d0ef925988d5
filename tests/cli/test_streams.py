"""Standard streams that whoever started a command left closed, or that take nothing."""

import asyncio
import sys
from pathlib import Path

import pytest

from rocksync.domain.tenancy import Kind
from tests.worker.world import World

from .conftest import Ended, clean_environment

MAPPER = '''"""Sells everything at a price of its own."""

from rocksync.mapping import PricePayload, hookimpl


@hookimpl
def rocksync_map_price(payload: PricePayload) -> None:
    payload["price"] = 77
'''


async def run_with(streams: str, *arguments: str, environment: dict[str, str], folder: Path) -> Ended:
    """Run a command as a shell does that closes or redirects *streams*."""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'exec "$0" -m rocksync "$@" {streams}', sys.executable, *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean_environment(), **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=folder,
    )
    out, err = await process.communicate()
    return Ended(code=process.returncode or 0, out=out.decode(), err=err.decode())


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
async def test_a_worker_serves_and_its_mappers_map_whatever_stream_is_closed(
    world: World, environment: dict[str, str], tmp_path: Path, closed: str
):
    (tmp_path / "mappers" / "loja.py").write_text(MAPPER, encoding="utf-8")
    shop = await world.shop()
    await shop.simple("A")

    ended = await run_with(closed, "worker", "--once", environment=environment, folder=tmp_path)

    assert ended.code == 0, ended.err
    assert shop.at_hub("A")["price"] == 77
    assert (await shop.why(Kind.PRODUCT, "A"))[0] == "synced"


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
async def test_a_command_ends_with_its_code_whatever_stream_is_closed(
    environment: dict[str, str], tmp_path: Path, closed: str
):
    checked = await run_with(closed, "migrate", "--check", environment=environment, folder=tmp_path)
    listed = await run_with(closed, "tenant", "list", environment=environment, folder=tmp_path)
    unknown = await run_with(closed, "tenant", "show", "nosuch", environment=environment, folder=tmp_path)

    assert (checked.code, listed.code, unknown.code) == (0, 0, 2)


async def test_a_command_ends_with_its_code_whatever_becomes_of_what_it_says(
    environment: dict[str, str], tmp_path: Path
):
    for arguments in (("tenant", "show", "nosuch"), ("--debug", "tenant", "show", "nosuch"), ("tenant",), ("tenannt",)):
        ended = await run_with("2>/dev/full", *arguments, environment=environment, folder=tmp_path)

        assert ended.code == 2, arguments
