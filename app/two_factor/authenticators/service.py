"""The verbs of the list of authenticators: see, rename, remove; and to register a security key or passkey."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from pydantic import SecretStr

from app.accounts.domain import Account
from app.accounts.passwords import Passwords
from app.accounts.service import Accounts
from app.audit.domain import EventType
from app.audit.service import AuditLog
from app.authentication.change import Change, CredentialChange, Record
from app.authentication.domain import Changed, Grant
from app.database.engine import Connection, Database
from app.kernel.randomness import new_id, random_bytes
from app.kernel.refusal import NotFound
from app.kernel.request_context import RequestContext
from app.kernel.secret import SecretKind, digest, digest_if, new_secret
from app.mail.domain import MailKind
from app.tokens.domain import BY_PASSWORD_AND_CREDENTIAL, Caller, Revoked, require_fresh
from app.tokens.service import Tokens
from app.two_factor import webauthn
from app.two_factor.additions import Additions, Proved, Store
from app.two_factor.authenticators.domain import RegistrationRequest, Signal
from app.two_factor.credentials import CredentialVerifier
from app.two_factor.domain import (
    MOST_OF,
    PASSKEY_NAME,
    SECURITY_KEY_NAME,
    Added,
    Authenticator,
    Kind,
    Possessions,
    Registration,
    state_under,
)
from app.two_factor.enrolling import Enroller
from app.two_factor.refusals import (
    AuthenticatorExists,
    AuthenticatorLimitReached,
    LastAuthenticator,
    RegistrationExpired,
)
from app.two_factor.repository import Authenticators, Credentials, Registrations, SecondFactors
from app.two_factor.webauthn_options import creation_options

_REGISTRATION_LIFE = timedelta(seconds=300)
_PURPOSE = "registration"


@dataclass(frozen=True)
class AuthenticatorService:
    database: Database
    fresh_seconds: int
    party: webauthn.RelyingParty
    accounts: Accounts
    passwords: Passwords
    tokens: Tokens
    changes: CredentialChange
    additions: Additions
    credentials: CredentialVerifier
    audit_log: AuditLog

    async def all_of(self, caller: Caller) -> tuple[Sequence[Authenticator], Signal | None]:
        """Oldest first; and what tells a browser which passkeys are still good, once there was one."""
        account_id = caller.account.id
        async with self.database.autocommit() as connection:
            items = await Authenticators(connection).all_of(account_id)
            handle = await Credentials(connection).handle_once_used(account_id)
            known = await Credentials(connection).known_of(account_id)
        if handle is None:
            return items, None
        return items, Signal(self.party.id, handle, tuple(each.id for each in known))

    async def rename(self, caller: Caller, id: UUID, name: str, context: RequestContext) -> Authenticator:
        """Raises NotFound, InvalidToken."""
        async with self.database.transaction() as connection:
            await self.tokens.lock_caller(connection, caller)
            rows = Authenticators(connection)
            if not await rows.rename(caller.account.id, id, name):
                raise NotFound
            about = EventType.AUTHENTICATOR_RENAMED
            await self.audit_log.record(
                connection, about, context, account_id=caller.account.id, authenticator_id=str(id)
            )
            return await rows.get(caller.account.id, id)

    async def remove(self, caller: Caller, id: UUID, password: SecretStr, context: RequestContext) -> Changed:
        """Everything older dies with it; the caller goes on as proved as before.

        Raises ReauthenticationRequired, WrongPassword, NotFound, LastAuthenticator, InvalidToken.
        """
        account = caller.account
        require_fresh(caller, context.at, within_seconds=self.fresh_seconds)
        await self.passwords.reauthenticate(account, password, context)
        async with self.changes.by_caller(caller, context) as change:
            record = await self._remove(change, id)
            factor = await SecondFactors(change.connection).of(account.id)
            state = state_under(self.accounts.policy, change.account, factor, context.at)
            token = caller.token
            issued, revoked = await change.end_with_session(record, token.amr, token.authenticated_at)
        return Changed(Grant(issued, change.account, state), revoked)

    async def remove_for_operator(self, change: Change, id: UUID, reason: str) -> Revoked:
        """Raises NotFound, LastAuthenticator."""
        return await change.end(await self._remove(change, id, reason=reason))

    @staticmethod
    async def _remove(change: Change, id: UUID, **details: object) -> Record:
        rows, account_id = Authenticators(change.connection), change.account.id
        kind = await rows.remove(account_id, id)
        if kind is None:
            raise NotFound
        if not await rows.count(account_id):
            raise LastAuthenticator
        what = {"authenticator_id": str(id), "kind": kind.value}
        return Record(EventType.AUTHENTICATOR_REMOVED, MailKind.AUTHENTICATOR_REMOVED, what | details)

    async def possessions_of(self, connection: Connection, account_id: UUID) -> Possessions:
        items = await Authenticators(connection).all_of(account_id)
        digests = await SecondFactors(connection).recovery_code_digests(account_id)
        return Possessions(tuple(each.id for each in items), tuple(digests))

    async def remove_all_since(
        self, connection: Connection, account_id: UUID, before: Possessions, at: datetime
    ) -> None:
        """In a change that takes others back: what is still there of `before` stays, and nothing else.

        What an account had is compared, not when it came: a clock may have been set back.
        """
        await Authenticators(connection).remove_all_but(account_id, before.authenticator_ids)
        if await Authenticators(connection).count(account_id):
            await SecondFactors(connection).remove_recovery_codes_but(account_id, before.recovery_code_digests)
        elif await SecondFactors(connection).turn_off(account_id):
            await self.accounts.end_grace(connection, account_id, at)

    async def begin_registration(
        self, caller: Caller, password: SecretStr, name: str | None, context: RequestContext, *, passkey: bool
    ) -> RegistrationRequest:
        """Raises ReauthenticationRequired, WrongPassword, AuthenticatorLimitReached, InvalidToken."""
        account = caller.account
        require_fresh(caller, context.at, within_seconds=self.fresh_seconds)
        await self.passwords.reauthenticate(account, password, context)
        by = Enroller(account, caller.token.id, context.at, partial(self.tokens.lock_caller, caller=caller))
        return await self.begin(by, name, context.at, passkey=passkey)

    async def begin(self, by: Enroller, name: str | None, at: datetime, *, passkey: bool) -> RegistrationRequest:
        """Raises AuthenticatorLimitReached, and what the enroller's lock raises."""
        account = by.account
        name = name or (PASSKEY_NAME if passkey else SECURITY_KEY_NAME)
        secret = new_secret(SecretKind.REGISTRATION)
        registration = Registration(account.id, name, passkey, by.proved_at)
        async with self.database.transaction() as connection:
            await by.lock(connection)
            existing = await Credentials(connection).known_of(account.id)
            if len(existing) >= MOST_OF[Kind.WEBAUTHN]:
                raise AuthenticatorLimitReached
            handle = await Credentials(connection).user_handle_of(account.id, random_bytes(webauthn.USER_HANDLE_BYTES))
            expires_at = at + _REGISTRATION_LIFE
            await Registrations(connection).add(digest(secret), registration, account.epoch, expires_at)
        life = int(_REGISTRATION_LIFE.total_seconds())
        public_key = creation_options(
            self.party,
            challenge=webauthn.challenge_of(secret.get_secret_value(), _PURPOSE),
            user_handle=handle,
            user_name=account.address,
            existing=existing,
            passkey=passkey,
            seconds=life,
        )
        return RegistrationRequest(secret, life, public_key)

    async def register(self, caller: Caller, secret: str, answer: Mapping[str, Any], context: RequestContext) -> Added:
        """Raises RegistrationExpired, InvalidCredential, AuthenticatorExists, AuthenticatorLimitReached.

        Also InvalidToken.
        """
        account = caller.account
        store, proved = await self.verify(account, secret, answer, context)
        async with self.database.autocommit() as connection:
            factor = await SecondFactors(connection).of(account.id)
        if factor.is_enabled:
            return await self.additions.further(caller, Kind.WEBAUTHN, store, proved, context)
        return await self.additions.first(self.changes.by_caller(caller, context), store, proved, context.at)

    async def verify(
        self, account: Account, secret: str, answer: Mapping[str, Any], context: RequestContext
    ) -> tuple[Store, Proved]:
        """What stores the credential, and what it proves. The registration is spent whatever the answer is.

        Raises RegistrationExpired, InvalidCredential.
        """
        registration = await self._spend_registration(account, secret, context.at)
        async with self.credentials.refusing(account, context):
            registered = webauthn.verify_registration(
                self.party,
                answer,
                challenge=webauthn.challenge_of(secret, _PURPOSE),
                passkey=registration.passkey,
            )

        async def store(connection: Connection) -> UUID:
            id = new_id()
            party = self.party.id
            if not await Credentials(connection).add(id, registration, registered, party, context.at):
                raise AuthenticatorExists
            return id

        return store, Proved(BY_PASSWORD_AND_CREDENTIAL, registration.begun_at)

    async def _spend_registration(self, account: Account, secret: str, at: datetime) -> Registration:
        """Before the answer is parsed: a registration is good for one try. Raises RegistrationExpired."""
        found = digest_if(secret, SecretKind.REGISTRATION)
        if found is None:
            raise RegistrationExpired
        async with self.database.autocommit() as connection:
            registration = await Registrations(connection).spend(found, account.id, account.epoch, at)
        if registration is None:
            raise RegistrationExpired
        return registration
