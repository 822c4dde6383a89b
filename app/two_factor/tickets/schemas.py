"""Enrolling at log-in as JSON."""

from typing import Annotated

from pydantic import Field, StringConstraints

from app.http.schemas import RequestModel
from app.two_factor.authenticators.schemas import CredentialIn
from app.two_factor.schemas import CodeIn, NameIn

TicketIn = Annotated[str, StringConstraints(min_length=1, max_length=256), Field(examples=["tke_…"])]


class BeginByTicket(RequestModel):
    ticket: TicketIn
    name: NameIn | None = None


class ConfirmByTicket(RequestModel):
    ticket: TicketIn
    code: CodeIn


class BeginRegistrationByTicket(RequestModel):
    ticket: TicketIn
    name: NameIn | None = None
    passkey: bool = Field(default=False, description="One that logs in without a password.")


class RegisterByTicket(RequestModel):
    ticket: TicketIn
    registration: Annotated[str, StringConstraints(min_length=1, max_length=256)] = Field(examples=["tkw_…"])
    credential: CredentialIn
