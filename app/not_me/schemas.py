"""The link "This wasn't me" as JSON."""

from typing import Annotated

from pydantic import Field, StringConstraints

from app.http.schemas import RequestModel, ResponseModel
from app.tokens.schemas import Revoked


class ReportNotMe(RequestModel):
    token: Annotated[str, StringConstraints(min_length=1, max_length=256), Field(examples=["tkn_…"])]


class NotMeReported(ResponseModel):
    revoked: Revoked
