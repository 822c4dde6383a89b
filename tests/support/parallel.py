"""How a run goes: worker processes over one Postgres, slow modules first, failures at once, skips in a line per kind.

`make test` starts the workers (pytest-xdist's `-n`); pytest by itself runs everything in one process.
"""

import gc
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, cast

import pytest

from tests.support import forked
from tests.support.postgres import Server, start_server

# What takes long begins first, the longest before the others, so that no worker is left alone with it at the end. The
# modules of the browser follow each other: a worker that goes on to another of them keeps its Chromium.
SLOW = (
    "attacks/test_model.py",
    "integrations/test_generated_clients.py",
    "faults/test_crash_points.py",
    "faults/test_cluster_rolling_restart.py",
    "browser/test_access.py",
    "browser/test_keys.py",
    "browser/test_trouble.py",
    "browser/test_story.py",
    "browser/test_lost_phone.py",
    "browser/test_truth.py",
    "browser/test_address.py",
    "browser/test_must_enroll.py",
    "browser/test_pictures.py",
    "browser/test_mailbox.py",
    "browser/test_first_field.py",
    "cli/test_cli.py",
    # Has what the generated clients have made by then, and would wait for it before.
    "integrations/test_client_packages.py",
    "faults/test_postgres_ends.py",
    "development/test_embedded_postgres.py",
    "server/test_serving.py",
    "imports/test_moving.py",
    "integrations/test_wheel.py",
    "attacks/test_races.py",
    "faults/test_disk_full.py",
    "faults/test_in_between.py",
    "faults/test_cluster_two_releases.py",
    "attacks/test_hostile_bytes.py",
    "faults/test_cluster_clocks.py",
    "attacks/test_guessing.py",
    "integrations/test_forward_auth.py",
    "integrations/test_toys.py",
    "development/test_dev.py",
    "attacks/test_schemathesis.py",
    "faults/test_cluster_frozen.py",
)
_SERVER = pytest.StashKey[Server]()
_OPEN = pytest.StashKey[ExitStack]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For `-n auto`: two more than there are processors, since tests wait now and then; each imports and collects."""
    return min((os.cpu_count() or 1) + 2, 8)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps the order that chance gave to modules of one weight."""
    rank = {f"tests/{name}": number for number, name in enumerate(SLOW)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0], len(rank)))


def pytest_collection_finish() -> None:
    """What is here now stays to the end; the collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:  # xdist publishes no types
    """In the process that starts the workers: what they share, before the first of them."""
    config = node.config
    if _SERVER not in config.stash:
        config.stash[_OPEN] = ExitStack()
        config.stash[_SERVER] = config.stash[_OPEN].enter_context(start_server())
    server = config.stash[_SERVER]
    node.workerinput["postgres"] = (server.url, server.template)
    if hasattr(os, "fork"):
        node.workerinput["forked_from"] = forked.begin()


def pytest_unconfigure(config: pytest.Config) -> None:
    if _OPEN in config.stash:
        config.stash[_OPEN].close()


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> Iterator[Server]:
    shared = getattr(request.config, "workerinput", {}).get("postgres")
    if shared:
        yield Server(*shared)
        return
    with start_server() as server:
        yield server


def _reason(report: pytest.TestReport) -> str:
    _, _, message = cast("tuple[str, int, str]", report.longrepr)
    return message.removeprefix("Skipped: ")


class Messages:
    """What the terminal says beside pytest's own: each failure when it happens, and at the end what was skipped."""

    def __init__(self, terminal: pytest.TerminalReporter) -> None:
        self._terminal = terminal

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self._terminal.ensure_newline()
            self._terminal.write_sep("_", f"{report.when} of {report.nodeid} failed", red=True)
            self._terminal.write_line(report.longreprtext)

    def pytest_terminal_summary(self) -> None:
        reports = self._terminal.getreports("skipped")
        reasons = Counter(_reason(report) for report in reports)
        for reason, count in reasons.most_common():
            self._terminal.write_line(f"{count:4} skipped: {reason}")


@pytest.hookimpl(trylast=True)  # The terminal is a plugin that the same call registers.
def pytest_configure(config: pytest.Config) -> None:
    terminal = config.pluginmanager.get_plugin("terminalreporter")
    if forked_from := getattr(config, "workerinput", {}).get("forked_from"):
        forked.share(forked_from)
    if terminal is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Messages(terminal), "messages")
