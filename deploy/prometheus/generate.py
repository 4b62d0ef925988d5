"""Write the rules as an object of the Prometheus Operator: ``python deploy/prometheus/generate.py``."""

import sys
from pathlib import Path

import yaml

RULES = Path(__file__).parent / "rules"
TARGET = Path(__file__).parents[1] / "kubernetes" / "monitoring" / "prometheus-rule.yaml"


def prometheus_rule() -> str:
    """The text of the object: all groups of ``rules/``."""
    groups = [group for path in sorted(RULES.glob("*.yaml")) for group in yaml.safe_load(path.read_text())["groups"]]
    found = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "rocksync", "namespace": "rocksync", "labels": {"app.kubernetes.io/name": "rocksync"}},
        "spec": {"groups": groups},
    }
    head = "# Written by deploy/prometheus/generate.py from deploy/prometheus/rules.\n"
    return head + yaml.safe_dump(found, sort_keys=False, width=140)


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else TARGET).write_text(prometheus_rule())
