"""Mappers of a folder of the test's own, loaded as the worker does it."""

import contextlib
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rocksync.mapping.mapper import Mappers, open_mappers

DEADLINE_S = 0.2


class Folder:
    """A folder of mappers."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str) -> Path:
        """Write mapper text; ``hookimpl`` and ``ItemError`` are imported for it on line 1."""
        path = self.path / f"{name}.py"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("from rocksync.mapping import ItemError, hookimpl\n" + textwrap.dedent(text), encoding="utf-8")
        return path

    def opened(self, *, deadline_s: float = DEADLINE_S) -> contextlib.AbstractAsyncContextManager[Mappers]:
        return open_mappers(self.path, deadline_s=deadline_s, load_s=2, poll_s=0.02)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "mappers"
    path.mkdir()
    return Folder(path)


@pytest.fixture(scope="session")
async def unmapped(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Mappers]:
    """Mapping without any mapper."""
    async with open_mappers(tmp_path_factory.mktemp("none")) as mappers:
        yield mappers
