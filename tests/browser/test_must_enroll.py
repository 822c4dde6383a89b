"""An account that must have two-factor authentication: a banner in time, then a page before all others, then a mail."""

import pytest

from tests.browser.console import LOCALES, Console, Person
from tests.browser.service import Service

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("language", LOCALES)
def test_an_account_that_must_have_it_is_told_in_time_and_sets_it_up_at_log_in(
    console: Console, person: Person, service: Service
) -> None:
    operator = service.operator
    [account] = operator.get("/v1/admin/accounts", params={"email": person.email}).json()["items"]
    path = f"/v1/admin/accounts/{account['id']}"
    assert operator.patch(path, json={"two_factor_policy": "required"}).is_success
    console.log_in(person).shows("User information").says("Your account must have two-factor authentication from")
    console.log_out()
    service.execute("UPDATE accounts SET two_factor_deadline = now() WHERE two_factor_policy = 'required'")

    console.log_in(person).shows("Set up two-factor authentication")
    console.says("Your account must have two-factor authentication before you can go on.")
    console.click("Use an authenticator app")
    device = console.scan()
    console.fill("Code from your app", device.code()).click("Turn on")
    assert len(console.recovery_codes()) == 10
    console.click("I have saved them").shows("User information").says("Two-factor authentication is on.")
    console.assert_no_script_failed()

    # Whoever had the password alone could have set up a phone of theirs: the owner hears of it at once, and ends it.
    owner = Console(console.page.context.new_page(), service.address, console.language)
    owner.open(service.wait_for_link(person, "not-me")).shows("This wasn't me").click("End everything")
    owner.shows("Everything has ended").open(service.wait_for_link(person, "password-reset"))
    owner.shows("Choose a new password").assert_no_script_failed()
    console.page.reload()
    console.shows("Log in")
