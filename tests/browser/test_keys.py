"""Security keys, passkeys and several authenticators, by Chromium's virtual authenticator."""

import pytest
from playwright.sync_api import expect

from tests.browser.console import Console, Person
from tests.browser.routes import hurry, refuses, settle
from tests.browser.service import Service
from tests.browser.virtual_key import VirtualKey

pytestmark = pytest.mark.browser


def _add(console: Console, person: Person, kind: str, name: str) -> Console:
    console.go_to("Authentication methods").click(f"Add a {kind}").shows(f"Add a {kind}")
    return console.fill("Name", name).fill("Password", person.password).click(f"Add the {kind}")


def _with_first(console: Console, person: Person, kind: str, name: str) -> list[str]:
    """Turns two-factor authentication on by it; the recovery codes."""
    console.log_in(person).shows("User information")
    _add(console, person, kind, name)
    codes = console.recovery_codes()
    console.click("I have saved them").says("Two-factor authentication is on.")
    return codes


def _authenticators(console: Console) -> list[str]:
    rows = console.page.get_by_role("list", name="Authenticators").get_by_role("listitem")
    expect(rows.first).to_be_visible()
    return [name for row in rows.all() for name in row.locator(".token-name").all_inner_texts()]


@pytest.mark.usefixtures("key")
def test_a_passkey_logs_in_alone(console: Console, person: Person) -> None:
    _with_first(console, person, "passkey", "Laptop")
    console.log_out().click("Log in with a passkey").shows("User information").says(person.email)
    console.go_to("Activity").says("Logged in with a passkey")


def test_a_passkey_is_offered_in_the_field_of_the_address(console: Console, person: Person) -> None:
    VirtualKey.plugged_into(console.page)
    _with_first(console, person, "passkey", "Laptop")
    # The virtual authenticator takes every offer at once.
    console.go_to("Activity").click("Log out").shows("User information").says(person.email)


@pytest.mark.usefixtures("key")
def test_a_security_key_is_the_second_factor_and_others_are_one_click_away(console: Console, person: Person) -> None:
    codes = _with_first(console, person, "security key", "Blue key")
    console.log_out().log_in(person).shows("Two-factor authentication")
    expect(console.page.get_by_role("button", name="Use a code from the app")).to_have_count(0)
    console.click("Use your key").shows("User information")
    console.go_to("Activity").says("Logged in with password and a security key")

    console.log_out().log_in(person).click("Use a recovery code")
    console.fill("Recovery code", codes[0]).click("Log in").says("9 recovery codes left.")


