"""Asking for a link, sending it, following it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from pydantic import SecretStr

from app.accounts.domain import Account, Address
from app.accounts.repository import AccountRows
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.refusal import Unavailable
from app.kernel.requester import Requester
from app.kernel.secret import SecretKind, digest, digest_if, new_secret
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.password_reset.domain import (
    AccountDisabled,
    Completed,
    Foreseen,
    Prospect,
    RequestedBy,
    ResetLink,
    ResetRequest,
    ResetTokenInvalid,
    SecondFactorRequired,
    TooManyResetMails,
    TwoFactorOutcome,
)
from app.password_reset.repository import ResetLinks, ResetRequests
from app.settings import PasswordResetPolicy, Settings
from app.tokens.service import Tokens
from app.two_factor.domain import Proof, SecondFactor
from app.two_factor.repository import CodeAttempts, SecondFactors
from app.two_factor.service import TwoFactor
from app.two_factor.verifier import AlreadySpent, CodeVerifier

_REQUESTS_AT_ONCE = 20
_INVITATION_LIFE = timedelta(days=3)
_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True)
class PasswordReset:
    database: Database
    clock: Clock
    settings: Settings
    accounts: Accounts
    tokens: Tokens
    two_factor: TwoFactor
    code_verifier: CodeVerifier
    audit_log: AuditLog
    outbox: Outbox

    async def request(self, address: Address, requester: Requester) -> None:
        """Notes the wish and does nothing else, so the answer's time cannot tell who has an account.

        Raises RateLimited.
        """
        at = self.clock.now()
        await self.accounts.attempts.take_request(requester, at)
        async with self.database.autocommit() as connection:
            await ResetRequests(connection).add(ResetRequest(new_id(), address.folded, at, requester))

    async def answer_requests(self) -> int:
        """The worker's part: a link and a mail for each wish that has an active account. How many were answered."""
        async with self.database.transaction() as connection:
            wishes = await ResetRequests(connection).take(most=_REQUESTS_AT_ONCE)
            for wish in wishes:
                account = await AccountRows(connection).with_address(wish.folded_address)
                if account is not None and account.is_active:
                    await self.send_requested_link(connection, account, wish.requester)
        return len(wishes)

    async def send_requested_link(self, connection: Connection, account: Account, requester: Requester) -> bool:
        """Whether a link goes out: three may be open and five may go in an hour.

        One that a change of credentials killed does not count, so that nobody inside an account uses the owner's mails
        up by changing the password in between; of those there are five a minute at most.
        """
        at = self.clock.now()
        if not await AccountRows(connection).lock_exclusively(account.id, epoch=account.epoch):
            return False
        rows, most = ResetLinks(connection), self.settings.reset_mails_per_hour
        if await rows.count_open(account.id, at) >= self.settings.reset_links_open:
            return False
        if await rows.count_useful_since(account.id, at - _HOUR) >= most:
            return False
        if await rows.count_since(account.id, at - _MINUTE) >= most:
            return False
        await self._send_link(connection, account, RequestedBy.PERSON, requester, at)
        return True

    async def send_operators_link(
        self, connection: Connection, account: Account, requester: Requester, *, client_id: str | None, **why: object
    ) -> None:
        """Five an hour beside those that the person or strangers ask for.

        Raises AccountDisabled, TooManyResetMails; Unavailable where the account changed at this moment.
        """
        at, most = self.clock.now(), self.settings.reset_mails_per_hour
        if not account.is_active:
            raise AccountDisabled
        if not await AccountRows(connection).lock_exclusively(account.id, epoch=account.epoch):
            raise Unavailable(retry_after=1)
        earlier = await ResetLinks(connection).times_by_operators(account.id, at - _HOUR)
        if len(earlier) >= most:
            raise TooManyResetMails(retry_after=ceil((earlier[-most] + _HOUR - at).total_seconds()))
        await self._send_link(connection, account, RequestedBy.OPERATOR, requester, at, client_id=client_id, **why)

    async def _send_link(
        self,
        connection: Connection,
        account: Account,
        requested_by: RequestedBy,
        requester: Requester,
        at: datetime,
        *,
        client_id: str | None = None,
        **why: object,
    ) -> None:
        life = timedelta(seconds=self.settings.password_reset_seconds)
        await self._post_link(connection, account, MailKind.PASSWORD_RESET, requested_by, life, requester, at)
        await self.audit_log.record(
            connection,
            EventType.PASSWORD_RESET_REQUESTED,
            account_id=account.id,
            at=at,
            requester=requester,
            client_id=client_id,
            **why,
        )

    async def invite(self, connection: Connection, account: Account, requester: Requester) -> None:
        """A link for the first password of an account that was made without one; it lives three days."""
        kind, by, at = MailKind.INVITATION, RequestedBy.INVITATION, self.clock.now()
        await self._post_link(connection, account, kind, by, _INVITATION_LIFE, requester, at)

    async def _post_link(
        self,
        connection: Connection,
        account: Account,
        kind: MailKind,
        requested_by: RequestedBy,
        life: timedelta,
        requester: Requester,
        at: datetime,
    ) -> None:
        secret = new_secret(SecretKind.RESET)
        link = ResetLink(digest(secret), account.id, account.epoch)
        await ResetLinks(connection).add(link, requested_by, at, at + life)
        await self.outbox.queue(
            connection,
            kind,
            account_id=account.id,
            to=account.address,
            at=at,
            requester=requester,
            give_up_at=at + life,
            token=secret.get_secret_value(),
            minutes=max(1, int(life.total_seconds() // 60)),
        )

    async def check(self, secret: str, requester: Requester) -> Prospect:
        """Whose link it is and what following it would do; spends nothing. Raises ResetTokenInvalid, RateLimited."""
        at = self.clock.now()
        await self.accounts.attempts.take_request(requester, at)
        _, account, factor = await self._follow(digest_if(secret, SecretKind.RESET), at)
        return Prospect(account.address, self._foreseen(factor))

    def _foreseen(self, factor: SecondFactor) -> Foreseen:
        if not factor.is_enabled:
            return Foreseen.NOT_ENABLED
        clears = self.settings.password_reset_policy is PasswordResetPolicy.CLEARS_TWO_FACTOR
        return Foreseen.CLEARED if clears else Foreseen.KEPT

    async def complete(self, secret: str, new_password: SecretStr, code: str | None, requester: Requester) -> Completed:
        """A new password by the link; everything older dies, and by default 2FA goes with it.

        Raises ResetTokenInvalid, WeakPassword, SecondFactorRequired, WrongCode, TooManyAttempts, RateLimited,
        Overloaded.
        """
        at = self.clock.now()
        await self.accounts.attempts.take_request(requester, at)
        found = digest_if(secret, SecretKind.RESET)
        link, account, factor = await self._follow(found, at)
        await self.accounts.refuse_weak(new_password, account.address)
        await self.accounts.refuse_current(new_password, account)
        proof = await self._second_factor(account, factor, code, requester, at)
        password_hash = await self.accounts.hash(new_password)
        try:
            async with self.database.transaction() as connection:
                return await self._reset(connection, link, account, password_hash, proof, requester, at)
        except AlreadySpent:
            assert proof is not None  # noqa: S101 - only a proof is spent
            raise await self.code_verifier.record_wrong_code(account, proof.in_a_row, requester, at) from None

    async def _follow(self, found: bytes | None, at: datetime) -> tuple[ResetLink, Account, SecondFactor]:
        if found is None:
            raise ResetTokenInvalid
        async with self.database.autocommit() as connection:
            link = await ResetLinks(connection).open_with(found, at)
            account = await AccountRows(connection).with_id(link.account_id) if link else None
            if link is None or account is None or account.epoch != link.epoch:
                raise ResetTokenInvalid
            return link, account, await SecondFactors(connection).of(account.id)

    async def _second_factor(
        self, account: Account, factor: SecondFactor, code: str | None, requester: Requester, at: datetime
    ) -> Proof | None:
        """None where the policy asks for none."""
        if self.settings.password_reset_policy is PasswordResetPolicy.CLEARS_TWO_FACTOR:
            return None
        if not factor.is_enabled:
            return None
        if code is None:
            raise SecondFactorRequired
        return await self.code_verifier.verify(account, factor, code, requester, at)

    async def _reset(
        self,
        connection: Connection,
        link: ResetLink,
        account: Account,
        password_hash: str,
        proof: Proof | None,
        requester: Requester,
        at: datetime,
    ) -> Completed:
        bumped = await AccountRows(connection).change_password(account.id, password_hash, seen=link.epoch)
        if bumped is None or not await ResetLinks(connection).spend(link.digest, at):
            raise ResetTokenInvalid
        if proof is not None:
            await self.code_verifier.spend(connection, account, proof, requester, at)
            outcome = TwoFactorOutcome.KEPT
        else:
            # The link was followed under the epoch that was just bumped, and turning 2FA on or off bumps it.
            had_it = await SecondFactors(connection).turn_off(account.id)
            outcome = TwoFactorOutcome.DISABLED if had_it else TwoFactorOutcome.NOT_ENABLED
        await CodeAttempts(connection).forgive(account.id)
        await self.accounts.attempts.unlock(connection, account.folded_address)
        revoked = await self.tokens.rows(connection).count_outlived(account.id, at)
        await self.audit_log.record(
            connection,
            EventType.PASSWORD_RESET_COMPLETED,
            account_id=account.id,
            at=at,
            requester=requester,
            two_factor=outcome.value,
            revoked=revoked.as_details(),
        )
        cleared = outcome is TwoFactorOutcome.DISABLED
        kind = MailKind.TWO_FACTOR_RESET_BY_PASSWORD_RESET if cleared else MailKind.PASSWORD_CHANGED
        await self.outbox.queue(connection, kind, account_id=account.id, to=account.address, at=at, requester=requester)
        return Completed(outcome, revoked)

    async def clean(self, connection: Connection, at: datetime) -> None:
        await ResetLinks(connection).delete_old(at - timedelta(hours=1))
