"""Security keys and passkeys: what the answer to a request for one proves.

A challenge is spent before the answer to it is parsed. The counter of a credential is compared when the proof is spent,
in the transaction that grants what it buys.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest_if
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.two_factor import webauthn
from app.two_factor.assertions import challenge_digest, login_purpose
from app.two_factor.challenges.domain import Challenge, ChallengeExpired
from app.two_factor.challenges.repository import Challenges
from app.two_factor.clearing.service import TwoFactorClearing
from app.two_factor.domain import Credential, ProofByCredential, SecondFactor
from app.two_factor.refusals import InvalidCredential
from app.two_factor.repository import Credentials, Registrations, SecondFactors, SpentChallenges
from app.two_factor.signed_challenges import ChallengeSigner
from app.two_factor.webauthn import CredentialRefused, RelyingParty

# The clocks of two replicas may differ by less than this.
_SPENT_KEPT = timedelta(minutes=10)


class CounterStalled(Exception):
    """The credential's counter did not advance, or the credential is gone."""

    def __init__(self, authenticator_id: UUID) -> None:
        super().__init__(authenticator_id)
        self.authenticator_id = authenticator_id


@dataclass(frozen=True)
class CredentialVerifier:
    database: Database
    party: RelyingParty
    signer: ChallengeSigner
    wrong_per_challenge: int
    accounts: Accounts
    clearing: TwoFactorClearing
    audit_log: AuditLog
    outbox: Outbox

    async def count_at_login(self, secret: str, at: datetime) -> tuple[Challenge, bytes]:
        """Counts the answer on its log-in; the WebAuthn challenge that it must answer is spent by that.

        Raises ChallengeExpired.
        """
        async with self.database.transaction() as connection:
            counted = await Challenges(connection).count_credential(
                challenge_digest(secret), at, most=self.wrong_per_challenge
            )
        if counted is None:
            raise ChallengeExpired
        challenge, answered = counted
        return challenge, webauthn.challenge_of(secret, login_purpose(answered))

    async def spend_at_login(self, connection: Connection, challenge: Challenge, at: datetime) -> None:
        """In the transaction that grants what it waits for; locks the account first. Raises ChallengeExpired."""
        if not await Challenges(connection).spend(challenge.digest, challenge.account, at):
            raise ChallengeExpired

    async def spend_challenge(self, connection: Connection, secret: str, purpose: str, at: datetime) -> bytes | None:
        """The WebAuthn challenge of a secret that was made for this purpose; None where it was used or is over."""
        found, end = digest_if(secret, SecretKind.CHALLENGE), self.signer.end_of(secret, purpose)
        if found is None or end is None or end <= at:
            return None
        spent = await SpentChallenges(connection).spend(found, end + _SPENT_KEPT)
        return webauthn.challenge_of(secret, purpose) if spent else None

    async def verify(
        self,
        connection: Connection,
        account: Account,
        answer: Mapping[str, Any],
        challenge: bytes | None,
        amr: tuple[str, ...],
    ) -> ProofByCredential:
        """By a credential of this account, not yet spent. Raises CredentialRefused."""
        if challenge is None:
            raise CredentialRefused("challenge")
        credential = await Credentials(connection).of(account.id, webauthn.credential_id(answer))
        if credential is None:
            raise CredentialRefused("unknown")
        return self._proof(credential, answer, challenge, amr, alone=False)

    async def verify_passkey(
        self, answer: Mapping[str, Any], challenge: bytes | None, amr: tuple[str, ...]
    ) -> tuple[Account, ProofByCredential]:
        """By a passkey of any account that is active, not yet spent. Raises PasskeyRefused."""
        if challenge is None:
            raise PasskeyRefused(None, "challenge")
        credential, account = await self._credential_of(answer)
        if not credential.passkey:
            raise PasskeyRefused(account, "no_passkey")
        try:
            proof = self._proof(credential, answer, challenge, amr, alone=True)
        except CredentialRefused as refused:
            raise PasskeyRefused(account, refused.reason) from refused
        if not account.is_active:
            raise PasskeyRefused(account, "account_disabled")
        return account, proof

    async def _credential_of(self, answer: Mapping[str, Any]) -> tuple[Credential, Account]:
        try:
            id = webauthn.credential_id(answer)
        except CredentialRefused as refused:
            raise PasskeyRefused(None, refused.reason) from refused
        async with self.database.autocommit() as connection:
            found = await Credentials(connection).with_owner(id)
        if found is None:
            raise PasskeyRefused(None, "unknown")
        return found

    async def spend(
        self, connection: Connection, account: Account, proof: ProofByCredential, context: RequestContext
    ) -> SecondFactor:
        """In the transaction that grants what the proof bought; the factor as it is then. Cancels a clearing.

        Raises CounterStalled.
        """
        advanced = await Credentials(connection).advance(
            proof.authenticator_id, account.id, proof.sign_count, context.at, backed_up=proof.backed_up
        )
        if not advanced:
            raise CounterStalled(proof.authenticator_id)
        rows = SecondFactors(connection)
        await rows.note_use(account.id, context.at)
        factor = await rows.of(account.id)
        return await self.clearing.cancel_by_proof(connection, account, factor, context)

    @asynccontextmanager
    async def refusing(self, account: Account, context: RequestContext) -> AsyncIterator[None]:
        """Around `verify` and the transaction that spends the proof: records why not. Raises InvalidCredential."""
        try:
            yield
        except CredentialRefused as refused:
            await self.record_refusal(account, refused.reason, context)
            raise InvalidCredential from None
        except CounterStalled as stalled:
            await self._suspect_clone(account, stalled.authenticator_id, context)
            raise InvalidCredential from None

    async def record_refusal(self, account: Account, reason: str, context: RequestContext) -> None:
        """For the owner to see; nothing is counted, since a credential can't be guessed."""
        async with self.database.transaction() as connection:
            if await self.accounts.lock_existence(connection, account.id) is None:
                return
            await self.audit_log.record(
                connection, EventType.TWO_FACTOR_CREDENTIAL_REFUSED, context, account_id=account.id, reason=reason
            )

    async def sweep(self, connection: Connection, at: datetime) -> None:
        await SpentChallenges(connection).delete_old(at)
        await Registrations(connection).delete_old(at)

    def _proof(
        self,
        credential: Credential,
        answer: Mapping[str, Any],
        challenge: bytes,
        amr: tuple[str, ...],
        *,
        alone: bool,
    ) -> ProofByCredential:
        asserted = webauthn.verify_assertion(
            self.party,
            answer,
            challenge=challenge,
            public_key=credential.public_key,
            user_handle=credential.user_handle,
            alone=alone,
        )
        return ProofByCredential(credential.authenticator_id, asserted.sign_count, asserted.backed_up, amr)

    async def _suspect_clone(self, account: Account, authenticator_id: UUID, context: RequestContext) -> None:
        async with self.database.transaction() as connection:
            if await self.accounts.lock_existence(connection, account.id) is None:
                return
            if not await Credentials(connection).exists(authenticator_id):
                return
            about, kind = EventType.AUTHENTICATOR_CLONE_SUSPECTED, MailKind.AUTHENTICATOR_CLONE_SUSPECTED
            await self.audit_log.record(
                connection, about, context, account_id=account.id, authenticator_id=str(authenticator_id)
            )
            await self.outbox.queue(
                connection, kind, context, account_id=account.id, to=account.address, locale=account.locale
            )


async def count_foreign_credentials(connection: Connection, rp_id: str) -> int:
    """How many credentials were registered for another RP id, under which no browser finds them any more."""
    return await Credentials(connection).count_foreign(rp_id)


class PasskeyRefused(Exception):
    """`account` is the owner of the credential, as far as there is one."""

    def __init__(self, account: Account | None, reason: str) -> None:
        super().__init__(reason)
        self.account = account
        self.reason = reason
