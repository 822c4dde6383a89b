"""What a token is worth, how its use prolongs it, when it ends, what its end is told as."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.accounts.domain import Account, Status
from app.kernel.page import PageOf
from app.kernel.randomness import new_id
from app.kernel.refusal import SessionRequired
from app.kernel.secret import SecretKind
from app.tokens.domain import (
    BY_PASSWORD,
    BY_PASSWORD_AND_CODE,
    BY_PASSWORD_AND_RECOVERY_CODE,
    LATE_USE,
    Assurance,
    Caller,
    Kind,
    LiveTokens,
    ReauthenticationRequired,
    Revoked,
    Token,
    Use,
    require_fresh,
    require_session,
)

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
TEN, IDLE = timedelta(seconds=10), timedelta(hours=1)


def a_token(**known: Any) -> Token:
    plain: dict[str, Any] = {
        "id": new_id(), "kind": Kind.SESSION, "description": None, "amr": BY_PASSWORD, "authenticated_at": AT,
        "created_at": AT, "expires_at": None, "ends_at": None, "last_used_at": None, "last_used_ip": None,
        "user_agent": None, "max_age_seconds": None, "extend_when_used": False,
    }  # fmt: skip
    return Token(**plain | known)


def a_caller(**known: Any) -> Caller:
    return Caller(Account(new_id(), "ada@example.com", Status.ACTIVE, 0, AT, None), a_token(**known))


@pytest.mark.parametrize(
    ("amr", "assurance"),
    [
        (BY_PASSWORD, Assurance.AAL1),
        (BY_PASSWORD_AND_CODE, Assurance.AAL2),
        (BY_PASSWORD_AND_RECOVERY_CODE, Assurance.AAL2),
        ((), Assurance.AAL1),
    ],
)
def test_two_factors_are_worth_more_than_one(amr: tuple[str, ...], assurance: Assurance) -> None:
    assert a_token(amr=amr).assurance is assurance


def test_the_methods_are_those_of_rfc_8176_and_ours() -> None:
    assert BY_PASSWORD == ("pwd",)
    assert BY_PASSWORD_AND_CODE == ("pwd", "otp", "mfa")
    assert BY_PASSWORD_AND_RECOVERY_CODE == ("pwd", "recovery_code", "mfa")


@pytest.mark.parametrize(
    ("left", "soon"), [(11, False), (10.001, False), (10, True), (9, True), (0, True), (-1, True), (None, False)]
)
def test_an_end_is_near_or_not(left: float | None, soon: bool) -> None:  # noqa: FBT001
    ends_at = None if left is None else AT + timedelta(seconds=left)
    assert a_token(ends_at=ends_at).ends_within(TEN, AT) is soon


def test_each_kind_has_a_secret_of_its_own() -> None:
    assert {kind: kind.secret_kind for kind in Kind} == {
        Kind.SESSION: SecretKind.SESSION,
        Kind.PERSONAL: SecretKind.PERSONAL,
    }


def test_what_was_ended_is_counted_by_kind() -> None:
    assert Revoked().as_details() == {"sessions": 0, "personal_tokens": 0}
    assert Revoked(2, 1).as_details() == {"sessions": 2, "personal_tokens": 1}


@pytest.mark.parametrize(
    ("known", "expires_in", "ends_in"),
    [
        ({}, None, 3600),
        ({"expires_at": AT + 2 * IDLE}, 7200, 3600),
        ({"expires_at": AT + TEN}, 10, 10),
        ({"expires_at": AT + TEN, "max_age_seconds": 60}, 10, 10),
        ({"expires_at": AT + TEN, "max_age_seconds": 60, "extend_when_used": True}, 60, 60),
        ({"kind": Kind.PERSONAL}, None, None),
        ({"kind": Kind.PERSONAL, "extend_when_used": True}, None, None),
        ({"kind": Kind.PERSONAL, "max_age_seconds": 7200, "extend_when_used": True}, 7200, 7200),
    ],
)
def test_a_use_prolongs_a_session_and_what_slides(
    known: dict[str, Any], expires_in: float | None, ends_in: float | None
) -> None:
    used = a_token(**known).used(Use(AT, "192.0.2.7", "curl/8"), IDLE)
    assert (used.last_used_at, used.last_used_ip, used.last_used_user_agent) == (AT, "192.0.2.7", "curl/8")
    found = [None if end is None else (end - AT).total_seconds() for end in (used.expires_at, used.ends_at)]
    assert found == [expires_in, ends_in]


@pytest.mark.parametrize(
    ("at", "ip", "seen"),
    [
        (AT + TEN, "192.0.2.9", (AT + TEN, "192.0.2.9", "after")),
        (AT + TEN, None, (AT + TEN, "192.0.2.7", "before")),
        (AT, "192.0.2.9", (AT, "192.0.2.9", "after")),
        (AT - LATE_USE / 2, "192.0.2.9", (AT, "192.0.2.9", "after")),
        (AT - LATE_USE, "192.0.2.9", (AT, "192.0.2.7", "before")),
    ],
)
def test_a_late_use_moves_no_time_back_and_an_unknown_address_hides_none(
    at: datetime, ip: str | None, seen: tuple[datetime, str, str]
) -> None:
    before = a_token(last_used_at=AT, last_used_ip="192.0.2.7", last_used_user_agent="before")
    after = before.used(Use(at, ip, "after"), IDLE)
    assert (after.last_used_at, after.last_used_ip, after.last_used_user_agent) == seen
    assert after is before or after.ends_at == seen[0] + IDLE


def test_a_use_that_is_known_changes_nothing() -> None:
    before = a_token(last_used_at=AT, last_used_ip="192.0.2.7")
    assert before.used(Use(AT, "192.0.2.7"), IDLE) is before
    assert before.used(Use(AT - TEN / 2, "192.0.2.7"), IDLE) is before


def test_a_first_use_without_an_address_has_none() -> None:
    assert Use(AT, None).after(None) == Use(AT, None)


@pytest.mark.parametrize(
    ("allowed", "address", "works"),
    [
        (None, None, True),
        (None, "192.0.2.7", True),
        (("192.0.2.0/24",), "192.0.2.7", True),
        (("192.0.2.0/24", "2001:db8::/32"), "2001:db8::1", True),
        (("192.0.2.0/24",), "198.51.100.7", False),
        (("192.0.2.0/24",), None, False),
        ((), "192.0.2.7", False),
    ],
)
def test_a_token_works_from_where_it_may(allowed: tuple[str, ...] | None, address: str | None, works: bool) -> None:  # noqa: FBT001
    assert a_token(ip_allowlist=allowed).works_from(address) is works


def test_a_personal_token_is_no_session() -> None:
    require_session(a_caller())
    with pytest.raises(SessionRequired):
        require_session(a_caller(kind=Kind.PERSONAL))


@pytest.mark.parametrize(
    ("amr", "age", "fresh"),
    [
        (BY_PASSWORD, timedelta(days=1), True),
        (BY_PASSWORD_AND_CODE, TEN, True),
        (BY_PASSWORD_AND_CODE, TEN + timedelta(microseconds=1), False),
    ],
)
def test_a_proof_by_two_factors_grows_old(amr: tuple[str, ...], age: timedelta, fresh: bool) -> None:  # noqa: FBT001
    caller = a_caller(amr=amr)
    assert caller.is_fresh(AT + age, within_seconds=10) is fresh
    if fresh:
        require_fresh(caller, AT + age, within_seconds=10)
        return
    with pytest.raises(ReauthenticationRequired) as refused:
        require_fresh(caller, AT + age, within_seconds=10)
    assert refused.value.members == {"max_age": 10}


def test_a_list_is_changed_with_the_calling_token() -> None:
    first, current = a_token(), a_token()
    live = LiveTokens(PageOf([first], new_id()), Revoked(2, 0), current)
    changed = live.with_each(lambda token: replace(token, description="seen"))
    assert changed == LiveTokens(
        PageOf([replace(first, description="seen")], live.page.next_after),
        Revoked(2, 0),
        replace(current, description="seen"),
    )
