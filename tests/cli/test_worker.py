"""The worker, activations and the sandbox as processes of their own, against a sandbox over HTTP."""

import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from rocksync.cli.running import stopping
from rocksync.sandbox.hub import Sandbox
from tests.worker.waiting import until

from .conftest import Command, clean_environment

ADD = ("tenant", "add", "acme", "--name", "Acme", "--domain", "acme.test")


@dataclass
class Shop:
    """A tenant whose credentials the hub knows, and its store."""

    user: int
    secrets: dict[str, str]


@pytest.fixture
def environment(environment: dict[str, str], hub: Sandbox, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "mappers").mkdir()
    return environment | {
        "ROCKSYNC_PLUGGTO__BASE_URL": hub.url,
        "ROCKSYNC_PLUGGTO__REQUESTS_PER_SECOND_PER_TENANT": "500",
        "ROCKSYNC_HTTP__PORT": "0",
    }


async def added(hub: Sandbox, rocksync: Command) -> tuple[Shop, int]:
    """A draft tenant, and its number."""
    account = hub.add_account()
    given = account.credentials
    secrets = {
        "ROCKSYNC_CLIENT_ID": given.client_id,
        "ROCKSYNC_CLIENT_SECRET": given.client_secret,
        "ROCKSYNC_API_USER": given.api_user,
        "ROCKSYNC_API_SECRET": given.api_secret,
    }
    ended = await rocksync(*ADD, "--json", **secrets)
    assert ended.code == 0, ended.err
    return Shop(user=account.user_id, secrets=secrets), ended.json["id"]


@pytest.fixture
async def shop(hub: Sandbox, rocksync: Command, connection: asyncpg.Connection) -> Shop:
    shop, tenant = await added(hub, rocksync)
    await connection.execute(
        """
        WITH skus AS (SELECT 'P' || n AS sku, n FROM generate_series(1, 6) n),
             products AS (INSERT INTO store.product (tenant_id, sku, name) SELECT $1, sku, 'Produto ' || sku FROM skus),
             prices AS (INSERT INTO store.price (tenant_id, sku, price) SELECT $1, sku, 10 FROM skus WHERE n <> 5)
        INSERT INTO store.stock (tenant_id, sku, on_hand) SELECT $1, sku, n FROM skus WHERE n <> 6
        """,
        tenant,
    )
    return shop


async def test_an_activation_shows_its_plan_and_anything_but_yes_leaves_a_draft(
    rocksync: Command, shop: Shop, hub: Sandbox, connection: asyncpg.Connection
):
    ended = await rocksync("tenant", "activate", "acme", given="n\n")

    assert ended.code == 1
    assert "create 4, update 0, blocked 2" in ended.err
    assert "blocked 1: missing_price" in ended.err
    assert "blocked 1: missing_stock" in ended.err
    assert await connection.fetchval("SELECT status FROM rocksync.tenant") == "draft"
    assert hub.product(shop.user, "P1") is None


async def test_an_activation_exports_the_whole_catalogue(rocksync: Command, shop: Shop, hub: Sandbox):
    ended = await rocksync("tenant", "activate", "acme", "--yes")
    again = await rocksync("tenant", "activate", "acme", "--yes", "--json")
    shown = (await rocksync("tenant", "show", "acme", "--json")).json

    assert ended.code == 0, ended.err
    assert ended.out == "tenant acme is active: all delivered, 0 quarantined\n"
    assert hub.product(shop.user, "P4")["quantity"] == 4
    assert hub.product(shop.user, "P5") is None
    assert again.json == {"slug": "acme", "status": "active", "pending": 0, "quarantined": 0, "complete": True}
    assert shown["orders_since"]


async def test_a_worker_delivers_once_and_says_what_it_did(
    rocksync: Command, shop: Shop, hub: Sandbox, connection: asyncpg.Connection
):
    draft = await rocksync("worker", "--once", "--tenant", "acme")
    await connection.execute("SELECT rocksync.activate_tenant('acme')")

    ended = await rocksync("worker", "--once", "--json")

    assert draft.code == 2
    assert "rocksync tenant activate acme" in draft.err
    assert ended.code == 0, ended.err
    assert ended.json["refused"] == 0
    assert ended.json["stopped"] == []
    assert ended.json["interrupted"] is False
    assert hub.product(shop.user, "P1")["price"] == 10


async def test_items_that_sql_makes_pending_are_delivered_and_a_worker_ends(
    rocksync: Command, shop: Shop, hub: Sandbox, connection: asyncpg.Connection
):
    await rocksync("tenant", "activate", "acme", "--yes")
    await connection.execute("UPDATE rocksync.item SET state = 'pending', accepted = NULL WHERE kind = 'stock'")
    await connection.execute("UPDATE rocksync.schedule SET due_at = now()")

    ended = await rocksync("worker", "--once")

    assert ended.code == 0, ended.err
    assert hub.product(shop.user, "P1")["quantity"] == 1
    states = await connection.fetch(
        "SELECT DISTINCT state FROM rocksync.item WHERE kind = 'stock' AND accepted IS NOT NULL"
    )
    assert [row["state"] for row in states] == ["synced"]


