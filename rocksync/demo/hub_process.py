"""The sandbox as a process of its own: ``python -m rocksync.demo.hub_process LATENCY_S SEED``.

It tells its URL on standard output and ends when standard input does, which is when the demo is gone, however it went.
"""

import asyncio
import sys

from rocksync.sandbox.server import serve


async def _serve(latency_s: float, seed: int) -> None:
    async with serve(latency_s=latency_s, seed=seed) as hub:
        sys.stdout.write(f"{hub.url}\n")
        sys.stdout.flush()
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        await reader.read()


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), int(sys.argv[2])))
