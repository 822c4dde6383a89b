"""What a test says about itself."""

import os
from typing import Any

import pytest

only_long = pytest.mark.skipif("TWOKEYS_TEST_FAULTS" not in os.environ, reason="waits for long: make test-faults")


def given_settings(**changes: Any) -> pytest.MarkDecorator:
    """The test runs on a service with these settings instead of the defaults."""
    return pytest.mark.parametrize("changes", [changes], ids=[",".join(changes)])