async def test_refused_credentials_stop_the_tenant_and_exit_with_3(
    rocksync: Command, shop: Shop, connection: asyncpg.Connection
):
    await rocksync("tenant", "credentials", "acme", **(shop.secrets | {"ROCKSYNC_API_SECRET": "wrong"}))
    await connection.execute("SELECT rocksync.activate_tenant('acme')")

    ended = await rocksync("worker", "--once")
    status = await rocksync("status", "acme")

    assert ended.code == 3
    assert "stopped: acme" in ended.out
    assert "needs_credentials" in status.out
    assert "wrong" not in ended.out + ended.err


@contextlib.asynccontextmanager
async def running(
    arguments: Sequence[str], environment: dict[str, str], folder: Path
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rocksync", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean_environment(), **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=folder,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def test_a_worker_serves_until_it_is_told_to_stop(
    environment: dict[str, str], shop: Shop, hub: Sandbox, connection: asyncpg.Connection, tmp_path: Path
):
    fast = environment | {"ROCKSYNC_METRICS__REFRESH_S": "0.5"}
    async with running(["worker"], fast, tmp_path) as process:
        assert process.stderr is not None
        started = json.loads(await process.stderr.readline())
        assert started["event"] == "worker_started"
        url = started["url"]
        await connection.execute("SELECT rocksync.activate_tenant('acme')")

        async def delivered() -> bool:
            return hub.product(shop.user, "P1") is not None

        async def scraped() -> bool:
            async with aiohttp.ClientSession() as session, session.get(f"{url}/metrics") as reply:
                families = list(text_string_to_metric_families(await reply.text()))
            samples = {
                (each.name, *sorted(each.labels.values())): each.value for one in families for each in one.samples
            }
            return (
                samples.get(("rocksync_items_delivered_total", "acme", "product")) == 4
                and ("rocksync_sync_lag_seconds", "acme", "stock") in samples
            )

        await until(delivered)
        await until(scraped)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as reply:
            assert reply.status == 200
        process.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(process.wait(), 15) == 0
    assert await connection.fetchval("SELECT count(*) FROM rocksync.schedule WHERE lease_worker IS NOT NULL") == 0


async def test_a_paused_kind_that_was_asked_for_is_told_of_and_exits_with_3(
    rocksync: Command, shop: Shop, connection: asyncpg.Connection
):
    await connection.execute("SELECT rocksync.activate_tenant('acme')")
    await rocksync("tenant", "pause", "acme", "--kind", "price", "--reason", "new list")

    asked = await rocksync("worker", "--once", "--tenant", "acme", "--kind", "price")
    other = await rocksync("worker", "--once", "--tenant", "acme", "--kind", "product")

    assert (asked.code, other.code) == (3, 0)
    assert asked.err == "price of tenant acme is paused (new list): rocksync tenant resume acme --kind price\n"
    assert "stopped: acme" in asked.out


@pytest.mark.parametrize("told_by", [signal.SIGTERM, signal.SIGHUP])
async def test_a_run_that_is_broken_off_says_so(
    environment: dict[str, str],
    shop: Shop,
    hub: Sandbox,
    connection: asyncpg.Connection,
    tmp_path: Path,
    told_by: signal.Signals,
):
    await connection.execute("SELECT rocksync.activate_tenant('acme')")
    hub.add_fault("stall")
    hasty = environment | {"ROCKSYNC_WORKER__DRAIN_S": "0"}
    async with running(["worker", "--once", "--json"], hasty, tmp_path) as process:

        async def asked() -> bool:
            return bool(hub.requests())

        await until(asked)
        process.send_signal(told_by)
        assert process.stdout is not None
        told = json.loads(await process.stdout.read())

        assert await asyncio.wait_for(process.wait(), 15) == 130
    assert told["interrupted"] is True


async def test_who_ignores_hangups_as_under_nohup_goes_on_ignoring_them():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stopping():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


async def test_a_worker_without_the_folder_of_mappers_warns_of_it(
    environment: dict[str, str], rocksync: Command, tmp_path: Path
):
    (tmp_path / "mappers").rmdir()

    ended = await rocksync("worker", "--once")
    listed = await rocksync("mapper", "list")

    assert (ended.code, listed.code) == (0, 0)
    warned = json.loads(ended.err)
    assert (warned["level"], warned["event"]) == ("warning", "mappers_folder_unreadable")
    assert f"{tmp_path / 'mappers'} is not there" in warned["detail"]
    assert f"{tmp_path / 'mappers'} is not there" in listed.err


