"""Reauthentication as JSON."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from app.authentication import domain
from app.authentication.schemas import Grant
from app.http.schemas import PasswordIn, RequestModel, ResponseModel
from app.tokens.schemas import Revoked
from app.two_factor.authenticators.schemas import CredentialIn
from app.two_factor.schemas import CodeIn

ChallengeIn = Annotated[str, StringConstraints(min_length=1, max_length=256), Field(examples=["tkc_…"])]


class Reauthenticate(RequestModel):
    """Exactly one proof: `password`, or `code`, or `challenge` with `credential`."""

    password: PasswordIn | None = None
    code: CodeIn | None = None
    challenge: ChallengeIn | None = None
    credential: CredentialIn | None = None

    @model_validator(mode="after")
    def _is_one_proof(self) -> Self:
        proofs = (self.password, self.code, self.credential)
        if sum(proof is not None for proof in proofs) != 1 or (self.challenge is None) != (self.credential is None):
            message = "Send a password, or a code, or a challenge with its credential."
            raise ValueError(message)
        return self


class Reauthenticated(ResponseModel):
    grant: Grant
    revoked: Revoked

    @classmethod
    def of(cls, changed: domain.Changed) -> Self:
        return cls(grant=Grant.of(changed.grant), revoked=Revoked.of(changed.revoked))
