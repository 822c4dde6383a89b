"""The tokens table. A token lives while its epoch is its account's; nothing else has to be remembered anywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Integer,
    LargeBinary,
    Uuid,
    and_,
    any_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    true,
    update,
)

from app.accounts.tables import COLUMNS as ACCOUNT_COLUMNS
from app.accounts.tables import LOCK_IF_UNCHANGED, account_of, accounts, unchanged
from app.database.compiled import CompiledStatement
from app.database.driver import Record
from app.database.engine import Connection
from app.kernel.page import PageOf, cut_page
from app.tokens.domain import Caller, Kind, LifeRules, Revoked, Token
from app.tokens.tables import COLUMNS, COUNTS, LAST_SIGN_OF_LIFE, LIVES, NOT_ENDED, living, token_of, tokens

_DELETE_DEAD = CompiledStatement("""
    WITH slice AS (
        SELECT id, credential_epoch FROM accounts WHERE id > CAST(:after AS uuid) ORDER BY id LIMIT :slice),
    deleted AS (
        DELETE FROM tokens WHERE id IN (
            SELECT t.id FROM slice JOIN tokens AS t ON t.account_id = slice.id
            WHERE t.epoch <> slice.credential_epoch OR t.expires_at <= :at
                OR (t.kind = 'session' AND coalesce(t.last_used_at, t.created_at) <= :idle_since)
            FOR UPDATE OF t SKIP LOCKED)
        RETURNING id
    )
    SELECT (SELECT count(*) FROM slice) AS looked_at, (SELECT count(*) FROM deleted) AS deleted,
        (SELECT id FROM slice ORDER BY id DESC LIMIT 1) AS last
