"""The image, Compose and the systemd unit: what can be said of them without an engine."""

import itertools
import os
import re
import sys
from pathlib import Path
from typing import Any

import yaml

from rocksync.postgres.vault import new_key
from rocksync.settings import list_keys
from tests.deploy.tools import DEPLOY, ROOT, needs_debian, program, run

EXPOSURE_AT_MOST = 1.5
SECRETS = {"POSTGRES_PASSWORD", "GRAFANA_PASSWORD", "ROCKSYNC_SECRETS__KEYS"}


def _compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (DEPLOY / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


@needs_debian
def test_the_dockerfile_has_no_lint() -> None:
    assert run(program("hadolint"), DEPLOY / "Dockerfile") == ""


def test_the_image_holds_what_the_lock_names_by_hash_and_is_not_run_by_root() -> None:
    instructions = _instructions()

    install = next(rest for name, rest in instructions if name == "RUN" and "pip install" in rest)
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    assert [rest for name, rest in instructions if name == "USER"] == ["10001:10001"]
    assert dict(instructions)["ENTRYPOINT"] == '["rocksync"]'


def test_the_build_sees_only_what_it_copies() -> None:
    copied = {rest.split()[0] for name, rest in _instructions() if name == "COPY" and "--from" not in rest}
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert copied == let_in
    assert all((ROOT / name).exists() for name in copied)


def test_settings_in_the_image_and_in_compose_are_keys_that_exist() -> None:
    known = {"ROCKSYNC_" + key.name.replace(".", "__").upper() for key in list_keys()}
    text = (DEPLOY / "Dockerfile").read_text() + (DEPLOY / "compose.yaml").read_text()

    assert set(re.findall(r"ROCKSYNC_[A-Z]+__[A-Z_]+", text)) <= known


def test_compose_has_every_part_and_shows_none_of_them_to_the_network() -> None:
    services = _compose()["services"]

    assert set(services) == {"postgres", "migrate", "worker", "sandbox", "prometheus", "alertmanager", "grafana"}
    assert services["sandbox"]["profiles"] == ["sandbox"]
    for name, service in services.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
    assert "ports" not in services["worker"], "several workers cannot have one port of the host"


def test_compose_starts_workers_after_the_migration() -> None:
    services = _compose()["services"]

    assert services["worker"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_files_that_compose_mounts_exist() -> None:
    for service in _compose()["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert not source.startswith(".") or (DEPLOY / source).exists(), source


def test_compose_holds_no_secret_and_refuses_to_start_without_them() -> None:
    text = (DEPLOY / "compose.yaml").read_text()

    assert set(re.findall(r"\$\{(\w+):\?", text)) == SECRETS
    example = dict(
        line.split("=", 1) for line in (DEPLOY / "env.example").read_text().splitlines() if not line.startswith("#")
    )
    assert {name for name, value in example.items() if not value} == SECRETS


def test_the_key_can_be_made_before_there_is_one() -> None:
    filled, _, rest = (DEPLOY / "env.example").read_text().partition("ROCKSYNC_SECRETS__KEYS=\n")
    command = filled.splitlines()[-1].removeprefix("# ").split()
    given = dict(word.split("=", 1) for word in itertools.takewhile(lambda word: "=" in word, command))
    above = {line.split("=")[0] for line in filled.splitlines() if not line.startswith("#")}

    assert rest
    assert above | given.keys() >= SECRETS, "Compose says what is missing before it runs anything"
    assert run(sys.executable, "-m", "rocksync", command[-1], env=os.environ | given, cwd=ROOT)


@needs_debian
def test_systemd_takes_the_unit_as_it_is(tmp_path: Any) -> None:
    unit = tmp_path / "rocksync.service"
    text = (DEPLOY / "systemd" / "rocksync.service").read_text()
    unit.write_text(text.replace("/opt/rocksync/.venv/bin/rocksync", "/bin/true"))

    assert run(program("systemd-analyze"), "verify", unit) == ""


def _unit_environment() -> dict[str, str]:
    """What the unit sets itself, if anything, and what the file does that deploy/README.md installs for it."""
    unit = (DEPLOY / "systemd" / "rocksync.service").read_text()
    own = " ".join(re.findall(r"^Environment=(.*)$", unit, re.MULTILINE)).split()
    place = re.findall(r"^EnvironmentFile=(\S+)$", unit, re.MULTILINE)
    commands = re.findall(r"^    install .*?(\S+) (/\S+)", (DEPLOY / "README.md").read_text(), re.MULTILINE)
    source = ROOT / next(source for source, target in commands if [target] == place)
    filled = [line for line in source.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in [*own, *filled])


def test_the_unit_uses_the_mappers_of_the_checkout_that_it_runs_from() -> None:
    folder = _unit_environment()["ROCKSYNC_MAPPERS__DIR"]

    assert (ROOT / folder.removeprefix("/opt/rocksync/") / "price_markup.py").is_file()


def test_commands_of_the_runbook_run_with_the_settings_of_the_unit() -> None:
    unit = (DEPLOY / "systemd" / "rocksync.service").read_text()
    prefix = re.search(r"^\| systemd \| `(.*?)`", (DEPLOY / "RUNBOOK.md").read_text(), re.MULTILINE)
    assert prefix is not None

    for line in re.findall(r"^(?:EnvironmentFile|WorkingDirectory)=.*$", unit, re.MULTILINE):
        option = line.replace("WorkingDirectory=", "--working-directory=")
        assert option in prefix[1]
    assert "\nEnvironment=" not in unit, "the commands would not have it"


def test_what_the_unit_starts_runs_with_the_environment_that_is_installed_for_it(database: str, tmp_path: Path) -> None:
    unit_environment = _unit_environment()
    empty = {name for name, value in unit_environment.items() if not value}
    given = {"ROCKSYNC_DATABASE__DSN": database, "ROCKSYNC_SECRETS__KEYS": new_key()}
    there = {name: value for name, value in os.environ.items() if not name.startswith("ROCKSYNC_")}
    unit = (DEPLOY / "systemd" / "rocksync.service").read_text()
    started = re.findall(r"^ExecStart(?:Pre)?=/opt/rocksync/.venv/bin/rocksync (.*)$", unit, re.MULTILINE)
    environment = there | unit_environment | given | {"ROCKSYNC_HTTP__PORT": "0", "PYTHONPATH": str(ROOT)}

    assert empty == set(given)
    assert started == ["migrate", "worker"]
    for command in (["migrate"], ["worker", "--once"]):
        run(sys.executable, "-m", "rocksync", *command, env=environment, cwd=tmp_path)


@needs_debian
def test_the_unit_is_exposed_to_little() -> None:
    unit = DEPLOY / "systemd" / "rocksync.service"
    said = run(program("systemd-analyze"), "security", "--offline=true", "--no-pager", unit)

    exposure = re.search(r"exposure level for \S+: ([0-9.]+)", said)
    assert exposure is not None
    assert float(exposure[1]) <= EXPOSURE_AT_MOST


@needs_debian
def test_yaml_is_written_one_way() -> None:
    run(program("yamllint"), "--strict", "--config-file", DEPLOY / "yamllint.yaml", DEPLOY)
