"""A real worker under load that a real Prometheus scrapes, and a real Alertmanager behind it.

Stores change, shoppers order, Plugg.to refuses some requests and one tenant's credentials, and one mapper fails now and
then: so that every query has something to show.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import yaml
from aiohttp import web

from rocksync.domain.tenancy import TenantId
from rocksync.sandbox.hub import Sandbox
from rocksync.sandbox.server import serve
from tests.deploy.tools import DEPLOY, ROOT, program
from tests.worker.world import KEY, Shop

STORES = ("aurora", "boreal", "cerrado", "dunas")
LOCKED_OUT = "estacao"
SKUS = 30
MAPPER = """
from rocksync.mapping import hookimpl


@hookimpl
def rocksync_map_price(price, payload):
    if price.sku == "SKU-3":
        raise ValueError("no price for kits")
"""


@dataclass
class Stage:
    """Where everything is."""

    hub: Sandbox
    shops: dict[str, Shop]
    worker: str
    prometheus: str
    http: aiohttp.ClientSession
    received: list[dict[str, Any]]

    async def ask(self, path: str, **parameters: str) -> Any:
        """Prometheus' answer to one request of its API."""
        async with self.http.get(f"{self.prometheus}/api/v1/{path}", params=parameters) as reply:
            told = await reply.json()
            assert told["status"] == "success", f"{parameters}: {told}"
            return told["data"]

    async def samples(self, expr: str) -> list[float]:
        """The present value of each series that *expr* selects; not those that are no number."""
        result = (await self.ask("query", query=expr))["result"]
        values = [float(each["value"][1]) for each in result]
        return [each for each in values if each == each]  # noqa: PLR0124 # what is not itself is NaN


async def eventually(condition: Callable[[], Awaitable[bool]], *, within_s: float, what: str) -> None:
    """Wait until *condition* holds."""
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        await asyncio.sleep(0.2)


@contextlib.asynccontextmanager
async def staged(dsn: str, folder: Path, *, alerts_after: str = "1s", evaluate: str = "1s") -> AsyncIterator[Stage]:
    """All of it, on a migrated database of its own; alerts wait for *alerts_after* only."""
    (folder / "mappers").mkdir()
    (folder / "mappers" / f"{STORES[0]}.py").write_text(MAPPER)
    async with contextlib.AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool = await enter(asyncpg.create_pool(dsn, min_size=1, max_size=4))
        hub = await enter(serve(host="127.0.0.1", port=0, profile="strict"))
        hub.add_fault("429:0.03")
        shops = {slug: await _opened(pool, hub, slug) for slug in STORES}
        await _locked_out(pool, hub)
        worker = await enter(_worker(dsn, hub, folder))
        received: list[dict[str, Any]] = []
        webhook = await enter(_webhook(received))
        alertmanager = await enter(_alertmanager(folder, webhook))
        prometheus = await enter(_prometheus(folder, worker, alertmanager, alerts_after, evaluate))
        http = await enter(aiohttp.ClientSession())
        await enter(_in_background(_trade(list(shops.values()), worker, http)))
        yield Stage(hub=hub, shops=shops, worker=worker, prometheus=prometheus, http=http, received=received)


async def _opened(pool: asyncpg.Pool, hub: Sandbox, slug: str) -> Shop:
    account = hub.add_account()
    secrets = account.credentials
    tenant_id = await pool.fetchval(
        "SELECT rocksync.add_tenant($1, $2, $3, $4, $5, $6, $7)",
        *(slug, slug.title(), f"{slug}.example", secrets.client_id, secrets.client_secret),
        *(secrets.api_user, secrets.api_secret),
    )
    shop = Shop(id=TenantId(tenant_id), slug=slug, user=account.user_id, pool=pool, hub=hub)
    for number in range(SKUS):
        await shop.simple(f"SKU-{number}", price=10 + number, on_hand=1000)
    await shop.simple("UNSPEAKABLE ", price=10)
    await pool.execute("SELECT rocksync.activate_tenant($1)", slug)
    for kind in ("product", "price", "stock", "order"):
        await pool.execute("SELECT rocksync.set_schedule($1, $2, 'immediate', '10 seconds')", slug, kind)
    return shop


async def _locked_out(pool: asyncpg.Pool, hub: Sandbox) -> None:
    """A tenant that Plugg.to refuses."""
    user = hub.add_account().credentials.api_user
    await pool.execute("SELECT rocksync.add_tenant($1, 'X', 'x.example', 'a', 'b', $2, 'wrong')", LOCKED_OUT, user)
    await pool.execute("SELECT rocksync.activate_tenant($1)", LOCKED_OUT)


async def _trade(shops: Sequence[Shop], worker: str, http: aiohttp.ClientSession) -> None:
    """Change prices and stock, sell, invoice and ship, for ever."""
    chance = random.Random(1)  # noqa: S311 # a play, no secret
    while True:
        shop, sku = chance.choice(shops), f"SKU-{chance.randrange(SKUS)}"
        await shop.sql("UPDATE store.price SET price = price + 1 WHERE tenant_id = $1 AND sku = $2", sku)
        await shop.sql("UPDATE store.stock SET on_hand = on_hand + 1 WHERE tenant_id = $1", *())
        await shop.sql(
            "UPDATE store.product SET model = $2 WHERE tenant_id = $1 AND sku = $3", str(chance.random()), sku
        )
        sold = "GONE" if chance.random() < 0.05 else sku
        order = shop.market.create_order([{"sku": sold, "quantity": 1, "price": 10}], status="approved")
        async with http.post(f"{worker}/notifications/pluggto", json=_notice(order, shop)):
            pass
        await asyncio.sleep(0.25)


