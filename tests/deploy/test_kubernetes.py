"""Kubernetes objects: valid to the letter, and in agreement with each other and with the code."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from rocksync.settings import Settings, list_keys
from rocksync.version import VERSION
from tests.deploy.tools import DEPLOY, documents, needs_debian, program, run

FOLDER = DEPLOY / "kubernetes"
KUBERNETES = "1.37"
OF_OPERATORS = {"ServiceMonitor", "PrometheusRule", "ScaledObject", "Kustomization"}
FIELDS_OF_CUSTOM_OBJECTS = {
    # What of each object is known here to exist; another key is taken for a slip.
    "ServiceMonitor": {"selector", "jobLabel", "endpoints"},
    "PrometheusRule": {"groups"},
    "ScaledObject": {
        "scaleTargetRef",
        "minReplicaCount",
        "maxReplicaCount",
        "pollingInterval",
        "cooldownPeriod",
        "fallback",
        "advanced",
        "triggers",
    },
}


def _objects() -> list[tuple[Path, dict[str, Any]]]:
    return [(path, each) for path in sorted(FOLDER.rglob("*.yaml")) for each in documents(path)]


def _one(kind: str, name: str = "rocksync") -> dict[str, Any]:
    found = [each for _, each in _objects() if each["kind"] == kind and each["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} objects {kind} {name}"
    return found[0]


def _pods() -> list[dict[str, Any]]:
    return [_one("Deployment")["spec"]["template"], _one("Job", "rocksync-migrate")["spec"]["template"]]


@needs_debian
def test_every_object_of_kubernetes_itself_is_valid_to_the_letter() -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")

    validated = 0
    for _, each in _objects():
        if each["kind"] not in OF_OPERATORS:
            kubernetes_validate.validate(each, KUBERNETES, strict=True)
            validated += 1

    assert validated == 11


@needs_debian
@pytest.mark.parametrize("slip", [{"replicas": "2"}, {"replica": 2}])
def test_the_validator_refuses_a_slip(slip: dict[str, Any]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate")
    deployment = _one("Deployment")
    deployment["spec"] |= slip

    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(deployment, KUBERNETES, strict=True)


def test_objects_of_operators_use_known_fields_only() -> None:
    seen = []
    for path, each in _objects():
        fields = FIELDS_OF_CUSTOM_OBJECTS.get(each["kind"])
        if fields is not None:
            assert set(each["spec"]) <= fields, path.name
            seen.append(each["kind"])

    assert sorted(seen) == ["PrometheusRule", "ScaledObject", "ServiceMonitor"]


@needs_debian
def test_kustomize_renders_all_of_it_with_one_image() -> None:
    rendered = list(yaml.safe_load_all(run(program("kubectl"), "kustomize", FOLDER)))

    assert sorted(each["kind"] for each in rendered) == [
        "ConfigMap",
        "ConfigMap",
        "Deployment",
        "Job",
        "Namespace",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "Service",
        "ServiceAccount",
    ]
    images = {
        container["image"]
        for each in rendered
        if each["kind"] in {"Deployment", "Job"}
        for container in _containers(each["spec"]["template"])
    }
    assert images == {f"registry.example/rocksync:{VERSION}"}


def test_the_kustomization_names_every_file_beside_it() -> None:
    named = set(documents(FOLDER / "kustomization.yaml")[0]["resources"])
    files = {path.name for path in FOLDER.glob("*.yaml")}

    assert named == files - {"kustomization.yaml", "secret.template.yaml"}


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def test_no_container_has_more_rights_than_it_needs() -> None:
    for pod in _pods():
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["securityContext"]["runAsUser"] == 10001
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in _containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert container["resources"].keys() == {"requests", "limits"}


def test_a_pod_is_given_longer_to_stop_than_its_passes_take_to_end() -> None:
    grace_s = _one("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]

    assert grace_s >= Settings().worker.drain_s + 20


def test_workers_wait_for_the_migration_and_ask_for_traffic_only_when_ready() -> None:
    pod = _one("Deployment")["spec"]["template"]["spec"]
    worker = pod["containers"][0]

    assert pod["initContainers"][0]["args"] == ["migrate", "--check"]
    assert _one("Job", "rocksync-migrate")["spec"]["template"]["spec"]["containers"][0]["args"] == ["migrate"]
    assert worker["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert worker["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert worker["ports"][0]["containerPort"] == Settings().http.port


def test_selectors_meet_the_labels_of_the_pods() -> None:
    labels = _pods()[0]["metadata"]["labels"]

    for selector in (
        _one("Deployment")["spec"]["selector"]["matchLabels"],
        _one("Service")["spec"]["selector"],
        _one("PodDisruptionBudget")["spec"]["selector"]["matchLabels"],
    ):
        assert selector == labels
    assert _one("NetworkPolicy")["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert _one("ServiceMonitor")["spec"]["selector"]["matchLabels"] == _one("Service")["metadata"]["labels"]


def test_autoscalers_scale_the_deployment_and_leave_what_the_disruption_budget_needs() -> None:
    keda, hpa = _one("ScaledObject")["spec"], _one("HorizontalPodAutoscaler")["spec"]

    assert keda["scaleTargetRef"]["name"] == hpa["scaleTargetRef"]["name"] == "rocksync"
    least = _one("PodDisruptionBudget")["spec"]["minAvailable"]
    assert keda["minReplicaCount"] > least
    assert hpa["minReplicas"] > least


def test_settings_and_secrets_are_keys_that_exist() -> None:
    known = {key.name for key in list_keys()}
    toml = tomllib.loads(_one("ConfigMap", "rocksync-settings")["data"]["settings.toml"])
    of_file = {f"{section}.{key}" for section, keys in toml.items() for key in keys}
    of_secret = {name.removeprefix("ROCKSYNC_").replace("__", ".").lower() for name in _one("Secret")["stringData"]}

    assert of_file <= known
    assert of_secret == {"database.dsn", "secrets.keys"}


def test_the_example_of_a_mapper_is_python() -> None:
    for name, text in _one("ConfigMap", "rocksync-mappers")["data"].items():
        assert ast.parse(text, filename=name).body
