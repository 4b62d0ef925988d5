"""A served sandbox, and a plain HTTP client of one account of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from yarl import URL

from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.server import serve


@dataclass(slots=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Client:
    """Speaks to the sandbox as any HTTP client would; paths are sent as they are."""

    session: aiohttp.ClientSession
    url: str
    token: str = ""

    async def __call__(self, method: str, path: str, json: Any = None, **options: Any) -> Answer:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", {})
        target = URL(self.url + path, encoded=True)
        async with self.session.request(
            method, target, json=json, headers=headers, allow_redirects=False, **options
        ) as reply:
            raw = await reply.read()
            is_json = reply.content_type == "application/json" and raw
            return Answer(reply.status, await reply.json() if is_json else raw, dict(reply.headers))

    async def log_in(self, user_id: int = 129, **changes: str) -> Answer:
        form = {
            "grant_type": "password",
            "client_id": f"client-{user_id}",
            "client_secret": f"client-secret-{user_id}",
            "username": f"user-{user_id}",
            "password": f"user-secret-{user_id}",
        }
        self.token = ""
        answer = await self("POST", "/oauth/token", data=form | changes)
        if answer.status == 200:
            self.token = answer.body.get("access_token", "")
        return answer


@pytest.fixture
async def hub() -> AsyncIterator[Sandbox]:
    async with serve(clock=lambda: 1_780_000_000.0) as hub:
        hub.add_account()
        yield hub


@pytest.fixture
async def call(hub: Sandbox) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        client = Client(session, hub.url)
        await client.log_in()
        yield client
