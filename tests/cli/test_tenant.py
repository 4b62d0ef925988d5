import asyncio
import signal
import sys
from pathlib import Path

import asyncpg
import pytest

from .conftest import Command, clean_environment

SECRETS = {
    "ROCKSYNC_CLIENT_ID": "the-id",
    "ROCKSYNC_CLIENT_SECRET": "s3cret-a",
    "ROCKSYNC_API_USER": "the-user",
    "ROCKSYNC_API_SECRET": "s3cret-b",
}
ACME = ("tenant", "add", "acme", "--name", "Acme & Cia", "--domain", "acme.test")


async def add(rocksync: Command) -> None:
    ended = await rocksync(*ACME, **SECRETS)
    assert ended.code == 0, ended.err


async def test_a_tenant_is_added_with_settings_read_as_json_or_text(rocksync: Command, connection: asyncpg.Connection):
    ended = await rocksync(
        *ACME,
        *("--mapper", "kits", "--mapper", "brands", "--setting", "reserve_stock=false", "--setting", "greeting=Olá"),
        *("--setting", "buffer=2", "--json"),
        **SECRETS,
    )

    shown = (await rocksync("tenant", "show", "acme", "--json")).json
    assert ended.json == {"id": shown["id"], "slug": "acme", "status": "draft"}
    assert shown["settings"] == {"reserve_stock": False, "greeting": "Olá", "buffer": 2}
    assert shown["mappers"] == ["kits", "brands"]
    assert list(shown["kinds"]) == ["product", "price", "stock", "order"]
    assert await connection.fetchval("SELECT who FROM rocksync.audit") == "ana"
    assert await connection.fetchval("SELECT count(*) FROM rocksync.credential") == 1
    assert await connection.fetchval("SELECT count(*) FROM rocksync.credential_inbox") == 0


async def test_credentials_come_from_a_file_or_from_lines_too(rocksync: Command, tmp_path: Path):
    file = tmp_path / "c.toml"
    file.write_text('client_id = "a"\nclient_secret = "b"\napi_user = "c"\napi_secret = "d"\n')

    by_file = await rocksync("tenant", "add", "a", "--name", "A", "--domain", "a.b", "--credentials-file", str(file))
    by_lines = await rocksync("tenant", "add", "b", "--name", "B", "--domain", "a.b", given="a\nb\nc\nd\n")

    assert (by_file.code, by_lines.code) == (0, 0)


async def test_missing_credentials_are_named(rocksync: Command, tmp_path: Path):
    half = tmp_path / "half.toml"
    half.write_text('client_id = "a"\nclient_secret = "s3cret"\n')

    nothing = await rocksync(*ACME)
    some = await rocksync(*ACME, ROCKSYNC_CLIENT_ID="a")
    in_file = await rocksync(*ACME, "--credentials-file", str(half))

    assert (nothing.code, some.code, in_file.code) == (2, 2, 2)
    assert "no credentials: give --credentials-file" in nothing.err
    assert "client_secret, api_user, api_secret missing in the environment" in some.err
    assert "api_user, api_secret missing in" in in_file.err
    assert "s3cret" not in in_file.err


async def test_credentials_that_are_no_text_are_named_and_not_shown(rocksync: Command, tmp_path: Path):
    file = tmp_path / "odd.toml"
    file.write_text('client_id = 1\nclient_secret = "a"\napi_user = "b"\napi_secret = ["s3cret"]\n')

    ended = await rocksync(*ACME, "--credentials-file", str(file))

    assert ended.code == 2
    assert f"client_id, api_secret in {file} must be text in quotes" in ended.err
    assert "s3cret" not in ended.err


async def test_what_breaks_a_rule_is_refused_in_words(rocksync: Command):
    ended = await rocksync("tenant", "add", "Acme", "--name", "A", "--domain", "a.b", **SECRETS)

    assert ended.code == 2
    assert ended.err.startswith("rocksync: a slug is of lower-case letters")


async def test_a_list_fits_100_columns(rocksync: Command):
    await rocksync(
        *("tenant", "add", "a" * 70, "--name", "Comércio de Utilidades " * 4, "--domain", "www.exemplo.com.br"),
        **SECRETS,
    )

    listed = await rocksync("tenant", "list")
    shown = await rocksync("tenant", "show", "a" * 70)
    status = await rocksync("status")

    assert max(len(line) for line in (listed.out + status.out).splitlines()) <= 100
    assert "www.exemplo.com.br" in listed.out
    assert "every 10m" in shown.out


