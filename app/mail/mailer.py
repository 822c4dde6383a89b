"""Mail leaves here: to an SMTP server, or into a folder in development."""

import asyncio
import re
import ssl
from collections.abc import Container
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

import aiosmtplib
from pydantic import SecretStr

from app.kernel.mail import check_smtp_url
from app.kernel.randomness import new_id
from app.mail.headers import MAIL_POLICY

# RFC 5321 §4.5.3.2 allows five minutes for most steps, and ten for the answer to the final dot: a server that has the
# mail and is left too early gets it again. A minute is what a server that hangs may cost.
_STEP_SECONDS = 60.0
_FINAL_DOT_SECONDS = 600.0
_GOODBYE_SECONDS = 1.0
_PERMANENT = range(500, 600)
# Codes by which a server refuses a recipient; others, such as "log in first" (530), are about us.
_ABOUT_THE_RECIPIENT = frozenset({521, 550, 551, 552, 553, 554, 556})
# What servers say when they won't pass our mail on: "relay access denied", "relaying not permitted", or only 5.7.1
# (RFC 3463: the sender is not authorized), and qmail's rcpthosts.
_ABOUT_RELAYING = re.compile(r"\b5\.7\.[0-9]+|relay|rcpthosts", re.IGNORECASE)
_SEVEN_BITS = MAIL_POLICY.clone(cte_type="7bit")


class MailRefused(Exception):
    """The server will never take this mail. The message holds no address."""


class MailDeferred(Exception):
    """The mail did not leave this time. The message holds no address."""


class MailServerRefusesUs(MailDeferred):
    """No mail will leave before an operator has changed something: the password, the certificate, who may relay."""


class MailDropped(Exception):
    """Mail is turned off: this one is settled, and went nowhere."""


class Mailer(Protocol):
    async def send(self, message: EmailMessage) -> None:
        """Raises MailRefused, MailDeferred and MailDropped."""
        ...


class SmtpMailer:
    """One connection a mail: there are few, and each then stands or falls alone."""

    def __init__(
        self,
        smtp_url: SecretStr,
        *,
        step_seconds: float = _STEP_SECONDS,
        final_dot_seconds: float = _FINAL_DOT_SECONDS,
    ) -> None:
        """Raises ValueError for an address that is none."""
        self._server = check_smtp_url(smtp_url)
        self._step_seconds = step_seconds
        self._final_dot_seconds = final_dot_seconds
        self._tls = ssl.create_default_context()
        if self._server.starttls is None and not self._server.implicit_tls:
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE

    async def send(self, message: EmailMessage) -> None:
        client = self._client(message["From"].addresses[0].domain)
        try:
            await client.connect()
            await client.mail(message["From"].addresses[0].addr_spec)
            await client.rcpt(message["To"].addresses[0].addr_spec)
            # Seven bits pass through every server.
            await client.data(message.as_bytes(policy=_SEVEN_BITS), timeout=self._final_dot_seconds)
            await _say_goodbye(client)
        except (aiosmtplib.SMTPException, OSError, TimeoutError, ValueError) as error:
            raise _verdict(error) from None
        finally:
            client.close()

    def _client(self, our_name: str) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            username=self._server.user,
            password=self._server.password,
            # The machine's own name would cost a question to DNS, and may be none that a server believes.
            local_hostname=our_name,
            use_tls=self._server.implicit_tls,
            start_tls=self._server.starttls,
            tls_context=self._tls,
            timeout=self._step_seconds,
        )


def _verdict(error: Exception) -> MailRefused | MailDeferred:
    """What an error means for the mail. RFC 5321 §4.2.1: a 5yz reply says not to send the same again."""
    if isinstance(error, aiosmtplib.SMTPRecipientRefused):
        return _refused("recipient", error, _ABOUT_THE_RECIPIENT, _ABOUT_RELAYING)
    if isinstance(error, aiosmtplib.SMTPDataError):
        return _refused("content", error, _PERMANENT, re.compile("relay", re.IGNORECASE))
    if isinstance(error, aiosmtplib.SMTPResponseException):
        # Whom or what the server refuses here is us, which an operator can mend.
        kind = MailServerRefusesUs if error.code in _PERMANENT else MailDeferred
        return kind(f"{type(error).__name__} {error.code}")
    if certificate := _bad_certificate(error):
        return MailServerRefusesUs(f"the server's certificate is not trusted: {certificate.verify_message}")
    if isinstance(error, aiosmtplib.SMTPNotSupported) or type(error) is aiosmtplib.SMTPException:
        return MailServerRefusesUs(f"the server does not offer what TWOKEYS_SMTP_URL demands: {_demand(error)}")
    if isinstance(error, ValueError):
        return MailRefused(f"not a message that can be sent: {type(error).__name__}")
    return MailDeferred(type(error).__name__)


def _refused(
    what: str, error: aiosmtplib.SMTPResponseException, final: Container[int], about_us: re.Pattern[str]
) -> MailRefused | MailDeferred:
    if error.code not in _PERMANENT:
        return MailDeferred(f"{what} refused with {error.code}")
    if error.code not in final or about_us.search(error.message):
        return MailServerRefusesUs(f"relaying refused with {error.code}")
    return MailRefused(f"{what} refused with {error.code}")


def _bad_certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def _demand(error: Exception) -> str:
    return "STARTTLS" if "STARTTLS" in str(error) else "logging in"


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    """The mail has been taken: a server that hangs or vanishes here must not make it look unsent."""
    with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(_GOODBYE_SECONDS):
            await client.quit()


class NoMailer:
    """For `TWOKEYS_MAIL=off`: what is written is thrown away, and the service never waits for a server."""

    async def send(self, message: EmailMessage) -> None:  # noqa: ARG002
        raise MailDropped


class FolderMailer:
    """For development: one readable file a mail, named so that the names sort by time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, message: EmailMessage) -> None:
        await asyncio.to_thread(self._write, f"{new_id()}.eml", message.as_bytes())

    def _write(self, name: str, content: bytes) -> None:
        """Nobody ever sees half a mail, and only this user sees a reset link."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial = self._folder / f".{name}.part"
        try:
            partial.touch(mode=0o600)
            partial.write_bytes(content)
            partial.replace(self._folder / name)
        except OSError as error:
            raise MailDeferred(type(error).__name__) from None
