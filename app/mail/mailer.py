"""Mail leaves here: to an SMTP server, or into a folder in development."""

import asyncio
import ssl
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

import aiosmtplib
from pydantic import SecretStr

from app.kernel.chance import new_id
from app.kernel.mail import check_smtp_url

_SEND_SECONDS = 10.0
_GOODBYE_SECONDS = 1.0
_PERMANENT = range(500, 600)


class MailRefused(Exception):
    """The server will never take this mail. The message holds no address."""


class MailDeferred(Exception):
    """The mail did not leave this time. The message holds no address."""


class Mailer(Protocol):
    async def send(self, message: EmailMessage) -> None:
        """Raises MailRefused and MailDeferred."""
        ...


class SmtpMailer:
    """One connection a mail: there are few, and each then stands or falls alone."""

    def __init__(self, smtp_url: SecretStr, *, timeout_seconds: float = _SEND_SECONDS) -> None:
        """Raises ValueError for an address that is none."""
        self._server = check_smtp_url(smtp_url)
        self._timeout_seconds = timeout_seconds
        self._tls = ssl.create_default_context()
        if self._server.starttls is None and not self._server.implicit_tls:
            self._tls.check_hostname = False
            self._tls.verify_mode = ssl.CERT_NONE

    async def send(self, message: EmailMessage) -> None:
        client = aiosmtplib.SMTP(
            hostname=self._server.host,
            port=self._server.port,
            username=self._server.user,
            password=self._server.password,
            # The machine's own name would cost a question to DNS, and may be none that a server believes.
            local_hostname=message["From"].addresses[0].domain,
            use_tls=self._server.implicit_tls,
            start_tls=self._server.starttls,
            tls_context=self._tls,
            timeout=self._timeout_seconds,
        )
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await client.connect()
                await client.send_message(message)
            await _say_goodbye(client)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _verdict(error.recipients[0].code, "recipient") from None
        except aiosmtplib.SMTPDataError as error:
            raise _verdict(error.code, "content") from None
        except aiosmtplib.SMTPResponseException as error:
            # Whom or what the server refuses here is us, which an operator can mend.
            raise MailDeferred(f"{type(error).__name__} {error.code}") from None
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailDeferred(type(error).__name__) from None
        except ValueError as error:
            raise MailRefused(f"not a message that can be sent: {type(error).__name__}") from None
        finally:
            client.close()


def _verdict(code: int, what: str) -> MailRefused | MailDeferred:
    """RFC 5321 §4.2.1: a 5yz reply says not to send the same again."""
    kind = MailRefused if code in _PERMANENT else MailDeferred
    return kind(f"{what} refused with {code}")


async def _say_goodbye(client: aiosmtplib.SMTP) -> None:
    """The mail has been taken: a server that hangs or vanishes here must not make it look unsent."""
    with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
        async with asyncio.timeout(_GOODBYE_SECONDS):
            await client.quit()


class NoMailer:
    """For `TWOKEYS_MAIL=off`: what is written is thrown away, and the service never waits for a server."""

    async def send(self, message: EmailMessage) -> None:  # noqa: ARG002
        return None


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
