"""Tokens as JSON."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from app.http.pages import NextCursor, Page, PageQuery
from app.http.schemas import IpOut, Methods, RequestModel, ResponseModel, Timestamp, UserAgentOut, printable
from app.kernel.network import read_allowed_network
from app.kernel.page import PageOf
from app.tokens import domain

_TEN_YEARS = 10 * 365 * 24 * 3600
_MOST_SCOPES = 20
_LONGEST_SCOPE = 256
_MOST_NETWORKS = 20
_LONGEST_NETWORK = 64


class Token(ResponseModel):
    """An authentication token without its secret. `amr` are authentication methods of RFC 8176."""

    id: UUID
    kind: Literal["session", "personal"]
    description: str | None = Field(description="Null for a session.", examples=[None])
    created_at: Timestamp
    expires_at: Timestamp | None
    last_used_at: Timestamp | None
    last_used_ip: IpOut
    last_used_user_agent: UserAgentOut
    user_agent: UserAgentOut
    extend_when_used: bool = Field(examples=[False])
    scopes: list[str] | None = Field(
        description="Words for the services that introspect the token; null where none were given.", examples=[None]
    )
    ip_allowlist: list[str] | None = Field(
        description="The addresses and networks that it works from; null: everywhere.", examples=[None]
    )
    amr: Methods
    current: bool

    @classmethod
    def of(cls, token: domain.Token, *, current: UUID | None) -> Self:
        return cls(
            id=token.id,
            kind=token.kind.value,
            description=token.description,
            created_at=token.created_at,
            expires_at=token.expires_at,
            last_used_at=token.last_used_at,
            last_used_ip=token.last_used_ip,
            last_used_user_agent=token.last_used_user_agent,
            user_agent=token.user_agent,
            extend_when_used=token.extend_when_used,
            scopes=None if token.scopes is None else list(token.scopes),
            ip_allowlist=None if token.ip_allowlist is None else list(token.ip_allowlist),
            amr=list(token.amr),
            current=token.id == current,
        )


class Revoked(ResponseModel):
    """How many live tokens the call ended, the calling one included where it died too."""

    sessions: int = Field(examples=[2])
    personal_tokens: int = Field(examples=[1])

    @classmethod
    def of(cls, revoked: domain.Revoked) -> Self:
        return cls(sessions=revoked.sessions, personal_tokens=revoked.personal_tokens)


class TokenCounts(ResponseModel):
    """All live tokens of the account, whatever the page shows."""

    sessions: int = Field(examples=[2])
    personal_tokens: int = Field(examples=[1])


class TokenPage(ResponseModel):
    items: list[Token]
    next_cursor: NextCursor
    counts: TokenCounts
    current: Token = Field(description="The calling token, whatever the page shows.")

    @classmethod
    def of(cls, query: PageQuery, found: domain.LiveTokens) -> Self:
        id = found.current.id
        items = [Token.of(token, current=id) for token in found.page.items]
        return cls(
            items=items,
            next_cursor=query.next_cursor(found.page),
            counts=TokenCounts(sessions=found.counts.sessions, personal_tokens=found.counts.personal_tokens),
            current=next((item for item in items if item.current), None) or Token.of(found.current, current=id),
        )


class AccountTokens(Page[Token]):
    """Somebody's live tokens, as an operator sees them: none of them is the calling one."""

    @classmethod
    def showing(cls, query: PageQuery, page: PageOf[domain.Token]) -> Self:
        items = [Token.of(token, current=None) for token in page.items]
        return cls(items=items, next_cursor=query.next_cursor(page))


DescriptionIn = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(printable),
    Field(examples=["Nightly backup"]),
]


# RFC 6749 §3.3.
ScopeIn = Annotated[str, StringConstraints(pattern=r"^[!#-\[\]-~]+$", max_length=_LONGEST_SCOPE)]
NetworkIn = Annotated[str, StringConstraints(max_length=_LONGEST_NETWORK), AfterValidator(read_allowed_network)]


class RenameToken(RequestModel):
    description: DescriptionIn


class CreateToken(RequestModel):
    description: DescriptionIn
    max_age_seconds: int | None = Field(default=None, ge=1, le=_TEN_YEARS, examples=[2592000])
    extend_when_used: bool = False
    scopes: list[ScopeIn] | None = Field(
        default=None,
        max_length=_MOST_SCOPES,
        description="Words for the services that introspect the token; they mean nothing here.",
        examples=[["orders:read"]],
    )
    ip_allowlist: list[NetworkIn] | None = Field(
        default=None,
        min_length=1,
        max_length=_MOST_NETWORKS,
        description="The addresses and networks that it works from.",
        examples=[["203.0.113.7", "2001:db8::/32"]],
    )

    def wanted(self) -> domain.PersonalTokenRequest:
        return domain.PersonalTokenRequest(
            description=self.description,
            max_age_seconds=self.max_age_seconds,
            extend_when_used=self.extend_when_used,
            scopes=None if self.scopes is None else tuple(self.scopes),
            ip_allowlist=None if self.ip_allowlist is None else tuple(self.ip_allowlist),
        )


class CreatedToken(ResponseModel):
    access_token: str = Field(examples=["tkp_…"])
    token: Token

    @classmethod
    def of(cls, issued: domain.IssuedToken) -> Self:
        return cls(access_token=issued.secret.get_secret_value(), token=Token.of(issued.token, current=None))


class RevokeAll(RequestModel):
    keep_current: bool = True


class RevokedAll(ResponseModel):
    revoked: Revoked
