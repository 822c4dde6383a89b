"""Asking for a link, and following it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from app.accounts.attempts.service import Attempts
from app.accounts.domain import Account
from app.accounts.passwords import Passwords
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.authentication.change import Change, CredentialChange, Record
from app.database.engine import Connection, Database
from app.kernel.clock import Clock, rfc3339
from app.kernel.randomness import new_id
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest_if
from app.mail.domain import MailKind
from app.password_reset.domain import (
    Completed,
    Foreseen,
    Prospect,
    ResetLink,
    ResetRequest,
    ResetTokenInvalid,
    TwoFactorOutcome,
)
from app.password_reset.repository import ResetLinks, ResetRequests
from app.password_reset.sender import ResetLinkSender
from app.settings import PasswordResetPolicy
from app.two_factor.clearing.service import TwoFactorClearing
from app.two_factor.domain import Proof, SecondFactor
from app.two_factor.refusals import SecondFactorRequired
from app.two_factor.service import TwoFactor
from app.two_factor.verifier import CodeVerifier

_REQUESTS_AT_ONCE = 20


@dataclass(frozen=True)
class PasswordReset:
    database: Database
    clock: Clock
    policy: PasswordResetPolicy
    attempts: Attempts
    accounts: Accounts
    passwords: Passwords
    changes: CredentialChange
    two_factor: TwoFactor
    verifier: CodeVerifier
    clearing: TwoFactorClearing
    links: ResetLinkSender

    async def request(self, email: str, context: RequestContext) -> None:
        """Notes the wish and does nothing else, so the answer's time cannot tell who has an account.

        Raises FieldError, RateLimited.
        """
        address = self.accounts.read_address(email)
        await self.attempts.take_request(context)
        async with self.database.autocommit() as connection:
            await ResetRequests(connection).add(ResetRequest(new_id(), address.folded, context.at, context.requester))

    async def answer_requests(self) -> int:
        """The worker's part: a link and a mail for each wish that has an active account. How many were answered."""
        async with self.database.transaction() as connection:
            wishes = await ResetRequests(connection).take(most=_REQUESTS_AT_ONCE)
            for wish in wishes:
                account = await self.accounts.with_address(connection, wish.folded_address)
                if account is not None and account.is_active:
                    context = RequestContext(self.clock.now(), wish.requester)
                    await self.links.send_requested_link(connection, account, context)
        return len(wishes)

    async def check(self, secret: str, context: RequestContext) -> Prospect:
        """Whose link it is and what following it would do; spends nothing. Raises ResetTokenInvalid, RateLimited."""
        await self.attempts.take_request(context)
        _, account, factor = await self._follow(digest_if(secret, SecretKind.RESET), context.at)
        foreseen = self._foreseen(factor, context.at)
        if foreseen is not Foreseen.CLEARING:
            return Prospect(account.address, foreseen)
        return Prospect(account.address, foreseen, factor.clears_at or self.clearing.end_from(context.at))

    def _foreseen(self, factor: SecondFactor, at: datetime) -> Foreseen:
        """Without a code."""
        if not factor.is_enabled:
            return Foreseen.NOT_ENABLED
        match self.policy:
            case PasswordResetPolicy.CLEARS_TWO_FACTOR:
                return Foreseen.CLEARED
            case PasswordResetPolicy.REQUIRES_SECOND_FACTOR:
                return Foreseen.KEPT
            case PasswordResetPolicy.CLEARS_TWO_FACTOR_LATER:
                return Foreseen.KEPT if factor.has_clearing_paused(at) else Foreseen.CLEARING

    async def complete(
        self, secret: str, new_password: SecretStr, code: str | None, context: RequestContext
    ) -> Completed:
        """A new password by the link; everything older dies. 2FA goes with it, stays, or waits to go: the policy says.

        Raises ResetTokenInvalid, WeakPassword, SecondFactorRequired, WrongCode, TooManyAttempts, RateLimited,
        Overloaded.
        """
        await self.attempts.take_request(context)
        found = digest_if(secret, SecretKind.RESET)
        link, account, factor = await self._follow(found, context.at)
        await self.passwords.refuse_weak(new_password, account.address)
        await self.passwords.refuse_current(new_password, account)
        proof = await self._second_factor(account, factor, code, context)
        password_hash = await self.passwords.hash(new_password)
        async with (
            self.verifier.refusing_reuse(account, proof, context),
            self.changes.by_link(account, context) as change,
        ):
            if change is None or not await ResetLinks(change.connection).spend(link.digest, context.at):
                raise ResetTokenInvalid
            await self.accounts.set_password(change.connection, account, password_hash)
            await self.accounts.verify_address(change.connection, account, context.at)
            outcome, clears_at = await self._settle_two_factor(change, factor, proof)
            await self.attempts.unlock(change.connection, account.folded_address)
            revoked = await change.end(await self._record_of(change, outcome, clears_at))
            return Completed(outcome, revoked, clears_at)

    async def _settle_two_factor(
        self, change: Change, factor: SecondFactor, proof: Proof | None
    ) -> tuple[TwoFactorOutcome, datetime | None]:
        """And when a wait ends that goes on or begins. Raises AlreadySpent."""
        account_id = change.account.id
        if proof is not None:
            await self.verifier.spend(change.connection, change.account, proof, change.context)
            await self.verifier.forgive(change.connection, account_id)
            return TwoFactorOutcome.KEPT, None
        # The link was followed under the epoch that was just bumped; 2FA can't go on or off without bumping it.
        if factor.is_enabled and self.policy is PasswordResetPolicy.CLEARS_TWO_FACTOR_LATER:
            # A lock by wrong codes stays: whoever can read the mail must not win guesses by resetting again and again.
            clears_at = await self.clearing.begin(change)
            return (TwoFactorOutcome.CLEARING if clears_at else TwoFactorOutcome.KEPT), clears_at
        had_it = await self.two_factor.remove(change.connection, account_id, change.context.at)
        return (TwoFactorOutcome.DISABLED if had_it else TwoFactorOutcome.NOT_ENABLED), None

    async def _record_of(self, change: Change, outcome: TwoFactorOutcome, clears_at: datetime | None) -> Record:
        event, details = EventType.PASSWORD_RESET_COMPLETED, {"two_factor": outcome.value}
        if clears_at is not None:
            link = await self.clearing.new_link(change.connection, change.account.id)
            facts = {"token": link, "clears_at": rfc3339(clears_at)}
            return Record(event, MailKind.TWO_FACTOR_CLEARING, details, facts)
        cleared = outcome is TwoFactorOutcome.DISABLED
        mail = MailKind.TWO_FACTOR_RESET_BY_PASSWORD_RESET if cleared else MailKind.PASSWORD_CHANGED
        return Record(event, mail, details)

    async def _follow(self, found: bytes | None, at: datetime) -> tuple[ResetLink, Account, SecondFactor]:
        if found is None:
            raise ResetTokenInvalid
        async with self.database.autocommit() as connection:
            link = await ResetLinks(connection).open_with(found, at)
            account = await self.accounts.with_id(connection, link.account_id) if link else None
            if link is None or account is None or account.epoch != link.epoch:
                raise ResetTokenInvalid
            return link, account, await self.two_factor.factor_in(connection, account.id)

    async def _second_factor(
        self, account: Account, factor: SecondFactor, code: str | None, context: RequestContext
    ) -> Proof | None:
        """None where the policy asks for none."""
        if self.policy is PasswordResetPolicy.CLEARS_TWO_FACTOR or not factor.is_enabled:
            return None
        if code is None and self.policy is PasswordResetPolicy.CLEARS_TWO_FACTOR_LATER:
            return None
        if code is None:
            raise SecondFactorRequired
        return await self.verifier.verify(account, factor, code, context)

    async def forget(self, connection: Connection, folded_address: str) -> None:
        """The account is deleted: nobody's wish for a link is kept."""
        await ResetRequests(connection).forget(folded_address)

    async def sweep(self, connection: Connection, at: datetime) -> None:
        await ResetLinks(connection).delete_old(at - timedelta(hours=1))
