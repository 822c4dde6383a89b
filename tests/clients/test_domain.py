"""What a client may do, and which tokens are alive to it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.clients.domain import Client, Role
from app.kernel.randomness import new_id
from app.tokens.domain import BY_PASSWORD, BY_PASSWORD_AND_CODE, Assurance, Kind, Token

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)


def a_client(*roles: Role, **known: Any) -> Client:
    return Client(new_id(), "Shop", frozenset(roles), AT, **known)


def a_token(*amr: str) -> Token:
    return Token(new_id(), Kind.SESSION, None, amr, AT, AT, None, None, None, None, None, None, extend_when_used=False)


@pytest.mark.parametrize(
    ("own", "included"),
    [
        (Role.INTROSPECT, set()),
        (Role.ADMIN, {Role.ACCOUNTS_READ, Role.ACCOUNTS_WRITE, Role.EVENTS_READ, Role.IMPORT}),
        (Role.ACCOUNTS_READ, set()),
        (Role.ACCOUNTS_WRITE, {Role.ACCOUNTS_READ}),
        (Role.EVENTS_READ, set()),
        (Role.IMPORT, set()),
    ],
)
def test_a_role_includes_what_it_needs_and_never_to_introspect(own: Role, included: set[Role]) -> None:
    assert {role for role in Role if a_client(own).may(role)} == included | {own}
    assert {role for role in Role if a_client(Role.INTROSPECT, own).may(role)} == included | {own, Role.INTROSPECT}


def test_a_client_without_a_role_may_do_nothing() -> None:
    assert [role for role in Role if a_client().may(role)] == []


@pytest.mark.parametrize(
    ("required", "one", "two"), [(None, True, True), (Assurance.AAL1, True, True), (Assurance.AAL2, False, True)]
)
def test_a_token_is_alive_to_a_client_that_asks_for_no_more(required: Assurance | None, one: bool, two: bool) -> None:  # noqa: FBT001
    client = a_client(required_acr=required)
    assert [client.accepts(a_token(*amr)) for amr in (BY_PASSWORD, BY_PASSWORD_AND_CODE)] == [one, two]
