"""What the console says is so, and what somebody has begun is not lost."""

import re

import pytest
from playwright.sync_api import Dialog, Route, expect

from tests.browser.console import UNKNOWN_LINK, Console, Person
from tests.browser.routes import answers, refuses, settle
from tests.browser.service import Service
from tests.support.people import NEW_PASSWORD

pytestmark = pytest.mark.browser

_PAGE = 50
_SESSIONS = 52


def test_the_console_says_what_the_operator_has_set(console: Console) -> None:
    settle(
        console.page,
        issuer="Acme Cloud",
        password_min_length=14,
        password_reset_seconds=300,
        password_reset_policy="requires_second_factor",
        support_url="https://example.com/help",
        privacy_url="https://example.com/privacy",
        accent_color="#7a1fa2",
    )
    console.open().shows("Log in").says("Acme Cloud")
    assert console.page.title() == "Log in · Acme Cloud"
    expect(console.page.get_by_role("link", name="Get help")).to_have_attribute("href", "https://example.com/help")
    expect(console.page.get_by_role("link", name="Privacy")).to_have_attribute("href", "https://example.com/privacy")
    expect(console.page.get_by_role("button", name="Next")).to_have_css("background-color", "rgb(122, 31, 162)")

    console.fill("Email address", "ada@example.com").click("Forgot password?")
    expect(console.page.get_by_label("Email address")).to_have_value("ada@example.com")
    console.says("it stays on: you also need a code").says("Ask the people who run Acme Cloud")
    console.click("Send the link").says("The link works once, for 5 minutes.")
    console.click("Send it again").says("Requested again.")

    console.page.route("**/v1/password-reset/check", answers(200, {"email": "ada@example.com", "two_factor": "kept"}))
    console.open(UNKNOWN_LINK).fill("New password", "abcdefgh").says("Use at least 14 characters.")
    console.says("Ask the people who run Acme Cloud to reset your two-factor authentication.")
    expect(console.page.get_by_label("Code from your app, or a recovery code")).to_be_visible()


def test_a_reset_tells_beforehand_whose_password_it_sets_and_what_it_ends(console: Console) -> None:
    console.open("#/forgot-password").says("the reset turns it off and your recovery codes stop working")
    checked = {"email": "ada@example.com", "two_factor": "cleared"}
    console.page.route("**/v1/password-reset/check", answers(200, checked))
    console.open(f"{UNKNOWN_LINK}.").says("ada@example.com").says("This also turns two-factor authentication off")
    expect(console.page.locator("input[autocomplete=username]")).to_have_value("ada@example.com")
    done = {"two_factor": "disabled", "revoked": {"sessions": 0, "personal_tokens": 0}}
    console.page.route("**/v1/password-reset/confirm", answers(200, done))
    console.fill("New password", NEW_PASSWORD).click("Save the new password").shows("Your new password is saved")
    console.says("Two-factor authentication is off now.").click("Log in")
    expect(console.page.get_by_label("Email address")).to_have_value("ada@example.com")
    for mangled in ("#/password-reset/garbage$$", "#/password-reset/", UNKNOWN_LINK[:-1]):
        console.open(mangled).shows("This link can't be used").says("A part of this link is missing")
    console.open("#constructor").shows("Log in")


def test_the_own_session_is_listed_first_among_however_many(console: Console, person: Person) -> None:
    """In two pages of which neither holds it."""
    console.log_in(person).shows("User information")
    console.page.route("**/v1/me/tokens?kind=session*", _two_pages_of_sessions)
    console.go_to("Authentication tokens").says("This session")
    sessions = console.page.get_by_role("listitem").filter(has_text="Logged in")
    # Of one device at one address, the others wait behind the newest.
    expect(sessions).to_have_count(2)
    console.click(f"Show {_PAGE - 1} more of this device and address")
    expect(sessions).to_have_count(_PAGE + 1)
    expect(sessions.nth(2).get_by_role("button")).to_be_focused()
    expect(sessions.first).to_contain_text("This session")
    expect(console.page.get_by_role("heading", name="Sessions")).to_contain_text(str(_SESSIONS))
    console.click("Show more")
    expect(sessions).to_have_count(_SESSIONS)
    expect(sessions.last).to_be_focused()

    console.page.route("**/v1/me/tokens/*", lambda route: route.fulfill(status=204))
    sessions.nth(1).get_by_role("button").click()
    console.page.keyboard.press("Shift+Tab")
    console.page.keyboard.press("Enter")
    console.says("is revoked.")
    expect(sessions).to_have_count(_SESSIONS - 1)
    expect(sessions.nth(1).get_by_role("button")).to_be_focused()


def _two_pages_of_sessions(route: Route) -> None:
    real = route.fetch(url=route.request.url.split("?")[0]).json()
    others = [real["current"] | {"id": str(number), "current": False} for number in range(_SESSIONS - 1)]
    first = "cursor=" not in route.request.url
    page = others[:_PAGE] if first else others[_PAGE:]
    counts = {"sessions": _SESSIONS, "personal_tokens": 0}
    route.fulfill(json=real | {"items": page, "counts": counts, "next_cursor": "next" if first else None})


