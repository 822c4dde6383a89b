"""The pictures of the console in README.md.

TWOKEYS_PICTURES=docs/images .venv/bin/pytest tests/browser/test_pictures.py writes them anew.

Without the variable they are made all the same, into a folder that is thrown away.
"""

import os
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from tests.browser.console import Console
from tests.browser.service import Service
from tests.browser.virtual_key import VirtualKey
from tests.support.marks import PATIENCE

pytestmark = pytest.mark.browser

_FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Version/19.1 Safari/604.1"
_HERE = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36"


def test_a_picture_of_each_main_view(browser: Browser, service: Service, tmp_path: Path) -> None:
    folder = Path(os.environ.get("TWOKEYS_PICTURES", tmp_path))
    context = browser.new_context(
        viewport={"width": 1120, "height": 780},
        device_scale_factor=1.5,
        reduced_motion="reduce",
        locale="en-GB",
        user_agent=_HERE,
        extra_http_headers={"X-Forwarded-For": "198.51.100.23"},
    )
    context.set_default_timeout(PATIENCE * 1000)
    ada = service.new_person("ada.lovelace")
    console = Console(context.new_page(), service.address)

    console.log_in(ada).shows("User information")
    device = console.start_enrollment(ada)
    _take(console.page, folder / "enable-two-factor.png")
    console.fill("Code from your app", device.code()).click("Turn on").recovery_codes()
    console.click("I have saved them").says("Two-factor authentication is on.")
    _log_in_on_other_devices(service, ada.email, ada.password, device.code())

    console.go_to("User information")
    _take(console.page, folder / "user-information.png")
    VirtualKey.plugged_into(console.page)
    console.go_to("Authentication methods").click("Add a passkey").fill("Name", "MacBook")
    console.fill("Password", ada.password).click("Add the passkey").says("“MacBook” is added.")
    console.go_to("User information").go_to("Authentication methods").says("MacBook")
    _take(console.page, folder / "authentication-methods.png")
    console.go_to("Authentication tokens").click("Create personal token").fill("Description", "Nightly backup")
    console.click("Create").click("Done").says("Never used.")
    _take(console.page, folder / "authentication-tokens.png")
    console.go_to("Activity").says("Account created")
    _take(console.page, folder / "activity.png")
    context.close()

    taken = sorted(folder.glob("*.png"))
    assert len(taken) == 5
    for picture in taken:
        with Image.open(picture) as opened:
            assert opened.size == (1680, 1170), picture


def _log_in_on_other_devices(service: Service, email: str, password: str, code: str) -> None:
    devices = [("203.0.113.7", _FIREFOX, code), ("192.0.2.61", _IPHONE, "000000")]
    for address, user_agent, params in devices:
        httpx.post(
            f"{service.address}/v1/login",
            json={"email": email, "password": password, "code": params},
            headers={"User-Agent": user_agent, "X-Forwarded-For": address},
            timeout=PATIENCE,
        )


def _take(page: Page, path: Path) -> None:
    # README shows the product; what `make run` says about itself above it would be in the way.
    page.evaluate("document.querySelector('.development')?.remove()")
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.screenshot(path=path)