def _notice(order: Mapping[str, Any], shop: Shop) -> dict[str, Any]:
    return {"type": "orders", "id": order["id"], "action": "created", "user": shop.user, "changes": {}}


@contextlib.asynccontextmanager
async def _in_background(work: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def _process(*command: str, log: Path, **options: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(*command, stdout=output, stderr=output, **options)
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await asyncio.wait_for(process.wait(), 30)


@contextlib.asynccontextmanager
async def _worker(dsn: str, hub: Sandbox, folder: Path) -> AsyncIterator[str]:
    log = folder / "worker.log"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("ROCKSYNC_")},
        "ROCKSYNC_DATABASE__DSN": dsn,
        "ROCKSYNC_PLUGGTO__BASE_URL": hub.url,
        "ROCKSYNC_SECRETS__KEYS": KEY,
        "ROCKSYNC_MAPPERS__DIR": str(folder / "mappers"),
        "ROCKSYNC_METRICS__REFRESH_S": "0.5",
        "ROCKSYNC_PLUGGTO__REQUESTS_PER_SECOND_PER_TENANT": "50",
        "ROCKSYNC_WORKER__DRAIN_S": "1",
        "ROCKSYNC_HTTP__PORT": "0",
        "ROCKSYNC_LOG__FORMAT": "json",
        "PYTHONPATH": str(ROOT),
    }
    async with _process(sys.executable, "-m", "rocksync", "worker", log=log, cwd=folder, env=environment) as process:

        async def started() -> bool:
            assert process.returncode is None, f"it ended: see {log}"
            return '"event":"worker_started"' in log.read_text()

        await eventually(started, within_s=30, what="the worker starts")
        line = next(line for line in log.read_text().splitlines() if '"event":"worker_started"' in line)
        yield json.loads(line)["url"]


@contextlib.asynccontextmanager
async def _webhook(received: list[dict[str, Any]]) -> AsyncIterator[str]:
    async def take(request: web.Request) -> web.Response:
        received.append({"receiver": request.path.strip("/"), **await request.json()})
        return web.Response()

    app = web.Application()
    app.router.add_post("/{receiver}", take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def _alertmanager(folder: Path, webhook: str) -> AsyncIterator[str]:
    """The example of the repository with other addresses and less patience."""
    text = (DEPLOY / "alertmanager" / "alertmanager.yml").read_text()
    text = re.sub(r"http://(\w+)\.example:8080/alerts", rf"{webhook}/\1", text)
    text = re.sub(r"(group_wait|group_interval): \w+", r"\1: 1s", text)
    config = folder / "alertmanager.yml"
    config.write_text(text)
    address = _free_address()
    command = [
        *_with_templates(),
        f"--config.file={config}",
        f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    async with _process(*command, log=folder / "alertmanager.log") as process:
        await _answers(process, f"http://{address}/-/ready", folder / "alertmanager.log")
        yield address


def _with_templates() -> list[str]:
    """Debian's Alertmanager looks for its templates below /usr/share; unpacked elsewhere it is shown them there."""
    binary = Path(program("prometheus-alertmanager"))
    if Path("/usr/share/prometheus/alertmanager/default.tmpl").exists():
        return [str(binary)]
    share = binary.resolve().parents[1] / "share"
    script = 'mount --bind "$1" /usr/share && shift && exec "$@"'
    apart = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*apart, "true"], capture_output=True, check=False).returncode != 0:  # as in a chroot
        apart = ["unshare", "--mount"]
    return [*apart, "sh", "-c", script, "sh", str(share), str(binary)]


@contextlib.asynccontextmanager
async def _prometheus(
    folder: Path, worker: str, alertmanager: str, alerts_after: str, evaluate: str
) -> AsyncIterator[str]:
    """The rules of the repository, the worker as its only target, and a second between scrapes."""
    rules = folder / "rules"
    shutil.copytree(DEPLOY / "prometheus" / "rules", rules)
    alerts = rules / "alerts.yaml"
    alerts.write_text(re.sub(r"for: \w+", f"for: {alerts_after}", alerts.read_text()))
    (job,) = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())["scrape_configs"]
    target = {"targets": [worker.removeprefix("http://")]}
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": evaluate},
        "rule_files": [f"{rules}/*.yaml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [{"job_name": job["job_name"], "static_configs": [target]}],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    address = _free_address()
    command = [
        program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address={address}",
    ]
    async with _process(*command, log=folder / "prometheus.log", cwd=folder) as process:
        await _answers(process, f"http://{address}/-/ready", folder / "prometheus.log")
        yield f"http://{address}"


async def _answers(process: asyncio.subprocess.Process, url: str, log: Path) -> None:
    async with aiohttp.ClientSession() as http:

        async def ready() -> bool:
            assert process.returncode is None, f"it ended: see {log}"
            with contextlib.suppress(aiohttp.ClientError):
                async with http.get(url) as reply:
                    return reply.status == 200
            return False

        await eventually(ready, within_s=30, what=f"{url} answers")


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"