async def test_a_tenant_is_changed(rocksync: Command):
    await add(rocksync)

    ended = await rocksync("tenant", "set", "acme", "--name", "Nova", "--mapper", "kits", "--setting", "x=[1]")
    dropped = await rocksync("tenant", "set", "acme", "--no-mappers", "--unset", "x")

    shown = (await rocksync("tenant", "show", "acme", "--json")).json
    assert (ended.code, dropped.code) == (0, 0)
    assert (shown["name"], shown["mappers"], shown["settings"]) == ("Nova", [], {})


@pytest.mark.parametrize("name", ["", "mappers/kits.py"])
async def test_what_can_be_no_name_of_a_mapper_is_refused(rocksync: Command, name: str):
    ended = await rocksync(*ACME, "--mapper", name, **SECRETS)

    assert ended.code == 2
    assert ended.err.startswith("rocksync: a mapper is named without its path or .py: price_markup for ")


async def test_a_mapper_that_is_not_there_is_named_and_kept(rocksync: Command, tmp_path: Path):
    (tmp_path / "mappers").mkdir()
    (tmp_path / "mappers" / "kits_br.py").write_text("")

    added = await rocksync(*ACME, "--mapper", "kits-br", "--mapper", "brands", "--json", **SECRETS)
    changed = await rocksync("tenant", "set", "acme", "--mapper", "nosuch")
    sound = await rocksync("tenant", "set", "acme", "--mapper", "kits-br")

    assert (added.code, changed.code, sound.code, sound.err) == (0, 0, 0, "")
    for ended, name in ((added, "brands"), (changed, "nosuch")):
        assert ended.err.startswith(f"there is no mapper {name} in mappers of this machine: where workers lack it too")
        assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--name", ""), "the name must not be blank"),
        (("--domain", ""), "the domain is a host name"),
        (("--unset", "nosuch"), 'tenant "acme" has no setting "nosuch": there are none'),
    ],
)
async def test_a_change_that_cannot_be_meant_is_refused(rocksync: Command, change: tuple[str, str], told: str):
    await add(rocksync)

    ended = await rocksync("tenant", "set", "acme", *change)

    assert ended.code == 2
    assert ended.err.startswith(f"rocksync: {told}")


@pytest.mark.parametrize("kinds", [(), ("--kind", "stock")])
async def test_a_draft_is_not_resumed_but_activated(rocksync: Command, kinds: tuple[str, ...]):
    await add(rocksync)

    ended = await rocksync("tenant", "resume", "acme", *kinds)

    assert ended.code == 2
    assert ended.err == 'rocksync: tenant "acme" is a draft: rocksync tenant activate acme\n'


@pytest.mark.parametrize("name", ["reserve_stock", "tell_orders"])
@pytest.mark.parametrize("value", ["False", "no", "0", "null"])
async def test_a_switch_that_is_neither_on_nor_off_is_refused(rocksync: Command, name: str, value: str):
    await add(rocksync)

    ended = await rocksync("tenant", "set", "acme", "--setting", f"{name}={value}")
    added = await rocksync(*ACME, "--setting", f"{name}={value}", **SECRETS)

    assert (ended.code, added.code) == (2, 2)
    assert ended.err == f"rocksync: {name} is true or false, without quotation marks\n"
    assert added.err == ended.err
    assert (await rocksync("tenant", "show", "acme", "--json")).json["settings"] == {}


async def test_a_slug_that_is_not_there_is_met_with_the_nearest(rocksync: Command):
    await add(rocksync)

    ended = await rocksync("tenant", "show", "acne")

    assert ended.code == 2
    assert ended.err == 'rocksync: there is no tenant "acne": did you mean acme?\n'


async def test_a_tenant_is_paused_and_resumed(rocksync: Command, connection: asyncpg.Connection):
    await add(rocksync)
    await connection.execute("SELECT rocksync.activate_tenant('acme')")

    paused = await rocksync("tenant", "pause", "acme", "--reason", "inventory", "--until", "2h")
    shown = (await rocksync("tenant", "show", "acme", "--json")).json
    resumed = await rocksync("tenant", "resume", "acme")
    one = await rocksync("tenant", "pause", "acme", "--kind", "stock", "--reason", "counting")
    status = (await rocksync("status", "acme", "--json")).json

    assert (paused.code, resumed.code, one.code) == (0, 0, 0)
    assert (shown["status"], shown["status_reason"]) == ("paused", "inventory")
    assert shown["paused_until"]
    stock = next(each for each in status if each["kind"] == "stock")
    assert (stock["cause"], stock["detail"]) == ("tenant_paused", "counting")