@pytest.mark.usefixtures("key")
def test_a_passkey_logs_in_while_a_new_phone_takes_the_old_ones_place(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    old, _ = console.enable_two_factor(person)
    _add(console, person, "passkey", "Laptop").says("“Laptop” is added.")
    console.log_out().click("Log in with a passkey").shows("User information")

    console.go_to("Authentication methods").click("Replace Authenticator app").shows("Replace your authenticator app")
    console.fill("Password", person.password).click("Next")
    new = console.scan()
    elsewhere = Console(console.page.context.new_page(), console.address).log_in(person)
    elsewhere.click("Use a code from the app").enter_code(old.code())
    elsewhere.shows("User information").page.close()
    console.fill("Code from your app", new.code()).click("Replace")
    console.says("“Authenticator app” is replaced.").says("Also logged out: 1 session.")

    console.log_out().log_in(person).click("Use a code from the app")
    console.enter_code(old.code_at(0)).says("That code is not right.")
    console.enter_code(new.code()).shows("User information")

    console.go_to("Authentication methods").click("Manage Authenticator app").shows("Authenticator app")
    console.fill("Password", person.password).click("Remove").says("“Authenticator app” is removed.")
    assert _authenticators(console) == ["Laptop"]
    console.click("Manage Laptop").says("This is your only one.")
    expect(console.page.get_by_role("button", name="Remove")).to_have_count(0)


def test_authenticators_get_names_and_a_second_app(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    console.enable_two_factor(person)
    console.click("Manage Authenticator app").fill("Name", "Phone").click("Save the name")
    console.says("It is called “Phone” now.")
    expect(console.announced).to_have_text("It is called “Phone” now.")

    console.go_to("Authentication methods").click("Add an app").fill("Name", "Tablet")
    console.fill("Password", person.password).click("Next")
    tablet = console.scan()
    console.fill("Code from your app", tablet.code()).click("Add").says("“Tablet” is added.")
    assert _authenticators(console) == ["Phone", "Tablet"]
    console.open("#/authentication-methods/authenticator/01980000-0000-7000-8000-000000000000")
    console.shows("Authentication methods").says("This is no longer there.")


def test_a_passkey_alone_turns_it_off_and_vanishes_from_the_device(
    console: Console, person: Person, key: VirtualKey
) -> None:
    settle(console.page, disable_requires_code=True)
    _with_first(console, person, "passkey", "Laptop")
    console.go_to("Authentication methods").toggle_two_factor().shows("Turn off two-factor authentication")
    assert len(key.credentials()) == 1
    # A service that asks for a code takes a key in its place, from somebody who has no other.
    needs_code = refuses(422, "invalid_request", errors=[{"pointer": "/code", "message": "Asked for."}])
    console.page.route("**/v1/me/2fa/disable", needs_code, times=1)
    expect(console.page.get_by_role("textbox")).to_have_count(1)
    console.fill("Password", person.password).click("Turn off two-factor authentication")
    dialog = console.page.get_by_role("dialog", name="Confirm that it's you")
    dialog.get_by_role("button", name="Use your key").click()
    console.says("Two-factor authentication is off.")
    key.wait_until_empty()


@pytest.mark.usefixtures("key")
def test_a_quarter_of_an_hour_later_a_new_proof_is_asked_for_in_place(
    console: Console, person: Person, service: Service
) -> None:
    console.page.clock.install()
    console.log_in(person).shows("User information")
    device, _ = console.enable_two_factor(person)
    _add(console, person, "security key", "Blue key").says("“Blue key” is added.")
    dialog = console.page.get_by_role("dialog", name="Confirm that it's you")
    console.go_to("Authentication tokens").click("Create personal token").fill("Description", "Backup")
    service.execute("UPDATE tokens SET authenticated_at = authenticated_at - interval '901 seconds'")
    console.page.clock.fast_forward("15:01")
    console.click("Create")
    expect(dialog).to_contain_text("within the last 15 minutes")
    dialog.get_by_role("button", name="Cancel").click()
    console.says("Nothing was changed")
    expect(console.page.get_by_label("Description")).to_have_value("Backup")

    console.click("Create")
    dialog.get_by_role("button", name="Use a code from the app").click()
    dialog.get_by_label("Code from your app").fill(device.code_at(0))
    expect(dialog).to_contain_text("That code is not right.")
    dialog.get_by_role("button", name="Use your security key or passkey").click()
    dialog.get_by_role("button", name="Use your key").click()
    console.says("“Backup” is ready")
    expect(dialog).to_have_count(0)


def test_what_the_browser_refuses_is_told_in_words(console: Console, person: Person, key: VirtualKey) -> None:
    _with_first(console, person, "passkey", "Laptop")
    _add(console, person, "security key", "Again").says("This device is registered already.")
    key.verify_nobody()
    console.log_out().click("Log in with a passkey").says("Your browser got no answer")
    expect(console.page.get_by_label("Email address")).to_be_visible()

    elsewhere = Console(console.page.context.new_page(), console.address.replace("localhost", "127.0.0.1"))
    elsewhere.open().click("Log in with a passkey").says("Open this page under localhost instead.")
    settle(console.page, passkey_login=False)
    console.open().shows("Log in")
    expect(console.page.get_by_role("button", name="Log in with a passkey")).to_have_count(0)


def test_a_key_that_is_another_one_or_stays_untouched_logs_nobody_in(
    console: Console, person: Person, key: VirtualKey
) -> None:
    codes = _with_first(console, person, "security key", "Blue key")
    [blue] = key.credentials()
    hurry(console.page, "**/v1/login/two-factor/options", 500)
    key.hold_nothing()
    console.log_out().log_in(person).click("Use your key").says("Your browser got no answer")
    key.hold_alone(blue)
    key.touched_by_nobody()
    console.log_in(person).click("Use your key").says("Your browser got no answer")
    console.click("Use a recovery code").fill("Recovery code", codes[0]).click("Log in").says("9 recovery codes left.")


def test_a_copy_of_a_key_is_refused_and_the_owner_hears_of_it(
    console: Console, person: Person, key: VirtualKey, service: Service
) -> None:
    _with_first(console, person, "passkey", "Laptop")
    [copy] = key.credentials()
    console.log_out().click("Log in with a passkey")
    console.shows("User information")
    key.hold_alone(copy)
    console.log_out().click("Log in with a passkey")
    console.says("This passkey doesn't log in to any account here.")
    service.wait_for_mail(person, "security key")
