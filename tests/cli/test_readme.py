"""The README's onboarding tour, run word for word: its shell blocks by one bash, its SQL blocks by psql."""

import asyncio
import os
import re
import shutil
import socket
import sys
from pathlib import Path

import asyncpg
import pytest

from rocksync.postgres.embedded_binaries import find_binaries

from .conftest import clean_environment

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|sql)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def tour() -> str:
    """The blocks of the section, as one script."""
    text = ROOT.joinpath("README.md").read_text(encoding="utf-8")
    section = text.split("\n## Onboarding\n")[1].split("\n## ")[0]
    parts = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT"]
    for language, block in BLOCK.findall(section):
        if language == "sql":
            parts.append(
                f"psql --no-psqlrc -v ON_ERROR_STOP=1 \"$ROCKSYNC_DATABASE__DSN\" <<'END OF SQL'\n{block}END OF SQL"
            )
        else:
            parts.append(block)
    return "\n".join(parts)


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """A PATH on which ``rocksync`` is this code and psql is there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    command = folder / "rocksync"
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m rocksync "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    places = [str(folder), os.environ["PATH"], str(find_binaries().folder)]
    if shutil.which("psql", path=os.pathsep.join(places)) is None or shutil.which("curl") is None:
        pytest.skip("psql or curl is not there")
    return os.pathsep.join(places)


async def test_the_onboarding_tour_works_word_for_word(empty_database: str, tmp_path: Path, programs: str):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    work = tmp_path / "work"
    work.mkdir()

    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        tour(),
        cwd=work,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**clean_environment(), "PATH": programs, "DSN": empty_database, "PORT": str(port)},
    )
    out, _ = await asyncio.wait_for(process.communicate(), 90)
    told = out.decode()

    assert process.returncode == 0, told
    assert '"sku":"PAN-20"' in told
    assert '"sku":"LIV-1"' in told
    assert '"quantity":12' in told
    assert "tenant panela is active: all delivered, 0 quarantined" in told
    assert "stock of tenant panela: complete" in told
    assert re.search(r"livro\s+\|\s+stock\s+\|\s+0\s+\|\s+0\s+\|\s+0\s+\|\s+in_sync", told), told
    connection = await asyncpg.connect(empty_database)
    try:
        assert await connection.fetchval("SELECT count(*) FROM rocksync.credential") == 2
        assert await connection.fetchval("SELECT count(*) FROM rocksync.credential_inbox") == 0
        states = await connection.fetch("SELECT DISTINCT state FROM rocksync.item")
        assert [row["state"] for row in states] == ["synced"]
        stock = await connection.fetchval(
            "SELECT accepted ->> 'quantity' FROM rocksync.item WHERE key = 'PAN-20' AND kind = 'stock'"
        )
        assert stock == "3"
    finally:
        await connection.close()


def test_every_file_that_the_readme_names_is_there():
    text = ROOT.joinpath("README.md").read_text(encoding="utf-8")

    missing = [name for name in re.findall(r"\]\((?!http)([^)#]+)", text) if not (ROOT / name).exists()]

    assert missing == []
