"""What an import takes and answers, line by line, and how far the old hashes have gone."""

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field

from app.http.ndjson import lines_of
from app.http.schemas import ResponseModel
from app.imports import domain

_LINE = {
    "external_id": "u-4711",
    "email": "ada@example.com",
    "email_verified": True,
    "created_at": "2019-05-01T00:00:00Z",
    "status": "active",
    "password": {"hash": "pbkdf2_sha256$870000$…"},
    "two_factor": {"totp": [{"otpauth_uri": "otpauth://totp/…", "name": "Phone"}]},
}


class LineProblem(ResponseModel):
    pointer: str = Field(description="A JSON pointer (RFC 6901) into the line.", examples=["/password/hash"])
    code: str = Field(examples=["hash_too_costly"])
    message: str


class LineResult(ResponseModel):
    """One line of the answer; the last one is `{"total": {…}}`, the number of lines by result."""

    line: int = Field(description="Counted from 1.")
    external_id: str | None
    result: domain.Result
    account_id: str | None
    password: Literal["kept", "wrapped", "none"]
    two_factor: Literal["enabled", "none", "unsupported"]
    problems: list[LineProblem]


class ImportStatus(ResponseModel):
    accounts: int = Field(description="All accounts.", examples=[100000])
    by_scheme: Mapping[str, int] = Field(
        description="Accounts whose password hash is still the other system's, by its format.",
        examples=[{"bcrypt": 4711, "phpass": 12}],
    )
    never_logged_in: int = Field(description="Imported accounts that nobody has logged in to.", examples=[4723])

    @classmethod
    def of(cls, status: domain.ImportStatus) -> Self:
        return cls(**vars(status))


_RESULT = LineResult(
    line=1,
    external_id="u-4711",
    result=domain.Result.CREATED,
    account_id="0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6",
    password="kept",
    two_factor="enabled",
    problems=[],
)
TAKES_LINES: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": lines_of(
            "One account a line, as docs/tutorials/move-in.md describes it; at most 1,000 lines, 4 MiB.", _LINE
        ),
    }
}
ANSWERS_LINES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A result for each line, as soon as it is known, and a last line with the totals.",
        "content": lines_of('One `LineResult` a line; the last is `{"total": {…}}`.', _RESULT.model_dump(mode="json")),
    }
}
