"""What people come for, from the first log-in to the lost phone."""

import re

import httpx
import pytest
from playwright.sync_api import Dialog, expect

from tests.browser.console import UNKNOWN_LINK, Console, Device, Person
from tests.browser.service import Service
from tests.support.marks import PATIENCE
from tests.support.people import NEW_PASSWORD, bearer

pytestmark = pytest.mark.browser


def test_somebody_enables_disables_loses_the_phone_and_recovers(
    console: Console, person: Person, service: Service
) -> None:
    console.log_in(person).shows("User information").says(person.email)
    service.log_in_elsewhere(person)

    device, codes = console.enable_two_factor(person)
    console.says("Also logged out: 1 session.")
    assert len(set(codes)) == 10
    expect(console.toggle).to_be_checked()

    console.log_out().log_in_with(person, device)
    console.go_to("Authentication methods").toggle_two_factor().shows("Turn off two-factor authentication")
    console.says("All authentication tokens will be revoked.")
    console.fill("Password", person.password).click("Turn off two-factor authentication")
    console.says("You are still logged in.").says("Nothing else was logged in.")
    expect(console.toggle).not_to_be_checked()

    console.enable_two_factor(person)
    console.log_out()
    recovered = _recover(console, person, service)
    console.log_in(recovered).shows("User information")
    device, _ = console.enable_two_factor(recovered)
    console.log_out().log_in_with(recovered, device)


def _recover(console: Console, person: Person, service: Service) -> Person:
    """The phone is gone: forgot password, the mail, a new password."""
    console.log_in(person).shows("Two-factor authentication").click("Reset your password").shows("Reset your password")
    expect(console.page.get_by_label("Email address")).to_have_value(person.email)
    console.click("Send the link").shows("Check your email")
    service.wait_for_mail(person, "Reset your Twokeys password")

    mailbox = console.page.context.new_page()
    mailbox.goto(f"{service.address}/mailbox/")
    mailbox.get_by_role("button", name=re.compile(f"Reset.*{re.escape(person.email)}")).first.click()
    with console.page.context.expect_page() as opened:
        mailbox.frame_locator("iframe").get_by_role("link", name="Choose a new password").click()
    reset = Console(opened.value, service.address)
    reset.fill("New password", NEW_PASSWORD).says("Strong")
    reset.click("Save the new password").shows("Your new password is saved")
    reset.says("Two-factor authentication is off now.")
    reset.assert_no_script_failed()
    # Chromium slows a page that lies behind others down to a step a second.
    mailbox.close()
    reset.page.close()
    console.page.bring_to_front()
    return Person(person.email, NEW_PASSWORD)


def test_the_language_is_the_accounts_and_until_one_is_chosen_the_browsers(
    console: Console, person: Person, service: Service
) -> None:
    service.log_in_elsewhere(person)  # With no word about languages, so the account has none.
    loaded: list[str] = []
    console.page.on("request", lambda request: loaded.extend(re.findall(r"/words/(\w+)\.js", request.url)))
    console.log_in(person).shows("User information")
    assert loaded == ["en"]
    picker = console.page.get_by_label("Language")
    expect(picker.locator("option:checked")).to_have_text("Not chosen; as your browser")
    picker.select_option("Deutsch")
    console.language = "de"
    console.shows("User information").says("Your language is saved.")
    expect(console.page.locator("html")).to_have_attribute("lang", "de")
    console.page.reload()
    console.shows("User information").go_to("Activity").says("Logged in with password")
    console.log_out().open()
    console.language = "en"
    console.log_in(person)
    console.language = "de"
    console.shows("User information")
    expect(console.page.get_by_label("Sprache")).to_have_value("de")


def test_an_owner_ends_what_somebody_else_began(console: Console, person: Person, service: Service) -> None:
    console.log_in(person).shows("User information")
    service.log_in_elsewhere(person)
    console.go_to("Authentication methods").click("Change password")
    console.fill("Current password", person.password).fill("New password", NEW_PASSWORD).click("Change password")
    service.wait_for_mail(person, "your password was changed")

    mailbox = console.page.context.new_page()
    mailbox.goto(f"{service.address}/mailbox/")
    mailbox.get_by_role("button", name=re.compile(f"changed.*{re.escape(person.email)}")).first.click()
    with console.page.context.expect_page() as opened:
        mailbox.frame_locator("iframe").get_by_role("link", name="This wasn't me").click()
    page = Console(opened.value, service.address).shows("This wasn't me")
    assert page.page.url == f"{service.address}/console/#/not-me"
    page.click("End everything").shows("Everything has ended").says("1 session ended.")
    page.assert_no_script_failed()
    service.wait_for_mail(person, "Reset your Twokeys password")
    mailbox.close()
    console.page.bring_to_front()
    console.page.reload()
    console.says("Your session has ended.")


