"""A bare aiohttp loop on the worker's core: ``python -m tests.benchmarks.bare CONFIG``.

Sends given bytes, nothing else: for each account so many strands at once, each taking the next group of requests and
sending them one after another. One strand an account is how the public connectors work. Prints seconds as JSON.
"""

import asyncio
import json
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from tests.benchmarks.loops import run
from tests.benchmarks.machine import WORKER_CORE, pin

_JSON = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}


async def _token(session: aiohttp.ClientSession, base: str, number: str) -> str:
    form = {
        "grant_type": "password",
        "client_id": f"client-{number}",
        "client_secret": f"client-secret-{number}",
        "username": f"user-{number}",
        "password": f"user-secret-{number}",
    }
    async with session.post(f"{base}/oauth/token", data=form) as reply:
        return str((await reply.json())["access_token"])


async def _strand(
    session: aiohttp.ClientSession, base: str, token: str, groups: deque[list[tuple[str, URL, bytes]]]
) -> None:
    headers = {**_JSON, "Authorization": f"Bearer {token}"}
    while groups:
        for method, url, body in groups.popleft():
            async with session.request(method, url, data=body, headers=headers) as reply:
                await reply.read()


async def _send(config: dict[str, Any]) -> None:
    base = config["hub"]
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), cookie_jar=aiohttp.DummyCookieJar()
    ) as session:
        tokens = {number: await _token(session, base, number) for number in config["groups"]}
        ready = {
            number: deque(
                [(method, URL(base + path, encoded=True), body.encode()) for method, path, body in group]
                for group in groups
            )
            for number, groups in config["groups"].items()
        }
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        began, cpu = time.time(), time.process_time()
        async with asyncio.TaskGroup() as strands:
            for number, groups in ready.items():
                for _ in range(config["at_once"]):
                    strands.create_task(_strand(session, base, tokens[number], groups))
        result = {"began": began, "seconds": time.time() - began, "cpu_s": time.process_time() - cpu}
        sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    pin(WORKER_CORE)
    run(_send(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))))
