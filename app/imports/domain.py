"""One line of an import: what it brings, what comes of it, and why it may be refused. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import SecretStr

from app.accounts.domain import Address, Status
from app.security.foreign_hashes.bounds import ForeignHash
from app.security.foreign_hashes.fast import FastHash
from app.two_factor.domain import AppSecret

MOST_AUTHENTICATORS = 3


class Result(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    WOULD_CREATE = "would_create"
    WOULD_UPDATE = "would_update"
    REFUSED = "refused"


@dataclass(frozen=True)
class LineProblem:
    """What is wrong where in a line. The message never repeats a value."""

    pointer: str
    code: str
    message: str


class LineRefused(Exception):
    """Nothing of this line is taken."""

    def __init__(self, *problems: LineProblem) -> None:
        super().__init__()
        self.problems = problems


@dataclass(frozen=True)
class PlainPassword:
    text: SecretStr


Password = ForeignHash | FastHash | PlainPassword | None


@dataclass(frozen=True)
class Candidate:
    """A line that reads well; `identity` is what makes two lines the same."""

    number: int
    external_id: str | None
    address: Address
    email_verified: bool
    created_at: datetime | None
    status: Status
    locale: str | None
    password: Password
    apps: tuple[AppSecret, ...]
    problems: tuple[LineProblem, ...]
    identity: bytes = field(repr=False)

    @property
    def password_result(self) -> str:
        if self.password is None:
            return "none"
        return "wrapped" if isinstance(self.password, FastHash) else "kept"

    @property
    def two_factor_result(self) -> str:
        if self.apps:
            return "enabled"
        return "unsupported" if self.problems else "none"


@dataclass(frozen=True)
class Known:
    """An account that has the external id or the address of a line; the import's own facts where it made it."""

    id: UUID
    external_id: str | None
    folded_address: str
    epoch: int
    has_logged_in: bool
    fingerprint: bytes | None = field(repr=False)
    imported_epoch: int | None
    exists: bool = True
    """False for an account that only an earlier line of a dry run would have made."""

    @property
    def shown_id(self) -> UUID | None:
        return self.id if self.exists else None

    @property
    def is_in_use(self) -> bool:
        """Whether its owner, or an operator, has done something to it here that a repeated import must not undo."""
        return self.has_logged_in or self.epoch != self.imported_epoch


@dataclass(frozen=True)
class Change:
    """What a line will do: make an account, or change the one that an earlier line made."""

    candidate: Candidate
    known: Known | None


@dataclass(frozen=True)
class Outcome:
    """What came of a line."""

    line: int
    external_id: str | None
    result: Result
    account_id: UUID | None = None
    password: str = "none"
    two_factor: str = "none"
    problems: Sequence[LineProblem] = ()

    @classmethod
    def of(cls, candidate: Candidate, result: Result, account_id: UUID | None) -> "Outcome":
        return cls(
            candidate.number,
            candidate.external_id,
            result,
            account_id,
            candidate.password_result,
            candidate.two_factor_result,
            candidate.problems,
        )

    @classmethod
    def refused(cls, line: int, external_id: str | None, *problems: LineProblem) -> "Outcome":
        return cls(line, external_id, Result.REFUSED, problems=problems)

    @classmethod
    def unavailable(cls, line: int) -> "Outcome":
        message = "The database was away; whether this was done shows when it is sent again."
        return cls.refused(line, None, LineProblem("", "unavailable", message))

    def as_json(self) -> dict[str, object]:
        return {
            "line": self.line,
            "external_id": self.external_id,
            "result": self.result.value,
            "account_id": str(self.account_id) if self.account_id else None,
            "password": self.password,
            "two_factor": self.two_factor,
            "problems": [vars(problem) for problem in self.problems],
        }


@dataclass(frozen=True)
class Totals:
    """How many lines came to which result, counted as they come."""

    counts: Counter[Result] = field(default_factory=Counter)

    def add(self, outcomes: Sequence[Outcome]) -> None:
        self.counts.update(outcome.result for outcome in outcomes)

    @property
    def refused(self) -> int:
        return self.counts[Result.REFUSED]

    def as_json(self) -> dict[str, object]:
        return {"total": {result.value: self.counts[result] for result in Result}}


@dataclass(frozen=True)
class ImportStatus:
    accounts: int
    by_scheme: Mapping[str, int]
    never_logged_in: int


def find_account(
    candidate: Candidate, by_external_id: Mapping[str, Known], by_address: Mapping[str, Known]
) -> Known | None:
    """The account that this line made before.

    A line with an id is found by it alone; one without by its address, unless that was imported under an id.
    """
    if candidate.external_id is not None:
        return by_external_id.get(candidate.external_id)
    holder = by_address.get(candidate.address.folded)
    made_by_such_a_line = holder is not None and holder.fingerprint is not None and holder.external_id is None
    return holder if made_by_such_a_line else None


def refuse_taken(candidate: Candidate, found: Known | None, by_address: Mapping[str, Known]) -> None:
    """Raises LineRefused where the line's address is another account's."""
    holder = by_address.get(candidate.address.folded)
    if holder is not None and (found is None or holder.id != found.id):
        raise LineRefused(LineProblem("/email", "email_taken", "Another account has this address."))


def refuse_in_use(known: Known) -> None:
    """Raises LineRefused once the account is its owner's."""
    if known.is_in_use:
        message = "The account has been used here, so an import no longer changes it."
        raise LineRefused(LineProblem("", "already_in_use", message))


def in_waves(candidates: Sequence[Candidate]) -> Sequence[Sequence[Candidate]]:
    """Each wave names no external id and no address twice; lines about the same one keep their order."""
    waves: list[list[Candidate]] = []
    next_wave: dict[tuple[str, str], int] = {}
    for candidate in candidates:
        keys = [("address", candidate.address.folded)]
        if candidate.external_id is not None:
            keys.append(("external_id", candidate.external_id))
        at = max(next_wave.get(key, 0) for key in keys)
        next_wave.update(dict.fromkeys(keys, at + 1))
        if at == len(waves):
            waves.append([])
        waves[at].append(candidate)
    return waves
