"""Everything that can be said about the tree without running the service: style, types, boundaries, stale files.

All steps run, one on each processor, also after a failure, so that one call shows everything there is to mend. Needs no
network, except once to fetch the type checker of the console.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

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


Step = tuple[str, *tuple[list[str], ...]]
"""Its name, and commands that follow each other until one fails."""


class Outcome(NamedTuple):
    name: str
    code: int
    output: str
    seconds: float


def steps(scratch: Path) -> Iterator[Step]:
    """What takes long comes first, so that no processor waits for it at the end."""
    yield "types (mypy --strict)", [sys.executable, "-m", "mypy", *(name for name in TYPED if (ROOT / name).is_dir())]
    yield "console (node --test, types, lines)", [sys.executable, "scripts/check_console.py"]
    yield "table of removals fits (tests/removals)", [sys.executable, "-m", "tests.removals.table"]
    yield (
        "reference pages are fresh (mend with `make reference`)",
        [sys.executable, "-m", "scripts.reference", "--check"],
    )
    yield "links and menu of the docs", [sys.executable, "-m", "pytest", "--quiet", "tests/docs"]
    fresh = scratch / "openapi.json"
    yield (
        "OpenAPI file is fresh (mend with `make openapi`)",
        [sys.executable, "-m", "app", "openapi", "--output", str(fresh)],
        ["cmp", "openapi/openapi.json", str(fresh)],
    )
    events = scratch / "events.schema.json"
    yield (
        "schema of events is fresh (mend with `make openapi`)",
        [sys.executable, "-m", "app", "events", "schema", "--output", str(events)],
        ["cmp", "openapi/events.schema.json", str(events)],
    )
    yield "OpenAPI is valid", [str(BIN / "openapi-spec-validator"), "openapi/openapi.json"]
    yield "style (ruff check)", [sys.executable, "-m", "ruff", "check", "--quiet", "--output-format=concise", "."]
    yield "layout (ruff format; mend with `make format`)", [sys.executable, "-m", "ruff", "format", "--check", "."]
    yield "boundaries (import-linter)", [str(BIN / "lint-imports"), "--no-cache"]
    yield "lock files (mend with `make lock`)", [sys.executable, "scripts/lock.py", "--check"]
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


def run(step: Step) -> Outcome:
    (name, *commands), started, code, output = step, time.monotonic(), 0, ""
    for command in commands:
        done = subprocess.run(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        code, output = done.returncode, done.stdout
        if code:
            break
    return Outcome(name, code, output, time.monotonic() - started)


def passes(outcome: Outcome) -> bool:
    verdict = {0: "ok", SKIPPED: "skip"}.get(outcome.code, "FAILED")
    print(f"{verdict:6} {outcome.name}, {outcome.seconds:.1f} s", flush=True)
    if outcome.code:
        print(outcome.output.rstrip(), flush=True)
    return verdict != "FAILED"


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="twokeys-check-") as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        verdicts = [passes(outcome) for outcome in pool.map(run, steps(Path(scratch)))]
    failed = verdicts.count(False)
    print(f"{failed} of {len(verdicts)} checks failed." if failed else f"All {len(verdicts)} checks passed.")
    return min(failed, 1)


if __name__ == "__main__":
    sys.exit(main())
