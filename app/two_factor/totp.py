"""TOTP (RFC 6238): secrets, steps, and which step a code belongs to. Nothing here is spent or kept.

Written out, since pyotp refuses the secrets of 80 bits that older systems gave out.
"""

import base64
import hmac
from datetime import datetime
from typing import Literal
from urllib.parse import quote

from app.kernel.randomness import random_bytes

DIGITS: Literal[6] = 6
PERIOD_SECONDS: Literal[30] = 30
SECRET_BYTES = 20
"""160 bits, as long as the HMAC-SHA-1 output (RFC 4226 §4, R6): 32 base32 characters."""

WINDOW_STEPS = 1
"""One step either side for slow typing and small drift (RFC 6238 §5.2)."""

_SKEW_STEPS = 10
"""Five minutes: as far as we look to tell someone that their device's clock is off."""

_LONGEST_NAME = 80


def new_secret() -> str:
    return base64.b32encode(random_bytes(SECRET_BYTES)).decode()


def step_at(at: datetime) -> int:
    """The time step of RFC 6238 §4.2."""
    return int(at.timestamp()) // PERIOD_SECONDS


def provisioning_uri(secret: str, *, account_name: str, issuer: str) -> str:
    """The `otpauth://` address that authenticator apps read from the QR code.

    A long account name is cut in the middle: its QR code could not be read at the size of a screen.
    """
    label = f"{quote(issuer, safe='')}:{quote(_shortened(account_name), safe='')}"
    return f"otpauth://totp/{label}?secret={secret}&issuer={quote(issuer, safe='')}"


def _shortened(name: str) -> str:
    if len(name) <= _LONGEST_NAME:
        return name
    half = (_LONGEST_NAME - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def key_of(secret: str) -> bytes:
    """The bytes behind a secret in base32, padded or not. Raises ValueError."""
    return base64.b32decode(secret + "=" * (-len(secret) % 8))


def code_at(key: bytes, step: int) -> str:
    """The code of one time step: HOTP (RFC 4226 §5.3) with the step as its counter."""
    mac = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    offset = mac[-1] & 0xF
    number = int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**DIGITS:0{DIGITS}}"


def matching_step(secret: str, code: str, at: datetime, *, after: int | None) -> int | None:
    """The newest step in the window that this code belongs to, if it comes after the last accepted one."""
    return _newest_match(secret, code, step_at(at), WINDOW_STEPS, after)


def clock_skew_seconds(secret: str, code: str, at: datetime) -> int | None:
    """How far the device's clock is ahead (negative: behind), if the code belongs to a time within five minutes."""
    now = step_at(at)
    step = _newest_match(secret, code, now, _SKEW_STEPS, None)
    return None if step is None or abs(step - now) <= WINDOW_STEPS else (step - now) * PERIOD_SECONDS


def _newest_match(secret: str, code: str, now: int, window: int, after: int | None) -> int | None:
    key = key_of(secret)
    matching = [
        step
        for step in range(now - window, now + window + 1)
        # Every step is compared, in constant time, so that the time taken tells nothing.
        if hmac.compare_digest(code_at(key, step).encode(), code.encode())
    ]
    fresh = [step for step in matching if after is None or step > after]
    return max(fresh, default=None)