""")
_with_account = tokens.join(accounts, accounts.c.id == tokens.c.account_id)
_holders = select(*ACCOUNT_COLUMNS, *COLUMNS, tokens.c.digest.label("token_digest")).select_from(_with_account)
_callers_with = CompiledStatement(
    _holders.where(tokens.c.digest == any_(bindparam("digests", type_=ARRAY(LargeBinary))), LIVES)
)
_holder_of = CompiledStatement(_holders.where(tokens.c.digest == bindparam("digest", type_=LargeBinary), NOT_ENDED))


_surplus = (
    select(tokens.c.id)
    .join(accounts, accounts.c.id == tokens.c.account_id)
    .where(tokens.c.account_id == bindparam("owner", type_=Uuid), tokens.c.kind == Kind.SESSION, LIVES)
    .order_by(LAST_SIGN_OF_LIFE.desc(), tokens.c.id.desc())
    .offset(bindparam("keep", type_=Integer))
)
_UNSET = {"last_used_at", "end_announced"}
_new = {each.name: bindparam(f"new_{each.name}", type_=each.type) for each in tokens.c if each.name not in _UNSET}
_locked = LOCK_IF_UNCHANGED.cte("locked")
_issued = insert(tokens).from_select(list(_new), select(*_new.values()).select_from(_locked)).cte("issued")
_surplus_gone = delete(tokens).where(tokens.c.id.in_(_surplus), exists(select(_locked.c.id)))
_died = _surplus_gone.returning(tokens.c.id).cte("died")
_add_session = CompiledStatement(
    select(_locked.c.id, _died.c.id.label("died")).select_from(_locked.outerjoin(_died, true())).add_cte(_issued)
)
_lock_unrevoked = CompiledStatement(
    select(tokens.c.id).where(tokens.c.id == bindparam("id", type_=Uuid)).with_for_update(read=True, key_share=True)
)


def caller_of(row: Record) -> Caller:
    """From a row that begins with the COLUMNS of the account and those of the token."""
    return Caller(account_of(row), token_of(row, len(ACCOUNT_COLUMNS)))


def _values(token: Token, account_id: UUID, epoch: int, digest: bytes) -> dict[str, object]:
    return {
        "id": token.id,
        "account_id": account_id,
        "epoch": epoch,
        "kind": token.kind,
        "digest": digest,
        "description": token.description,
        "amr": list(token.amr),
        "authenticated_at": token.authenticated_at,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "max_age_seconds": token.max_age_seconds,
        "extend_when_used": token.extend_when_used,
        "last_used_ip": token.last_used_ip,
        "user_agent": token.user_agent,
        "scopes": _list_of(token.scopes),
        "ip_allowlist": _list_of(token.ip_allowlist),
        "last_used_user_agent": token.last_used_user_agent,
    }


def _list_of(texts: tuple[str, ...] | None) -> list[str] | None:
    return None if texts is None else list(texts)


@dataclass(frozen=True)
class TokenRows:
    connection: Connection
    rules: LifeRules

    def _params(self, at: datetime) -> dict[str, object]:
        return living(self.rules, at)

    async def callers_with(self, digests: Sequence[bytes], at: datetime) -> Mapping[bytes, Record]:
        """The holders of those tokens that live, for `caller_of`: each by the digest that its own token has."""
        rows = await _callers_with.all(self.connection, self._params(at) | {"digests": digests})
        return {row.token_digest: row for row in rows}

    async def holder_of(self, digest: bytes, at: datetime) -> Caller | None:
        """Of a token that has not ended, one that is suspended included: it can be revoked."""
        row = await _holder_of.first(self.connection, self._params(at) | {"digest": digest})
        return caller_of(row) if row else None

    async def add(self, token: Token, *, account_id: UUID, epoch: int, digest: bytes) -> None:
        await self.connection.execute(insert(tokens), _values(token, account_id, epoch, digest))

    async def add_session(
        self, token: Token, *, account_id: UUID, epoch: int, digest: bytes, keep: int
    ) -> Sequence[UUID] | None:
        """Locks the account first; None, and nothing done, where it is no longer under this epoch.

        Sessions over the number to keep die, the longest unused first; returns their ids.
        """
        new = {f"new_{name}": value for name, value in _values(token, account_id, epoch, digest).items()}
        # The DELETE does not see the new session yet.
        surplus = {"owner": account_id, "keep": keep - 1, **self._params(token.created_at)}
        rows = await _add_session.all(self.connection, new | surplus | unchanged(account_id, epoch))
        return [row.died for row in rows if row.died] if rows else None

    async def lock_unrevoked(self, id: UUID) -> bool:
        """Keeps the token from being revoked until the transaction ends; False where it was."""
        return await _lock_unrevoked.first(self.connection, {"id": id}) is not None

    async def live_of(self, account_id: UUID, at: datetime, *, after: UUID | None, limit: int) -> PageOf[Token]:
        query = (
            select(*COLUMNS)
            .join(accounts, accounts.c.id == tokens.c.account_id)
            .where(tokens.c.account_id == account_id, LIVES)
            .order_by(tokens.c.id.desc())
            .limit(limit + 1)
        )
        if after is not None:
            query = query.where(tokens.c.id < after)
        rows = [token_of(row) for row in await self.connection.execute(query, self._params(at))]
        return cut_page(rows, limit, lambda token: token.id)

    async def count_live(self, account_id: UUID, at: datetime) -> Revoked:
        """How many tokens an end of all would end."""
        return await self._count(account_id, LIVES, at)

    async def count_outlived(self, account_id: UUID, at: datetime) -> Revoked:
        """How many tokens lived until the epoch was bumped, which it did once in this transaction."""
        ended = and_(tokens.c.epoch == accounts.c.credential_epoch - 1, COUNTS)
        return await self._count(account_id, ended, at)

    async def _count(self, account_id: UUID, which: ColumnElement[bool], at: datetime) -> Revoked:
        query = (
            select(tokens.c.kind, func.count())
            .join(accounts, accounts.c.id == tokens.c.account_id)
            .where(tokens.c.account_id == account_id, which)
            .group_by(tokens.c.kind)
        )
        counted: dict[str, int] = {row[0]: row[1] for row in await self.connection.execute(query, self._params(at))}
        return Revoked(counted.get(Kind.SESSION, 0), counted.get(Kind.PERSONAL, 0))

    async def rename(self, id: UUID, account_id: UUID, description: str, at: datetime) -> Token | None:
        """None where the account has no such live personal token."""
        live = select(tokens.c.id).join(accounts, accounts.c.id == tokens.c.account_id).where(LIVES)
        mine = (tokens.c.id == id) & (tokens.c.account_id == account_id) & (tokens.c.kind == Kind.PERSONAL)
        renamed = update(tokens).where(mine, tokens.c.id.in_(live)).values(description=description)
        row = (await self.connection.execute(renamed.returning(*COLUMNS), self._params(at))).first()
        return token_of(row) if row else None

    async def revoke(self, id: UUID, account_id: UUID, at: datetime) -> tuple[Kind, str | None] | None:
        """What it was: its kind and description. None where the account has no such token, or it has ended."""
        not_ended = select(tokens.c.id).join(accounts, accounts.c.id == tokens.c.account_id).where(NOT_ENDED)
        mine = (tokens.c.id == id) & (tokens.c.account_id == account_id)
        statement = delete(tokens).where(mine, tokens.c.id.in_(not_ended))
        returning = statement.returning(tokens.c.kind, tokens.c.description)
        row = (await self.connection.execute(returning, self._params(at))).first()
        return (Kind(row.kind), row.description) if row else None

    async def revoke_all_but(self, kept: UUID, account_id: UUID, at: datetime) -> tuple[Revoked, Sequence[UUID]]:
        """How many tokens that ended, and which."""
        live = select(tokens.c.id).join(accounts, accounts.c.id == tokens.c.account_id).where(LIVES)
        statement = delete(tokens).where(
            tokens.c.account_id == account_id,
            tokens.c.id != kept,
            tokens.c.id.in_(live.where(tokens.c.account_id == account_id)),
        )
        returning = statement.returning(tokens.c.id, tokens.c.kind)
        ended = {row.id: row.kind for row in await self.connection.execute(returning, self._params(at))}
        kinds = list(ended.values())
        return Revoked(kinds.count(Kind.SESSION), kinds.count(Kind.PERSONAL)), sorted(ended)

    async def delete_dead(self, after: UUID, at: datetime, *, slice: int) -> tuple[int, int, UUID | None]:
        """Of the next accounts in the order of their ids: how many they were, how many tokens went, and the last id."""
        params = {"after": after, "at": at, "idle_since": at - self.rules.idle, "slice": slice}
        [row] = await _DELETE_DEAD.all(self.connection, params)
        return row.looked_at, row.deleted, row.last
