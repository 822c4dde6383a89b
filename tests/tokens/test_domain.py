"""What a token is worth, when it ends, what its end is told as."""

from datetime import UTC, datetime, timedelta

import pytest

from app.kernel.randomness import new_id
from app.kernel.secret import SecretKind
from app.tokens.domain import (
    BY_PASSWORD,
    BY_PASSWORD_AND_CODE,
    BY_PASSWORD_AND_RECOVERY_CODE,
    Assurance,
    Kind,
    Revoked,
    Token,
)

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
TEN = timedelta(seconds=10)


def a_token(*, amr: tuple[str, ...] = BY_PASSWORD, ends_at: datetime | None = None) -> Token:
    return Token(
        id=new_id(),
        kind=Kind.SESSION,
        description=None,
        amr=amr,
        authenticated_at=AT,
        created_at=AT,
        expires_at=None,
        ends_at=ends_at,
        last_used_at=None,
        last_used_ip=None,
        user_agent=None,
        max_age_seconds=None,
        extend_when_used=False,
    )


@pytest.mark.parametrize(
    ("amr", "assurance"),
    [
        (BY_PASSWORD, Assurance.AAL1),
        (BY_PASSWORD_AND_CODE, Assurance.AAL2),
        (BY_PASSWORD_AND_RECOVERY_CODE, Assurance.AAL2),
        ((), Assurance.AAL1),
    ],
)
def test_two_factors_are_worth_more_than_one(amr: tuple[str, ...], assurance: Assurance) -> None:
    assert a_token(amr=amr).assurance is assurance


def test_the_methods_are_those_of_rfc_8176_and_ours() -> None:
    assert BY_PASSWORD == ("pwd",)
    assert BY_PASSWORD_AND_CODE == ("pwd", "otp", "mfa")
    assert BY_PASSWORD_AND_RECOVERY_CODE == ("pwd", "recovery_code", "mfa")


@pytest.mark.parametrize(
    ("left", "soon"), [(11, False), (10.001, False), (10, True), (9, True), (0, True), (-1, True), (None, False)]
)
def test_an_end_is_near_or_not(left: float | None, soon: bool) -> None:  # noqa: FBT001
    ends_at = None if left is None else AT + timedelta(seconds=left)
    assert a_token(ends_at=ends_at).ends_within(TEN, AT) is soon


def test_each_kind_has_a_secret_of_its_own() -> None:
    assert {kind: kind.secret_kind for kind in Kind} == {
        Kind.SESSION: SecretKind.SESSION,
        Kind.PERSONAL: SecretKind.PERSONAL,
    }


def test_what_was_ended_is_counted_by_kind() -> None:
    assert Revoked().as_details() == {"sessions": 0, "personal_tokens": 0}
    assert Revoked(2, 1).as_details() == {"sessions": 2, "personal_tokens": 1}
