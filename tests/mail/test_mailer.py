"""The last step: a real SMTP conversation, or a file."""

import asyncio
import stat
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.kernel.mail import SmtpServer, check_mail_from, check_smtp_url
from app.mail.mailer import FolderMailer, MailDeferred, MailRefused, MailServerRefusesUs, SmtpMailer
from tests.support.listening import self_signed
from tests.support.receiving import MailSink


def a_message(subject: str = "Hello") -> EmailMessage:
    message = EmailMessage(policy=SMTP)
    message["From"] = "Twokeys <no-reply@example.com>"
    message["To"] = "ann@example.com"
    message["Subject"] = subject
    message.set_content("A line.\n.\nA line after a lonely dot.\n")
    return message


def mailer_to(sink: MailSink, *, user: str = "", query: str = "", **seconds: float) -> SmtpMailer:
    return SmtpMailer(SecretStr(f"smtp://{user}127.0.0.1:{sink.port}{query}"), **seconds)


async def test_a_mail_arrives_whole() -> None:
    async with MailSink().running() as sink:
        await mailer_to(sink).send(a_message())

    assert sink.recipients == ["ann@example.com"]
    assert sink.messages[0].get_content() == "A line.\r\n.\r\nA line after a lonely dot.\r\n"


async def test_user_and_password_are_percent_decoded() -> None:
    async with MailSink().running() as sink:
        await mailer_to(sink, user="no%40reply:p%2F%3Aw@", query="?starttls=false").send(a_message())

    assert sink.logins == [(b"no@reply", b"p/:w")]


async def test_a_server_that_offers_starttls_is_spoken_to_in_private() -> None:
    async with MailSink().running(tls=self_signed("mail.example.com")) as sink:
        await mailer_to(sink).send(a_message())

    assert sink.encrypted == [True]


async def test_required_starttls_wants_a_certificate_that_can_be_trusted() -> None:
    async with MailSink().running(tls=self_signed("mail.example.com")) as sink:
        with pytest.raises(MailDeferred):
            await mailer_to(sink, query="?starttls=true").send(a_message())

    assert sink.messages == []


async def test_required_starttls_is_never_left_out() -> None:
    async with MailSink().running() as sink:
        with pytest.raises(MailDeferred):
            await mailer_to(sink, query="?starttls=true").send(a_message())

    assert sink.messages == []


@pytest.mark.parametrize("answer", ["550 5.1.1 <ann@example.com> unknown", "553 no"])
async def test_a_recipient_refused_for_good_is_refused(answer: str) -> None:
    async with MailSink(recipient_answer=answer).running() as sink:
        with pytest.raises(MailRefused) as refused:
            await mailer_to(sink).send(a_message())

    assert "ann" not in str(refused.value)


@pytest.mark.parametrize(
    "sink",
    [
        MailSink(recipient_answer="451 later"),
        MailSink(content_answer="452 full"),
        MailSink(sender_answer="553 who are you"),
    ],
)
async def test_what_may_pass_or_is_our_own_fault_is_deferred(sink: MailSink) -> None:
    async with sink.running():
        with pytest.raises(MailDeferred):
            await mailer_to(sink).send(a_message())


async def test_a_server_that_answers_too_slowly_is_left() -> None:
    async with MailSink(takes_its_time=True).running() as sink:
        with pytest.raises(MailDeferred):
            await mailer_to(sink, final_dot_seconds=0.2).send(a_message())


async def test_the_final_dot_has_a_time_limit_of_its_own() -> None:
    sink = MailSink(takes_its_time=True)
    async with sink.running():
        sending = asyncio.create_task(mailer_to(sink, step_seconds=0.05).send(a_message()))
        await sink.has_the_content.wait()
        # Longer than a step may take; that nothing was given up meanwhile is what is looked at.
        done, _ = await asyncio.wait({sending}, timeout=0.5)
        assert not done
        sink.goes_on.set()
        await sending
    assert sink.recipients == ["ann@example.com"]


async def test_a_password_is_never_sent_in_clear_where_tls_is_not_offered() -> None:
    async with MailSink().running() as sink:
        with pytest.raises(MailServerRefusesUs, match="STARTTLS"):
            await mailer_to(sink, user="ann:s3cret@").send(a_message())
    assert sink.logins == []


async def test_a_password_is_never_sent_to_a_server_whose_certificate_is_not_trusted() -> None:
    async with MailSink().running(tls=self_signed("mail.example.com")) as sink:
        with pytest.raises(MailServerRefusesUs, match="certificate is not trusted"):
            await mailer_to(sink, user="ann:s3cret@").send(a_message())
    assert sink.logins == []


