"""Rules and alerts: sound, tested one by one, and each with a way to its end."""

import re
import sys
from pathlib import Path
from typing import Any

import asyncpg
import click
import pytest

from rocksync.cli.main import cli
from tests.deploy.tools import DEPLOY, documents, needs_debian, program, run

FOLDER = DEPLOY / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yaml"))
TESTS = sorted((FOLDER / "tests").glob("*.yaml"))
RUNBOOK = (DEPLOY / "RUNBOOK.md").read_text()


def _rules(key: str) -> list[dict[str, Any]]:
    return [rule for path in RULES for group in documents(path)[0]["groups"] for rule in group["rules"] if key in rule]


ALERTS = {rule["alert"]: rule for rule in _rules("alert")}


def _section(alert: str) -> str:
    found = re.search(rf"^### {alert}\n(.*?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert found is not None, f"the runbook has no section {alert}"
    return found[1].strip()


@needs_debian
@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_rules_are_sound(path: Path) -> None:
    assert "SUCCESS" in run(program("promtool"), "check", "rules", "--lint-fatal", path)


@needs_debian
def test_the_configuration_is_sound() -> None:
    run(program("promtool"), "check", "config", "--lint-fatal", FOLDER / "prometheus.yml")


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_recordings_are_made_before_the_alerts_that_read_them(path: Path) -> None:
    order = documents(path)[0]["group_eval_order"]
    assert order[0] == "rocksync_recording"
    assert sorted(order) == sorted(group["name"] for rules in RULES for group in documents(rules)[0]["groups"])


@needs_debian
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_only_then(path: Path) -> None:
    assert "SUCCESS" in run(program("promtool"), "test", "rules", path)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_tested_firing_and_not_firing(alert: str) -> None:
    cases = [
        case
        for path in TESTS
        for test in documents(path)[0]["tests"]
        for case in test["alert_rule_test"]
        if case["alertname"] == alert
    ]

    assert any(case["exp_alerts"] for case in cases)
    assert any(not case["exp_alerts"] for case in cases)


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_says_how_bad_it_is_what_to_type_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]

    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["for"]
    assert rule["annotations"].keys() == {"summary", "command", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"deploy/RUNBOOK.md#{alert.lower()}"


@pytest.mark.parametrize("alert", ALERTS)
def test_every_section_of_the_runbook_ends_in_a_command(alert: str) -> None:
    assert _section(alert).splitlines()[-1].startswith("    ")


def test_the_runbook_has_no_section_of_an_alert_that_is_gone() -> None:
    assert set(re.findall(r"^### (\w+)", RUNBOOK, re.MULTILINE)) == set(ALERTS)


def test_commands_of_the_runbook_and_of_alerts_exist_with_their_options() -> None:
    typed = re.findall(r"(?:`|^    )rocksync ([^`\n]+)", RUNBOOK, re.MULTILINE)
    typed += [rule["annotations"]["command"].removeprefix("rocksync ") for rule in ALERTS.values()]
    context = click.Context(cli)

    for line in typed:
        node: click.Command = cli
        for word in line.split():
            if isinstance(node, click.Group):
                found = node.get_command(context, word)
                if found is None:
                    assert line.startswith("systemctl"), line
                    break
                node = found
            elif word.startswith("--"):
                assert any(word in option.opts for option in node.params), line


@pytest.mark.parametrize(
    ("place", "terminal"),
    [("Compose", {"exec"}), ("Kubernetes", {"exec", "--stdin", "--tty"}), ("systemd", {"--pty"})],
)
def test_commands_of_the_runbook_can_ask_where_a_worker_runs(place: str, terminal: set[str]) -> None:
    prefix = re.search(rf"^\| {place} \| `(.*?)`", RUNBOOK, re.MULTILINE)

    assert prefix is not None
    assert terminal <= set(prefix[1].split())


async def test_the_sql_of_the_runbook_runs(connection: asyncpg.Connection) -> None:
    found = re.findall(r"`(SELECT [^`]+)`|psql --command '([^']+)'", RUNBOOK)

    assert len(found) >= 4
    for inline, by_psql in found:
        await connection.execute(inline or by_psql)


def test_links_within_the_runbook_lead_somewhere() -> None:
    anchors = {name.lower() for name in re.findall(r"^#+ (\w+)", RUNBOOK, re.MULTILINE)}

    assert set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOK)) <= anchors


def test_the_object_for_the_operator_is_what_the_rules_say(tmp_path: Path) -> None:
    again = tmp_path / "rule.yaml"

    run(sys.executable, FOLDER / "generate.py", again)

    assert again.read_text() == (DEPLOY / "kubernetes" / "monitoring" / "prometheus-rule.yaml").read_text()


@needs_debian
def test_the_example_of_routes_is_sound_and_wakes_somebody_for_what_is_critical() -> None:
    config = DEPLOY / "alertmanager" / "alertmanager.yml"

    run(program("amtool"), "check-config", config)
    routed = run(program("amtool"), "config", "routes", "test", f"--config.file={config}", "severity=critical")
    assert "pager" in routed


def test_inhibitions_name_alerts_that_exist() -> None:
    (config,) = documents(DEPLOY / "alertmanager" / "alertmanager.yml")
    matchers = [
        matcher for rule in config["inhibit_rules"] for matcher in (*rule["source_matchers"], *rule["target_matchers"])
    ]

    for matcher in matchers:
        pattern = re.fullmatch(r'alertname =~? "(.+)"', matcher)
        assert pattern is not None, matcher
        for each in pattern[1].split("|"):
            assert any(re.fullmatch(each, alert) for alert in ALERTS), each
