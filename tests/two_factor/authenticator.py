"""An authenticator app that is not ours: it reads the picture with a decoder of its own and does RFC 6238 by hand."""

import base64
import io
from dataclasses import dataclass
from datetime import datetime
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

import resvg_py
import zxingcpp
from PIL import Image

from tests.support.people import totp_code


def read_png(data_uri: str) -> str:
    """The text in the QR code of a `data:` URI."""
    kind, _, encoded = data_uri.partition(",")
    assert kind == "data:image/png;base64"
    return read_qr(Image.open(io.BytesIO(base64.b64decode(encoded))))


def read_svg(data_uri: str) -> str:
    kind, _, drawing = data_uri.partition(",")
    assert kind.startswith("data:image/svg+xml")
    svg = base64.b64decode(drawing).decode() if kind.endswith(";base64") else unquote(drawing)
    return read_qr(Image.open(io.BytesIO(bytes(resvg_py.svg_to_bytes(svg_string=svg)))))


def read_qr(picture: Image.Image) -> str:
    """The text of the one QR code in the picture.

    The decoder also knows bar codes, and takes a few modules of a large QR code for one: in 7 of 1,000 pictures.
    """
    only = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    [found] = zxingcpp.read_barcodes(picture.convert("L"), formats=only)
    return found.text


@dataclass(frozen=True)
class Authenticator:
    """What an app knows after the scan (Key URI format of Google Authenticator)."""

    issuer: str
    account: str
    secret: str

    @classmethod
    def scan(cls, uri: str) -> Self:
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
        label = parts.path.removeprefix("/")
        query = parse_qs(parts.query, strict_parsing=True)
        prefix, colon, account = label.partition(":")
        assert colon, "the label begins with the issuer"
        assert query.get("algorithm", ["SHA1"]) == ["SHA1"]
        assert query.get("digits", ["6"]) == ["6"]
        assert query.get("period", ["30"]) == ["30"]
        assert query["issuer"] == [unquote(prefix)]
        return cls(unquote(prefix), unquote(account), query["secret"][0])

    def code(self, at: datetime, *, steps: int = 0) -> str:
        return totp_code(self.secret, at, steps=steps)
