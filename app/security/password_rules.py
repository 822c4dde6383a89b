"""How guessable a new password is."""

import hashlib

import httpx
import structlog
import zxcvbn_rs_py
from pydantic import SecretStr

from app.observability.metrics import Counter
from app.security.hasher import LONGEST_PASSWORD
from app.settings import Settings

_LEAST_SCORE = 3
_BREACH_API = "https://api.pwnedpasswords.com/range/"
_BREACH_SECONDS = 1.0
_breach_failures = Counter(
    "twokeys_breach_check_failures", "Breached-password look-ups that failed and were passed over."
)
_log = structlog.get_logger(__name__)


class PasswordRules:
    def __init__(self, settings: Settings) -> None:
        self._shortest = settings.password_min_length
        self._issuer = settings.issuer
        self._ask_for_breaches = settings.breached_passwords

    async def weakness(self, password: SecretStr, *, address: str) -> str | None:
        """Why this password will not do, or None. The local part of the address and the issuer count as guessable."""
        text = password.get_secret_value()
        if len(text) < self._shortest:
            return f"A password has at least {self._shortest} characters."
        if len(text) > LONGEST_PASSWORD:
            return f"A password has at most {LONGEST_PASSWORD} characters."
        local_part, _, domain = address.partition("@")
        guess = zxcvbn_rs_py.zxcvbn(text, [address, local_part, domain, *local_part.split("."), self._issuer])
        if int(guess.score) < _LEAST_SCORE:
            warning = guess.feedback.warning if guess.feedback else None
            return f"This password is too easy to guess. {warning or 'Use a few unrelated words.'}"
        if self._ask_for_breaches and await self._is_breached(text):
            return "This password is known from a data breach. Choose another."
        return None

    async def _is_breached(self, text: str) -> bool:
        """Have I Been Pwned's range API: five characters of a SHA-1 leave the house. Fails open, and is counted."""
        sha1 = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest().upper()
        try:
            async with httpx.AsyncClient(timeout=_BREACH_SECONDS) as client:
                answer = await client.get(_BREACH_API + sha1[:5], headers={"Add-Padding": "true"})
                answer.raise_for_status()
        except httpx.HTTPError:
            _breach_failures.inc()
            _log.warning("breach_check_failed")
            return False
        lines = (line.partition(":") for line in answer.text.splitlines())
        return any(suffix == sha1[5:] and count.strip() not in {"", "0"} for suffix, _, count in lines)
