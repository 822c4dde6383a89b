"""Who receives what the service sends: a mail server, and a receiver of webhooks."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from tests.support.listening import accepting, listening


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


_HEAD_END = b"\r\n\r\n"


@dataclass(frozen=True)
class Received:
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def account_id(self) -> str | None:
        found: str | None = self.event["data"]["account_id"]
        return found


@dataclass
class Receiver:
    port: int = 0
    answer: Callable[[Received], int] = lambda _: 204
    """The status that each is answered with."""
    hanging: bool = False
    """Whether it reads and answers nothing."""
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    @property
    def types(self) -> list[str]:
        return [each.event["type"] for each in self.received]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(_HEAD_END)).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        named = {line.split(": ", 1)[0].lower(): line.split(": ", 1)[1] for line in head[1:] if line}
        body = await reader.readexactly(int(headers["content-length"]))
        request = Received(named, body)
        self.received.append(request)
        if self.hanging:
            await reader.read()
            return
        location = f"Location: {self.url}/elsewhere\r\n"
        writer.write(f"HTTP/1.1 {self.answer(request)} Told\r\n{location}Content-Length: 6\r\n\r\nsecret".encode())
        await writer.drain()

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator["Receiver"]:
        async with listening(self._serve, self.port, tls=tls) as self.port:
            yield self
