"""A lost phone where a reset waits before it clears two-factor authentication: from mail to mail."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import serving
from tests.browser.console import LOCALES, Console, Language, Person
from tests.browser.service import Service
from tests.support.people import NEW_PASSWORD
from tests.support.postgres import Server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def waiting_service(postgres: Server) -> Iterator[Service]:
    with serving(postgres, "browser_later", TWOKEYS_PASSWORD_RESET_POLICY="clears_two_factor_later") as started:
        yield started


@pytest.mark.parametrize("language", LOCALES)
def test_a_lost_phone_is_a_wait_that_time_ends_or_a_link(
    waiting_service: Service, window: BrowserContext, language: Language
) -> None:
    service = waiting_service

    def another_tab() -> Console:
        return Console(window.new_page(), service.address, language)

    waiting = _who_lost_the_phone(service, another_tab())
    another_tab().log_in(waiting).shows("Two-factor authentication").says("A password reset turns two-factor")
    service.execute("UPDATE two_factor_clearings SET clears_at = now()")
    console = another_tab().log_in(waiting).shows("User information").says("Set up two-factor authentication")
    service.wait_for_mail(waiting, console.here("a log-in after a password reset turned two-factor authentication off"))

    attacked = _who_lost_the_phone(service, another_tab())
    page = _follow(
        console,
        attacked,
        service,
        "is about to turn two-factor authentication off",
        "Keep two-factor authentication on",
    )
    page.shows("Keep two-factor authentication on").click("Keep it on").shows("Two-factor authentication stays on")
    page.assert_no_script_failed()
    another_tab().log_in(attacked).says("That address and password don't match.")


def _who_lost_the_phone(service: Service, console: Console) -> Person:
    """Somebody with two-factor authentication whose password was reset without it."""
    person = service.new_person()
    console.log_in(person).shows("User information")
    console.enable_two_factor(person)
    console.log_out().open("#/forgot-password").fill("Email address", person.email).click("Send the link")
    console.shows("Check your email")
    page = _follow(console, person, service, "Reset your Twokeys password", "Choose a new password")
    page.says("goes off on").fill("New password", NEW_PASSWORD).click("Save the new password")
    page.shows("Your new password is saved").says("unless you log in with a code before")
    page.assert_no_script_failed()
    return Person(person.email, NEW_PASSWORD)


def _follow(console: Console, person: Person, service: Service, subject: str, link: str) -> Console:
    window, subject = console.page.context, console.here(subject)
    service.wait_for_mail(person, subject)
    mailbox = window.new_page()
    mailbox.goto(f"{service.address}/mailbox/")
    mailbox.get_by_role("button", name=re.compile(f"{re.escape(subject)}.*{re.escape(person.email)}")).click()
    with window.expect_page() as opened:
        mailbox.frame_locator("iframe").get_by_role("link", name=console.here(link)).click()
    mailbox.close()
    return Console(opened.value, service.address, console.language)
