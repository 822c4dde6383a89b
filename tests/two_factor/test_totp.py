"""The arithmetic of codes, against the vectors of RFC 6238, Appendix B (SHA-1), and an independent program."""

import base64
import subprocess
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.two_factor import totp
from tests.support.marks import needs
from tests.support.people import totp_code

SECRET = base64.b32encode(b"12345678901234567890").decode()
# The RFC prints eight digits; six are their end (RFC 4226 §5.3, modulo 10^6).
VECTORS = [
    (59, "94287082"),
    (1111111109, "07081804"),
    (1111111111, "14050471"),
    (1234567890, "89005924"),
    (2000000000, "69279037"),
    (20000000000, "65353130"),
]


@pytest.mark.parametrize(("seconds", "eight_digits"), VECTORS)
def test_the_vectors_of_the_rfc(seconds: int, eight_digits: str) -> None:
    at = datetime.fromtimestamp(seconds, UTC)

    assert totp.matching_step(SECRET, eight_digits[2:], at, after=None) == seconds // 30
    assert totp_code(SECRET, at) == eight_digits[2:], "the generator that other tests use is right as well"


@pytest.mark.parametrize(("steps", "matches"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_the_window_is_one_step_either_side(steps: int, *, matches: bool) -> None:
    at = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)

    step = totp.matching_step(SECRET, totp_code(SECRET, at, steps=steps), at, after=None)

    assert step == (totp.step_at(at) + steps if matches else None)


def test_a_step_at_or_before_the_last_one_does_not_count() -> None:
    at = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
    now = totp.step_at(at)

    assert totp.matching_step(SECRET, totp_code(SECRET, at), at, after=now) is None
    assert totp.matching_step(SECRET, totp_code(SECRET, at), at, after=now + 1) is None
    assert totp.matching_step(SECRET, totp_code(SECRET, at), at, after=now - 1) == now


@pytest.mark.parametrize("steps", [-10, -2, 2, 10])
def test_a_clock_that_is_off_by_minutes_is_noticed(steps: int) -> None:
    at = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)

    assert totp.clock_skew_seconds(SECRET, totp_code(SECRET, at, steps=steps), at) == steps * 30


@pytest.mark.parametrize("steps", [-11, 0, 1, 11])
def test_no_skew_is_told_where_there_is_none_or_no_knowing(steps: int) -> None:
    at = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)

    assert totp.clock_skew_seconds(SECRET, totp_code(SECRET, at, steps=steps), at) is None


def test_a_secret_is_160_bits_in_32_characters() -> None:
    secrets = {totp.new_secret() for _ in range(50)}

    assert len(secrets) == 50
    assert all(len(secret) == 32 and len(base64.b32decode(secret)) == 20 for secret in secrets)


@given(key=st.binary(min_size=14, max_size=80), step=st.integers(0, 2**40))
def test_pyotp_generates_the_same_codes(key: bytes, step: int) -> None:
    assert totp.code_at(key, step) == pyotp.TOTP(base64.b32encode(key).decode()).generate_otp(step)


@pytest.mark.parametrize("secret", ["JBSWY3DPEHPK3PXP", "JBSWY3DPEHPK3PXPJBSWY3DPEE"])
def test_a_secret_of_80_or_128_bits_works(secret: str) -> None:
    at = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
    padded = secret + "=" * (-len(secret) % 8)

    assert totp.matching_step(secret, totp_code(padded, at), at, after=None) == totp.step_at(at)


@given(issuer=st.text(min_size=1, max_size=20), name=st.text(min_size=1, max_size=20))
def test_pyotp_reads_the_address_for_an_app(issuer: str, name: str) -> None:
    secret = totp.new_secret()

    parsed = pyotp.parse_uri(totp.provisioning_uri(secret, account_name=name, issuer=issuer))

    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.digits, parsed.interval) == (secret, 6, 30)


@pytest.mark.system
@needs("oathtool")
def test_oathtool_generates_the_same_codes() -> None:
    at = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
    for _ in range(5):
        secret = totp.new_secret()
        command = ["oathtool", "--totp", "-b", "--now", at.strftime("%Y-%m-%d %H:%M:%S UTC"), secret]
        code = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        assert totp.matching_step(secret, code, at, after=None) == totp.step_at(at)
        at += timedelta(hours=1)


def test_the_address_for_an_app_names_issuer_and_account() -> None:
    uri = totp.provisioning_uri("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", account_name="ada@example.com", issuer="Two keys")
    assert uri == (
        "otpauth://totp/Two%20keys:ada%40example.com?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Two%20keys"
    )


@pytest.mark.parametrize(
    ("length", "label"),
    [(80, "a" * 40 + "b" * 40), (81, "a" * 39 + "%E2%80%A6" + "b" * 39), (254, "a" * 39 + "%E2%80%A6" + "b" * 39)],
)
def test_a_long_account_name_is_cut_in_the_middle(length: int, label: str) -> None:
    name = "a" * (length // 2) + "b" * (length - length // 2)
    uri = totp.provisioning_uri("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", account_name=name, issuer="Two/keys")
    assert uri.partition("?")[0] == f"otpauth://totp/Two%2Fkeys:{label}"
    assert uri.endswith("&issuer=Two%2Fkeys")
