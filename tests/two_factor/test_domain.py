"""Codes and their states, without I/O. The vectors of RFC 6238 are in test_totp.py."""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.accounts.domain import Account, AccountPolicy, EnrollmentPolicy, Status
from app.authentication.domain import TWO_FACTOR_OFF, TwoFactorStatus
from app.kernel.randomness import new_id
from app.two_factor import totp
from app.two_factor.clearing.domain import next_mail_after
from app.two_factor.codes import is_totp_code, new_recovery_codes, plain_recovery_code, recovery_code_digest
from app.two_factor.domain import Enrollment, Kind, SecondFactor, TotpDevice, state_of, state_under
from app.two_factor.schemas import CodeIn
from tests.support.people import totp_code

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
code = TypeAdapter(CodeIn)


def a_factor(**known: Any) -> SecondFactor:
    return SecondFactor(new_id(), **known)


def test_what_is_shown_of_a_second_factor() -> None:
    soon, earlier = AT + timedelta(minutes=10), AT - timedelta(days=3)
    result = state_of(a_factor(enrollment_expires_at=soon), AT)
    assert (result.status, result.enrollment_expires_at, result.enabled_at) == (TwoFactorStatus.PENDING, soon, None)
    on = a_factor(enabled_at=earlier, last_used_at=AT, recovery_codes_remaining=7, credentials=1, clears_at=soon)
    result = state_of(on, AT)
    assert (result.methods, result.clears_at) == ((Kind.WEBAUTHN,), soon)
    assert (result.status, result.enabled_at, result.last_used_at) == (TwoFactorStatus.ENABLED, earlier, AT)
    assert (result.enrollment_expires_at, result.recovery_codes_remaining) == (None, 7)
    assert (TWO_FACTOR_OFF.status, TWO_FACTOR_OFF.recovery_codes_remaining) == (TwoFactorStatus.DISABLED, 0)


def test_it_stays_enabled_while_another_device_is_enrolled() -> None:
    soon = AT + timedelta(minutes=10)
    result = state_of(a_factor(enabled_at=AT, enrollment_expires_at=soon), AT)
    assert (result.status, result.enrollment_expires_at) == (TwoFactorStatus.ENABLED, soon)


def test_the_kinds_are_those_of_the_authenticators() -> None:
    device = TotpDevice(new_id(), b"sealed", 7)
    assert a_factor().kinds == ()
    assert a_factor(devices=(device,)).kinds == (Kind.TOTP,)
    assert a_factor(credentials=2).kinds == (Kind.WEBAUTHN,)
    assert a_factor(devices=(device,), credentials=1).kinds == (Kind.TOTP, Kind.WEBAUTHN)


@pytest.mark.parametrize(
    ("service", "account", "required"),
    [
        (True, AccountPolicy.INHERIT, True),
        (False, AccountPolicy.INHERIT, False),
        (True, AccountPolicy.EXEMPT, False),
        (False, AccountPolicy.REQUIRED, True),
    ],
)
def test_who_must_have_it_must_until_it_is_on(service: bool, account: AccountPolicy, required: bool) -> None:  # noqa: FBT001
    person = Account(
        new_id(), "ada@example.com", Status.ACTIVE, 0, AT, None, two_factor_policy=account, two_factor_deadline=AT
    )
    policy = EnrollmentPolicy(service)
    off, on = state_under(policy, person, None, AT), state_under(policy, person, a_factor(enabled_at=AT), AT)
    assert (off.required, off.required_from) == (required, AT if required else None)
    assert (on.status, on.required, on.required_from) == (TwoFactorStatus.ENABLED, required, None)


def test_a_wait_is_over_at_its_end_and_so_is_a_pause() -> None:
    before, after = AT - timedelta(microseconds=1), AT + timedelta(microseconds=1)
    factor = a_factor(clears_at=AT, clearing_paused_until=AT)
    assert [factor.is_due_to_clear(at) for at in (before, AT, after)] == [False, True, True]
    assert [factor.has_clearing_paused(at) for at in (before, AT, after)] == [True, False, False]
    assert not a_factor().is_due_to_clear(AT)
    assert not a_factor().has_clearing_paused(AT)


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("waits", "times"),
    [
        (timedelta(days=7), [3.5, 6, 7]),
        (timedelta(days=2), [1, 2]),
        (timedelta(hours=30), [0.25, 0.625, 1.25]),
        (DAY, [0.5, 1]),
        (timedelta(hours=6), [0.125, 0.25]),
    ],
)
def test_a_wait_is_told_half_way_a_day_before_and_at_its_end(waits: timedelta, times: list[float]) -> None:
    told, at = [], AT
    while following := next_mail_after(at, started_at=AT, clears_at=AT + waits):
        told.append((following - AT) / DAY)
        at = following
    assert told == times


def test_an_enrollment_is_open_to_the_token_that_began_it_or_to_all() -> None:
    token = new_id()
    of_one = Enrollment(new_id(), new_id(), b"sealed", begun_at=AT, expires_at=AT, begun_by=token)
    of_all = Enrollment(new_id(), new_id(), b"sealed", begun_at=AT, expires_at=AT)
    assert [of_one.is_open_to(token), of_one.is_open_to(new_id()), of_all.is_open_to(token)] == [True, False, True]