def test_the_secret_can_be_typed_instead_of_scanned(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    scanned = console.start_enrollment(person)
    written = console.page.get_by_role("definition").inner_text()
    groups = re.findall(r"\b[A-Z2-7]{4}\b", written)
    assert "".join(groups) == scanned.secret


def test_a_code_pasted_in_two_halves_is_one_code(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    code = console.start_enrollment(person).code()
    field = console.page.get_by_label("Code from your app")
    field.focus()
    console.page.keyboard.insert_text(f"{code[:3]} {code[3:]}")
    expect(field).to_have_value(code)
    expect(field).to_have_attribute("inputmode", "numeric")
    expect(field).to_have_attribute("autocomplete", "one-time-code")
    console.click("Turn on").shows("Save your recovery codes").recovery_codes()


def test_a_recovery_code_logs_in_in_place_of_the_phone(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    _, codes = console.enable_two_factor(person)
    console.log_out().log_in(person)
    console.click("Use a recovery code").fill("Recovery code", codes[0].lower()).click("Log in")
    console.shows("User information").says("You logged in with a recovery code.").says("9 recovery codes left.")


def test_recovery_codes_can_be_downloaded_and_made_anew(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    _, old = console.enable_two_factor(person)
    console.click("Create new codes").fill("Password", person.password).click("Create new codes")
    new = console.recovery_codes()
    assert not set(old) & set(new)
    with console.page.expect_download() as download:
        console.click("Download")
    saved = download.value.path().read_text()
    assert [line for line in saved.splitlines() if re.fullmatch(r"([A-Z2-7]{4}-){5}[A-Z2-7]{4}", line)] == new
    console.click("I have saved them").says("Your new recovery codes are active.")


def test_a_changed_password_keeps_one_logged_in(console: Console, person: Person, service: Service) -> None:
    console.log_in(person).shows("User information")
    service.log_in_elsewhere(person)
    console.go_to("Authentication methods").click("Change password")
    console.fill("Current password", person.password).fill("New password", NEW_PASSWORD).click("Change password")
    console.says("Your password is changed.").says("Also logged out: 1 session.")
    console.log_out().log_in(Person(person.email, NEW_PASSWORD)).shows("User information")


def test_a_personal_token_is_shown_once_renamed_and_revoked(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information").go_to("Authentication tokens").says("This session")
    console.click("Create personal token").fill("Description", "Nightly backup").click("Create")
    shown = console.says(re.compile("^tkp_")).page.locator(".new-token").inner_text()
    console.click("Done")
    expect(console.page.get_by_text("tkp_")).to_have_count(0)
    used = httpx.get(f"{console.address}/v1/me", headers=bearer(shown) | {"User-Agent": "curl/8"}, timeout=PATIENCE)
    assert used.status_code == httpx.codes.OK
    console.go_to("User information").go_to("Authentication tokens").says(re.compile("from 127.0.0.1 with curl"))
    console.click("Rename Nightly backup").fill("Description", " ").click("Save").says("Enter a description.")
    console.click("Cancel").click("Rename Nightly backup").fill("Description", "Weekly backup").click("Save")
    console.says("It is called “Weekly backup” now.")
    expect(console.page.get_by_role("button", name="Rename Weekly backup")).to_be_focused()
    console.page.get_by_role("button", name="Revoke Weekly backup").click()
    console.page.get_by_role("dialog").get_by_role("button", name="Revoke", exact=True).click()
    console.says("“Weekly backup” is revoked.")
    expect(console.page.get_by_role("button", name="Revoke Weekly backup")).to_have_count(0)


def test_a_personal_token_is_limited_and_says_so(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information").go_to("Authentication tokens").says("This session")
    console.click("Create personal token").fill("Description", "Deployment")
    console.fill("Scopes (optional)", "deploy:write, status").fill("Works only from (optional)", "10.0.0.5/8")
    console.click("Create").says(re.compile("^Must be an address or a network"))
    console.fill("Works only from (optional)", "10.0.0.0/8 2001:DB8::1").click("Create")
    console.says(re.compile("^tkp_")).click("Done")
    console.says("Scopes: deploy:write, status").says("Works only from 10.0.0.0/8, 2001:db8::1")


def test_revoking_all_tokens_here_leads_to_the_log_in(console: Console, person: Person, service: Service) -> None:
    console.log_in(person).shows("User information")
    service.log_in_elsewhere(person)
    console.go_to("Authentication tokens").says("curl").click("Log out everywhere")
    dialog = console.page.get_by_role("dialog")
    dialog.get_by_label("Stay logged in here").uncheck()
    dialog.get_by_role("button", name="Log out everywhere").click()
    console.shows("Log in").says("All tokens are revoked: 2 sessions.")


def test_activity_tells_what_happened_in_words(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    console.enable_two_factor(person)
    console.go_to("Activity")
    for words in ("Two-factor authentication turned on", "Logged in with password", "Account created"):
        console.says(words)
    console.choose("Show", "Refused").says("Nothing of this kind.")
    console.choose("Show", "Log-ins").says("Logged in with password")
    expect(console.page.get_by_text("Account created")).to_have_count(0)


def test_a_reload_keeps_one_logged_in_and_a_new_window_does_not(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    console.page.reload()
    console.shows("User information")
    other = Console(console.page.context.new_page(), console.address).open()
    other.shows("Log in")
    assert console.page.evaluate("localStorage.length") == 0
    assert console.page.context.cookies() == []


def test_a_reset_token_leaves_the_address_bar_and_the_history(console: Console) -> None:
    console.open(UNKNOWN_LINK).shows("This link can't be used")
    assert console.page.url == f"{console.address}/console/#/password-reset"
    console.click("Request a new link").shows("Reset your password")
    console.page.go_back()
    assert "tkr_" not in console.page.url


def test_recovery_codes_are_not_left_by_accident(console: Console, person: Person) -> None:
    console.log_in(person).shows("User information")
    device: Device = console.start_enrollment(person)
    console.fill("Code from your app", device.code()).click("Turn on")
    codes = console.recovery_codes()
    response: list[str] = []

    def stay(dialog: Dialog) -> None:
        response.append(dialog.message)
        dialog.dismiss()

    console.page.once("dialog", stay)
    with console.page.expect_event("dialog"):
        console.page.get_by_role("navigation").get_by_role("link", name="Activity").click()
    assert "never shown again" in response[0]
    assert console.recovery_codes() == codes
