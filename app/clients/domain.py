"""Clients, their roles, and what can be refused to them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import SecretStr

from app.kernel.refusal import ClientRefused, Conflict, Malformed, NotAllowed, NotAuthenticated, StepUp
from app.tokens.domain import Assurance, Caller, Token


class Role(StrEnum):
    INTROSPECT = "introspect"
    ADMIN = "admin"
    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    EVENTS_READ = "events:read"
    IMPORT = "import"


_INCLUDED: Mapping[Role, frozenset[Role]] = {
    Role.ADMIN: frozenset({Role.ACCOUNTS_READ, Role.ACCOUNTS_WRITE, Role.EVENTS_READ, Role.IMPORT}),
    Role.ACCOUNTS_WRITE: frozenset({Role.ACCOUNTS_READ}),
}
"""What else a role may do. Nothing includes `introspect`: an operator's client learns of no token."""


@dataclass(frozen=True)
class Client:
    id: UUID
    name: str
    roles: frozenset[Role]
    created_at: datetime
    last_used_at: datetime | None = None
    has_old_secret: bool = False
    """Whether the secret of before the last rotation still works."""
    required_acr: Assurance | None = None
    """What a token must be proved by to be alive to this client."""

    def accepts(self, token: Token) -> bool:
        return self.required_acr in {None, Assurance.AAL1, token.assurance}

    def may(self, role: Role) -> bool:
        return any(role is own or role in _INCLUDED.get(own, ()) for own in self.roles)


@dataclass(frozen=True)
class MadeClient:
    """With its secret, shown once."""

    client: Client
    secret: SecretStr


@dataclass(frozen=True)
class Credentials:
    """What a client presents, well-formed and not yet checked."""

    client_id: UUID
    digest: bytes = field(repr=False)


@dataclass(frozen=True)
class IntrospectionRequest:
    """A client asks about a token; neither is known yet."""

    client_id: UUID
    client_digest: bytes = field(repr=False)
    token_digest: bytes = field(repr=False)


@dataclass(frozen=True)
class IntrospectionResult:
    """The client, if the secret is its own; the token's holder, if the token lives."""

    client: Client | None
    caller: Caller | None

    @property
    def holder(self) -> Caller | None:
        """None where the token is proved by less than the client requires."""
        if self.client is None or self.caller is None:
            return None
        return self.caller if self.client.accepts(self.caller.token) else None


@dataclass(frozen=True)
class Requirement:
    """How well a request must be proved to pass. `max_age` is in seconds."""

    acr: Assurance | None = None
    phishing_resistant: bool = False
    max_age: int | None = None


class InvalidClient(ClientRefused):
    code = "invalid_client"
    title = "The client's id or secret is wrong."


class InsufficientRole(NotAllowed):
    code = "insufficient_role"
    title = "This client does not have the role for that."


class InsufficientAuthentication(StepUp, NotAllowed):
    code = "insufficient_authentication"
    title = "This needs a log-in with two factors, or by a security key or passkey."


class ProofTooOld(StepUp, NotAuthenticated):
    """`auth_time` lies further back than the asking service takes (RFC 9470)."""

    code = "reauthentication_required"
    title = "This needs a newer proof; prove once more that it is you."


class MalformedForm(Malformed):
    """RFC 7662 §2.1 and RFC 7009 §2.1: the form must hold one `token`."""

    code = "invalid_request"
    title = "The form must hold `token`, once; a `client_ip` must be one address."


class TwoSecretsAlready(Conflict):
    code = "two_secrets_already"
    title = "This client has two secrets already. End the old one first, with --end-old."