def test_an_enrollment_has_expired_at_its_end() -> None:
    end = AT + timedelta(minutes=10)
    pending = Enrollment(new_id(), new_id(), b"sealed", begun_at=AT, expires_at=end)
    assert not pending.has_expired(end - timedelta(microseconds=1))
    assert pending.has_expired(end)


def test_recovery_codes_are_ten_of_120_bits() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([A-Z2-7]{4}-){5}[A-Z2-7]{4}", each) for each in codes)


@given(st.data())
def test_case_and_dashes_do_not_matter(data: st.DataObject) -> None:
    [code, *_] = new_recovery_codes()
    dressed = "".join(data.draw(st.sampled_from([char, char.lower(), f"-{char}"])) for char in code.replace("-", ""))
    assert recovery_code_digest(dressed) == recovery_code_digest(code)


@pytest.mark.parametrize(
    "typed",
    [
        "VWK4\u20137QZD\u2013XN2M\u20133RBT\u2013H5YC\u20136ALE",
        "VWK4\u20147QZD\u2212XN2M\u20113RBT\ufe63H5YC\uff0d6ALE",
        "  vwk4-7qzd-xn2m-3rbt-h5yc-6ale\r\n",
        "VWK4 7QZD\u00a0XN2M\u20093RBT\u3000H5YC\t6ALE",
        "\ufeffVWK4-\u200b7QZD-\u200cXN2M-\u200d3RBT\u00adH5YC\u20606ALE\u200e",
        "VWK4-7QZD-XN2M-3RBT-H5YC-6ALE,",
        "VWK4-7QZD-XN2M-3RBT-H5YC-6ALE ; ",
    ],
    ids=["en dashes", "other dashes", "around", "spaces", "no width", "comma", "semicolon"],
)
def test_what_pasting_adds_to_a_recovery_code_does_not_matter(typed: str) -> None:
    assert recovery_code_digest(code.validate_python(typed)) == recovery_code_digest("VWK4-7QZD-XN2M-3RBT-H5YC-6ALE")


@pytest.mark.parametrize(
    "typed",
    [
        "VWK4-7QZD-XN2M-3RBT-H5YC-6AL\u0131",
        "VWK4-7QZD-XN2M-3RBT-H5YC-6AL\u017f",
        "\uff36WK4-7QZD-XN2M-3RBT-H5YC-6ALE",
        "VWK4_7QZD_XN2M_3RBT_H5YC_6ALE",
        "VWK4,7QZD,XN2M,3RBT,H5YC,6ALE",
        "123 456",
        "123456\u200b",
    ],
)
def test_other_mails_and_spaced_digits_are_no_code(typed: str) -> None:
    with pytest.raises(ValidationError):
        code.validate_python(typed)


def test_a_recovery_code_is_kept_as_the_sha_256_of_its_plain_capitals() -> None:
    """It stands in every existing database: another one would end all recovery codes."""
    kept = recovery_code_digest("vwk4-7qzd-XN2M-3RBT-H5YC-6ALE")
    assert kept == hashlib.sha256(b"VWK47QZDXN2M3RBTH5YC6ALE").digest()


@given(st.text(max_size=70))
def test_a_code_is_six_ascii_digits_or_a_recovery_code(text: str) -> None:
    try:
        code.validate_python(text)
    except ValidationError:
        assert not re.fullmatch("[0-9]{6}", text)
        return
    assert is_totp_code(text) or re.fullmatch("[A-Z2-7]{24}", plain_recovery_code(text))


@pytest.mark.parametrize(
    "text", ["\uff11" * 6, "\u0661" * 6, "\u00b2" * 6, "12345", "1234567", " 12345", "12345\n", ""]
)
def test_other_digits_are_no_totp_code(text: str) -> None:
    assert not is_totp_code(text)


def test_letters_whose_capital_is_ascii_are_no_recovery_code() -> None:
    for kind in ("\u0131", "\u017f", "\u212a", "\ufb00"):
        with pytest.raises(ValidationError):
            code.validate_python(kind * 24)


@given(st.integers(-5, 5), st.integers(-5, 5))
def test_a_code_matches_within_a_step_and_after_the_last(offset: int, last: int) -> None:
    now = totp.step_at(AT)
    text = _code_at(now + offset)
    found = totp.matching_step(SECRET, text, AT, after=now + last)
    assert found == (now + offset if abs(offset) <= 1 and offset > last else None)


@given(st.integers(-12, 12))
def test_a_skew_is_told_within_five_minutes(offset: int) -> None:
    message = totp.clock_skew_seconds(SECRET, _code_at(totp.step_at(AT) + offset), AT)
    assert message == (offset * 30 if 1 < abs(offset) <= 10 else None)


def _code_at(step: int) -> str:
    return totp_code(SECRET, datetime.fromtimestamp(step * 30, UTC))


def test_a_pending_enrollment_that_has_expired_reads_as_disabled() -> None:
    assert state_of(None, AT) is state_of(a_factor(), AT) is TWO_FACTOR_OFF
    assert state_of(a_factor(enrollment_expires_at=AT), AT) is TWO_FACTOR_OFF
    assert state_of(a_factor(enrollment_expires_at=AT + timedelta(seconds=1)), AT).status is TwoFactorStatus.PENDING
    assert state_of(a_factor(enabled_at=AT, enrollment_expires_at=AT), AT).enrollment_expires_at is None
