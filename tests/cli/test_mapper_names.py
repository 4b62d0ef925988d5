"""Which names a tenant's mappers may be given by."""

from pathlib import Path

import pytest

from .conftest import Command, run_command
from .test_tenant import ACME, SECRETS, add


@pytest.mark.parametrize("name", ["", " ", "Bad/Name", "kits brands", "kits,brands"])
async def test_a_name_that_no_mapper_can_have_is_misuse(rocksync: Command, name: str):
    added = await rocksync(*ACME, "--mapper", "kits", "--mapper", name, **SECRETS)
    await add(rocksync)
    changed = await rocksync("tenant", "set", "acme", "--mapper", name)

    assert (added.code, changed.code) == (2, 2)
    assert changed.err.startswith(f"rocksync: {name!r} can be no mapper's name")
    assert added.err == changed.err
    assert (await rocksync("tenant", "show", "acme", "--json")).json["mappers"] == []


async def test_an_installed_mapper_is_taken_whatever_its_name(
    rocksync: Command, environment: dict[str, str], tmp_path: Path
):
    await add(rocksync)
    information = tmp_path / "rules-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: rules\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text("[rocksync.mappers]\nAcme/Rules = rules_of_acme\n")

    ended = await run_command(
        "tenant", "set", "acme", "--mapper", "Acme/Rules", environment=environment, folder=tmp_path
    )

    assert (ended.code, ended.err) == (0, "")
