"""Environments of their own for what rocksync is compared with: made once, at pinned versions."""

import asyncio
import hashlib
import os
import sys
import venv
from pathlib import Path

PINNED = {
    "dlt": ("dlt==1.31.0", "psycopg[binary]==3.3.9", "requests==2.34.2"),
    "singer": ("singer-sdk[msgspec]==0.54.9", "msgspec==0.22.0", "psycopg[binary]==3.3.9", "requests==2.34.2"),
}


def _home() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "rocksync-bench"


async def python_of(name: str) -> str | None:
    """The Python of an environment, made if need be; None if it cannot be installed here."""
    pins = hashlib.sha256(" ".join((*PINNED[name], sys.version)).encode()).hexdigest()[:12]
    place = _home() / f"{name}-{pins}"
    python = place / "bin" / "python"
    done = place / "installed"
    if not done.exists():
        await asyncio.to_thread(venv.create, place, with_pip=True, clear=True)
        process = await asyncio.create_subprocess_exec(
            *(str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PINNED[name]),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        if await process.wait():
            return None
        done.touch()
    return str(python)
