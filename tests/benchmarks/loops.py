"""The event loop that the worker runs on: what it is compared with runs on the same."""

import asyncio
from collections.abc import Coroutine
from typing import Any


def run(main: Coroutine[Any, Any, Any]) -> None:
    """Run *main* as `rocksync worker` is run."""
    asyncio.run(main)
