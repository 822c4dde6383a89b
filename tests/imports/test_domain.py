"""What comes of a line, whose account it is, and which lines go together."""

from typing import Any
from uuid import UUID

import pytest

from app.accounts.domain import Address, Status
from app.imports.domain import (
    Candidate,
    Known,
    LineProblem,
    LineRefused,
    Outcome,
    Result,
    Totals,
    find_account,
    in_waves,
    refuse_in_use,
    refuse_taken,
)

MINE, OTHER = UUID(int=1), UUID(int=2)
PROBLEM = LineProblem("/password", "unsupported", "No.")


def a_candidate(email: str = "ada@example.com", external_id: str | None = None, **known: Any) -> Candidate:
    plain: dict[str, Any] = {
        "number": 7, "email_verified": False, "created_at": None, "status": Status.ACTIVE, "locale": None,
        "password": None, "apps": (), "problems": (), "identity": b"",
    }  # fmt: skip
    return Candidate(external_id=external_id, address=Address(email, email), **plain | known)


def a_known(id: UUID = MINE, external_id: str | None = None, **other: Any) -> Known:
    made: dict[str, Any] = {"epoch": 0, "has_logged_in": False, "fingerprint": b"made", "imported_epoch": 0}
    return Known(id=id, external_id=external_id, folded_address="ada@example.com", **made | other)


def refusal(act: Any, *params: Any) -> tuple[str, str] | None:
    try:
        act(*params)
    except LineRefused as refused:
        (problem,) = refused.problems
        assert problem.message.endswith(".")
        return problem.pointer, problem.code
    return None


def test_an_outcome_tells_its_line_and_what_became_of_it() -> None:
    done = Outcome.of(a_candidate(external_id="u-1", problems=(PROBLEM,)), Result.CREATED, MINE)
    assert done.as_json() == {
        "line": 7,
        "external_id": "u-1",
        "result": "created",
        "account_id": str(MINE),
        "password": "none",
        "two_factor": "unsupported",
        "problems": [{"pointer": "/password", "code": "unsupported", "message": "No."}],
    }


def test_a_refused_line_has_no_account() -> None:
    assert Outcome.refused(3, "u-1", PROBLEM) == Outcome(3, "u-1", Result.REFUSED, problems=(PROBLEM,))
    assert Outcome.refused(3, "u-1", PROBLEM).as_json()["account_id"] is None
    away = Outcome.unavailable(4)
    assert (away.line, away.external_id, away.result) == (4, None, Result.REFUSED)
    assert [(problem.pointer, problem.code) for problem in away.problems] == [("", "unavailable")]
    assert away.problems[0].message == "The database was away; whether this was done shows when it is sent again."


def test_results_are_counted() -> None:
    totals = Totals()
    totals.add([Outcome.refused(1, None), Outcome.of(a_candidate(), Result.CREATED, MINE)])
    totals.add([Outcome.refused(2, None)])
    assert totals.refused == 2
    assert totals.as_json() == {"total": dict.fromkeys(Result, 0) | {"created": 1, "refused": 2}}


@pytest.mark.parametrize(
    ("candidate", "found"),
    [
        (a_candidate(external_id="u-1"), "by id"),
        (a_candidate(external_id="u-2"), None),
        (a_candidate(), "by address"),
        (a_candidate("eve@example.com"), None),
    ],
)
def test_a_line_finds_what_it_made(candidate: Candidate, found: str | None) -> None:
    by_id, by_address = a_known(external_id="u-1"), a_known(OTHER)
    expected = {"by id": by_id, "by address": by_address, None: None}[found]
    assert find_account(candidate, {"u-1": by_id}, {"ada@example.com": by_address}) == expected


@pytest.mark.parametrize("holder", [a_known(fingerprint=None), a_known(external_id="u-1")])
def test_a_line_without_an_id_takes_no_account_that_such_a_line_did_not_make(holder: Known) -> None:
    assert find_account(a_candidate(), {}, {"ada@example.com": holder}) is None


@pytest.mark.parametrize(
    ("found", "holder", "refused"),
    [
        (None, None, None),
        (None, a_known(), ("/email", "email_taken")),
        (a_known(), a_known(), None),
        (a_known(OTHER), a_known(), ("/email", "email_taken")),
    ],
)
def test_an_address_has_one_account(found: Known | None, holder: Known | None, refused: tuple[str, str] | None) -> None:
    by_address = {"ada@example.com": holder} if holder else {}
    assert refusal(refuse_taken, a_candidate(), found, by_address) == refused


@pytest.mark.parametrize(
    ("known", "refused"),
    [
        (a_known(), None),
        (a_known(epoch=1, imported_epoch=1), None),
        (a_known(epoch=1), ("", "already_in_use")),
        (a_known(has_logged_in=True), ("", "already_in_use")),
    ],
)
def test_an_account_that_was_used_is_its_owners(known: Known, refused: tuple[str, str] | None) -> None:
    assert refusal(refuse_in_use, known) == refused


def test_an_account_of_a_dry_run_has_no_id_to_show() -> None:
    assert (a_known().shown_id, a_known(exists=False).shown_id) == (MINE, None)


def test_a_wave_names_nobody_twice_and_keeps_the_order() -> None:
    lines = [
        a_candidate("a@example.com", "1", number=1),
        a_candidate("b@example.com", None, number=2),
        a_candidate("a@example.com", "2", number=3),
        a_candidate("c@example.com", "2", number=4),
        a_candidate("b@example.com", "1", number=5),
        a_candidate("d@example.com", None, number=6),
    ]
    assert [[each.number for each in wave] for wave in in_waves(lines)] == [[1, 2, 6], [3, 5], [4]]
    assert in_waves([]) == []
