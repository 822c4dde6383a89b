"""The public settings as JSON."""

from typing import Literal, Self

from pydantic import Field

from app.http.schemas import ResponseModel
from app.settings import PasswordResetPolicy, Settings

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
    two_factor_policy: Literal["optional", "required"] = "optional"
    passkey_login: bool = Field(description="Whether `/v1/login/passkey` is there.", examples=[True])
    session_max_seconds: int = Field(examples=[86400])
    locales: list[str] = Field(
        description="BCP 47 tags of the languages that the mails are written in.", examples=[["en"]]
    )
    support_url: str | None = Field(description="Where people get help.", examples=["https://example.com/support"])
    accent_color: str | None = Field(description="`#rrggbb`.", examples=["#0a7d5a"])
    logo_url: str | None = Field(examples=["https://login.example.com/v1/config/logo"])

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(
            issuer=settings.issuer,
            password_min_length=settings.password_min_length,
            password_reset_seconds=settings.password_reset_seconds,
            password_reset_policy=settings.password_reset_policy,
            disable_requires_code=settings.disable_requires_code,
            passkey_login=settings.passkey_login,
            session_max_seconds=settings.session_max_seconds,
            locales=["en"],
            support_url=settings.support_url,
            accent_color=settings.accent_color,
            logo_url=settings.public_url + LOGO_PATH if settings.logo else None,
        )