async def test_a_requested_sync_is_waited_for_while_a_worker_runs(
    environment: dict[str, str], rocksync: Command, shop: Shop, connection: asyncpg.Connection, tmp_path: Path
):
    await rocksync("tenant", "activate", "acme", "--yes")
    async with running(["worker"], environment, tmp_path) as process:
        assert process.stderr is not None
        await process.stderr.readline()

        ended = await rocksync("sync", "acme", "stock", "price", "--all-items", "--wait")

    assert ended.code == 0, ended.err
    assert ended.out == "stock, price of tenant acme: complete\n"


async def test_a_failure_from_before_does_not_end_the_wait(
    environment: dict[str, str], rocksync: Command, shop: Shop, connection: asyncpg.Connection, tmp_path: Path
):
    await rocksync("tenant", "activate", "acme", "--yes")
    await connection.execute(
        "UPDATE rocksync.schedule SET failure = 'it was down', failure_reason = 'hub_unavailable', failures = 3,"
        " due_at = NULL WHERE kind = 'stock'"
    )
    async with running(["worker"], environment, tmp_path) as process:
        assert process.stderr is not None
        await process.stderr.readline()

        ended = await rocksync("sync", "acme", "stock", "--all-items", "--wait")

    assert ended.code == 0, ended.err


async def test_what_waits_for_a_retry_is_not_complete(
    environment: dict[str, str], rocksync: Command, shop: Shop, connection: asyncpg.Connection, tmp_path: Path
):
    await rocksync("tenant", "activate", "acme", "--yes")
    await connection.execute(
        "UPDATE rocksync.item SET state = 'pending', reason = 'hub_unavailable', changed_at = now(),"
        " next_attempt_at = now() + interval '1 hour' WHERE kind = 'stock' AND key IN ('P1', 'P2')"
    )
    async with running(["worker"], environment, tmp_path) as process:
        assert process.stderr is not None
        await process.stderr.readline()

        ended = await rocksync("sync", "acme", "stock", "--wait")

    assert (ended.code, ended.out) == (1, "")
    assert "2 items of stock of tenant acme wait for a retry (hub_unavailable), the first in " in ended.err


async def test_what_plugg_to_refused_is_not_complete(
    environment: dict[str, str],
    rocksync: Command,
    shop: Shop,
    hub: Sandbox,
    connection: asyncpg.Connection,
    tmp_path: Path,
):
    await rocksync("tenant", "activate", "acme", "--yes")
    await connection.execute("UPDATE rocksync.item SET state = 'quarantined', attempted_at = now() WHERE key = 'P3'")
    await connection.execute(
        "UPDATE rocksync.item SET state = 'pending', attempts = 4, accepted = NULL, changed_at = now()"
        " WHERE kind = 'stock' AND key = 'P2'"
    )
    await connection.execute("UPDATE store.stock SET on_hand = 9 WHERE sku = 'P1'")
    hub.add_fault("400")
    async with running(["worker"], environment, tmp_path) as process:
        assert process.stderr is not None
        await process.stderr.readline()

        ended = await rocksync("sync", "acme", "stock", "--wait")

    assert (ended.code, ended.out) == (1, "")
    assert "1 items of stock of tenant acme wait for a retry (rejected), the first in " in ended.err
    assert "at once by rocksync quarantine release acme --kind stock --reason rejected" in ended.err
    assert "1 items of stock of tenant acme were set aside (rejected): rocksync quarantine list acme" in ended.err
    assert hub.product(shop.user, "P1")["quantity"] == 1


async def test_explain_names_the_kind_that_is_to_be_run(rocksync: Command, shop: Shop, connection: asyncpg.Connection):
    await rocksync("tenant", "activate", "acme", "--yes")
    await rocksync("schedule", "set", "acme", "stock", "--manual")
    await connection.execute("UPDATE store.stock SET on_hand = 9 WHERE sku = 'P1'")

    told = (await rocksync("explain", "acme", "sku", "P1", "--json")).json

    assert told["reason"] == "kind_manual"
    assert "rocksync sync acme stock" in told["next_action"]
    assert "KIND" not in told["next_action"] + told["fix"]


async def test_the_sandbox_says_where_it_is_and_refuses_what_it_does_not_know(rocksync: Command, tmp_path: Path):
    async with running(["sandbox", "--fault", "429:0.5"], {}, tmp_path) as process:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        url = re.search(r"http://\S+", line)
        assert url is not None
        async with aiohttp.ClientSession() as session, session.get(f"{url[0]}/_sandbox/status") as reply:
            assert reply.status == 200
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 10) == 0

    refused = await rocksync("sandbox", "--fault", "no-such-fault")
    assert refused.code == 2
    assert len(refused.err.splitlines()) == 1
