"""Authenticators, and registering a security key or passkey, as JSON."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints

from app.http.schemas import PasswordIn, RequestModel, ResponseModel
from app.two_factor import assertions, domain
from app.two_factor.authenticators import domain as registering
from app.two_factor.schemas import Authenticator, NameIn
from app.two_factor.webauthn import encode

CredentialIn = Annotated[
    dict[str, Any],
    Field(
        description="`PublicKeyCredential.toJSON()` as the browser gives it.",
        examples=[{"id": "…", "rawId": "…", "type": "public-key", "response": {}}],
    ),
]
PublicKeyOut = Annotated[Mapping[str, Any], Field(examples=[{"challenge": "…", "rpId": "example.com"}])]


class Signal(ResponseModel):
    """For `PublicKeyCredential.signalAllAcceptedCredentials()`, so that a removed passkey vanishes from the phone."""

    rp_id: str = Field(examples=["example.com"])
    user_handle: str = Field(examples=["cmFuZG9tIGJ5dGVz"])
    accepted_credential_ids: list[str] = Field(examples=[["Y3JlZGVudGlhbA"]])

    @classmethod
    def of(cls, signal: registering.Signal) -> Self:
        return cls(
            rp_id=signal.rp_id,
            user_handle=encode(signal.user_handle),
            accepted_credential_ids=[encode(id) for id in signal.accepted_credential_ids],
        )


class AuthenticatorList(ResponseModel):
    items: list[Authenticator]
    signal: Signal | None = Field(description="Null until the account had a security key or passkey.")

    @classmethod
    def of(cls, items: Sequence[domain.Authenticator], signal: registering.Signal | None) -> Self:
        return cls(items=[Authenticator.of(each) for each in items], signal=Signal.of(signal) if signal else None)


class RenameAuthenticator(RequestModel):
    name: NameIn


class RemoveAuthenticator(RequestModel):
    password: PasswordIn


class BeginRegistration(RequestModel):
    password: PasswordIn
    name: NameIn | None = None
    passkey: bool = Field(default=False, description="One that logs in without a password.")


class RegistrationRequest(ResponseModel):
    registration: str = Field(examples=["tkw_…"])
    expires_in: int = Field(examples=[300])
    public_key: PublicKeyOut = Field(description="For `PublicKeyCredential.parseCreationOptionsFromJSON()`.")

    @classmethod
    def of(cls, request: registering.RegistrationRequest) -> Self:
        return cls(
            registration=request.secret.get_secret_value(),
            expires_in=request.expires_in,
            public_key=request.public_key,
        )


class Register(RequestModel):
    registration: Annotated[str, StringConstraints(min_length=1, max_length=256)] = Field(examples=["tkw_…"])
    credential: CredentialIn


class NoMembers(RequestModel):
    """An empty object."""


class AssertionRequest(ResponseModel):
    challenge: str = Field(examples=["tkc_…"])
    expires_in: int = Field(examples=[300])
    public_key: PublicKeyOut = Field(description="For `PublicKeyCredential.parseRequestOptionsFromJSON()`.")

    @classmethod
    def of(cls, request: assertions.AssertionRequest) -> Self:
        return cls(
            challenge=request.challenge.get_secret_value(),
            expires_in=request.expires_in,
            public_key=request.public_key,
        )
