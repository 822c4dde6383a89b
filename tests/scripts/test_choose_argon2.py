"""Which Argon2 runs: the one for newer CPUs only where every CPU is one."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

_FILE = Path(__file__).resolve().parents[2] / "scripts" / "choose_argon2.py"
_NEW = "flags\t\t: fpu sse2 ssse3 avx f16c movbe xsave abm bmi1 avx2 bmi2 fma rdtscp"
_OLD = "flags\t\t: fpu sse2 ssse3 avx xsave"


@pytest.mark.parametrize(
    ("cpuinfo", "newer"),
    [
        (_NEW, True),
        (f"processor: 0\n{_NEW}\n\nprocessor: 1\n{_NEW}\n", True),
        (f"{_NEW}\n{_OLD}\n", False),
        (_OLD, False),
        (_NEW.replace("bmi2", "bmi3"), False),
        ("Features\t: fp asimd aes", False),
        ("", False),
    ],
)
def test_the_one_for_newer_cpus_runs_only_on_them(cpuinfo: str, newer: bool) -> None:  # noqa: FBT001 - the test's
    spec = spec_from_file_location("choose_argon2", _FILE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    before = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = before
    assert module.can_run(cpuinfo) is newer
