"""One's account, one's password, one's events."""

from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr

from app.accounts.repository import AccountRows
from app.accounts.service import Accounts
from app.audit.domain import Event, EventType
from app.audit.service import AuditLog
from app.database.engine import Database
from app.kernel.clock import Clock
from app.kernel.page import PageOf
from app.kernel.refusal import InvalidToken
from app.kernel.requester import Requester
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.tokens.domain import Caller, Revoked
from app.tokens.service import Tokens
from app.two_factor.domain import Grant, state_of
from app.two_factor.repository import Enrollments, SecondFactors


@dataclass(frozen=True)
class Profile:
    database: Database
    clock: Clock
    accounts: Accounts
    tokens: Tokens
    audit_log: AuditLog
    outbox: Outbox

    async def change_password(
        self, caller: Caller, current: SecretStr, new: SecretStr, requester: Requester
    ) -> tuple[Grant, Revoked]:
        """2FA stays; everything older dies, a pending enrollment too.

        Raises WrongPassword, WeakPassword, InvalidToken.
        """
        account = caller.account
        attempt = await self.accounts.reauthenticate(account, current, requester)
        self.accounts.refuse_same(new, current)
        password_hash = await self.accounts.hash_new(new, account.address)
        at = self.clock.now()
        async with self.database.transaction() as connection:
            bumped = await AccountRows(connection).change_password(account.id, password_hash, seen=account.epoch)
            if bumped is None:
                raise InvalidToken
            await Enrollments(connection).remove(account.id)
            await self.accounts.attempts.forgive(connection, attempt)
            revoked = await self.tokens.rows(connection).count_outlived(account.id, at)
            issued = await self.tokens.issue_session(connection, bumped, caller.token.amr, requester, at)
            state = state_of(await SecondFactors(connection).of(account.id), at)
            await self.audit_log.record(
                connection,
                EventType.PASSWORD_CHANGED,
                account_id=account.id,
                at=at,
                requester=requester,
                amr=list(caller.token.amr),
                revoked=revoked.as_details(),
            )
            kind = MailKind.PASSWORD_CHANGED
            to = account.address
            await self.outbox.queue(connection, kind, account_id=account.id, to=to, at=at, requester=requester)
        return Grant(issued, bumped, state), revoked

    async def events(self, caller: Caller, *, after: UUID | None, limit: int) -> PageOf[Event]:
        async with self.database.autocommit() as connection:
            return await self.audit_log.events_of(connection, caller.account.id, after=after, limit=limit)
