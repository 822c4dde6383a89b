"""Asking a browser for a security key or passkey."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from app.accounts.domain import Account
from app.database.engine import Database
from app.kernel.secret import SecretKind, digest_if
from app.two_factor.challenges.domain import ChallengeExpired
from app.two_factor.challenges.repository import Challenges
from app.two_factor.refusals import MethodNotAvailable
from app.two_factor.repository import Credentials
from app.two_factor.signed_challenges import ChallengeSigner
from app.two_factor.webauthn import KnownCredential, RelyingParty, challenge_of
from app.two_factor.webauthn_options import request_options

_CHALLENGE_LIFE = timedelta(seconds=300)


@dataclass(frozen=True)
class AssertionRequest:
    """A challenge on its way to a browser."""

    challenge: SecretStr
    expires_in: int
    public_key: Mapping[str, Any]


@dataclass(frozen=True)
class AssertionRequests:
    """`CredentialVerifier` judges the answers."""

    database: Database
    party: RelyingParty
    signer: ChallengeSigner
    wrong_per_challenge: int

    def any_passkey(self, purpose: str, at: datetime) -> AssertionRequest:
        """For whichever passkey the browser offers: the same for everybody, and nothing is stored."""
        return self._request(purpose, at, (), verify_user=True)

    async def of(self, account: Account, purpose: str, at: datetime) -> AssertionRequest:
        """For one of the account's credentials; nothing is stored. Raises MethodNotAvailable."""
        return self._request(purpose, at, await self._known_of(account), verify_user=False)

    async def at_login(self, secret: str, at: datetime) -> Mapping[str, Any]:
        """For the second step of a log-in. Raises ChallengeExpired, MethodNotAvailable."""
        async with self.database.autocommit() as connection:
            found = await Challenges(connection).find(challenge_digest(secret), at, most=self.wrong_per_challenge)
        if found is None:
            raise ChallengeExpired
        account, answered, ends_at = found
        return request_options(
            self.party,
            challenge=challenge_of(secret, login_purpose(answered)),
            allowed=await self._known_of(account),
            verify_user=False,
            seconds=int((ends_at - at).total_seconds()),
        )

    def _request(
        self, purpose: str, at: datetime, known: tuple[KnownCredential, ...], *, verify_user: bool
    ) -> AssertionRequest:
        secret = self.signer.sign(purpose, at + _CHALLENGE_LIFE)
        seconds = int(_CHALLENGE_LIFE.total_seconds())
        public_key = request_options(
            self.party,
            challenge=challenge_of(secret.get_secret_value(), purpose),
            allowed=known,
            verify_user=verify_user,
            seconds=seconds,
        )
        return AssertionRequest(secret, seconds, public_key)

    async def _known_of(self, account: Account) -> tuple[KnownCredential, ...]:
        async with self.database.autocommit() as connection:
            known = await Credentials(connection).known_of(account.id)
        if not known:
            raise MethodNotAvailable
        return tuple(known)


def login_purpose(answered: int) -> str:
    """Each answer to a log-in's challenge needs a WebAuthn challenge of its own; a wrong code in between does not."""
    return f"log-in {answered}"


def challenge_digest(secret: str) -> bytes:
    """Raises ChallengeExpired."""
    found = digest_if(secret, SecretKind.CHALLENGE)
    if found is None:
        raise ChallengeExpired
    return found
