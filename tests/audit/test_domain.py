"""What an event says, and the turn of the epoch that can be read from it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.audit.domain import Event, EventFilter, EventType, turn_details, turn_id
from app.kernel.request_context import RequestContext
from app.kernel.requester import Requester

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
ID, ACCOUNT = UUID("0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6"), UUID("0199f3c2-a8b1-7d0e-9c54-000000000001")
BROWSER = Requester("192.0.2.7", "Firefox/145.0")


def an_event(type: EventType = EventType.PASSWORD_CHANGED, **details: object) -> Event:
    return Event.of(ID, ACCOUNT, type, RequestContext(AT, BROWSER, "a client"), details)


def test_an_event_tells_of_the_request_that_caused_it() -> None:
    assert an_event(epoch=3) == Event(
        ID, ACCOUNT, EventType.PASSWORD_CHANGED, AT, BROWSER, {"epoch": 3}, client_id="a client"
    )


def test_an_act_on_the_command_line_names_the_operator() -> None:
    by_operator = Event.of(
        ID, ACCOUNT, EventType.ACCOUNT_CREATED, RequestContext(AT, operator="root"), {"invited": True}
    )
    assert by_operator.details == {"invited": True, "operator": "root"}


@pytest.mark.parametrize(
    ("event", "epoch"),
    [
        (an_event(epoch=3), 3),
        (an_event(EventType.ACCOUNT_DELETED), 2**31 - 1),
        (an_event(EventType.ACCOUNT_UPDATED, locale="de"), None),
    ],
)
def test_a_turn_of_the_epoch_is_read_from_its_act(event: Event, epoch: int | None) -> None:
    turn = event.turn_of_epoch()
    if epoch is None:
        assert turn is None
        return
    assert turn is not None
    assert (turn.id, turn.type, turn.account_id, turn.occurred_at) == (
        turn_id(ID), EventType.ACCOUNT_EPOCH_TURNED, ACCOUNT, AT,
    )  # fmt: skip
    assert turn.details == {"account_id": str(ACCOUNT), "epoch": epoch, "reason": event.type}


def test_a_turn_has_an_id_of_its_own_of_the_same_time() -> None:
    assert turn_id(ID) == UUID("0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e7")
    assert turn_id(turn_id(ID)) == ID


def test_a_turn_of_all_accounts_names_none() -> None:
    assert turn_details(None, {"epoch": 3}, reason="why") == {"account_id": None, "epoch": None, "reason": "why"}


def test_a_window_has_a_beginning_or_an_end() -> None:
    windows = [EventFilter(account_id=ACCOUNT), EventFilter(since=AT), EventFilter(before=AT)]
    assert [each.has_window for each in windows] == [False, True, True]
