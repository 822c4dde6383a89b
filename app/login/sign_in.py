"""What every log-in does, whatever proved it: lock and note the account, tell its owner, record."""

from dataclasses import dataclass

from app.accounts.attempts.domain import attempt_at
from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection
from app.kernel.request_context import RequestContext
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.observability.metrics import Counter
from app.tokens.domain import AccountChanged, IssuedToken

LOGINS = Counter("twokeys_logins", "Log-ins, by outcome and factor.", ("outcome", "factor"))


@dataclass(frozen=True)
class SignIn:
    new_sign_in_mail: bool
    accounts: Accounts
    audit_log: AuditLog
    outbox: Outbox

    async def note(self, connection: Connection, account: Account, context: RequestContext) -> Account:
        """Locks the account before all else of the log-in. Raises AccountChanged."""
        attempt = attempt_at(account.folded_address, context)
        noted = await self.accounts.note_login(connection, account, attempt, context)
        if noted is None:
            raise AccountChanged
        current, was_known = noted
        await self.tell(connection, account, context, was_known=was_known)
        return current

    async def tell(self, connection: Connection, account: Account, context: RequestContext, *, was_known: bool) -> None:
        """From an address that is new, as that of an account's first log-in is by nature; `account` as it was read."""
        if was_known or account.last_login_at is None or not self.new_sign_in_mail:
            return
        kind = MailKind.NEW_SIGN_IN
        await self.outbox.queue(
            connection, kind, context, account_id=account.id, to=account.address, locale=account.locale
        )

    async def record(
        self, connection: Connection, account: Account, issued: IssuedToken, context: RequestContext
    ) -> None:
        await self.audit_log.record(
            connection, EventType.LOGIN_SUCCEEDED, context, account_id=account.id, amr=list(issued.token.amr)
        )
