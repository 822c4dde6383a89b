"""The console as a person uses it: by what is written on it, never by how it is built."""

import io
import re
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Self

from PIL import Image
from playwright.sync_api import ConsoleMessage, Error, Locator, Page, Request, expect

from tests.browser.german import translated
from tests.support.people import totp_code
from tests.two_factor.authenticator import Authenticator, read_qr

# A reset link has the form of ours; that this one is nobody's only the server can know.
UNKNOWN_LINK = f"#/password-reset/tkr_{'a' * 43}"

Language = Literal["en", "de"]
LOCALES: dict[Language, str] = {"en": "en-GB", "de": "de-DE"}

_STEP = 30


@dataclass(frozen=True)
class Person:
    email: str
    password: str


@dataclass
class Device:
    """The phone with the authenticator app. Each code counts once, so it gives the next one rather than wait.

    That is two of them: this step's and the next one's, which both count for half a minute at least, whatever holds
    them up. The one of the step before would count as well, and might end on its way.
    """

    secret: str
    _last_step: int = 0

    def code(self) -> str:
        now = int(time.time()) // _STEP
        step = max(now, self._last_step + 1)
        assert step <= now + 1, "asked for a third code within a step"
        self._last_step = step
        return self.code_at(step * _STEP)

    def code_at(self, seconds: int) -> str:
        """By oathtool where there is one, else by hand: in no case by what the service uses."""
        if program := shutil.which("oathtool"):
            response = [program, "--totp", "--base32", f"--now=@{seconds}", self.secret]
            return subprocess.run(response, check=True, capture_output=True, text=True).stdout.strip()
        return totp_code(self.secret, datetime.fromtimestamp(seconds, UTC))


@dataclass
class Console:
    page: Page
    address: str
    language: Language = "en"
    """What a test says in English is looked for, and pressed, in this one."""
    failures: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("pageerror", self._failed)
        self.page.on("console", self._said)
        self.page.on("request", self._asked)

    def _failed(self, error: Error) -> None:
        self.failures.append(str(error))

    def _said(self, message: ConsoleMessage) -> None:
        # The browser notes each 4xx itself; those are what the console is there to explain.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.failures.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.address, "data:", "blob:")):
            self.failures.append(f"asked a stranger: {request.url}")

    def assert_no_script_failed(self) -> None:
        assert self.failures == []

    # --- What a person does ---

    def open(self, view: str = "") -> Self:
        self.page.goto(f"{self.address}/console/{view}")
        return self

    def go_to(self, view: str) -> Self:
        self.page.get_by_role("navigation").get_by_role("link", name=self.here(view)).click()
        self.shows(view)
        return self

    def click(self, words: str) -> Self:
        button = self.page.get_by_role("button", name=self.here(words), exact=True)
        button.or_(self.page.get_by_role("link", name=self.here(words), exact=True)).click()
        return self

    def fill(self, label: str, text: str) -> Self:
        self.page.get_by_label(self.here(label), exact=True).fill(text)
        return self

    def choose(self, label: str, option: str) -> Self:
        self.page.get_by_label(self.here(label), exact=True).select_option(self.here(option))
        return self

    def log_in(self, person: Person) -> Self:
        """As far as the password leads."""
        self.open().fill("Email address", person.email).click("Next")
        return self.fill("Password", person.password).click("Log in")

    def log_in_with(self, person: Person, device: Device) -> Self:
        self.log_in(person)
        self.enter_code(device.code()).shows("User information")
        return self

    def enter_code(self, code: str) -> Self:
        """Its last digit sends it, where a log-in waits for it."""
        return self.fill("Code from your app", code)

    def log_out(self) -> Self:
        self.click("Log out")
        self.says("You are logged out.")
        return self

    def toggle_two_factor(self) -> Self:
        self.toggle.click()
        return self

    def start_enrollment(self, person: Person) -> Device:
        """Up to the QR code, which is read as a phone would: from what the screen shows."""
        self.go_to("Authentication methods").toggle_two_factor()
        self.fill("Password", person.password).click("Next")
        return self.scan()

    def scan(self) -> Device:
        result = self.page.get_by_alt_text(self.here("QR code for your authenticator app"))
        expect(result).to_be_visible()
        result.scroll_into_view_if_needed()
        screen = Image.open(io.BytesIO(self.page.screenshot()))
        return Device(Authenticator.scan(read_qr(screen)).secret)

    def enable_two_factor(self, person: Person) -> tuple[Device, list[str]]:
        device = self.start_enrollment(person)
        self.fill("Code from your app", device.code()).click("Turn on")
        codes = self.recovery_codes()
        self.click("I have saved them")
        self.says("Two-factor authentication is on.")
        return device, codes

    # --- What a person sees ---

    @property
    def toggle(self) -> Locator:
        return self.page.get_by_role("switch", name=self.here("Two-factor authentication"))

    @property
    def announced(self) -> Locator:
        """Where a screen reader hears of what moved nothing on the page."""
        return self.page.locator("#announcer")

    def recovery_codes(self) -> list[str]:
        codes = self.page.get_by_role("list", name=self.here("Recovery codes")).get_by_role("listitem")
        expect(codes).to_have_count(10)
        return codes.all_inner_texts()

    def shows(self, heading: str) -> Self:
        expect(self.page.get_by_role("heading", name=self.here(heading), level=1)).to_be_visible()
        return self

    def says(self, words: str | re.Pattern[str]) -> Self:
        found = words if isinstance(words, re.Pattern) else self.here(words)
        expect(self.page.locator("#page").get_by_text(found).first).to_be_visible()
        return self

    def here(self, words: str) -> str:
        """The words as this page has them."""
        return translated(self.page, words) if self.language == "de" else words
