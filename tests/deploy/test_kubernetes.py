"""deploy/kubernetes against the service: its settings, its paths, its times, and the user of its image."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from app import __version__
from app.main import create_app
from app.settings import Settings
from tests.support.people import KEY

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
# After SIGTERM a process ends within so long by itself (app/server/server.py).
ENDS_WITHIN = 10


def read(name: str) -> Any:
    return YAML(typ="safe").load(FOLDER / name)


def settings() -> dict[str, str]:
    (generated,) = read("kustomization.yaml")["configMapGenerator"]
    return dict(literal.split("=", 1) for literal in generated["literals"])


def in_words(variables: Mapping[str, str]) -> dict[str, str]:
    return {name.removeprefix("TWOKEYS_").lower(): value for name, value in variables.items()}


def pod_of(name: str) -> Mapping[str, Any]:
    pod: Mapping[str, Any] = read(name)["spec"]["template"]["spec"]
    return pod


def container_of(name: str) -> Mapping[str, Any]:
    (container,) = pod_of(name)["containers"]
    assert isinstance(container, dict)
    return container


def test_kustomize_is_told_of_every_file() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(read("kustomization.yaml")["resources"]) == files


def test_the_image_is_of_this_release() -> None:
    assert read("kustomization.yaml")["images"] == [{"name": "twokeys", "newTag": __version__}]


@pytest.mark.parametrize("name", ["deployment.yaml", "migrate.yaml"])
def test_nothing_runs_as_root_or_writes_beside_tmp(name: str) -> None:
    user = re.search(r"^USER ([0-9]+):([0-9]+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert user
    pod, container = pod_of(name), container_of(name)
    assert pod["securityContext"]["runAsNonRoot"]
    assert (pod["securityContext"]["runAsUser"], pod["securityContext"]["fsGroup"]) == tuple(map(int, user.groups()))
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert {mount["mountPath"] for mount in container["volumeMounts"] if not mount.get("readOnly")} <= {"/tmp"}  # noqa: S108


@pytest.mark.parametrize("name", ["deployment.yaml", "migrate.yaml"])
def test_secrets_come_as_files_and_only_so(name: str) -> None:
    secret = {field for field, about in Settings.model_fields.items() if "SecretStr" in str(about.annotation)}
    given = {variable["name"]: variable["value"] for variable in container_of(name)["env"]}
    assert {variable.removeprefix("TWOKEYS_").removesuffix("_FILE").lower() for variable in given} <= secret
    assert all(path.startswith("/run/secrets/twokeys/") for path in given.values())


def test_every_setting_is_one() -> None:
    assert in_words(settings()).keys() <= Settings.model_fields.keys()
    assert Settings.model_validate(in_words(settings())).metrics


def test_what_is_asked_for_is_served() -> None:
    served = {"database_url": "postgresql://nobody@127.0.0.1/none", "secret_keys": KEY, **in_words(settings())}
    app = create_app(Settings.model_validate(served))
    paths = {*app.openapi()["paths"], *(route.path for route in app.routes if hasattr(route, "path"))}
    container = container_of("deployment.yaml")
    probes = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    template = read("deployment.yaml")["spec"]["template"]
    assert probes | {template["metadata"]["annotations"]["prometheus.io/path"]} <= paths


def test_a_pod_is_not_killed_before_it_has_ended_by_itself() -> None:
    sleep = container_of("deployment.yaml")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod_of("deployment.yaml")["terminationGracePeriodSeconds"] >= sleep + ENDS_WITHIN


def test_the_drain_outlasts_the_probes_that_find_it_out() -> None:
    probe = container_of("deployment.yaml")["readinessProbe"]
    sleep = container_of("deployment.yaml")["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert sleep + int(settings()["TWOKEYS_DRAIN_SECONDS"]) > probe["periodSeconds"] * probe["failureThreshold"]


def test_a_database_that_is_away_restarts_nothing() -> None:
    assert container_of("deployment.yaml")["livenessProbe"]["httpGet"]["path"] == "/healthz"


def test_nothing_of_operations_is_reached_from_outside() -> None:
    (rule,) = read("ingress.yaml")["spec"]["rules"]
    assert {path["path"] for path in rule["http"]["paths"]} == {"/v1", "/console", "/.well-known"}
