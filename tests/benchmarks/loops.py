"""The event loop that the worker runs on: what it is compared with runs on the same."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from rocksync.cli.running import collect_seldom, fast_loop


def run(main: Coroutine[Any, Any, Any]) -> None:
    """Run *main* as `rocksync worker` is run."""
    collect_seldom()
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(main)