def test_a_list_that_failed_or_is_on_its_way_never_says_that_it_is_empty(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    console.page.route("**/v1/me/tokens*", refuses(503, "unavailable"))
    console.go_to("Authentication tokens").says("The server can't do this right now.")
    expect(console.page.get_by_text(re.compile("^No (sessions|personal tokens)"))).to_have_count(0)
    console.page.unroute("**/v1/me/tokens*")
    again = console.page.get_by_role("button", name="Try again")
    again.first.click()
    console.says("This session")
    expect(console.page.get_by_role("listitem").filter(has_text="This session")).to_be_focused()
    again.click()
    console.says("No personal tokens.")

    console.page.route("**/v1/me", refuses(503, "unavailable"))
    console.page.get_by_role("navigation").get_by_role("link", name="User information").click()
    console.shows("No answer")
    assert console.page.title() == "No answer · Twokeys"
    expect(console.page.get_by_role("heading", name="No answer")).to_be_focused()
    expect(console.page.get_by_role("button", name="Log out")).to_be_visible()


def test_back_is_one_step_and_the_page_that_was_wanted_comes_after_the_log_in(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    device, codes = console.enable_two_factor(person)
    console.log_out().open("#/activity").shows("Log in")
    console.fill("Email address", person.email).click("Next").fill("Password", person.password).click("Log in")
    console.shows("Two-factor authentication").says(person.email)
    console.page.go_back()
    console.shows("Log in").says(person.email)
    console.page.go_forward()
    console.shows("Two-factor authentication")
    console.page.go_back()
    console.page.go_back()
    expect(console.page.get_by_label("Email address")).to_have_value(person.email)
    console.click("Next").says(person.email)
    console.page.reload()
    console.says(person.email).fill("Password", person.password).click("Log in")

    code = console.page.get_by_label("Code from your app")
    code.focus()
    console.page.keyboard.insert_text(f"{codes[0][:-1]}{'A' if codes[0][-1] != 'A' else 'B'}")
    console.click("Log in").says("This is not one of your unused recovery codes.").says("4 attempts left.")
    console.click("Use a code from the app")
    for left, at in (("3", 0), ("2", 90)):
        console.enter_code(device.code_at(at)).says(f"{left} attempts left.")
    expect(console.announced).to_contain_text("attempts left.")
    console.says("Check that your phone sets its clock automatically.")
    console.enter_code(device.code()).shows("User information")


def test_nothing_unsaved_is_left_without_a_question(console: Console, person: Person) -> None:
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.dismiss()

    console.page.on("dialog", stay)
    console.log_in(person).shows("User information").go_to("Authentication tokens").says("This session")
    console.click("Log out everywhere")
    console.page.go_back()
    console.shows("User information")
    expect(console.page.get_by_role("dialog")).to_have_count(0)

    console.go_to("Authentication tokens").click("Create personal token").fill("Description", "Backup").click("Create")
    console.says(re.compile("^tkp_"))
    console.page.get_by_role("navigation").get_by_role("link", name="Activity").click()
    console.says(re.compile("^tkp_")).click("Done")

    device = console.start_enrollment(person)
    console.fill("Code from your app", device.code()).click("Turn on").recovery_codes()
    console.click("Log out").recovery_codes()
    assert ["never shown again" in words for words in asked] == [True, True]


def test_a_setup_that_another_window_replaced_says_so_and_costs_no_attempt(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    first = console.start_enrollment(person)
    token = console.page.evaluate("sessionStorage['twokeys.access_token']")
    again = console.page.request.post(
        f"{console.address}/v1/me/2fa/enrollment",
        data={"password": person.password},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert again.ok
    console.fill("Code from your app", first.code()).click("Turn on")
    console.says("It may have been replaced in another window.")
    console.fill("Password", person.password).click("Next")
    delete = f"Delete that “Twokeys: {person.email}” entry in your app"
    console.says(delete)
    # A phone drops the page while its owner is in the app.
    console.page.reload()
    console.fill("Password", person.password).click("Next").says(delete)


@pytest.mark.parametrize("width", [320, 600, 1280])
def test_a_long_address_breaks_no_word_of_the_frame(console: Console, service: Service, width: int) -> None:
    console.page.set_viewport_size({"width": width, "height": 800})
    console.log_in(service.new_person(f"{'maximiliane.' * 5}{width}")).shows("User information")
    for words in (console.page.locator(".brand-name"), console.page.get_by_role("button", name="Log out")):
        assert words.evaluate("node => node.getBoundingClientRect().height") < 45
    wide = console.page.evaluate(
        "[...document.querySelectorAll('nav a, header > *')].filter((node) => node.scrollWidth > node.clientWidth + 1)"
        ".filter((node) => !node.matches('.who')).map((node) => node.outerHTML)"
    )
    assert wide == []
    assert console.page.evaluate("document.documentElement.scrollWidth") <= width
