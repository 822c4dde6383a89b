"""For everybody: by keyboard alone, for a screen reader, on a small phone, in the dark."""

from collections.abc import Callable, Iterator
from importlib.resources import files

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, expect

from tests.browser.console import LOCALES, UNKNOWN_LINK, Console, Language, Person
from tests.browser.routes import answers, refuses
from tests.browser.service import Service
from tests.support.marks import PATIENCE

pytestmark = pytest.mark.browser

_AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


# Of what is in order no details: to name each node of it takes most of the time.
_RUN = """
    async (rules) => {
        const options = { resultTypes: ["violations"], ...(rules.length ? { runOnly: rules } : {}) };
        const { passes, violations } = await axe.run(options);
        return [passes.length, violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])];
    }
"""
# What depends on the colors.
_COLORS = ["color-contrast", "link-in-text-block"]


def assert_accessible(page: Page, *rules: str) -> None:
    """By all rules, or by these."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_AXE)
    passes, violations = page.evaluate(_RUN, list(rules))
    assert passes, "axe looked at nothing"
    assert violations == []


def assert_fits(page: Page) -> None:
    """Nothing is cut off: neither the page nor a box on it is wider than what shows it."""
    wide: list[str] = page.evaluate("""
        [document.documentElement, ...document.querySelectorAll("main *:not(input)")]
            .filter((node) => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== "inline")
            .filter((node) => !node.closest(".visually-hidden, svg"))
            .map((node) => node.outerHTML.slice(0, 120))
    """)
    assert wide == []
    broken: list[str] = page.evaluate("""
        [...document.querySelectorAll("nav a, button, h1, h2, label")].flatMap((node) => {
            const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT), found = [];
            while (texts.nextNode()) {
                for (const word of texts.currentNode.data.matchAll(/(?<![\\p{L}@.])\\p{L}+(?![\\p{L}@.])/gu)) {
                    const range = document.createRange();
                    range.setStart(texts.currentNode, word.index);
                    range.setEnd(texts.currentNode, word.index + word[0].length);
                    const lines = new Set([...range.getClientRects()].map((box) => Math.round(box.top)));
                    if (lines.size > 1) found.push(word[0]);
                }
            }
            return found;
        })
    """)
    assert broken == [], "words that go on in the next line"


@pytest.mark.parametrize("language", LOCALES)
def test_every_view_is_accessible_and_fits(
    browser: Browser, service: Service, person: Person, language: Language
) -> None:
    """The colors are those of every language, so the dark ones are looked at in one; so is the wide page."""
    phone, wide = ViewportSize(width=320, height=700), ViewportSize(width=1180, height=700)
    context = browser.new_context(viewport=phone, reduced_motion="reduce", locale=LOCALES[language])
    context.set_default_timeout(PATIENCE * 1000)
    console = Console(context.new_page(), service.address, language)
    page = console.page
    for _ in _walk(console, person, service):
        for size in (wide, phone):
            page.set_viewport_size(size)
            assert_fits(page)
            if language == "en":
                assert_accessible(page)
                page.emulate_media(color_scheme="dark")
                assert_accessible(page, *_COLORS)
                page.emulate_media(color_scheme="light")
        if language != "en":
            assert_accessible(page)
    console.assert_no_script_failed()
    context.close()


def _walk(console: Console, person: Person, service: Service) -> Iterator[Console]:
    """Stops at every view, and where one has gone wrong as well."""
    yield console.open().shows("Log in")
    yield console.click("Next").says("Enter your email address.")
    yield console.fill("Email address", person.email).click("Next").click("Log in").says("Enter your password.")
    yield console.fill("Password", person.password).click("Log in").shows("User information")
    yield console.go_to("Authentication methods")
    yield console.click("Change password").fill("New password", "hunter2").says("Use at least 8 characters.")
    console.go_to("Authentication methods").toggle_two_factor()
    yield console.shows("Set up two-factor authentication")
    console.fill("Password", person.password).click("Next")
    device = console.scan()
    yield console
    yield console.fill("Code from your app", device.code_at(0)).click("Turn on").says("9 attempts left.")
    console.fill("Code from your app", device.code()).click("Turn on").recovery_codes()
    yield console
    yield console.click("I have saved them").says("Two-factor authentication is on.")
    yield console.click("Create new codes").shows("New recovery codes")
    yield from _walk_authenticators(console, person)
    console.go_to("Authentication methods").toggle_two_factor()
    yield console.shows("Turn off two-factor authentication")
    yield console.go_to("Authentication tokens").says("This session")
    yield console.click("Create personal token").fill("Description", "Nightly backup")
    yield console.click("Create").says("It is shown only now.")
    console.click("Log out everywhere")
    yield console
    console.page.keyboard.press("Escape")
    console.click("Done")
    yield console.go_to("Activity").says("Account created")
    yield console.log_out()
    yield console.log_in(person).shows("Two-factor authentication")
    yield console.click("Use a recovery code").says("Each works once.")
    yield console.open("#/forgot-password").shows("Reset your password")
    yield console.fill("Email address", person.email).click("Send the link").shows("Check your email")
    console.page.route("**/v1/password-reset/check", answers(200, {"email": person.email, "two_factor": "kept"}))
    yield console.open(UNKNOWN_LINK).shows("Choose a new password").says("was cancelled not long ago")
    service.wait_for_link(person, "password-reset")
    subject = console.here("Reset your Twokeys password")
    console.page.goto(f"{service.address}/mailbox/")
    expect(console.page.get_by_role("heading", name=subject)).to_be_visible()
    yield console


def _walk_authenticators(console: Console, person: Person) -> Iterator[Console]:
    console.go_to("Authentication methods").click("Manage Authenticator app").shows("Authenticator app")
    yield console.says("This is your only one.").click("Save the name").says("It is called")
    yield console.click("Replace").says("The old device works until the new one is confirmed.")
    yield console.open("#/authentication-methods/add-passkey").shows("Add a passkey")
    console.page.route("**/v1/me/2fa/webauthn/options", refuses(403, "reauthentication_required", max_age=900), times=1)
    console.fill("Password", person.password).click("Add the passkey")
    dialog = console.page.get_by_role("dialog", name=console.here("Confirm that it's you"))
    dialog.get_by_role("button", name=console.here("Use a recovery code")).click()
    yield console
    dialog.get_by_role("button", name=console.here("Cancel")).click()
    yield console.says("Nothing was changed")


def test_two_factor_is_enabled_by_keyboard_alone(console: Console, person: Person) -> None:
    page, keys = console.page, console.page.keyboard
    tab_to = _tabber(page)
    console.open().shows("Log in")
    keys.type(person.email)  # The first field has the focus already.
    keys.press("Enter")
    console.says("Forgot password?")
    keys.type(person.password)
    keys.press("Enter")
    console.shows("User information")
    tab_to("Authentication methods")
    keys.press("Enter")
    console.shows("Authentication methods")
    tab_to("Two-factor authentication")
    keys.press("Space")
    expect(page.get_by_label("Password", exact=True)).to_be_focused()
    keys.type(person.password)
    keys.press("Enter")
    device = console.scan()
    keys.type(device.code())
    keys.press("Enter")
    console.recovery_codes()
    tab_to("I have saved them")
    keys.press("Enter")
    console.says("Two-factor authentication is on.")
    expect(console.toggle).to_be_checked()


def _tabber(page: Page) -> Callable[[str], None]:
    def tab_to(name: str) -> None:
        wanted = page.get_by_role("button", name=name, exact=True)
        wanted = wanted.or_(page.get_by_role("link", name=name, exact=True))
        wanted = wanted.or_(page.get_by_role("switch", name=name, exact=True))
        for _ in range(40):
            page.keyboard.press("Tab")
            if wanted.evaluate("node => node === document.activeElement"):
                assert wanted.evaluate("node => getComputedStyle(node).outlineStyle") != "none", "the focus shows"
                return
        raise AssertionError(f"forty times Tab never reached “{name}”")

    return tab_to


def test_a_new_view_starts_at_its_heading(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information").go_to("Authentication methods")
    expect(console.page.get_by_role("heading", level=1)).to_be_focused()
    assert console.page.title() == "Authentication methods · Twokeys"


def test_an_error_is_tied_to_its_field_and_takes_the_focus(console: Console) -> None:
    console.open().fill("Email address", "ada").click("Next")
    field = console.page.get_by_label("Email address")
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("Enter an email address, such as name@example.com.")


def test_a_closed_dialog_gives_the_focus_back(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information").go_to("Authentication tokens").says("This session")
    console.click("Log out everywhere")
    console.page.keyboard.press("Escape")
    expect(console.page.get_by_role("dialog")).to_have_count(0)
    expect(console.page.get_by_role("button", name="Log out everywhere")).to_be_focused()
