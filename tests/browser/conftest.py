"""A real Chromium before a real `twokeys dev`. Skipped, with the reason, where there is no Chromium."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from tests.browser.console import LOCALES, Console, Language, Person
from tests.browser.service import Service, aside
from tests.browser.virtual_key import VirtualKey
from tests.support.marks import PATIENCE, chromium
from tests.support.postgres import Server
from tests.support.service import environment, free_port, output_of, over, running, twokeys, wait_until_ready

_SWITCHES = [
    "--no-sandbox",  # As root, Chromium refuses to start with one; it opens pages of ours alone.
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


expect.set_options(timeout=PATIENCE * 1000)


@contextmanager
def serving(postgres: Server, name: str, **more: str) -> Iterator[Service]:
    home = Path(tempfile.mkdtemp(prefix="twokeys-browser-"))
    url = aside(postgres.clone(name))
    # Every test comes from the same address, and together they log in more often than one person would.
    settings = {"TWOKEYS_REQUESTS_PER_CLIENT_MINUTE": "10000", "TWOKEYS_TRUSTED_PROXIES": "127.0.0.1", **more}
    # Nobody must have two-factor authentication but those of whom an operator says so.
    settings["TWOKEYS_TWO_FACTOR_GRACE_SECONDS"] = "86400"
    port = free_port()
    # As `twokeys dev` prints it: browsers use no passkeys under an IP address.
    address = f"http://localhost:{port}"
    left_out = {"TWOKEYS_MAIL", "TWOKEYS_PUBLIC_URL"}
    env = {key: value for key, value in over(url, **settings).items() if key not in left_out}
    options = ["--port", str(port), "--data", "data", "--use-database-url"]
    with running("dev", *options, env=env, cwd=home) as process:
        wait_until_ready(address, process, home)
        made = twokeys("clients", "create", "operator", "--role", "admin", "--json", env=env, cwd=home)
        client = json.loads(made.stdout)
        auth = (client["client_id"], client["client_secret"])
        with httpx.Client(base_url=address, auth=auth, timeout=PATIENCE) as operator:
            yield Service(address, home, env, operator)
        assert "Traceback" not in output_of(home), output_of(home)
    aside(postgres.drop(name))
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="package")
def service(postgres: Server) -> Iterator[Service]:
    with serving(postgres, "browser") as started:
        yield started


@pytest.fixture(scope="package")
def browser(service: Service) -> Iterator[Browser]:
    program = chromium()
    # Playwright keeps an event loop in this thread while it runs, in which nobody else may start one; so it starts
    # after the service and ends before it.
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=_SWITCHES, env=dict(environment()))
        yield started
        started.close()


@pytest.fixture
def language() -> Language:
    """A test that runs in both is parametrized with it."""
    return "en"


@pytest.fixture
def window(browser: Browser, language: Language) -> Iterator[BrowserContext]:
    """A window of its own: nothing stored, nothing open."""
    context = browser.new_context(
        viewport={"width": 1180, "height": 800}, reduced_motion="reduce", locale=LOCALES[language]
    )
    context.set_default_timeout(PATIENCE * 1000)
    yield context
    context.close()


@pytest.fixture
def console(service: Service, window: BrowserContext, language: Language) -> Iterator[Console]:
    made = Console(window.new_page(), service.address, language)
    yield made
    made.assert_no_script_failed()


@pytest.fixture
def key(console: Console) -> VirtualKey:
    """What the device of the console has: a screen lock that keeps passkeys.

    It would answer at once what waits in the address field, so that this browser offers nothing there.
    """
    console.page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")
    return VirtualKey.plugged_into(console.page)


@pytest.fixture
def person(service: Service) -> Person:
    return service.new_person()
