"""A change of address as JSON."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints

from app.email_change import domain
from app.http.schemas import AddressIn, AddressOut, PasswordIn, RequestModel, ResponseModel, Timestamp
from app.tokens.schemas import Revoked

_Link = StringConstraints(min_length=1, max_length=256)


class RequestEmailChange(RequestModel):
    new_email: AddressIn
    password: PasswordIn


class EmailChangeRequested(ResponseModel):
    """Always the same, whoever has the address."""

    pending_email: AddressOut
    expires_at: Timestamp

    @classmethod
    def of(cls, pending: domain.Pending) -> Self:
        return cls(pending_email=pending.address, expires_at=pending.expires_at)


class ConfirmEmailChange(RequestModel):
    token: Annotated[str, _Link, Field(examples=["tkm_…"])]


class EmailChanged(ResponseModel):
    """No token is issued: log in with the new address."""

    email: AddressOut
    revoked: Revoked


class UndoEmailChange(RequestModel):
    token: Annotated[str, _Link, Field(examples=["tku_…"])]


class EmailChangeUndone(ResponseModel):
    """Ask for a reset link for this address: the account has no password any more."""

    email: AddressOut
