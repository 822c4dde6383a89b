"""Addresses of authenticator apps, as other systems export them."""

import base64

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.two_factor.otpauth import OtpauthMalformed, OtpauthUnsupported, read_secret

SECRET = "JBSWY3DPEHPK3PXP"
OTHER_KINDS = [
    f"otpauth://totp/x?secret={SECRET}&algorithm=SHA256",
    f"otpauth://totp/x?secret={SECRET}&digits=8",
    f"otpauth://totp/x?secret={SECRET}&period=60",
    f"otpauth://hotp/x?secret={SECRET}&counter=1",
    "otpauth://totp/x?secret=JBSWY3DPEHPK3PX",
]
MALFORMED = [
    "",
    "otpauth://totp/x",
    "otpauth://totp/x?secret=",
    "otpauth://totp/x?secret=0189",
    "otpauth://totp/x?secret=JBSWY3DPEHPK3PXPJ",
    f"otpauth://totp/x?secret={SECRET}&secret={SECRET}",
    f"otpauth://other/x?secret={SECRET}",
    f"https://totp/x?secret={SECRET}",
    f"otpauth://totp/x?secret={'A' * 1024}",
    f"otpauth://totp/{'x' * 4096}?secret={SECRET}",
    "otpauth://[totp/x?secret=JBSWY3DPEHPK3PXP",
]


@pytest.mark.parametrize(
    "uri",
    [
        f"otpauth://totp/Old:ada%40example.com?secret={SECRET}&issuer=Old",
        f"otpauth://totp/ada?issuer=Old&algorithm=SHA1&digits=6&period=30&secret={SECRET}",
        f"otpauth://TOTP/ada?secret={SECRET}&algorithm=sha-1&image=https%3A%2F%2Fexample.com%2Fx.png",
        "otpauth://totp/ada?secret=jbsw%20y3dp-ehpk%203pxp",
        f"otpauth://totp/ada?secret={SECRET}%3D%3D",
    ],
)
def test_the_ways_to_write_a_usual_address_are_read(uri: str) -> None:
    assert read_secret(uri) == SECRET


@given(key=st.binary(min_size=10, max_size=64))
def test_an_address_of_any_length_that_base32_has_is_read(key: bytes) -> None:
    secret = base64.b32encode(key).decode()

    assert read_secret(f"otpauth://totp/x?secret={secret}") == secret.rstrip("=")


def test_an_address_that_pyotp_wrote_is_read() -> None:
    secret = pyotp.random_base32()

    assert read_secret(pyotp.TOTP(secret).provisioning_uri(name="ada@example.com", issuer_name="Old")) == secret


@pytest.mark.parametrize("uri", OTHER_KINDS)
def test_an_app_of_another_kind_is_unsupported(uri: str) -> None:
    with pytest.raises(OtpauthUnsupported):
        read_secret(uri)


@pytest.mark.parametrize("uri", MALFORMED)
def test_what_is_no_address_of_an_app_is_malformed(uri: str) -> None:
    with pytest.raises(OtpauthMalformed) as refused:
        read_secret(uri)

    assert SECRET not in str(refused.value)


def test_equal_secrets_have_one_spelling() -> None:
    """Four of the bits in the last character of 26 are unused."""
    spellings = ("A" * 26, "A" * 25 + "D")

    assert {read_secret(f"otpauth://totp/x?secret={each}") for each in spellings} == {"A" * 26}


@given(st.text(max_size=60))
def test_no_text_does_anything_but_being_refused(text: str) -> None:
    for uri in (text, f"otpauth://{text}", f"otpauth://totp/x?{text}", f"otpauth://totp/x?secret={text}&digits=7"):
        with pytest.raises((OtpauthMalformed, OtpauthUnsupported)):
            read_secret(uri)
