"""What the mails say, and what a stranger's words in them can't do."""

import re
from datetime import datetime, timedelta, timezone
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError

from app.kernel.randomness import new_id
from app.kernel.requester import NO_REQUESTER, Requester
from app.mail.domain import ABOUT_CLEARING, MailContext, MailKind, facts_of, wait_before_retry
from app.mail.rendering import MailTemplates

TOKEN = "tkr_" + "s" * 43
PAGES = {
    MailKind.PASSWORD_RESET: "password-reset",
    MailKind.INVITATION: "password-reset",
    **dict.fromkeys(ABOUT_CLEARING, "two-factor-clearing"),
    MailKind.EMAIL_CHANGE: "email-change",
    MailKind.EMAIL_CHANGED: "email-change/undo",
}
FACTS: dict[str, object] = {
    "token": TOKEN,
    "minutes": 30,
    "hours": 24,
    "days": 7,
    "remaining": 7,
    "description": "build server",
    "count": 10,
    "current": "ann@example.com",
    "new_address": "ann@example.org",
    "restored": "ann@example.com",
    "created_at": "2026-02-06T12:30:00.000Z",
    "ends_at": "2026-03-08T12:30:00.000Z",
    "clears_at": "2026-03-04T12:30:00.000Z",
    "by": "link",
}
AT = datetime(2026, 3, 1, 13, 30, tzinfo=timezone(timedelta(hours=1)))
BROWSER = Requester("192.0.2.7", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
HOSTILE = "\r\nBcc: everyone@example.com\r\n\r\n<script>alert(1)</script>\"' {{ 7*7 }} \x00\x1b[2J\u202e\u2028\ud800"
TEMPLATES = MailTemplates(
    issuer="Twokeys", mail_from="Twokeys <no-reply@id.example.com>", public_url="https://id.example.com"
)


class TagsOf(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)


def a_context(
    kind: MailKind, *, requester: Requester = BROWSER, to: str = "ann@example.com", **other: object
) -> MailContext:
    facts = {name: FACTS[name] for name in facts_of(kind)}
    return MailContext(to, AT, requester, facts | other)


def as_received(message: EmailMessage) -> EmailMessage:
    received = message_from_bytes(message.as_bytes(), policy=default)
    assert isinstance(received, EmailMessage)
    return received


def body(message: EmailMessage, subtype: str) -> str:
    part = message.get_body((subtype,))
    assert part is not None
    content = part.get_content()
    assert isinstance(content, str)
    return content


@pytest.mark.parametrize("subtype", ["plain", "html"])
@pytest.mark.parametrize("kind", MailKind)
def test_a_mail_says_when_from_where_and_what_to_do(kind: MailKind, subtype: str) -> None:
    result = body(as_received(TEMPLATES.render(kind, a_context(kind), id=new_id())), subtype)

    for words in ("01 March 2026, 12:30:00 UTC", "192.0.2.7", "Firefox on Linux", "ann@example.com"):
        assert words in result
    advice = "There is nothing to do" if kind is MailKind.TEST else "If (this was not you|you did not)"
    assert re.search(advice, result)
    assert "{{" not in result
    assert "{%" not in result


@pytest.mark.parametrize("kind", MailKind)
def test_only_a_mail_with_a_link_carries_a_secret(kind: MailKind) -> None:
    message = TEMPLATES.render(kind, a_context(kind), id=new_id())

    for subtype in ("plain", "html"):
        result = body(message, subtype)
        assert (TOKEN in result) == (kind in PAGES)
        assert kind not in PAGES or f"https://id.example.com/console/#/{PAGES[kind]}/{TOKEN}" in result
    assert "tkr_" not in str(message["Subject"])


@pytest.mark.parametrize("kind", MailKind)
def test_a_mail_from_nowhere_says_so(kind: MailKind) -> None:
    result = body(TEMPLATES.render(kind, a_context(kind, requester=NO_REQUESTER), id=new_id()), "plain")

    assert "IP address:   not known" in result
    assert "Device:       not recognized" in result


@pytest.mark.parametrize("kind", MailKind)
def test_a_stranger_puts_no_word_into_a_mail(kind: MailKind) -> None:
    words = "Mozilla/5.0 (X11; Linux) Firefox/145.0 URGENT: call +1 800 555 0199 or visit https://evil.example"
    facts = dict.fromkeys(facts_of(kind) & {"description"}, words)
    message = TEMPLATES.render(kind, a_context(kind, requester=Requester("192.0.2.7", words), **facts), id=new_id())

    for subtype in ("plain", "html"):
        result = body(message, subtype)
        assert "Firefox on Linux" in result
        assert "URGENT" not in result
        assert "evil" not in result


@pytest.mark.parametrize("kind", MailKind)
def test_every_mail_has_a_subject_of_its_own(kind: MailKind) -> None:
    subjects = [str(TEMPLATES.render(each, a_context(each), id=new_id())["Subject"]) for each in MailKind]

    assert len(set(subjects)) == len(MailKind)


def test_the_headers_are_those_of_an_automatic_mail_and_stay_the_same() -> None:
    letter_id = new_id()

    first, again = (
        as_received(TEMPLATES.render(MailKind.PASSWORD_CHANGED, a_context(MailKind.PASSWORD_CHANGED), id=letter_id))
        for _ in range(2)
    )

    assert first["Message-ID"] == again["Message-ID"] == f"<{letter_id.hex}@id.example.com>"
    assert first["Date"] == again["Date"] == "Sun, 01 Mar 2026 12:30:00 +0000"
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["To"] == "ann@example.com"
    assert first["From"] == "Twokeys <no-reply@id.example.com>"
    assert first.get_content_type() == "multipart/alternative"


@pytest.mark.parametrize("kind", MailKind)
def test_hostile_words_break_out_of_nothing(kind: MailKind) -> None:
    harmless = TEMPLATES.render(kind, a_context(kind), id=new_id())
    facts = dict.fromkeys(facts_of(kind) & {"description"}, HOSTILE)
    hostile = as_received(
        TEMPLATES.render(kind, a_context(kind, requester=Requester("192.0.2.7", HOSTILE), **facts), id=new_id())
    )

    assert hostile["Bcc"] is None
    assert TagsOf(body(hostile, "html")).tags == TagsOf(body(harmless, "html")).tags
    assert len(body(hostile, "plain").splitlines()) == len(body(harmless, "plain").splitlines())
    for result in (body(hostile, "plain"), body(hostile, "html")):
        assert all(line.isprintable() for line in result.split("\r\n"))
        assert "49" not in result


@given(st.text(max_size=300))
def test_whatever_a_user_agent_says_the_text_keeps_its_lines(user_agent: str) -> None:
    context = a_context(MailKind.PASSWORD_CHANGED, requester=Requester("192.0.2.7", user_agent))

    result = body(as_received(TEMPLATES.render(MailKind.PASSWORD_CHANGED, context, id=new_id())), "plain")

    plain = body(
        TEMPLATES.render(MailKind.PASSWORD_CHANGED, a_context(MailKind.PASSWORD_CHANGED), id=new_id()), "plain"
    )
    assert len(result.splitlines()) == len(plain.splitlines())


def test_an_issuer_can_add_no_header() -> None:
    mails = MailTemplates(
        issuer="Two\r\nBcc: a@example.com", mail_from="no-reply@example.com", public_url="https://x.example"
    )

    message = as_received(mails.render(MailKind.PASSWORD_CHANGED, a_context(MailKind.PASSWORD_CHANGED), id=new_id()))

    assert message["Bcc"] is None
    assert message["Subject"] == "Two Bcc: a@example.com: your password was changed"


@pytest.mark.parametrize("to", ["a@example.com\r\nBcc: b@example.com", "a@example.com, b@example.com", ""])
def test_what_is_no_single_address_gets_no_mail(to: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        TEMPLATES.render(MailKind.PASSWORD_CHANGED, a_context(MailKind.PASSWORD_CHANGED, to=to), id=new_id())


def test_a_link_leads_where_the_sending_process_says() -> None:
    mails = MailTemplates(
        issuer="Twokeys",
        mail_from="no-reply@example.com",
        public_url="https://id.example.net",
        reset_link="{public_url}/new-password?t={token}",
    )
    message = mails.render(MailKind.PASSWORD_RESET, a_context(MailKind.PASSWORD_RESET), id=new_id())
    assert f"https://id.example.net/new-password?t={TOKEN}" in body(message, "plain")


@pytest.mark.parametrize("subtype", ["plain", "html"])
def test_a_mail_about_a_clearing_says_when_and_who_cancelled(subtype: str) -> None:
    kind = MailKind.TWO_FACTOR_CLEARING
    result = body(TEMPLATES.render(kind, a_context(kind), id=new_id()), subtype)
    assert "goes off on 04 March 2026, 12:30:00 UTC" in " ".join(result.split())
    kind = MailKind.TWO_FACTOR_CLEARING_CANCELLED
    for by, words in (
        ("link", "no longer works"),
        ("operator", "by an administrator."),
        ("proof", "with your second factor."),
    ):
        result = body(TEMPLATES.render(kind, a_context(kind, by=by), id=new_id()), subtype)
        assert words in " ".join(result.split())


def test_a_mail_of_an_earlier_release_keeps_its_link() -> None:
    link = f"https://id.example.com/console/#/password-reset/{TOKEN}"
    context = MailContext("ann@example.com", AT, BROWSER, {"link": link, "minutes": 30})
    assert link in body(TEMPLATES.render(MailKind.PASSWORD_RESET, context, id=new_id()), "plain")


@pytest.mark.parametrize(
    "name",
    [
        "Keys, two, three, and four, which goes on, and on, for longer than one line of a header may be",
        "Müller, Söhne, Töchter und Enkel, Großhandel für allerlei, sehr lange Namen, und noch mehr davon",
        'Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa (b) <c> "d" @ e, end of it all, at last, or not quite yet',
    ],
)
def test_a_long_quoted_sender_stays_one_address(name: str) -> None:
    quoted = name.replace('"', '\\"')
    mails = MailTemplates(
        issuer="Twokeys", mail_from=f'"{quoted}" <a@example.com>', public_url="https://id.example.com"
    )
    message = mails.render(MailKind.PASSWORD_CHANGED, a_context(MailKind.PASSWORD_CHANGED), id=new_id())
    for policy in (SMTP, SMTP.clone(cte_type="7bit")):
        received = message_from_bytes(message.as_bytes(policy=policy), policy=default)
        (sender,) = received["From"].addresses
        # Python's parser puts a space between two encoded words (RFC 2047 §6.2 says none).
        assert sender.display_name.replace(" ", "") == name.replace(" ", "")
        assert sender.addr_spec == "a@example.com"


def test_a_sender_without_a_name_has_the_issuers() -> None:
    mails = MailTemplates(issuer="Acme Cloud", mail_from="no-reply@example.com", public_url="https://id.example.com")
    message = mails.render(MailKind.PASSWORD_CHANGED, a_context(MailKind.PASSWORD_CHANGED), id=new_id())
    assert message["From"] == "Acme Cloud <no-reply@example.com>"


def test_a_fact_can_not_take_the_place_of_what_every_mail_says() -> None:
    context = a_context(MailKind.PASSWORD_CHANGED, address="203.0.113.9", issuer="Someone else")

    result = body(TEMPLATES.render(MailKind.PASSWORD_CHANGED, context, id=new_id()), "plain")

    assert "192.0.2.7" in result
    assert "Someone else" not in result


def test_a_missing_fact_is_an_error_and_never_a_gap() -> None:
    with pytest.raises(UndefinedError):
        TEMPLATES.render(MailKind.PASSWORD_RESET, MailContext("ann@example.com", AT, BROWSER, {}), id=new_id())


@pytest.mark.parametrize(
    ("remaining", "words"),
    [(0, "No recovery code is left"), (1, "1 recovery code is left"), (9, "9 recovery codes are left")],
)
def test_the_number_of_recovery_codes_left_is_told(remaining: int, words: str) -> None:
    context = a_context(MailKind.RECOVERY_CODE_USED, remaining=remaining)

    message = TEMPLATES.render(MailKind.RECOVERY_CODE_USED, context, id=new_id())

    assert words in body(message, "plain")
    assert words in body(message, "html")


@pytest.mark.parametrize(
    ("age", "wait"),
    [(0, 2), (40, 2), (80, 4), (600, 30), (6000, 300), (86400, 300), (-5, 2)],
)
def test_the_wait_grows_with_the_age_of_the_mail(age: int, wait: int) -> None:
    assert wait_before_retry(timedelta(seconds=age)) == timedelta(seconds=wait)