async def test_resuming_a_tenant_leaves_a_kind_that_was_paused_apart_and_says_how_to_lift_it(
    rocksync: Command, connection: asyncpg.Connection
):
    await add(rocksync)
    await connection.execute("SELECT rocksync.activate_tenant('acme')")
    await rocksync("tenant", "pause", "acme", "--kind", "price", "--reason", "new list")
    await rocksync("tenant", "pause", "acme", "--reason", "inventory")

    resumed = await rocksync("tenant", "resume", "acme")
    again = await rocksync("tenant", "resume", "acme", "--json")

    assert (resumed.code, resumed.out) == (0, "tenant acme is served again\n")
    assert resumed.err == "price stays paused (new list): rocksync tenant resume acme --kind price\n"
    assert (again.json, again.err) == ({"slug": "acme", "kinds": [], "paused": []}, "")


async def test_a_database_that_takes_no_writes_is_told_in_a_line_with_what_to_do(rocksync: Command, database: str):
    await add(rocksync)
    dsn = f"{database}{'&' if '?' in database else '?'}default_transaction_read_only=on"

    ended = await rocksync("tenant", "set", "acme", "--name", "Other", ROCKSYNC_DATABASE__DSN=dsn)

    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("rocksync: the database takes no writes: let database.dsn lead to the primary")
    assert len(ended.err.splitlines()) == 1


async def test_new_credentials_resume_a_stopped_tenant(rocksync: Command, connection: asyncpg.Connection):
    await add(rocksync)
    await connection.execute("SELECT rocksync.activate_tenant('acme')")
    await connection.execute("UPDATE rocksync.tenant SET status = 'needs_credentials'")

    ended = await rocksync("tenant", "credentials", "acme", **SECRETS)

    assert ended.out == "credentials of tenant acme are replaced, and it is served again\n"
    assert await connection.fetchval("SELECT status FROM rocksync.tenant") == "active"


@pytest.mark.parametrize(("options", "answer"), [((), "y\n"), ((), "sim\n"), (("--yes",), "")])
async def test_a_tenant_is_removed(
    rocksync: Command, connection: asyncpg.Connection, options: tuple[str, ...], answer: str
):
    await add(rocksync)

    ended = await rocksync("tenant", "remove", "acme", *options, given=answer)

    assert (ended.code, ended.out) == (0, "tenant acme is deleted\n")
    assert await connection.fetchval("SELECT count(*) FROM rocksync.tenant") == 0


async def test_the_audit_of_a_tenant_is_there_when_it_is_gone_but_not_of_one_that_never_was(rocksync: Command):
    await add(rocksync)
    never = await rocksync("audit", "acne")
    await rocksync("tenant", "remove", "acme", "--yes")
    gone = await rocksync("audit", "acme")

    assert (never.code, gone.code) == (2, 0)
    assert never.err == 'rocksync: there is no tenant "acne": did you mean acme?\n'
    assert "tenant remove" in gone.out


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "maybe\n"])
async def test_a_removal_that_is_not_confirmed_leaves_everything(
    rocksync: Command, connection: asyncpg.Connection, answer: str
):
    await add(rocksync)

    ended = await rocksync("tenant", "remove", "acme", "--with-store", given=answer)
    as_json = await rocksync("tenant", "remove", "acme", "--json", given=answer)

    assert (ended.code, ended.out) == (1, "tenant acme stays: nothing is deleted\n")
    assert "delete tenant acme and its rows in the store? [y/N]" in ended.err
    assert (as_json.code, as_json.json) == (1, {"slug": "acme", "deleted": False, "with_store": False})
    assert await connection.fetchval("SELECT count(*) FROM rocksync.credential") == 1


