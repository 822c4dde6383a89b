"""What a test says about itself."""

import os
import shutil
from typing import Any

import pytest

LONG = bool(os.environ.get("TWOKEYS_TEST_LONG"))
"""Whether tests take their long forms: `make test-long`."""

only_long = pytest.mark.skipif("TWOKEYS_TEST_FAULTS" not in os.environ, reason="takes minutes; run make test-faults")

PATIENCE = 180.0
"""Seconds after which a test gives something up for lost: longer than anything takes on a busy machine."""


def within(seconds: float) -> float:
    """A limit by the wall clock that our documentation promises: `make test-faults` holds it, on a quiet machine."""
    return seconds if "TWOKEYS_TEST_FAULTS" in os.environ else PATIENCE


PAUSE = 0.01 if "TWOKEYS_TEST_FAULTS" in os.environ else 0.05
"""Between two rounds of those who are at work while things break. Without any, they would take a processor each."""

# Debian's package, where it is not called like the program.
_PACKAGES = {
    "etcd": "etcd-server",
    "ip": "iproute2",
    "nginx": "nginx-light",
    "patroni": "patroni python3-etcd",
    "zbarimg": "zbar-tools",
}


def missing(*programs: str) -> str:
    """How to get these programs, any of which would do; empty where one of them is installed."""
    if any(map(shutil.which, programs)):
        return ""
    packages = " or ".join(_PACKAGES.get(program, program) for program in programs)
    return f"{' or '.join(programs)} is not installed; on Debian: apt-get install {packages}"


def chromium() -> str:
    """The browser's program; skips where there is none. The one without windows does the same for half of the work."""
    programs = ("chromium-headless-shell", "chromium")
    if reason := missing(*programs):
        pytest.skip(reason)
    return next(filter(None, map(shutil.which, programs)))


def needs(*programs: str) -> pytest.MarkDecorator:
    """The test runs where one of the programs is installed."""
    reason = missing(*programs)
    return pytest.mark.skipif(bool(reason), reason=reason or "installed")


def given_settings(**changes: Any) -> pytest.MarkDecorator:
    """The test runs on a service with these settings instead of the defaults."""
    return pytest.mark.parametrize("changes", [changes], ids=[",".join(changes)])
