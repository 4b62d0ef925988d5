import dataclasses
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from rocksync import settings
from rocksync.domain.errors import SettingsError
from rocksync.domain.tenancy import Kind

KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
OTHER = "HxwdGhsZGBcWFRQTEhEQDw4NDAsKCQgHBgUEAwIBAP8="


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith("ROCKSYNC_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    def write(text: str) -> None:
        file = tmp_path / "given.toml"
        file.write_text(text, encoding="utf-8")
        monkeypatch.setenv("ROCKSYNC_SETTINGS", str(file))

    return write


def test_nothing_set_gives_the_defaults():
    assert settings.load() == settings.Settings()


def test_every_key_can_be_set_in_a_file_and_by_the_environment(monkeypatch: pytest.MonkeyPatch, write):
    write(
        f"""
        data_dir = "here"
        [database]
        dsn = "postgresql://u:p@h/d"
        [schedule]
        stock = "1m30s"
        [secrets]
        keys = ["{KEY}"]
        [worker]
        concurrency = 3
        slice_s = 0.5
        """
    )
    monkeypatch.setenv("ROCKSYNC_WORKER__CONCURRENCY", "4")
    monkeypatch.setenv("ROCKSYNC_SECRETS__KEYS", f"{KEY},{OTHER}")

    read = settings.load()

    assert read.data_dir == Path("here")
    assert read.database.dsn == "postgresql://u:p@h/d"
    assert read.schedule.of(Kind.STOCK) == timedelta(seconds=90)
    assert read.schedule.of(Kind.ORDER) == timedelta(minutes=2)
    assert (read.worker.concurrency, read.worker.slice_s) == (4, 0.5)
    assert read.secrets.keys == (KEY, OTHER)


def test_a_list_of_keys_is_read_from_the_file(write):
    write(f'[secrets]\nkeys = ["{KEY}", "{OTHER}"]\n')

    assert settings.load().secrets.keys == (KEY, OTHER)


def test_a_list_or_a_table_where_another_value_belongs_is_named(write):
    write("data_dir = ['here']\n[worker]\nconcurrency = [3]\n[secrets]\nkeys = []\n[http.port]\nnumber = 1\n")

    with pytest.raises(SettingsError) as caught:
        settings.load()

    for name in ("data_dir", "worker.concurrency", "secrets.keys", "http.port"):
        assert f"{name} must be" in str(caught.value)


def test_settings_toml_in_the_folder_is_read_without_being_named(tmp_path: Path):
    (tmp_path / "settings.toml").write_text("[http]\nport = 1234\n")

    assert settings.load().http.port == 1234


def test_a_file_that_is_named_and_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ROCKSYNC_SETTINGS", "gone.toml")

    with pytest.raises(SettingsError, match=r"ROCKSYNC_SETTINGS names gone\.toml"):
        settings.load()


def test_a_file_that_is_no_toml_is_an_error(write):
    write("[worker\n")

    with pytest.raises(SettingsError, match="not valid TOML"):
        settings.load()


def test_every_wrong_and_unknown_key_is_named_at_once(monkeypatch: pytest.MonkeyPatch, write):
    write("[worker]\nconcurrency = 'five'\nslize_s = 3\n[databse]\ndsn = 'x'\n[schedule]\nprice = 600\n")
    monkeypatch.setenv("ROCKSYNC_HTTP__PORT", "99999")
    monkeypatch.setenv("ROCKSYNC_LOG__LEVLE", "info")
    monkeypatch.setenv("ROCKSYNC_WORKER_CONCURRENCY", "3")

    with pytest.raises(SettingsError) as caught:
        settings.load()

    message = str(caught.value)
    for part in (
        "worker.concurrency must be a whole number from 1 to 1000, not 'five'",
        "worker.slize_s is unknown: did you mean worker.slice_s?",
        "databse.dsn is unknown: did you mean database.dsn?",
        "schedule.price must be a duration such as 90s, 10m, 1h30m or 2d, not 600",
        "http.port must be a whole number from 0 to 65535, not '99999'",
        "ROCKSYNC_LOG__LEVLE is unknown: did you mean ROCKSYNC_LOG__LEVEL?",
        "ROCKSYNC_WORKER_CONCURRENCY is unknown: did you mean ROCKSYNC_WORKER__CONCURRENCY?",
    ):
        assert part in message
    assert "\n" not in message


@pytest.mark.parametrize("text", ["[worker]\nfoo = 1\n", "[http]\nworker = 1\n", "[pluggto]\nurl = 'x'\n"])
def test_what_comes_close_to_no_key_of_its_section_is_met_with_no_guess(write, text: str):
    write(text)

    with pytest.raises(SettingsError, match=r"is unknown$"):
        settings.load()


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("PLUGGTO__BASE_URL", "api.plugg.to", "pluggto.base_url must be a URL"),
        ("PLUGGTO__BASE_URL", "https://user:pw@api.plugg.to", "pluggto.base_url must be a URL"),
        ("PLUGGTO__TIMEOUT_S", "nan", "pluggto.timeout_s must be a number"),
        ("SCHEDULE__ORDER", "1s", "schedule.order must be between 10s and 30d"),
        ("LOG__FORMAT", "xml", "log.format must be one of json, console"),
        ("HTTP__HOST", "http://x", "http.host must be a host name"),
        ("SECRETS__KEYS", "short", "secrets.keys must be a list of keys"),
        ("SECRETS__KEYS", f"{KEY},{KEY}", "secrets.keys must not hold a key twice"),
        ("WORKER__CONCURRENCY", "true", "worker.concurrency must be a whole number"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_must_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, complaint: str
):
    monkeypatch.setenv(f"ROCKSYNC_{name}", value)

    with pytest.raises(SettingsError, match=re.escape(complaint)):
        settings.load()


def test_a_wrong_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ROCKSYNC_DATABASE__DSN", "12345678")
    monkeypatch.setenv("ROCKSYNC_SECRETS__KEYS", "hunter2")

    with pytest.raises(SettingsError) as caught:
        settings.load()

    assert "12345678" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("secret", ["@int hunter2", "@jinja {{ hunter2", "@format {this.hunter2}", "@get hunter2"])
def test_text_is_taken_as_it_is_written(monkeypatch: pytest.MonkeyPatch, write, secret: str):
    monkeypatch.setenv("ROCKSYNC_API_SECRET", secret)
    write(f"data_dir = '{secret}'\n")
    of_file = settings.load()
    monkeypatch.setenv("ROCKSYNC_DATA_DIR", f"{secret}!")
    of_environment = settings.load()

    assert (of_file.data_dir, of_environment.data_dir) == (Path(secret), Path(f"{secret}!"))


def test_secrets_are_not_in_the_repr(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ROCKSYNC_DATABASE__DSN", "postgresql://user:hunter2@host/db")
    monkeypatch.setenv("ROCKSYNC_SECRETS__KEYS", KEY)

    shown = repr(settings.load())

    assert "hunter2" not in shown
    assert KEY not in shown


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ROCKSYNC_DATABASE__DSN", "")
    monkeypatch.setenv("ROCKSYNC_WORKER__CONCURRENCY", " ")

    assert settings.load() == settings.Settings()


@pytest.mark.parametrize("empty", ["", " ", "\n"])
def test_an_empty_variable_leaves_what_the_file_says(monkeypatch: pytest.MonkeyPatch, write, empty: str):
    write("[database]\ndsn = 'postgresql://u:p@h/d'\n[worker]\nconcurrency = 3\n")
    monkeypatch.setenv("ROCKSYNC_DATABASE__DSN", empty)
    monkeypatch.setenv("ROCKSYNC_WORKER__CONCURRENCY", empty)

    read = settings.load()

    assert (read.database.dsn, read.worker.concurrency) == ("postgresql://u:p@h/d", 3)


def test_variables_of_other_uses_are_left_alone(monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "ROCKSYNC_CLIENT_SECRET": "x",
        "ROCKSYNC_OPERATOR": "ana",
        "ROCKSYNC_SERVICE_HOST": "10.0.0.1",
        "ROCKSYNC_PORT": "tcp://10.0.0.1:9464",
        "ROCKSYNC_PORT_9464_TCP_ADDR": "10.0.0.1",
        "ROCKSYNC_METRICS_SERVICE_PORT_HTTP": "9464",
    }.items():
        monkeypatch.setenv(name, value)

    assert settings.load() == settings.Settings()


def test_every_key_is_listed_with_its_default_and_meaning():
    listed = {each.name: each for each in settings.list_keys()}
    expected = {
        f"{section.name}.{key.name}"
        for section in dataclasses.fields(settings.Settings)
        if dataclasses.is_dataclass(section.type)
        for key in dataclasses.fields(section.type)
    } | {"data_dir"}

    assert set(listed) == expected
    assert listed["schedule.stock"].default == "5m"
    assert all(each.meaning.endswith(".") for each in listed.values())


def test_importing_the_settings_does_not_import_dynaconf():
    code = "import sys, rocksync.settings; sys.exit('dynaconf' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
