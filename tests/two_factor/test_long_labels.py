"""A QR code must be readable at the size that the console shows it in, whoever's account it is for."""

import base64
import io

import pytest
from PIL import Image

from app.two_factor import qr, totp
from tests.two_factor.authenticator import Authenticator, read_qr

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_CONSOLE_PIXELS = 208
_DOMAIN = ".".join(["d" * 63, "e" * 63, "f" * 60])
LONGEST = "a%b&" * 16 + "@" + _DOMAIN


@pytest.mark.parametrize("issuer", ["Twokeys", "Identity of Ham & Eggs Incorporated"])
def test_the_longest_address_gives_a_code_that_is_read_at_208_pixels(issuer: str) -> None:
    uri = totp.provisioning_uri(SECRET, account_name=LONGEST, issuer=issuer)
    png = base64.b64decode(qr.draw(uri).png.partition(",")[2])
    result = Image.open(io.BytesIO(png)).resize((_CONSOLE_PIXELS, _CONSOLE_PIXELS))

    text = read_qr(result)

    assert text == uri
    scanned = Authenticator.scan(text)
    assert (scanned.issuer, scanned.secret) == (issuer, SECRET)
    assert scanned.account.startswith(LONGEST[:30])
    assert scanned.account.endswith(LONGEST[-30:])
    assert "…" in scanned.account


def test_an_address_of_80_characters_is_shown_whole() -> None:
    name = "a" * 68 + "@example.com"
    assert len(name) == 80
    assert f":{'a' * 68}%40example.com?" in totp.provisioning_uri(SECRET, account_name=name, issuer="Twokeys")
