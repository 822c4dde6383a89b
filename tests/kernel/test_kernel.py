"""The words that all modules share: time, pages, refusals, secrets, requesters."""

import hashlib
import re
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from app.kernel.clock import SystemClock, read_rfc3339, rfc3339
from app.kernel.page import cut_page
from app.kernel.randomness import new_id, random_bytes, random_text
from app.kernel.refusal import Delayed, FieldError, InvalidToken, NotFound, Overloaded, RateLimited, Refusal, StepUp
from app.kernel.requester import NO_REQUESTER, Requester
from app.kernel.secret import SecretKind, digest, digest_if, fingerprint, new_secret


def test_a_moment_is_shown_in_utc_to_the_millisecond() -> None:
    plus_two = timezone(timedelta(hours=2))
    assert rfc3339(datetime(2026, 3, 14, 17, 9, 26, 535897, tzinfo=plus_two)) == "2026-03-14T15:09:26.535Z"
    assert rfc3339(datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)) == "2026-03-14T15:09:26.000Z"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-14T15:09:26Z", datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)),
        ("2026-03-14t17:09:26.5+02:00", datetime(2026, 3, 14, 15, 9, 26, 500_000, tzinfo=UTC)),
        ("2026-03-14 15:09:26z", datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)),
        ("2026-03-14T15:09:26", None),
        ("2026-03-14", None),
        ("20260314T150926Z", None),
        (1773500966, None),
        (None, None),
    ],
)
def test_a_moment_is_read_as_rfc_3339_writes_it(text: object, moment: datetime | None) -> None:
    if moment:
        found = read_rfc3339(text)
        assert (found, found.tzinfo) == (moment, UTC)
        return
    with pytest.raises(ValueError, match=r"^Must be a time as RFC 3339 writes it, with its offset from UTC\.$"):
        read_rfc3339(text)


@pytest.mark.parametrize("text", ["2026-02-30T00:00:00Z", "2026-03-14T25:09:26Z", "0001-01-01T00:00:00+14:00"])
def test_a_moment_that_never_is_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^There is no such time\.$"):
        read_rfc3339(text)


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows keeps one zone for a process")
def test_a_moment_is_shown_in_utc_wherever_the_machine_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "Asia/Kolkata")
        time.tzset()
        result = rfc3339(datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC))
    time.tzset()
    assert result == "2026-03-14T15:09:26.000Z"


def test_the_systems_clock_tells_an_instant_in_utc() -> None:
    now = SystemClock().now()
    assert now.tzinfo is UTC
    assert SystemClock().now() >= now


@given(st.lists(st.integers(), unique=True, max_size=12), st.integers(1, 10))
def test_a_page_is_cut_from_one_row_too_many(numbers: list[int], limit: int) -> None:
    ids = {number: new_id() for number in numbers}
    page = cut_page(numbers[: limit + 1], limit, ids.__getitem__)
    assert list(page.items) == numbers[:limit]
    assert page.next_after == (ids[numbers[limit - 1]] if len(numbers) > limit else None)


def test_a_refusal_says_what_is_true_unless_it_says_more() -> None:
    assert (NotFound().detail, str(NotFound())) == (NotFound.title, NotFound.title)
    reported = NotFound("There is no account with this address.")
    assert (reported.detail, str(reported)) == ("There is no account with this address.",) * 2


def test_the_members_of_a_refusal_are_those_that_it_knows() -> None:
    assert StepUp("Prove it.", max_age=60).members == {"max_age": 60}
    assert StepUp("Prove it.", acr_values="aal2").members == {}
    assert InvalidToken().members == {}


@pytest.mark.parametrize(("given_seconds", "reported"), [(-5, 1), (0, 1), (1, 1), (2, 2), (900, 900)])
def test_a_delay_is_a_second_at_least(given_seconds: int, reported: int) -> None:
    refusal = RateLimited(retry_after=given_seconds)
    assert refusal.retry_after == reported
    assert refusal.detail == RateLimited.title
    assert refusal.members == {}


def test_a_delay_may_say_more() -> None:
    refusal = Overloaded("Later.", retry_after=2)
    assert (refusal.detail, refusal.retry_after) == ("Later.", 2)
    assert isinstance(refusal, Delayed)
    assert isinstance(refusal, Refusal)


def test_a_fault_of_a_field_says_where_and_what() -> None:
    fault = FieldError("/email", "Must be a mail address.")
    assert (fault.pointer, fault.message, str(fault)) == ("/email", "Must be a mail address.", fault.message)


@given(st.integers(1, 64))
def test_lots_are_as_long_as_asked(count: int) -> None:
    assert len(random_bytes(count)) == count
    # Base64 without padding: four characters for three bytes.
    assert len(random_text(count)) == -(-count * 4 // 3)


def test_ids_are_uuids_of_version_7_and_sort_by_their_making() -> None:
    made = [new_id() for _ in range(100)]
    assert {each.version for each in made} == {7}
    assert made == sorted(made)


def test_a_secret_is_its_kind_and_256_bits() -> None:
    assert {kind: kind.value for kind in SecretKind} == {
        SecretKind.SESSION: "tks_",
        SecretKind.PERSONAL: "tkp_",
        SecretKind.CHALLENGE: "tkc_",
        SecretKind.REGISTRATION: "tkw_",
        SecretKind.TICKET: "tke_",
        SecretKind.RESET: "tkr_",
        SecretKind.CLEARING: "tkx_",
        SecretKind.EMAIL_CHANGE: "tkm_",
        SecretKind.EMAIL_CHANGE_UNDO: "tku_",
        SecretKind.CLIENT: "tki_",
        SecretKind.NOT_ME: "tkn_",
    }
    for kind in SecretKind:
        assert re.fullmatch(kind + "[A-Za-z0-9_-]{43}", new_secret(kind).get_secret_value())


def test_a_digest_is_the_sha_256_of_the_whole_secret() -> None:
    """It stands in every existing database: another one would end all tokens."""
    text = "tks_" + "a" * 43
    assert digest(SecretStr(text)) == digest_if(text, SecretKind.SESSION) == hashlib.sha256(text.encode()).digest()


def test_a_fingerprint_keeps_its_parts_apart() -> None:
    assert fingerprint("client", "192.0.2.1") == hashlib.sha256(b"client\n192.0.2.1").digest()
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


def test_nowhere_is_no_address() -> None:
    assert Requester(None, None) == NO_REQUESTER
    assert NO_REQUESTER.network == "unknown"
