"""Where the deployment files are, and programs of Debian to check them with."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"

needs_debian = pytest.mark.debian


def program(name: str) -> str:
    """The path of a program that ``make check-deploy`` puts on the PATH."""
    found = shutil.which(name)
    assert found, f"{name} is not on the PATH: run this by `make check-deploy`"
    return found


def run(*command: str | Path, **options: Any) -> str:
    """Run a program to its end and return what it said; a failure fails the test with it."""
    ended = subprocess.run(
        [str(each) for each in command], capture_output=True, text=True, timeout=60, check=False, **options
    )
    said = ended.stdout + ended.stderr
    assert ended.returncode == 0, said
    return said


def documents(path: Path) -> list[dict[str, Any]]:
    """The YAML documents in a file."""
    return [each for each in yaml.safe_load_all(path.read_text()) if each]
