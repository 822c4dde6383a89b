"""A real SMTP server in the test's own loop, that keeps what it takes and misbehaves when told to."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.support.listening import accepting


@dataclass
class MailSink:
    """`sender_answer` and `recipient_answer` and `content_answer` replace what the server says at each step."""

    port: int = 0
    messages: list[EmailMessage] = field(default_factory=list)
    sender_answer: str = "250 OK"
    recipient_answer: str = "250 OK"
    content_answer: str = "250 OK"
    takes_its_time: bool = False
    """With the answer to the final dot: until `goes_on` is set."""
    goes_on: asyncio.Event = field(default_factory=asyncio.Event)
    has_the_content: asyncio.Event = field(default_factory=asyncio.Event)
    refuses_log_in: bool = False
    contents: int = 0
    vanishes_at_goodbye: bool = False
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def recipients(self) -> list[str]:
        return [str(message["To"]) for message in self.messages]

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        envelope.mail_from = address
        return self.sender_answer

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        envelope.rcpt_tos.append(address)
        return self.recipient_answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.contents += 1
        self.has_the_content.set()
        if self.takes_its_time:
            await self.goes_on.wait()
        if self.content_answer.startswith("250"):
            message = message_from_bytes(envelope.content, policy=default)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
            self.encrypted.append(session.ssl is not None)
        return self.content_answer

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.vanishes_at_goodbye:
            server.transport.abort()
        return "221 Bye"

    def log_in(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login, data.password))
        return AuthResult(success=not self.refuses_log_in, handled=False)

    @asynccontextmanager
    async def running(
        self, *, tls: ssl.SSLContext | None = None, implicit_tls: bool = False
    ) -> AsyncIterator["MailSink"]:
        """Listens on `port`, or on a free one that is then kept over restarts."""

        def connected() -> SMTP:
            options: dict[str, Any] = {
                "tls_context": None if implicit_tls else tls,
                "authenticator": self.log_in,
                "auth_require_tls": False,
            }
            return SMTP(self, hostname="sink.example", **options)

        async with accepting(connected, self.port, tls=tls if implicit_tls else None) as self.port:
            yield self
