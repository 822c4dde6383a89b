"""What a test says about itself."""

from typing import Any

import pytest


def given_settings(**changes: Any) -> pytest.MarkDecorator:
    """The test runs on a service with these settings instead of the defaults."""
    return pytest.mark.parametrize("changes", [changes], ids=[",".join(changes)])
