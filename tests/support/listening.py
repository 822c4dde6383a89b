"""Servers within a test that let go of every connection at their end, and what some of them are.

A connection that the end of the loop leaves open is a warning in the middle of some later test.
"""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from uvicorn.server import ServerState

from app.server.protocol import BoundedProtocol


@asynccontextmanager
async def accepting(
    protocol: Callable[[], asyncio.Protocol], port: int = 0, *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Yields the port; each connection gets a protocol of its own."""
    transports: list[asyncio.Transport] = []

    def accepted() -> asyncio.Protocol:
        made = protocol()
        connected = made.connection_made

        def note(transport: asyncio.Transport) -> None:
            transports.append(transport)
            connected(transport)

        made.connection_made = note  # type: ignore[method-assign,assignment]
        return made

    loop = asyncio.get_running_loop()
    server = await loop.create_server(accepted, "127.0.0.1", port, ssl=tls)
    (listener,) = server.sockets
    try:
        yield listener.getsockname()[1]
    finally:
        # What the loop has accepted by now is told to its protocol within three rounds. A server that is closed before
        # drops such a connection without closing it.
        loop.remove_reader(listener)
        for _ in range(3):
            await asyncio.sleep(0)
        server.close()
        for transport in transports:
            # Python 3.11.2, which is Debian's, can't abort a TLS transport that has ended.
            with suppress(AttributeError):
                transport.abort()
        await asyncio.sleep(0)


@asynccontextmanager
async def listening(
    converse: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
    port: int = 0,
    *,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[int]:
    """Yields the port; each connection gets a conversation, which the end breaks off."""
    conversations: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await converse(reader, writer)
        finally:
            writer.close()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.create_task(one(reader, writer)))

    async with accepting(lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader(), begin), port, tls=tls) as found:
        try:
            yield found
        finally:
            for conversation in conversations:
                conversation.cancel()
            await asyncio.gather(*conversations, return_exceptions=True)


_BEGINS = datetime(2020, 1, 1, tzinfo=UTC)
_ENDS = _BEGINS + timedelta(days=36500)


def self_signed(host: str) -> ssl.SSLContext:
    """A server's TLS context with a certificate for `host` that is its own authority."""
    return self_signed_and_trusted(host)[0]


def self_signed_and_trusted(host: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The same, and the context of a client that trusts this certificate and no other."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    certificate = (
        x509.CertificateBuilder(issuer_name=name, subject_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGINS)
        .not_valid_after(_ENDS)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder, "chain.pem")
        chain.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        context.load_cert_chain(chain)
    public = certificate.public_bytes(serialization.Encoding.PEM).decode()
    return context, ssl.create_default_context(cadata=public)


class Recorded(NamedTuple):
    method: str
    target: str
    body: bytes


class Recorder:
    """An ASGI application that answers each request with its own line.

    `requests` holds what it was asked, in the order in which the bodies were complete.
    """

    def __init__(self) -> None:
        self.requests: list[Recorded] = []
        self.headers: list[list[tuple[bytes, bytes]]] = []
        """Of each of them."""
        self.bytes_seen = asyncio.Event()
        """Set whenever bytes arrive, whatever they are."""
        self.awaited: dict[bytes, asyncio.Event] = {}
        """Each is set when a read holds these bytes."""

    def note_read(self, data: bytes) -> None:
        self.bytes_seen.set()
        for found in [each for each in self.awaited if each in data]:
            self.awaited.pop(found).set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        target = scope["raw_path"].decode()
        self.requests.append(Recorded(scope["method"], target, bytes(body)))
        self.headers.append(list(scope["headers"]))
        line = f"{scope['method']} {target}\n".encode()
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", str(len(line)).encode()), (b"cache-control", b"no-store")],
            }
        )
        await send({"type": "http.response.body", "body": line})


@asynccontextmanager
async def recording(protocol: type[asyncio.Protocol] = BoundedProtocol) -> AsyncIterator[tuple[Recorder, int]]:
    """Yields the recorder and the port that it listens on."""
    recorder = Recorder()

    class Watched(protocol):  # type: ignore[valid-type,misc]
        def data_received(self, data: bytes) -> None:
            recorder.note_read(data)
            super().data_received(data)

    config = uvicorn.Config(recorder, http=Watched, ws="none", log_config=None, server_header=False)
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    async with accepting(lambda: Watched(config=config, server_state=state, app_state={}, _loop=loop)) as port:
        yield recorder, port


async def answer_on(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The status and the body of the next answer that has a Content-Length."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(b" ", 2)[1])
    lengths = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return status, await reader.readexactly(int(lengths[0]) if lengths else 0)


@asynccontextmanager
async def breaches(status: int, body: str) -> AsyncIterator[tuple[str, list[str]]]:
    """Have I Been Pwned on this machine: its address, and the prefixes that were asked for."""
    response: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        response.append(request.split(b" ", 2)[1].decode().rpartition("/")[2])
        head = f"HTTP/1.1 {status} Said\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write((head + body).encode())
        await writer.drain()

    async with listening(serve) as port:
        yield f"http://127.0.0.1:{port}/range/", response
