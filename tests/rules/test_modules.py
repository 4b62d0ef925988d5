"""How the house is kept: small modules, rooms with names that say something, and no path of one machine."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TRACKED = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\n")  # noqa: S607
FILES = [ROOT / name for name in TRACKED if name and (ROOT / name).is_file()]
MODULES = [path for path in FILES if path.suffix == ".py"]
NAMELESS = {"util", "utils", "helper", "helpers", "common", "misc", "base"}
LOCAL_PATH = re.compile(r"(?<![\w.{}$])/(home|root|Users|work)/[a-z]")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_at_most_400_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_no_room_is_named_for_nothing() -> None:
    named = [path for path in MODULES if {path.stem, *path.relative_to(ROOT).parent.parts} & NAMELESS]

    assert named == []


def test_packages_hold_nothing_but_what_mappers_import() -> None:
    full = [path for path in MODULES if path.name == "__init__.py" and path.read_text(encoding="utf-8").strip()]

    assert [str(path.relative_to(ROOT)) for path in full if path.is_relative_to(ROOT / "rocksync")] == [
        "rocksync/mapping/__init__.py"
    ]


def test_no_file_names_a_path_of_one_machine() -> None:
    texts = [
        path for path in FILES if path.suffix in {".py", ".md", ".sql", ".toml", ".yaml", ".yml", ".sh", ".service"}
    ]
    found = [path for path in texts if path != Path(__file__) and LOCAL_PATH.search(path.read_text(encoding="utf-8"))]

    assert found == []
