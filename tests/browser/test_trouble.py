"""When it goes wrong: what the console says, and what somebody can do next."""

import re
import time

import httpx
import pytest
from playwright.sync_api import Route, expect

from tests.browser.console import UNKNOWN_LINK, Console, Person
from tests.browser.routes import answers, refuses, settle
from tests.browser.service import Service
from tests.support.marks import PATIENCE
from tests.support.people import NEW_PASSWORD, bearer

pytestmark = pytest.mark.browser


def test_a_wrong_password_says_so_and_keeps_the_address(console: Console, person: Person) -> None:
    console.log_in(Person(person.email, "not-my-password")).says("That address and password don't match.")
    console.fill("Password", person.password).click("Log in").shows("User information")


def test_a_wrong_code_tells_the_attempts_left_and_ends_in_a_new_log_in(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    device, _ = console.enable_two_factor(person)
    console.log_out().log_in(person)
    wrong = iter(range(0, 900, 90))
    for left in ("4 attempts left.", "3 attempts left.", "2 attempts left."):
        console.enter_code(device.code_at(next(wrong))).says(left)
    # What was refused once is not sent again by itself.
    same = console.page.get_by_label("Code from your app").input_value()
    console.enter_code(same).says("2 attempts left.").click("Log in").says("1 attempt left.")
    console.enter_code(device.code_at(next(wrong)))
    console.shows("Log in").says("Enter your password again.")
    console.fill("Password", person.password).click("Log in").enter_code(device.code())
    console.shows("User information")


# One step may end before the code arrives: then the clock is 150 seconds ahead, or 180 behind.
@pytest.mark.parametrize(("off", "words"), [(180, "about 3 minutes ahead"), (-150, "about 3 minutes behind")])
def test_a_clock_that_is_off_is_named(console: Console, person: Person, off: int, words: str) -> None:
    console.log_in(person).shows("User information")
    device = console.start_enrollment(person)
    console.fill("Code from your app", device.code_at(int(time.time()) + off)).click("Turn on")
    console.says(f"your device's clock is {words}")


def test_too_many_attempts_count_down_and_then_let_one_go_on(console: Console, person: Person) -> None:
    console.page.clock.install()
    console.page.route("**/v1/login", refuses(429, "too_many_attempts", retry_after=62))
    console.log_in(person).says("Too many attempts.").says("1:02")
    log_in = console.page.get_by_role("button", name="Log in", exact=True)
    expect(log_in).to_have_attribute("aria-disabled", "true")
    console.page.clock.run_for(2_500)
    console.says(re.compile("0:59|1:00"))
    console.page.unroute("**/v1/login")
    console.page.clock.run_for(61_000)
    console.says("You can try again now.").click("Log in").shows("User information")


@pytest.mark.parametrize("code", ["overloaded", "unavailable"])
def test_a_busy_server_can_be_asked_again_with_what_was_typed(console: Console, person: Person, code: str) -> None:
    console.page.route("**/v1/login", refuses(503, code, retry_after=1))
    console.log_in(person).says("Wait a moment, then try again.")
    console.page.unroute("**/v1/login")
    console.click("Try again").shows("User information")


def test_a_proxy_that_answers_in_html_is_understood(console: Console, person: Person) -> None:
    console.page.route("**/v1/login", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    console.log_in(person).says("The server can't do this right now.")


def test_no_connection_says_so_and_can_be_tried_again(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    console.page.route("**/v1/**", lambda route: route.abort("connectionrefused"))
    console.page.get_by_role("navigation").get_by_role("link", name="Authentication methods").click()
    console.shows("No answer").says("The server did not answer.")
    console.page.unroute("**/v1/**")
    console.click("Try again").shows("Authentication methods")


def test_offline_is_named(console: Console, person: Person) -> None:
    console.open().fill("Email address", person.email).click("Next")
    console.page.context.set_offline(True)
    console.fill("Password", person.password).click("Log in").says("You are offline.")
    console.page.context.set_offline(False)
    console.click("Try again").shows("User information")


def test_a_server_that_never_answers_is_given_up_on(console: Console, person: Person) -> None:
    console.page.clock.install()
    console.page.route("**/v1/login", lambda _: None)
    console.log_in(person)
    expect(console.page.get_by_role("button", name="Log in", exact=True)).to_have_attribute("aria-disabled", "true")
    console.page.clock.run_for(21_000)
    console.says("The server did not answer.")


def test_an_unused_session_asks_before_it_ends_and_then_shows_nothing(console: Console, person: Person) -> None:
    console.page.clock.install()
    console.log_in(person).says("1 session")
    console.page.clock.fast_forward("58:30")
    asked = console.page.get_by_role("dialog")
    expect(asked).to_contain_text("You will be logged out in less than 2 minutes.")
    console.page.clock.fast_forward("02:00")
    console.shows("Log in").says("Your session has ended.")
    expect(asked).to_have_count(0)

    console.log_in(person).says("2 sessions")
    console.page.clock.fast_forward("58:30")
    with console.page.expect_response("**/v1/me") as used:
        asked.get_by_role("button", name="Stay logged in").click()
    assert used.value.ok
    console.shows("User information")


def test_an_expired_enrollment_starts_again(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    device = console.start_enrollment(person)
    console.page.route("**/v1/me/2fa/confirm", refuses(410, "enrollment_expired"))
    console.fill("Code from your app", device.code()).click("Turn on").says("This setup has expired")
    console.page.unroute("**/v1/me/2fa/confirm")
    console.fill("Password", person.password).click("Next")
    again = console.scan()
    assert again.secret != device.secret
    console.fill("Code from your app", again.code()).click("Turn on").recovery_codes()


def test_a_weak_password_says_why_and_keeps_the_link_usable(console: Console, person: Person, service: Service) -> None:
    httpx.post(f"{service.address}/v1/password-reset", json={"email": person.email}, timeout=PATIENCE)
    service.wait_for_mail(person, "Reset")
    mails = httpx.get(f"{service.address}/mailbox/mails", timeout=PATIENCE).json()
    text = next(mail["text"] for mail in mails if mail["to"] == person.email)
    found = re.search(r"#/password-reset/\S+", text)
    assert found
    console.open(found[0]).fill("New password", "password1")
    console.says("This password is too easy to guess.")
    console.click("Save the new password")
    error = console.page.locator(".field-error")
    expect(error).to_be_visible()
    assert len(error.inner_text()) > 20
    console.fill("New password", NEW_PASSWORD).click("Save the new password").shows("Your new password is saved")


def test_a_session_that_ended_elsewhere_leads_to_the_log_in(console: Console, person: Person, service: Service) -> None:
    console.log_in(person).shows("User information").go_to("Authentication tokens").says("This session")
    other = service.log_in_elsewhere(person)
    httpx.post(
        f"{service.address}/v1/me/tokens/revoke-all",
        json={"keep_current": True},
        headers=bearer(other),
        timeout=PATIENCE,
    ).raise_for_status()
    console.page.get_by_role("navigation").get_by_role("link", name="Activity").click()
    console.shows("Log in").says("Your session has ended.")
    assert console.page.evaluate("sessionStorage.length") == 0


def test_a_change_whose_answer_was_lost_is_named_at_the_log_in(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    device = console.start_enrollment(person)

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    console.page.route("**/v1/me/2fa/confirm", lose_the_answer)
    console.fill("Code from your app", device.code()).click("Turn on").says("The server did not answer.")
    console.page.unroute("**/v1/me/2fa/confirm")
    console.click("Try again").shows("Log in").says("it may have been made")
    console.click("Next").fill("Password", person.password).click("Log in")
    console.enter_code(device.code()).shows("Authentication methods")
    expect(console.toggle).to_be_checked()


def test_a_service_that_asks_for_a_code_to_disable_gets_one(console: Console, person: Person) -> None:
    settle(console.page, disable_requires_code=True)
    console.log_in(person).shows("User information")
    device, _ = console.enable_two_factor(person)
    console.toggle_two_factor().shows("Turn off two-factor authentication")
    console.fill("Password", person.password).click("Turn off two-factor authentication").says("Enter a code.")
    console.fill("Code from your app, or a recovery code", device.code()).click("Turn off two-factor authentication")
    console.says("Two-factor authentication is off.")


def test_a_factor_turned_on_meanwhile_is_asked_for_at_the_reset(console: Console) -> None:
    checked = {"email": "ada@example.com", "two_factor": "not_enabled"}
    console.page.route("**/v1/password-reset/check", answers(200, checked))
    console.page.route("**/v1/password-reset/confirm", refuses(403, "second_factor_required"))
    console.open(UNKNOWN_LINK).fill("New password", NEW_PASSWORD).click("Save the new password")
    console.says("This account needs its second factor as well")
    expect(console.page.get_by_label("New password", exact=True)).to_have_value(NEW_PASSWORD)


def test_turning_it_on_twice_from_two_windows_ends_well(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information").go_to("Authentication methods").toggle_two_factor()
    console.page.route("**/v1/me/2fa/enrollment", refuses(409, "two_factor_already_enabled"))
    console.fill("Password", person.password).click("Next")
    console.shows("Authentication methods").says("already on for this account")
