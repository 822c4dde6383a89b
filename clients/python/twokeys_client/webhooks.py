"""Webhooks of Twokeys, after Standard Webhooks."""

import base64
import binascii
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

_TOLERANCE_SECONDS = 300


class BadSignature(Exception):
    """Not from the service, or too old: answer 400."""


def verify(secret: str, headers: Mapping[str, str], body: bytes, *, now: float | None = None) -> dict[str, Any]:
    """The payload. Raises BadSignature. While a secret is rotated both sign, so either verifies."""
    found = {name.lower(): value for name, value in headers.items()}
    try:
        id, sent, signatures = (found[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
        age = (time.time() if now is None else now) - int(sent)
        key = base64.b64decode(secret.removeprefix("whsec_"))
    except (KeyError, ValueError, binascii.Error):
        raise BadSignature from None
    digest = hmac.digest(key, f"{id}.{sent}.".encode() + body, "sha256")
    right = b"v1," + base64.b64encode(digest)
    if abs(age) > _TOLERANCE_SECONDS or not any(
        hmac.compare_digest(each.encode(), right) for each in signatures.split(" ")
    ):
        raise BadSignature
    payload: dict[str, Any] = json.loads(body)
    return payload
