"""The dashboard and the alert rules against the metrics that there are."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import REGISTRY
from ruamel.yaml import YAML

from app import main

_DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def _alerts() -> Iterator[str]:
    rules = YAML(typ="safe").load(_DEPLOY / "alerts.yml")
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert rule["alert"]
            assert rule["annotations"]["summary"]
            assert rule["labels"]["severity"] in {"page", "ticket"}
            yield rule["expr"]


def _panels() -> Iterator[str]:
    for panel in json.loads((_DEPLOY / "grafana-dashboard.json").read_text())["panels"]:
        assert panel["title"]
        for target in panel["targets"]:
            yield target["expr"]


@pytest.mark.parametrize("expressions", [_alerts, _panels])
def test_every_metric_that_is_asked_for_exists(expressions: Callable[[], Iterator[str]]) -> None:
    assert main.__name__, "importing it is what makes the metrics"
    known = {
        name
        for family in REGISTRY.collect()
        for name in (family.name, f"{family.name}_total", f"{family.name}_bucket")
        if family.name.startswith("twokeys_")
    }
    response = {name for expression in expressions() for name in re.findall(r"twokeys_\w+", expression)}
    assert response
    assert response <= known
