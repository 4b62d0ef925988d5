"""A mapper whose text cannot be had, and what else a folder may hold that may not be looked into."""

import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rocksync.domain.documents import PriceDocument
from rocksync.domain.errors import ItemError, MisuseError
from rocksync.mapping.mapper import Mappers
from rocksync.mapping.texts import storable
from tests.mapping.conftest import Folder
from tests.mapping.rows import price, tenant
from tests.worker.waiting import eventually

ONE_MORE = "@hookimpl\ndef rocksync_map_price(payload):\n    payload['price'] += 1\n"


async def cost(mappers: Mappers, slug: str = "acme") -> str:
    [answer] = await mappers.prices(tenant(slug), [price()])
    if isinstance(answer, ItemError):
        return answer.detail
    assert isinstance(answer, PriceDocument)
    return str(answer.payload["price"])


async def test_a_tenant_whose_mapper_cannot_be_read_at_the_start_is_not_sent_unmapped(folder: Folder) -> None:
    link = folder.path / "acme.py"
    link.symlink_to(folder.path.parent / "text")

    async with folder.opened() as mappers:
        version = mappers.version(tenant())
        assert await cost(mappers) == "mapper acme cannot be used: acme.py cannot be read: No such file or directory"
        assert await cost(mappers, "other") == "10.00"

        link.unlink()
        await eventually(lambda: mappers.version(tenant()) != version)
        assert await cost(mappers) == "10.00"
        assert mappers.faults() == []


async def test_a_mapper_that_can_be_read_later_is_used_then(folder: Folder) -> None:
    text = folder.write("acme", ONE_MORE).rename(folder.path.parent / "text")
    (folder.path / "acme.py").symlink_to(folder.path.parent / "later")

    async with folder.opened() as mappers:
        version = mappers.version(tenant())
        text.rename(folder.path.parent / "later")
        await eventually(lambda: mappers.version(tenant()) != version)

        assert await cost(mappers) == "11.00"


async def test_a_mapper_that_cannot_be_read_any_more_stays_in_use_and_that_is_told(folder: Folder) -> None:
    text = folder.write("acme", ONE_MORE).rename(folder.path.parent / "text")
    (folder.path / "acme.py").symlink_to(text)

    async with folder.opened() as mappers:
        text.unlink()
        await eventually(mappers.faults)
        [fault] = mappers.faults()

        assert await cost(mappers) == "11.00"
        assert str(fault) == "acme.py cannot be read: No such file or directory; the version before stays in use"


@pytest.mark.parametrize(("name", "told"), [("lost+found", []), ("kits", ["kits cannot be read: Permission denied"])])
async def test_a_folder_that_may_not_be_looked_into_keeps_no_mapper_from_being_used(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, name: str, told: list[str]
) -> None:
    folder.write("acme", ONE_MORE)
    closed = folder.path / name
    closed.mkdir()
    forbid(monkeypatch, closed)

    async with folder.opened() as mappers:
        assert await cost(mappers) == "11.00"
        assert [str(fault) for fault in mappers.faults()] == told


async def test_a_file_whose_name_is_no_text_is_told_in_words_that_can_be_stored(folder: Folder) -> None:
    folder.write("pre\udce7o", "")  # Latin-1 on disk

    async with folder.opened() as mappers:
        [fault] = mappers.faults()

    assert fault.name == "pre?o"
    assert str(fault).startswith("pre?o.py is ignored: a mapper's name has")


def in_latin_1(package: Path) -> Path:
    data = package / "pre\udce7os.csv"
    data.touch()
    return data


def fifo(package: Path) -> Path:
    os.mkfifo(package / "wait")
    return package / "wait"


def listening(package: Path) -> Path:
    with contextlib.chdir(package), socket.socket(socket.AF_UNIX) as listener:  # an address is to be short
        listener.bind("listener")
    return package / "listener"


def large(package: Path) -> Path:
    with (package / "data").open("wb") as data:
        data.truncate(17 * 2**20)
    return package / "data"


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (in_latin_1, "acme/pre\\udce7os.csv' is not UTF-8"),
        (fifo, "acme/wait' is no regular file"),
        (listening, "acme/listener' is no regular file"),
        (large, "it has more than 16 MB"),
    ],
)
async def test_a_file_that_is_not_to_be_read_costs_only_the_mapper_it_is_in(
    folder: Folder, spoil: Callable[[Path], Path], told: str
) -> None:
    folder.write("good", ONE_MORE)
    spoilt = spoil(folder.write("acme/__init__", ONE_MORE).parent)

    async with folder.opened() as mappers:
        version = mappers.version(tenant())
        answer, good = await cost(mappers), await cost(mappers, "good")
        [fault] = mappers.faults()
        spoilt.unlink()
        await eventually(lambda: mappers.version(tenant()) != version)

        assert answer.startswith("mapper acme cannot be used: acme cannot be read: ")
        assert answer.endswith(told)
        assert (fault.name, fault.refused, storable(str(fault))) == ("acme", True, str(fault))
        assert (good, await cost(mappers)) == ("11.00", "11.00")


async def test_a_mapper_that_is_no_regular_file_is_not_passed_over(folder: Folder) -> None:
    os.mkfifo(folder.path / "acme.py")

    async with folder.opened() as mappers:
        assert (await cost(mappers)).endswith("acme.py' is no regular file")


async def test_nothing_begins_when_the_folder_cannot_be_read(folder: Folder) -> None:
    file = folder.path / "file"
    file.touch()

    with pytest.raises(MisuseError, match=r"mappers.dir: .*file cannot be read: Not a directory"):
        async with Folder(file).opened():
            pass


def forbid(monkeypatch: pytest.MonkeyPatch, closed: Path) -> None:
    """Have it as it is for a user who may not look into *closed*: for root there is no such folder."""
    is_file = Path.is_file

    def refused(path: Any) -> bool:
        if path.is_relative_to(closed):
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    def walk(top: Path, onerror: Any, **_: Any) -> Any:
        return iter([onerror(PermissionError(13, "Permission denied"))] if top == closed else [])

    monkeypatch.setattr(Path, "is_file", refused)
    monkeypatch.setattr("rocksync.mapping.folder.os.walk", walk)
