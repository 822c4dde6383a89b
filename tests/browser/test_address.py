"""The address of an account changes, and a wrong one is taken back, from mail to mail."""

import pytest
from playwright.sync_api import expect

from tests.browser.console import LOCALES, Console, Person
from tests.browser.service import Service
from tests.support.people import NEW_PASSWORD

pytestmark = pytest.mark.browser


def _change(console: Console, person: Person, email: str) -> None:
    console.click("Change").shows("Change email address").says(person.email)
    console.fill("New email address", email).fill("Password", person.password).click("Send the link")
    console.shows("User information").says("Waits until you open the link in the email.").says(email)


def _follow(console: Console, service: Service, to: str, page: str) -> None:
    """Opens the newest link to this page in a tab that knows nothing of this person."""
    console.open(service.wait_for_link(Person(to, ""), page))
    expect(console.page).to_have_url(f"{service.address}/console/#/{page}")


@pytest.mark.parametrize("language", LOCALES)
def test_a_wrong_address_is_undone(console: Console, person: Person, service: Service) -> None:
    # Two addresses, so that no mail of the cancelled change is taken for the other's.
    cancelled, wrong = (person.email.replace("person", name) for name in ("nobody", "pers0n"))
    console.log_in(person).shows("User information")
    _change(console, person, cancelled)
    console.click("Cancel the change").says("The change is cancelled.")
    expect(console.page.get_by_text(cancelled)).to_have_count(0)
    _change(console, person, wrong)

    elsewhere = Console(console.page.context.new_page(), service.address, console.language)
    _follow(elsewhere, service, wrong, "email-change")
    elsewhere.shows("Confirm your new address").click("Confirm this address")
    elsewhere.shows("Your new address is confirmed").says(wrong)
    console.page.reload()
    console.shows("Log in")

    _follow(elsewhere, service, person.email, "email-change/undo")
    elsewhere.shows("Take the change back").says("the password stops working").click("Take the change back")
    elsewhere.shows("The change is taken back").says(person.email).click("Choose a new password")
    elsewhere.shows("Reset your password").click("Send the link").shows("Check your email")
    _follow(elsewhere, service, person.email, "password-reset")
    elsewhere.fill("New password", NEW_PASSWORD).click("Save the new password").shows("Your new password is saved")
    elsewhere.assert_no_script_failed()
    elsewhere.page.close()

    console.page.bring_to_front()
    console.log_in(person).says("don't match")
    console.log_in(Person(person.email, NEW_PASSWORD)).shows("User information").says(person.email)


def test_a_link_to_an_address_that_is_no_good_says_so(console: Console) -> None:
    for page in ("email-change", "email-change/undo"):
        console.open(f"#/{page}/tkr_{'a' * 43}").shows("This link can't be used")
    console.open(f"#/email-change/tkm_{'a' * 43}").click("Confirm this address").shows("This link can't be used")
    console.open(f"#/email-change/undo/tku_{'a' * 43}").click("Take the change back").shows("This link can't be used")
