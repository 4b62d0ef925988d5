import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.postgres.embedded_users import (
    DEBIAN_15,
    processes_of,
)


@pytest.fixture(params=["wheel", "debian 15"])
def binaries(request: pytest.FixtureRequest) -> Path | None:
    if request.param == "wheel":
        return None
    if not os.access(DEBIAN_15 / "initdb", os.X_OK):
        pytest.skip("Debian's postgresql-15 is not installed")
    return DEBIAN_15


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder to be made, in one that is closed to others; its path is short enough for a unix socket."""
    with tempfile.TemporaryDirectory(prefix="rocksync-") as closed:
        folder = Path(closed, "data").resolve()
        yield folder
        for process_id in processes_of(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process_id, signal.SIGKILL)
