"""Asking for another address, confirming it from the new mailbox, taking it back from the old one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import SecretStr

from app.accounts.attempts.service import Attempts
from app.accounts.domain import Account, Address, AddressTaken
from app.accounts.passwords import Passwords
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.authentication.change import Change, CredentialChange, Record
from app.database.engine import Connection, Database
from app.email_change.domain import ChangeRequest, EmailTokenInvalid, Pending, Undo
from app.email_change.repository import ChangeRequests, Undos
from app.kernel.clock import Clock
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest, digest_if, new_secret
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.tokens.domain import Caller, Revoked, require_fresh
from app.tokens.service import Tokens
from app.two_factor.authenticators.service import AuthenticatorService
from app.two_factor.clearing.service import TwoFactorClearing

_REQUESTS_AT_ONCE = 20


@dataclass(frozen=True)
class EmailChange:
    database: Database
    clock: Clock
    life: timedelta
    undo_life: timedelta
    most_open: int
    most_per_hour: int
    fresh_seconds: int
    attempts: Attempts
    accounts: Accounts
    passwords: Passwords
    tokens: Tokens
    changes: CredentialChange
    authenticators: AuthenticatorService
    clearing: TwoFactorClearing
    audit_log: AuditLog
    outbox: Outbox

    async def request(self, caller: Caller, new_email: str, password: SecretStr, context: RequestContext) -> Pending:
        """Notes the wish; whether the address is taken is found out later, so that nothing here can tell.

        Raises FieldError, ReauthenticationRequired, WrongPassword, TooManyAttempts, Overloaded, InvalidToken.
        """
        account = caller.account
        address = self.accounts.read_address(new_email, pointer="/new_email")
        require_fresh(caller, context.at, within_seconds=self.fresh_seconds)
        await self.passwords.reauthenticate(account, password, context)
        expires_at = context.at + self.life
        wish = ChangeRequest(new_id(), account.id, account.epoch, address, context.at, expires_at, context.requester)
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller, exclusively=True)
            await ChangeRequests(connection).add(wish)
            await self.accounts.set_pending_address(connection, account, address.text, expires_at)
            await self._record(connection, EventType.EMAIL_CHANGE_REQUESTED, account, context)
        return Pending(address.text, expires_at)

    async def cancel(self, caller: Caller, context: RequestContext) -> None:
        """No link that confirms an address of the account is good any more. Raises InvalidToken."""
        account = caller.account
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller, exclusively=True)
            await self.accounts.drop_pending_address(connection, account)
            if await ChangeRequests(connection).cancel_all(account.id, context.at):
                await self._record(connection, EventType.EMAIL_CHANGE_CANCELLED, account, context)

    async def answer_requests(self) -> int:
        """The worker's part: a link to the new mailbox, or word to who has the address. How many were answered."""
        async with self.database.autocommit() as connection:
            wishes = await ChangeRequests(connection).waiting(most=_REQUESTS_AT_ONCE)
        for wish in wishes:
            context = RequestContext(self.clock.now(), wish.requester)
            async with self.database.transaction() as connection:
                if not await self._answer(connection, wish, context):
                    await ChangeRequests(connection).end(wish.id, context.at)
        return len(wishes)

    async def _answer(self, connection: Connection, wish: ChangeRequest, context: RequestContext) -> bool:
        """False where no mail goes out: the account has changed, or over a limit.

        A taken address counts against the limits like any other, so that they don't tell either.
        """
        account = await self.accounts.with_id(connection, wish.account_id)
        if account is None or account.epoch != wish.epoch:
            return False
        if not await self.accounts.lock_exclusively(connection, account):
            return False
        sent = await ChangeRequests(connection).sent(account.id, context.at)
        if sent.open >= self.most_open or sent.within_hour >= self.most_per_hour:
            return False
        secret = new_secret(SecretKind.EMAIL_CHANGE)
        if await ChangeRequests(connection).answer(wish.id, digest(secret)):
            await self._send(connection, account, wish, secret, context)
        return True

    async def _send(
        self, connection: Connection, account: Account, wish: ChangeRequest, secret: SecretStr, context: RequestContext
    ) -> None:
        owner = await self.accounts.with_address(connection, wish.address.folded)
        if owner is not None and owner.id != account.id:
            if await self.accounts.lock_existence(connection, owner.id):
                await self._mail(connection, MailKind.EMAIL_CHANGE_TAKEN, owner, owner.address, context)
            return
        await self._mail(
            connection,
            MailKind.EMAIL_CHANGE,
            account,
            wish.address.text,
            context,
            give_up_at=wish.expires_at,
            token=secret.get_secret_value(),
            hours=max(1, self.life // timedelta(hours=1)),
            current=account.address,
        )

    async def confirm(self, secret: str, context: RequestContext) -> tuple[str, Revoked]:
        """By the link from the new mailbox: the address counts, everything older dies. Raises EmailTokenInvalid."""
        found = digest_if(secret, SecretKind.EMAIL_CHANGE)
        account, address = await self._follow(found, context.at)
        async with self.changes.by_link(account, context) as change:
            if found is None or change is None or not await ChangeRequests(change.connection).spend(found, context.at):
                raise EmailTokenInvalid
            try:
                revoked = await self._change(change, address, verified_at=context.at)
            except AddressTaken:
                raise EmailTokenInvalid from None
        return address.text, revoked

    async def _follow(self, found: bytes | None, at: datetime) -> tuple[Account, Address]:
        if found is None:
            raise EmailTokenInvalid
        async with self.database.autocommit() as connection:
            link = await ChangeRequests(connection).open_with(found, at)
            account = await self.accounts.with_id(connection, link[0]) if link else None
        if link is None or account is None or account.epoch != link[1]:
            raise EmailTokenInvalid
        return account, link[2]

    async def change_for_operator(self, change: Change, address: Address, details: Mapping[str, str]) -> None:
        """At once, and unverified; both mailboxes hear of it. Raises AddressTaken."""
        await self._change(change, address, verified_at=None, details=details)
        kind = MailKind.EMAIL_CHANGED_BY_ADMIN
        await self._mail(change.connection, kind, change.account, address.text, change.context)

    async def _change(
        self,
        change: Change,
        address: Address,
        *,
        verified_at: datetime | None,
        details: Mapping[str, str] | None = None,
    ) -> Revoked:
        """The old mailbox gets a link that takes it back. Raises AddressTaken."""
        connection, account = change.connection, change.account
        await self.accounts.set_address(connection, account, address, verified_at=verified_at)
        had = await self.authenticators.possessions_of(connection, account.id)
        secret = new_secret(SecretKind.EMAIL_CHANGE_UNDO)
        undo = Undo(account.id, account.epoch, Address(account.address, account.folded_address), had)
        await Undos(connection).add(digest(secret), undo, change.context.at + self.undo_life)
        await self._mail(
            connection,
            MailKind.EMAIL_CHANGED,
            account,
            account.address,
            change.context,
            token=secret.get_secret_value(),
            days=max(1, self.undo_life // timedelta(days=1)),
            new_address=address.text,
        )
        return await change.end(Record(EventType.EMAIL_CHANGED, details=details or {}))

    async def undo(self, secret: str, context: RequestContext) -> str:
        """By the link from the old mailbox: its address is back, and what came after it has ended.

        The password as well, which whoever changed the address knew. Raises EmailTokenInvalid.
        """
        found = digest_if(secret, SecretKind.EMAIL_CHANGE_UNDO)
        if found is None:
            raise EmailTokenInvalid
        async with self.database.autocommit() as connection:
            account_id = await Undos(connection).account_with(found, context.at)
        if account_id is None:
            raise EmailTokenInvalid
        try:
            async with self.changes.unconditionally(account_id, context) as change:
                undo = await Undos(change.connection).spend(found, context.at)
                if undo is None or not change.account.is_active:
                    raise EmailTokenInvalid
                await self._take_back(change, undo)
        except (NotFound, AddressTaken):
            raise EmailTokenInvalid from None
        return undo.address.text

    async def _take_back(self, change: Change, undo: Undo) -> None:
        """Raises AddressTaken."""
        connection, account = change.connection, change.account
        await self.accounts.set_address(connection, account, undo.address, verified_at=change.context.at)
        # The networks that the account was known by may be a stranger's.
        await self.attempts.forget(connection, undo.address.folded)
        await self.accounts.void_password(connection, account.id)
        await self.authenticators.remove_all_since(connection, account.id, undo.possessions, change.context.at)
        await self.clearing.cancel_by_undo(change)
        await change.end(Record(EventType.EMAIL_CHANGE_UNDONE))
        for mailbox in dict.fromkeys((undo.address.text, account.address)):
            await self._mail(
                connection, MailKind.EMAIL_CHANGE_UNDONE, account, mailbox, change.context, restored=undo.address.text
            )

    async def _mail(
        self,
        connection: Connection,
        kind: MailKind,
        account: Account,
        to: str,
        context: RequestContext,
        *,
        give_up_at: datetime | None = None,
        **facts: object,
    ) -> None:
        await self.outbox.queue(
            connection,
            kind,
            context,
            account_id=account.id,
            to=to,
            locale=account.locale,
            give_up_at=give_up_at,
            **facts,
        )

    async def _record(
        self, connection: Connection, event: EventType, account: Account, context: RequestContext
    ) -> None:
        await self.audit_log.record(connection, event, context, account_id=account.id)

    async def sweep(self, connection: Connection, at: datetime) -> None:
        await self.accounts.forget_pending_addresses(connection, await ChangeRequests(connection).delete_old(at), at)
        await Undos(connection).delete_old(at)
