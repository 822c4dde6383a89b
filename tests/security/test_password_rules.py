"""What counts as guessable besides what everybody uses: the words of the address and the name of the service."""

from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from app.security.breached_passwords import BreachedPasswords
from app.security.password_rules import PasswordRules

pytestmark = pytest.mark.anyio


@pytest.fixture
def rules() -> Iterator[PasswordRules]:
    breached = BreachedPasswords("http://127.0.0.1/none/")
    made = PasswordRules(shortest=8, issuer="Acme Cloud", breached=breached, refuses_breached=False)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("password", "address"),
    [
        ("reset@example", "reset@example.com"),
        ("demo@example.org", "demo@example.com"),
        ("Anna.Schmidt@acme1", "anna.schmidt@acme.com"),
        ("tdimhcS.annA#2026", "anna.schmidt@acme.com"),
        ("4nn4-5chm1d7-acme", "anna.schmidt@acme.com"),
        ("AcmeCloud-a.schmidt", "a.schmidt@shop.example"),
    ],
)
async def test_a_password_that_is_little_more_than_the_address_will_not_do(
    rules: PasswordRules, password: str, address: str
) -> None:
    judgement = await rules.judge(SecretStr(password), address=address)
    assert judgement.score < 3
    assert judgement.weakness == "This password is little more than your address. Use a few unrelated words."


async def test_a_password_may_hold_words_of_the_address_among_others(rules: PasswordRules) -> None:
    assert await rules.weakness(SecretStr("anna-tangled-orchid-41"), address="anna.schmidt@acme.com") is None
