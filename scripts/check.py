"""Everything that can be said about the tree without running the service: style, types, boundaries, stale files.

All steps run, also after a failure, so that one call shows everything there is to mend. Needs no network, except once
to fetch the type checker of the console.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
SKIPPED = 77
# The oldest that has what deploy/kubernetes uses, and the newest that the schemas know.
KUBERNETES = ("1.30", "1.37")
GITHUB = {
    "vendor.github-workflows": "workflows/*.yml",
    "vendor.dependabot": "dependabot.yml",
    "vendor.github-issue-forms": "ISSUE_TEMPLATE/[!c]*.yml",
    "vendor.github-issue-config": "ISSUE_TEMPLATE/config.yml",
}
TYPED = ("app", "tests", "scripts", "migrations", "bench")


def steps(scratch: Path) -> Iterator[tuple[str, list[str]]]:
    yield "style (ruff check)", [sys.executable, "-m", "ruff", "check", "--quiet", "--output-format=concise", "."]
    yield "layout (ruff format; mend with `make format`)", [sys.executable, "-m", "ruff", "format", "--check", "."]
    yield "types (mypy --strict)", [sys.executable, "-m", "mypy", *(name for name in TYPED if (ROOT / name).is_dir())]
    yield "boundaries (import-linter)", [str(BIN / "lint-imports"), "--no-cache"]
    yield "table of removals fits (tests/removals)", [sys.executable, "-m", "tests.removals.table"]
    yield "lock files (mend with `make lock`)", [sys.executable, "scripts/lock.py", "--check"]
    fresh = scratch / "openapi.json"
    yield "OpenAPI from the code", [sys.executable, "-m", "app", "openapi", "--output", str(fresh)]
    yield "OpenAPI file is fresh (mend with `make openapi`)", ["cmp", "openapi/openapi.json", str(fresh)]
    events = scratch / "events.schema.json"
    yield "schema of events from the code", [sys.executable, "-m", "app", "events", "schema", "--output", str(events)]
    yield (
        "schema of events is fresh (mend with `make openapi`)",
        ["cmp", "openapi/events.schema.json", str(events)],
    )
    yield (
        "reference pages are fresh (mend with `make reference`)",
        [sys.executable, "-m", "scripts.reference", "--check"],
    )
    yield "OpenAPI is valid", [str(BIN / "openapi-spec-validator"), "openapi/openapi.json"]
    yield "links and menu of the docs", [sys.executable, "-m", "pytest", "--quiet", "tests/docs"]
    yield "console (node --test, types, lines)", [sys.executable, "scripts/check_console.py"]
    if (ROOT / "Dockerfile").exists():
        yield "Dockerfile (hadolint)", [str(BIN / "hadolint"), "Dockerfile"]
    if (ROOT / "docker-compose.yml").exists():
        schema = ["--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
        yield "compose file (schema)", [str(BIN / "check-jsonschema"), *schema]
    resources = [path for path in (ROOT / "deploy" / "kubernetes").glob("*.yaml") if path.stem != "kustomization"]
    for version in KUBERNETES:
        command = [str(BIN / "kubernetes-validate"), "--strict", "--quiet", "--kubernetes-version", version]
        yield f"deploy/kubernetes (schemas of {version})", [*command, *map(str, sorted(resources))]
    for schema_name, pattern in GITHUB.items():
        files = sorted(str(path.relative_to(ROOT)) for path in (ROOT / ".github").glob(pattern))
        yield f".github/{pattern} (schema)", [str(BIN / "check-jsonschema"), "--builtin-schema", schema_name, *files]
    yield "workflows (zizmor)", [str(BIN / "zizmor"), "--offline", "--quiet", ".github"]


def passes(name: str, command: list[str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    verdict = {0: "ok", SKIPPED: "skip"}.get(done.returncode, "FAILED")
    print(f"{verdict:6} {name}, {time.monotonic() - started:.1f} s", flush=True)
    if done.returncode:
        print(done.stdout.rstrip(), flush=True)
    return verdict != "FAILED"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="twokeys-check-") as scratch:
        verdicts = [passes(name, command) for name, command in steps(Path(scratch))]
    failed = verdicts.count(False)
    print(f"{failed} of {len(verdicts)} checks failed." if failed else f"All {len(verdicts)} checks passed.")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
