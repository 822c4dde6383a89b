"""What a mail is about, as it is packed to be sealed, and the examples by which templates are tried."""

import json
from datetime import UTC, datetime

from app.kernel.requester import NO_REQUESTER, Requester
from app.mail.domain import MailContext, MailKind, carries_not_me, examples_of, facts_of, is_notice, pack, unpack

AT = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
BROWSER = Requester("192.0.2.7", "Firefox/145.0")


def test_what_is_packed_is_unpacked() -> None:
    context = MailContext("ada@example.com", AT, BROWSER, {"remaining": 7}, times=3, locale="de")
    assert unpack(pack(context), at=AT, times=3) == context
    nowhere = MailContext("ada@example.com", AT, NO_REQUESTER, {})
    assert unpack(pack(nowhere), at=AT) == nowhere


def test_what_is_sealed_is_what_says_something_about_the_person() -> None:
    packed = pack(MailContext("ada@example.com", AT, BROWSER, {"remaining": 7}, times=3, locale="de"))
    assert json.loads(packed) == {
        "to": "ada@example.com", "locale": "de", "facts": {"remaining": 7}, "ip": "192.0.2.7",
        "user_agent": "Firefox/145.0",
    }  # fmt: skip


def test_a_mail_of_the_release_before_has_no_locale() -> None:
    packed = b'{"to": "ada@example.com", "facts": {}, "ip": null, "user_agent": null}'
    assert unpack(packed, at=AT).locale is None


def test_each_example_of_a_fact_comes_up() -> None:
    assert list(examples_of(MailKind.PASSWORD_RESET)) == [
        {"token": "tkr_example", "minutes": 30},
        {"token": "tkr_example", "minutes": 1},
    ]
    assert [each["remaining"] for each in examples_of(MailKind.RECOVERY_CODE_USED)] == [7, 1, 0]
    assert list(examples_of(MailKind.TWO_FACTOR_ENABLED)) == [{}]


def test_a_mail_with_a_link_of_its_own_is_no_notice() -> None:
    linked = {kind for kind in MailKind if not is_notice(kind)}
    assert linked == {kind for kind in MailKind if "token" in facts_of(kind)}
    assert {MailKind.PASSWORD_RESET, MailKind.EMAIL_CHANGED, MailKind.TWO_FACTOR_CLEARING} <= linked
    assert {kind for kind in MailKind if not carries_not_me(kind)} == linked | {
        MailKind.EMAIL_CHANGE_UNDONE,
        MailKind.TEST,
    }
