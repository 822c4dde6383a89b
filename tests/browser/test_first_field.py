"""What stands between somebody far away and the first field: how often the network is waited for, one after another."""

import math
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.console import Console

pytestmark = pytest.mark.browser

_ROUND_SECONDS = 0.3
_AT_ONCE = 6
"""So many requests a browser has in flight to one host over HTTP/1.1; over HTTP/2 there is no such limit."""


def test_the_first_field_is_there_within_a_second_on_a_slow_network(console: Console) -> None:
    """Counted in ways there and back, so no clock is asked."""
    asked: list[dict[str, Any]] = []
    session = console.page.context.new_cdp_session(console.page)
    session.on("Network.requestWillBeSent", lambda event: asked.append(event))  # noqa: PLW0108 - a list takes no mark
    session.send("Network.enable")
    console.open()
    expect(console.page.get_by_label("Email address")).to_be_focused()
    before = [event for event in asked if event["request"]["method"] == "GET" and event["initiator"]["type"] != "other"]
    assert {(event["initiator"]["type"], event["initiator"].get("url")) for event in before} == {
        ("parser", f"{console.address}/console/")
    }, "the page itself names everything, so that nothing waits for a script"
    rounds = 1 + math.ceil(len(before) / _AT_ONCE)
    assert rounds * _ROUND_SECONDS < 1, [event["request"]["url"] for event in before]