async def test_a_schedule_is_set_and_a_pass_asked_for(rocksync: Command, connection: asyncpg.Connection):
    await add(rocksync)
    draft = await rocksync("sync", "acme")
    await connection.execute("SELECT rocksync.activate_tenant('acme')")

    changed = await rocksync("schedule", "set", "acme", "stock", "--every", "1m30s")
    manual = await rocksync("schedule", "set", "acme", "price", "--manual")
    asked = await rocksync("sync", "acme", "price")
    waited = await rocksync("sync", "acme", "price", "--wait")

    assert (draft.code, changed.code, manual.code, asked.code) == (3, 0, 0, 0)
    assert "rocksync tenant activate acme" in draft.err
    rows = await connection.fetch(
        "SELECT kind, mode, every, requested_at IS NOT NULL FROM rocksync.schedule ORDER BY kind"
    )
    assert [str(row["mode"]) for row in rows] == ["automatic", "manual", "automatic", "automatic"]
    assert rows[3]["every"].total_seconds() == 90
    assert [row[3] for row in rows] == [False, True, False, False]
    assert waited.code == 1
    assert "no worker runs" in waited.err


@pytest.mark.parametrize("wait", [(), ("--wait",)])
@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("draft", "tenant acme is a draft: rocksync tenant activate acme"),
        ("paused", "tenant acme is paused (counting): rocksync tenant resume acme"),
        ("needs_credentials", "tenant acme needs credentials (counting): rocksync tenant credentials acme"),
    ],
)
async def test_a_pass_of_a_stopped_tenant_is_refused_with_exit_3_and_what_to_do(
    rocksync: Command, connection: asyncpg.Connection, status: str, told: str, wait: tuple[str, ...]
):
    await add(rocksync)
    if status != "draft":
        await connection.execute("SELECT rocksync.activate_tenant('acme')")
        await connection.execute("UPDATE rocksync.tenant SET status = $1, status_reason = 'counting'", status)

    ended = await rocksync("sync", "acme", "stock", *wait)

    assert (ended.code, ended.out, ended.err) == (3, "", f"rocksync: {told}\n")
    assert not await connection.fetchval("SELECT bool_or(requested_at IS NOT NULL) FROM rocksync.schedule")


async def test_a_pass_of_a_paused_kind_is_asked_for_and_not_waited_for(
    rocksync: Command, connection: asyncpg.Connection
):
    await add(rocksync)
    await connection.execute("SELECT rocksync.activate_tenant('acme')")
    await rocksync("tenant", "pause", "acme", "--kind", "stock", "--reason", "counting")

    asked = await rocksync("sync", "acme", "stock")
    waited = await rocksync("sync", "acme", "stock", "--wait")

    paused = "stock of tenant acme is paused (counting): rocksync tenant resume acme --kind stock\n"
    assert (asked.code, asked.out) == (0, "stock of tenant acme: asked for\n")
    assert asked.err == f"nothing runs until it is resumed: {paused}"
    assert (waited.code, waited.out, waited.err) == (3, "", paused)


@pytest.mark.parametrize("wait", [(), ("--wait",)])
async def test_a_pass_of_a_tenant_without_credentials_is_refused(
    rocksync: Command, connection: asyncpg.Connection, wait: tuple[str, ...]
):
    await connection.execute(
        "INSERT INTO rocksync.tenant (slug, name, domain, status) VALUES ('acme', 'Acme', 'acme.test', 'active')"
    )

    ended = await rocksync("sync", "acme", "stock", *wait)

    assert ended.code == 3
    assert ended.err == "rocksync: tenant acme has no credentials: rocksync tenant credentials acme\n"


async def test_an_empty_database_says_what_to_do_first(rocksync: Command):
    listed = await rocksync("tenant", "list")
    behind = await rocksync("status", "--behind")

    assert "no tenants yet: rocksync tenant add" in listed.out
    assert behind.out == "no tenant is behind\n"


async def test_one_ctrl_c_at_a_question_ends_the_command(
    rocksync: Command, environment: dict[str, str], connection: asyncpg.Connection, tmp_path: Path
):
    await add(rocksync)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "rocksync", "tenant", "remove", "acme"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**clean_environment(), **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
        cwd=tmp_path,
    )
    try:
        assert process.stderr is not None
        await process.stderr.readuntil(b"[y/N] ")
        process.send_signal(signal.SIGINT)

        assert await asyncio.wait_for(process.wait(), 15) == 130
        assert (await process.stderr.read()).endswith(b"\nrocksync: interrupted\n")
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
    assert await connection.fetchval("SELECT count(*) FROM rocksync.tenant") == 1
