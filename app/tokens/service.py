"""The verbs of tokens: check, issue a session, list, revoke."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from app.accounts.domain import Account
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.clock import Clock
from app.kernel.page import PageOf
from app.kernel.randomness import new_id
from app.kernel.refusal import InvalidToken, NotFound, Unavailable
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest, digest_if, new_secret
from app.tokens.batcher import CallerBatcher, ListBatcher
from app.tokens.domain import (
    AccountChanged,
    Caller,
    IssuedToken,
    Kind,
    LifeRules,
    ListRequest,
    LiveTokens,
    Revoked,
    Token,
    Use,
    require_session,
)
from app.tokens.repository import TokenRows
from app.tokens.uses import TokenUses

# Uses are written once a second. One that moves an end this near is written before its answer: a token in steady use
# must not look dead to another process meanwhile.
_WRITTEN_AT_ONCE = timedelta(seconds=10)


@dataclass(frozen=True)
class Tokens:
    database: Database
    clock: Clock
    longest: timedelta
    most_sessions: int
    accounts: Accounts
    audit_log: AuditLog
    rules: LifeRules
    callers: CallerBatcher
    lists: ListBatcher
    uses: TokenUses

    def rows(self, connection: Connection) -> TokenRows:
        return TokenRows(connection, self.rules)

    async def check(self, secret: str, context: RequestContext) -> Caller:
        """Who holds this token, by a statement that may answer others as well, and notes the use.

        Raises InvalidToken, from elsewhere as well.
        """
        found = digest_if(secret, SecretKind.SESSION, SecretKind.PERSONAL)
        if found is None:
            raise InvalidToken
        caller = await self.callers.ask(found)
        if caller is None or not caller.token.works_from(context.requester.address):
            raise InvalidToken
        await self.note_use(caller, context)
        return caller

    async def note_use(self, caller: Caller, context: RequestContext) -> Use:
        """It is kept until the worker writes it a moment later, and written at once where the token's end is near."""
        use = Use(context.at, context.requester.address, context.requester.user_agent)
        self.uses.note(caller.token.id, use)
        if caller.token.ends_within(_WRITTEN_AT_ONCE, context.at):
            # A database that can be read but not written still answers; the uses wait for it.
            with suppress(Unavailable):
                await self.uses.write()
        return use

    async def issue_session(
        self,
        connection: Connection,
        account: Account,
        amr: Sequence[str],
        authenticated_at: datetime,
        context: RequestContext,
    ) -> IssuedToken:
        """A session under the epoch that was read; locks the account first. `authenticated_at` is the oldest proof's.

        Raises AccountChanged.
        """
        secret = new_secret(SecretKind.SESSION)
        token = self._new_session(amr, authenticated_at, context)
        surplus = await self.rows(connection).add_session(
            token,
            account_id=account.id,
            epoch=account.epoch,
            digest=digest(secret),
            keep=self.most_sessions,
        )
        if surplus is None:
            raise AccountChanged
        for id in surplus:
            await self._record_revoked(connection, account.id, id, Kind.SESSION, context, reason="too_many")
        return IssuedToken(secret, token)

    def _new_session(self, amr: Sequence[str], authenticated_at: datetime, context: RequestContext) -> Token:
        end = context.at + self.longest
        return Token(
            id=new_id(),
            kind=Kind.SESSION,
            description=None,
            amr=tuple(amr),
            authenticated_at=authenticated_at,
            created_at=context.at,
            expires_at=end,
            ends_at=min(end, context.at + self.rules.idle),
            last_used_at=None,
            last_used_ip=context.requester.address,
            last_used_user_agent=context.requester.user_agent,
            user_agent=context.requester.user_agent,
            max_age_seconds=None,
            extend_when_used=False,
        )

    async def lock_unrevoked(self, connection: Connection, token_id: UUID) -> bool:
        """Keeps a token from being revoked until the transaction ends; False where it was."""
        return await self.rows(connection).lock_unrevoked(token_id)

    async def lock_caller(self, connection: Connection, caller: Caller, *, exclusively: bool = False) -> None:
        """First in every act that a token starts and that bumps no epoch: locks its account, then the token itself.

        `exclusively` keeps other transactions of the account out, for what must be counted. Raises InvalidToken.
        """
        lock = self.accounts.lock_exclusively if exclusively else self.accounts.lock_if_unchanged
        if not await lock(connection, caller.account) or not await self.lock_unrevoked(connection, caller.token.id):
            raise InvalidToken

    async def count_outlived(self, connection: Connection, account_id: UUID, at: datetime) -> Revoked:
        """How many tokens lived until the epoch was bumped, which it was once in this transaction."""
        return await self.rows(connection).count_outlived(account_id, at)

    async def list_live(
        self, caller: Caller, *, kind: Kind | None = None, after: UUID | None, limit: int
    ) -> LiveTokens:
        """Newest first, with the uses that this process knows of, the calling one included. Raises InvalidToken."""
        with_uses = self.uses.unwritten()
        found = await self.lists.ask(ListRequest(caller.account.id, caller.token.id, kind, after, limit))
        if found is None:
            raise InvalidToken
        return found.with_each(with_uses)

    async def live_of(
        self, connection: Connection, account_id: UUID, *, after: UUID | None, limit: int
    ) -> PageOf[Token]:
        """Newest first, of both kinds."""
        at = self.clock.now()
        return await self.rows(connection).live_of(account_id, at, after=after, limit=limit)

    async def revoke(self, caller: Caller, id: UUID, context: RequestContext) -> None:
        """One's own token. Raises SessionRequired, InvalidToken; NotFound for a dead one, and another account's."""
        require_session(caller)
        async with self.database.transaction() as connection:
            await self.lock_caller(connection, caller)
            await self.revoke_one(connection, caller.account, id, context, reason="revoked")

    async def log_out(self, caller: Caller, context: RequestContext) -> None:
        """Revokes the calling token. Raises InvalidToken where it has died meanwhile."""
        try:
            async with self.database.transaction() as connection:
                await self.revoke_one(connection, caller.account, caller.token.id, context, reason="logout")
        except NotFound:
            raise InvalidToken from None

    async def replace_session(
        self,
        connection: Connection,
        caller: Caller,
        amr: Sequence[str],
        authenticated_at: datetime,
        context: RequestContext,
        *,
        reason: str,
    ) -> tuple[IssuedToken, Revoked]:
        """A session takes the place of the calling one, which `lock_caller` has locked. Raises InvalidToken."""
        try:
            await self.revoke_one(connection, caller.account, caller.token.id, context, reason=reason)
        except NotFound:
            raise InvalidToken from None
        issued = await self.issue_session(connection, caller.account, amr, authenticated_at, context)
        return issued, Revoked(sessions=1)

    async def revoke_by_secret(self, secret: str, context: RequestContext) -> None:
        """RFC 7009: what is no token any more is as good as revoked. One that is suspended never comes back."""
        found = digest_if(secret, SecretKind.SESSION, SecretKind.PERSONAL)
        if found is None:
            return
        async with self.database.autocommit() as connection:
            caller = await self.rows(connection).holder_of(found, context.at)
        if caller is None:
            return
        with suppress(NotFound):
            async with self.database.transaction() as connection:
                await self.revoke_one(connection, caller.account, caller.token.id, context, reason="revoked_by_client")

    async def revoke_one(
        self, connection: Connection, account: Account, id: UUID, context: RequestContext, *, reason: str
    ) -> None:
        """In the caller's transaction. Raises NotFound where the account has no such live token."""
        revoked = await self.rows(connection).revoke(id, account.id, context.at)
        if revoked is None:
            raise NotFound
        kind, description = revoked
        named = {} if description is None else {"description": description}
        await self._record_revoked(connection, account.id, id, kind, context, reason=reason, **named)

    async def _record_revoked(
        self,
        connection: Connection,
        account_id: UUID,
        id: UUID,
        kind: Kind,
        context: RequestContext,
        *,
        reason: str,
        **named: str,
    ) -> None:
        await self.audit_log.record(
            connection,
            EventType.TOKEN_REVOKED,
            context,
            account_id=account_id,
            token_id=str(id),
            kind=kind.value,
            reason=reason,
            **named,
        )
        self.uses.forget(id)

    async def revoke_others(self, caller: Caller, context: RequestContext) -> Revoked:
        """All tokens but the calling one. Raises SessionRequired, InvalidToken."""
        require_session(caller)
        account = caller.account
        async with self.database.transaction() as connection:
            await self.lock_caller(connection, caller, exclusively=True)
            revoked, ids = await self.rows(connection).revoke_all_but(caller.token.id, account.id, context.at)
            await self.audit_log.record(
                connection,
                EventType.TOKENS_REVOKED,
                context,
                account_id=account.id,
                reason="revoke_others",
                revoked=revoked.as_details(),
                token_ids=[str(id) for id in ids],
            )
        return revoked
