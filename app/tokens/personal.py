"""Personal tokens: creating and renaming them. They are checked, listed and revoked as sessions are."""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.database.engine import Connection, Database
from app.kernel.randomness import new_id
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest, new_secret
from app.mail.domain import MailKind
from app.mail.service import Outbox
from app.tokens.domain import (
    Caller,
    IssuedToken,
    Kind,
    PersonalTokenRequest,
    Token,
    TokenLimitReached,
    require_fresh,
    require_session,
)
from app.tokens.service import Tokens


@dataclass(frozen=True)
class PersonalTokens:
    database: Database
    fresh_seconds: int
    most: int
    tokens: Tokens
    audit_log: AuditLog
    outbox: Outbox

    async def create(self, caller: Caller, wanted: PersonalTokenRequest, context: RequestContext) -> IssuedToken:
        """Proved as well and as long ago as the session that asked for it.

        Raises SessionRequired, ReauthenticationRequired, TokenLimitReached, InvalidToken.
        """
        require_session(caller)
        account = caller.account
        require_fresh(caller, context.at, within_seconds=self.fresh_seconds)
        secret, token = new_secret(SecretKind.PERSONAL), _new_token(caller, wanted, context)
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller, exclusively=True)
            rows = self.tokens.rows(connection)
            living = await rows.count_live(account.id, context.at)
            if living.personal_tokens >= self.most:
                raise TokenLimitReached
            await rows.add(token, account_id=account.id, epoch=account.epoch, digest=digest(secret))
            await self._tell(connection, caller, token, context)
        return IssuedToken(secret, token)

    async def _tell(self, connection: Connection, caller: Caller, token: Token, context: RequestContext) -> None:
        account = caller.account
        await self.audit_log.record(
            connection,
            EventType.TOKEN_CREATED,
            context,
            account_id=account.id,
            token_id=str(token.id),
            kind=token.kind.value,
            description=token.description,
            amr=list(token.amr),
        )
        await self.outbox.queue(
            connection,
            MailKind.PERSONAL_TOKEN_CREATED,
            context,
            account_id=account.id,
            to=account.address,
            locale=account.locale,
            description=token.description,
        )

    async def rename(self, caller: Caller, id: UUID, description: str, context: RequestContext) -> Token:
        """One's own. Raises SessionRequired, InvalidToken, NotFound."""
        require_session(caller)
        account = caller.account
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller)
            token = await self.tokens.rows(connection).rename(id, account.id, description, context.at)
            if token is None:
                raise NotFound
            await self.audit_log.record(
                connection,
                EventType.TOKEN_RENAMED,
                context,
                account_id=account.id,
                token_id=str(id),
                description=description,
            )
        return token


def _new_token(caller: Caller, wanted: PersonalTokenRequest, context: RequestContext) -> Token:
    end = context.at + timedelta(seconds=wanted.max_age_seconds) if wanted.max_age_seconds else None
    return Token(
        id=new_id(),
        kind=Kind.PERSONAL,
        description=wanted.description,
        amr=caller.token.amr,
        authenticated_at=caller.token.authenticated_at,
        created_at=context.at,
        expires_at=end,
        ends_at=end,
        last_used_at=None,
        last_used_ip=None,
        user_agent=context.requester.user_agent,
        max_age_seconds=wanted.max_age_seconds,
        extend_when_used=wanted.extend_when_used,
        scopes=wanted.scopes,
        ip_allowlist=wanted.ip_allowlist,
    )