@pytest.mark.parametrize("scheme", ["smtps", "smtp"])
async def test_a_bad_certificate_is_said_to_be_one(scheme: str) -> None:
    tls = self_signed("mail.example.com")
    async with MailSink().running(tls=tls, implicit_tls=scheme == "smtps") as sink:
        query = "" if scheme == "smtps" else "?starttls=true"
        with pytest.raises(MailServerRefusesUs, match="certificate is not trusted: self-signed"):
            await SmtpMailer(SecretStr(f"{scheme}://127.0.0.1:{sink.port}{query}")).send(a_message())


@pytest.mark.parametrize(
    "sink",
    [
        MailSink(recipient_answer="550 relay denied"),
        MailSink(recipient_answer="554 5.7.1 <ann@example.com>: Relay access denied"),
        MailSink(recipient_answer="550 5.7.1 Unable to relay"),
        MailSink(recipient_answer="553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)"),
        MailSink(recipient_answer="530 5.7.0 Authentication required"),
        MailSink(recipient_answer="503 AUTH first"),
        MailSink(sender_answer="553 5.7.1 sender not owned by user"),
        MailSink(refuses_log_in=True),
    ],
)
async def test_what_an_operator_must_mend_is_no_fault_of_the_recipient(sink: MailSink) -> None:
    async with sink.running():
        user = "ann:wrong@" if sink.refuses_log_in else ""
        with pytest.raises(MailServerRefusesUs) as refused:
            await mailer_to(sink, user=user, query="?starttls=false" if user else "").send(a_message())
    assert "ann" not in str(refused.value)


async def test_a_mail_that_was_taken_is_sent_however_the_server_parts() -> None:
    async with MailSink(vanishes_at_goodbye=True).running() as sink:
        await mailer_to(sink).send(a_message())

    assert len(sink.messages) == 1


async def test_no_server_is_deferred() -> None:
    async with MailSink().running() as sink:
        pass

    with pytest.raises(MailDeferred):
        await mailer_to(sink).send(a_message())


async def test_a_folder_holds_one_private_file_a_mail_in_the_order_of_sending(tmp_path: Path) -> None:
    mailer = FolderMailer(tmp_path / "mails")
    for number in range(5):
        await mailer.send(a_message(f"Number {number}"))

    files = sorted((tmp_path / "mails").iterdir())
    subjects = [message_from_bytes(file.read_bytes(), policy=default)["Subject"] for file in files]
    assert subjects == [f"Number {number}" for number in range(5)]
    assert {(file.suffix, stat.S_IMODE(file.stat().st_mode)) for file in files} == {(".eml", 0o600)}


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example.com", SmtpServer("mail.example.com", 25)),
        ("smtp://mail.example.com/?starttls=true", SmtpServer("mail.example.com", 587, starttls=True)),
        ("smtp://mail.example.com:2525?starttls=false", SmtpServer("mail.example.com", 2525, starttls=False)),
        (
            "smtps://a%40b:c%3Ad@mail.example.com",
            SmtpServer("mail.example.com", 465, implicit_tls=True, starttls=False, user="a@b", password="c:d"),
        ),
        ("smtp://[::1]:25", SmtpServer("::1", 25)),
        (
            "smtps://a:#[]?@:@mail.example.com",
            SmtpServer("mail.example.com", 465, implicit_tls=True, starttls=False, user="a", password="#[]?@:"),
        ),
        ("smtp://a:b@mail.example.com", SmtpServer("mail.example.com", 587, starttls=True, user="a", password="b")),
        (
            "smtp://a:b@mail.example.com?starttls=false",
            SmtpServer("mail.example.com", 25, starttls=False, user="a", password="b"),
        ),
    ],
)
def test_an_smtp_address_is_read(url: str, server: SmtpServer) -> None:
    assert check_smtp_url(SecretStr(url)) == server


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com:25",
        "http://mail.example.com",
        "smtp://",
        "smtp://mail.example.com:port",
        "smtp://mail.example.com:99999",
        "smtp://mail.example.com/path",
        "smtp://mail.example.com?starttls=perhaps",
        "smtp://mail.example.com?tls=true",
        "smtps://mail.example.com?starttls=true",
        "smtp://s3cret@mail.example.com",
        "smtp://[s3cret",
        "smtp://ann:s3c/ret@mail.example.com",
        "smtp://ann:s3cret\n@mail.example.com",
    ],
)
def test_what_is_no_smtp_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^must ") as refused:
        check_smtp_url(SecretStr(url))

    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("text", ["Twokeys <no-reply@localhost>", "a@example.com", '"Keys, two" <a@example.com>'])
def test_a_sender_is_one_address(text: str) -> None:
    assert "@" in check_mail_from(text).addr_spec


@pytest.mark.parametrize(
    "text", ["", "Twokeys", "Twokeys <>", "a@example.com, b@example.com", "a@example.com\r\nBcc: b@example.com", "a@"]
)
def test_a_sender_that_is_not_one_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be one address"):
        check_mail_from(text)
