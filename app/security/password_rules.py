"""How guessable a new password is."""

import re
import unicodedata
from dataclasses import dataclass

from pydantic import SecretStr

from app.security.breached_passwords import BreachedPasswords
from app.security.hasher import LONGEST_PASSWORD, prepared
from app.security.strength import StrengthEstimator

_LEAST_SCORE = 3

_FEWEST_OF_ONES_OWN = 6
_SHORTEST_WORD = 3
_WORD_ENDS = re.compile(r"[^a-zA-Z0-9]+")
# A digit in the place of a letter is no secret: both sides are read with the same few letters.
_LOOK_ALIKES = str.maketrans("0134578i", "oleastbl")


@dataclass(frozen=True)
class Judgement:
    """How hard a password is to guess (zxcvbn, 0 to 4), and why it will not do; None where it will."""

    score: int
    weakness: str | None


class PasswordRules:
    def __init__(self, *, shortest: int, issuer: str, breached: BreachedPasswords, refuses_breached: bool) -> None:
        self._shortest = shortest
        self._issuer = issuer
        self._refuses_breached = refuses_breached
        self.breached = breached
        self._strength = StrengthEstimator()

    async def weakness(self, password: SecretStr, *, address: str) -> str | None:
        """Why this password will not do, or None. The local part of the address and the issuer count as guessable.

        Raises Overloaded.
        """
        return (await self.judge(password, address=address)).weakness

    async def judge(self, password: SecretStr, *, address: str) -> Judgement:
        """Raises Overloaded."""
        text = prepared(password).get_secret_value()
        if len(text) > LONGEST_PASSWORD:
            return Judgement(0, f"A password has at most {LONGEST_PASSWORD} characters.")
        local_part, _, domain = address.partition("@")
        known = [address, local_part, domain, *local_part.split("."), self._issuer]
        score, warning = await self._strength.estimate(text, known)
        if len(text) < self._shortest:
            return Judgement(score, f"A password has at least {self._shortest} characters.")
        if is_little_more_than(text, address, self._issuer):
            return Judgement(
                min(score, _LEAST_SCORE - 1),
                "This password is little more than your address. Use a few unrelated words.",
            )
        if score < _LEAST_SCORE:
            return Judgement(score, f"This password is too easy to guess. {warning or 'Use a few unrelated words.'}")
        if self._refuses_breached and await self.breached.contain(password):
            return Judgement(score, "This password is known from a data breach. Choose another.")
        return Judgement(score, None)

    def close(self) -> None:
        self._strength.close()


def is_little_more_than(password: str, address: str, issuer: str) -> bool:
    """Whether the password holds words of the address or the issuer, and fewer than six other letters and digits."""
    local_part, _, domain = address.rpartition("@")
    *labels, last = domain.split(".")
    words = {_plain(word) for word in (local_part, *_WORD_ENDS.split(local_part), *labels, issuer)}
    known = sorted((word for word in words if len(word) >= _SHORTEST_WORD), key=len, reverse=True)
    plain = _plain(password)
    return any(_left_of(text, known, _plain(last)) < _FEWEST_OF_ONES_OWN for text in (plain, plain[::-1]))


def _left_of(text: str, known: list[str], last: str) -> int:
    """How many characters are left without the known words; all of them where none is in it."""
    left = text
    for word in known:
        left = left.replace(word, " ")
    if left == text:
        return len(text)
    return len(left.replace(last, " ").replace(" ", ""))


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(char for char in folded if char.isalnum()).translate(_LOOK_ALIKES)
