"""The public settings as JSON."""

from typing import Self

from pydantic import Field

from app.http.schemas import AddressIn, PasswordIn, RequestModel, ResponseModel
from app.security.password_rules import Judgement
from app.settings import PasswordResetPolicy, Settings, TwoFactorPolicy

LOGO_PATH = "/v1/config/logo"


class FrontendConfig(ResponseModel):
    """What a frontend must know to say true sentences. Lifetimes are whole seconds."""

    issuer: str = Field(description="The name that an authenticator app and the mails show.", examples=["Twokeys"])
    password_min_length: int = Field(examples=[8])
    password_reset_seconds: int = Field(description="How long a reset link lives.", examples=[1800])
    password_reset_policy: PasswordResetPolicy = Field(
        description="What a password reset does to two-factor authentication."
    )
    disable_requires_code: bool = Field(examples=[False])
    two_factor_policy: TwoFactorPolicy = Field(description="Whether accounts must have two-factor authentication.")
    passkey_login: bool = Field(description="Whether `/v1/login/passkey` is there.", examples=[True])
    session_idle_seconds: int = Field(description="A session ends after this long without use.", examples=[3600])
    session_max_seconds: int = Field(examples=[86400])
    locales: list[str] = Field(
        description="BCP 47 tags of the languages that the mails are written in.", examples=[["en", "de"]]
    )
    support_url: str | None = Field(description="Where people get help.", examples=["https://example.com/support"])
    privacy_url: str | None = Field(
        description="Where people read what becomes of their data.", examples=["https://example.com/privacy"]
    )
    accent_color: str | None = Field(description="`#rrggbb`.", examples=["#0a7d5a"])
    logo_url: str | None = Field(examples=["https://login.example.com/v1/config/logo"])

    @classmethod
    def of(cls, settings: Settings, locales: list[str]) -> Self:
        return cls(
            issuer=settings.issuer,
            password_min_length=settings.password_min_length,
            password_reset_seconds=settings.password_reset_seconds,
            password_reset_policy=settings.password_reset_policy,
            disable_requires_code=settings.disable_requires_code,
            two_factor_policy=settings.two_factor_policy,
            passkey_login=settings.passkey_login,
            session_idle_seconds=settings.session_idle_seconds,
            session_max_seconds=settings.session_max_seconds,
            locales=locales,
            support_url=settings.support_url,
            privacy_url=settings.privacy_url,
            accent_color=settings.accent_color,
            logo_url=settings.public_url + LOGO_PATH if settings.logo else None,
        )


class JudgePassword(RequestModel):
    password: PasswordIn
    email: AddressIn | None = None


class PasswordStrength(ResponseModel):
    """`score` is zxcvbn's, from 0 (guessed at once) to 4; `message` says why the password will not do."""

    acceptable: bool
    score: int = Field(ge=0, le=4, examples=[3])
    message: str = Field(examples=[""])

    @classmethod
    def of(cls, judgement: Judgement) -> Self:
        return cls(acceptable=judgement.weakness is None, score=judgement.score, message=judgement.weakness or "")


class AuthorizationServer(ResponseModel):
    """RFC 8414, of which only what we have is told."""

    issuer: str = Field(examples=["https://id.example.com"])
    introspection_endpoint: str = Field(examples=["https://id.example.com/v1/introspect"])
    introspection_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    revocation_endpoint: str = Field(examples=["https://id.example.com/v1/revoke"])
    revocation_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    response_types_supported: tuple[str, ...] = ()

    @classmethod
    def of(cls, public_url: str) -> Self:
        return cls(
            issuer=public_url,
            introspection_endpoint=f"{public_url}/v1/introspect",
            revocation_endpoint=f"{public_url}/v1/revoke",
        )
