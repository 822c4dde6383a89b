"""Which events a webhook wants, what it is sent, how that is signed and when it is tried again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.kernel.refusal import FieldError
from app.webhooks.domain import Claim, LoggedEvent, body_of, headers_of, read_types, wait_after, wants, write_secret

AT = datetime(2026, 3, 14, 15, 9, 26, 535_000, tzinfo=UTC)
ID, ACCOUNT = UUID("0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6"), UUID("0199f3c2-a8b1-7d0e-9c54-000000000001")


def a_claim(type: str, event: LoggedEvent | None = None, external_id: str | None = None) -> Claim:
    return Claim(
        webhook_id=UUID(int=1), lane=UUID(int=2), number=1, url="https://shop.example/hooks", sealed_secrets=(),
        delivery_id=UUID(int=3), event_id=ID, type=type, attempts=0, created_at=AT + timedelta(hours=1), event=event,
        external_id=external_id,
    )  # fmt: skip


def an_event(type: str, **details: Any) -> LoggedEvent:
    return LoggedEvent(ID, type, ACCOUNT, AT, None, details)


def test_a_body_holds_ids_and_nothing_of_a_person() -> None:
    event = an_event("token.revoked", token_id="one", description="Ännchen's laptop")
    assert (
        body_of(a_claim("token.revoked", event, "u-ä"))
        == (
            '{"type":"token.revoked","timestamp":"2026-03-14T15:09:26.535Z","data":'
            f'{{"event_id":"{ID}","account_id":"{ACCOUNT}","external_id":"u-ä","client_id":null,'
            '"details":{"token_id":"one"}}}'
        ).encode()
    )


def test_what_an_operator_typed_stays_here() -> None:
    by_client = LoggedEvent(ID, "account.disabled", ACCOUNT, AT, "a client", {"reason": "rude", "epoch": 4})
    data = json.loads(body_of(a_claim("account.disabled", by_client)))["data"]
    assert (data["client_id"], data["details"]) == ("a client", {"epoch": 4})


def test_a_turn_of_the_epoch_says_why() -> None:
    sent = json.loads(body_of(a_claim("account.epoch_turned", an_event("password.changed", epoch=4))))
    assert (sent["type"], sent["data"]["details"]) == (
        "account.epoch_turned",
        {"account_id": str(ACCOUNT), "epoch": 4, "reason": "password.changed"},
    )


def test_a_test_and_an_event_of_nobody_have_no_account() -> None:
    test = json.loads(body_of(a_claim("webhook.test")))
    nobody: dict[str, Any] = {
        "event_id": str(ID),
        "account_id": None,
        "external_id": None,
        "client_id": None,
        "details": {},
    }
    assert test == {"type": "webhook.test", "timestamp": "2026-03-14T16:09:26.535Z", "data": nobody}
    of_nobody = LoggedEvent(ID, "tokens.revoked", None, AT, None, {})
    assert json.loads(body_of(a_claim("tokens.revoked", of_nobody)))["data"] == nobody


def test_each_secret_signs_as_standard_webhooks_has_it() -> None:
    """By openssl: printf '%s.1773500966.{}' ID | openssl dgst -sha256 -mac HMAC -macopt hexkey:… -binary | base64."""
    headers = headers_of(a_claim("webhook.test"), b"{}", [bytes(32), bytes(range(32))], AT)
    assert headers == {
        "webhook-id": str(ID),
        "webhook-timestamp": "1773500966",
        "webhook-signature": "v1,EhAnGz0bP0g5CiKwb40Yrqfn4HDzO/kfimhLwf9f+ZU= "
        "v1,lSRCNvCZzr3mQLt7SfihSEqfedCFsrqHoNspHHYDJ6w=",
    }


def test_a_secret_is_written_with_its_prefix() -> None:
    assert write_secret(b"\x00\xff" * 3) == "whsec_AP8A/wD/"


@pytest.mark.parametrize(
    ("types", "read"),
    [
        (["token.revoked"], ("token.revoked",)),
        (["token.*", "*", "token.*"], ("token.*", "*")),
        (["webhook.test"], ("webhook.test",)),
        (["*", "nothing.*"], "/types/1"),
        (["token"], "/types/0"),
        (["token.rev*"], "/types/0"),
        (["toke.*"], "/types/0"),
        (["*.revoked"], "/types/0"),
        ([""], "/types/0"),
    ],
)
def test_types_are_those_of_events_or_groups_of_them(types: list[str], read: tuple[str, ...] | str) -> None:
    if isinstance(read, tuple):
        assert read_types(types) == read
        return
    with pytest.raises(FieldError) as refused:
        read_types(types)
    assert (refused.value.pointer, refused.value.message) == (
        read,
        "Must be a type of event, a group such as token.*, or *.",
    )


@pytest.mark.parametrize(
    ("types", "type", "wanted"),
    [
        (["*"], "token.revoked", True),
        (["token.*"], "token.revoked", True),
        (["token.*"], "tokens.revoked", False),
        (["token.created", "token.revoked"], "token.revoked", True),
        (["token.created"], "token.revoked", False),
        ([], "token.revoked", False),
        (["*"], "webhook.disabled", False),
    ],
)
def test_a_webhook_is_told_what_it_asked_for(types: list[str], type: str, wanted: bool) -> None:  # noqa: FBT001
    assert wants(types, type) is wanted


def test_nine_waits_grow_from_seconds_to_a_day() -> None:
    waits = [wait_after(attempts) for attempts in range(1, 11)]
    assert waits[:2] == [timedelta(seconds=5), timedelta(minutes=5)]
    assert waits[8:] == [timedelta(days=1), None]
