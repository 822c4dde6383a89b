"""Cancelling a clearing as JSON."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from app.http.schemas import RequestModel, ResponseModel


class CancelClearing(RequestModel):
    token: Annotated[str, StringConstraints(min_length=1, max_length=256), Field(examples=["tkx_…"])]


class TwoFactorKept(ResponseModel):
    """Two-factor authentication stays on. Log-in needs another password reset."""

    two_factor: Literal["kept"] = "kept"
