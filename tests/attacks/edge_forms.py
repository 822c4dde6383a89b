"""Odd HTTP/1.1: a message, then `GET /next`; what a reader of RFC 9112 finds in it, or that it must be refused."""

from dataclasses import dataclass

from tests.support.listening import Recorded

SMUGGLED = b"GET /ID/smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
TRAILER = (b"x-forwarded-for", b"192.0.2.1")
_SIZE = b"%x" % len(SMUGGLED)
_LENGTH = b"%d" % len(SMUGGLED)
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
NEXT = b"GET /ID/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@dataclass(frozen=True)
class Form:
    message: bytes
    taken: tuple[Recorded, ...]
    """The requests that are in it; none where it must be refused."""
    declares_body: bool = True

    def of(self, id: str) -> bytes:
        """The same message with a name of its own in its targets; `id` has two characters, as `ID` has."""
        return self.message.replace(b"ID", id.encode())


def _request(
    headers: bytes, body: bytes = b"", *, line: bytes = b"POST /ID/attack HTTP/1.1", host: bool = True
) -> bytes:
    return line + b"\r\n" + (b"Host: x\r\n" if host else b"") + headers + b"\r\n" + body


def _chunks(size: bytes = _SIZE, *, end: bytes = b"\r\n", line: bytes = b"\r\n", last: bytes = b"0\r\n\r\n") -> bytes:
    return size + line + SMUGGLED + end + last


def _taken(*requests: tuple[str, bytes]) -> tuple[Recorded, ...]:
    return tuple(Recorded(name.split()[0], "/ID/" + name.split()[1], body) for name, body in requests)


_NEXT_TAKEN = ("GET next", b"")
_BOTH = _taken(("POST attack", SMUGGLED), _NEXT_TAKEN)
_REFUSED: tuple[Recorded, ...] = ()


def _with_length(value: bytes) -> bytes:
    return _request(b"Content-Length: " + value + b"\r\n", SMUGGLED)


def _with_coding(header: bytes) -> bytes:
    """Where the coding is not understood, the length says that there is a body all the same."""
    return _request(header + b"\r\n", _chunks())


def _chunked(*arguments: bytes, **more: bytes) -> bytes:
    return _request(_CHUNKED, _chunks(*arguments, **more))


_OFFERS = {
    "an upgrade offer": b"Connection: Upgrade\r\nUpgrade: foo\r\n",
    "a websocket offer": b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: eA==\r\n",
    "an h2c offer": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\n",
    "two upgrade offers": b"Upgrade: a\r\nConnection: upgrade\r\nupgrade: b, c\r\n",
    "an offer without Connection": b"Upgrade: foo\r\n",
    "a length as hop-by-hop": b"Connection: Content-Length\r\n",
    "a coding as hop-by-hop": b"Connection: Transfer-Encoding\r\n",
    "the host as hop-by-hop": b"Connection: Host\r\n",
    "an expectation": b"Expect: 100-continue\r\n",
    "a length in another name": b"Content_Length: 0\r\nContent-Length-X: 0\r\nXContent-Length: 0\r\n",
    "a coding in another name": b"Transfer_Encoding: chunked\r\nTransfer-Encodin: chunked\r\n",
    "a proxy's own header": b"Proxy-Connection: keep-alive\r\nTE: trailers\r\nTrailer: Content-Length\r\n",
    "another method": b"X-HTTP-Method-Override: GET\r\n",
}

_LENGTHS = {
    "a length": (_LENGTH, _BOTH),
    "a length with spaces": (b"  " + _LENGTH + b" \t", _BOTH),
    "a length with zeros": (b"00" + _LENGTH, _BOTH),
    "a list of lengths": (_LENGTH + b", " + _LENGTH, _REFUSED),
    "a length with a plus": (b"+" + _LENGTH, _REFUSED),
    "a negative length": (b"-" + _LENGTH, _REFUSED),
    "a hexadecimal length": (b"0x" + _SIZE, _REFUSED),
    "a length with a point": (_LENGTH + b".0", _REFUSED),
    "two lengths in one": (_LENGTH + b" 0", _REFUSED),
    "a length with a vertical tab": (b"\x0b" + _LENGTH, _REFUSED),
    "a length with a NUL": (_LENGTH + b"\0", _REFUSED),
    "an empty length": (b"", _REFUSED),
    "an endless length": (b"9" * 40, _REFUSED),
    "a length in words": (b"chunked", _REFUSED),
}

_CODINGS = {
    "the coding in capitals": (b"Transfer-Encoding: CHUNKED", _BOTH),
    "the coding with spaces": (b"Transfer-Encoding: \t chunked ", _BOTH),
    "the name in small letters": (b"transfer-encoding: chunked", _BOTH),
    "an unknown coding": (b"Transfer-Encoding: xchunked", _REFUSED),
    "identity": (b"Transfer-Encoding: identity", _REFUSED),
    "chunked, identity": (b"Transfer-Encoding: chunked, identity", _REFUSED),
    "identity, chunked": (b"Transfer-Encoding: identity, chunked", _REFUSED),
    "gzip, chunked": (b"Transfer-Encoding: gzip, chunked", _REFUSED),
    "chunked, chunked": (b"Transfer-Encoding: chunked, chunked", _REFUSED),
    "the coding with a comma": (b"Transfer-Encoding: chunked,", _REFUSED),
    "the coding with a parameter": (b"Transfer-Encoding: chunked;a=b", _REFUSED),
    "the coding in quotes": (b'Transfer-Encoding: "chunked"', _REFUSED),
    "two codings": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", _REFUSED),
    "the coding twice": (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", _REFUSED),
    "an empty coding": (b"Transfer-Encoding:", _REFUSED),
    "the coding on the next line": (b"Transfer-Encoding:\r\n chunked", _REFUSED),
    "a space before the colon": (b"Transfer-Encoding : chunked", _REFUSED),
    "a space before the name": (b" Transfer-Encoding: chunked", _REFUSED),
    "a vertical tab before the coding": (b"Transfer-Encoding: \x0bchunked", _REFUSED),
    "a NUL after the coding": (b"Transfer-Encoding: chunked\0", _REFUSED),
    "a coding and a length": (b"Transfer-Encoding: chunked\r\nContent-Length: 5", _REFUSED),
    "a length and a coding": (b"Content-Length: 5\r\nTransfer-Encoding: chunked", _REFUSED),
}

_CHUNK_LINES = {
    "chunks": (_chunked(), _BOTH),
    "a size in capitals": (_chunked(_SIZE.upper()), _BOTH),
    "a size with zeros": (_chunked(b"000" + _SIZE), _BOTH),
    "a chunk extension": (_chunked(_SIZE + b";a=b"), _BOTH),
    "a chunk extension in quotes": (_chunked(_SIZE + b';a="b;c"'), _BOTH),
    "a last chunk of zeros": (_chunked(last=b"000\r\n\r\n"), _BOTH),
    "trailers": (_chunked(last=b"0\r\n%s: %s\r\nHost: y\r\n\r\n" % TRAILER), _BOTH),
    "a length in a trailer": (_chunked(last=b"0\r\nContent-Length: 5\r\n\r\n"), _REFUSED),
    "a size with 0x": (_chunked(b"0x" + _SIZE), _REFUSED),
    "a size with a minus": (_chunked(b"-" + _SIZE), _REFUSED),
    "a size with a plus": (_chunked(b"+" + _SIZE), _REFUSED),
    "a size after a space": (_chunked(b" " + _SIZE), _REFUSED),
    "a size before a space": (_chunked(_SIZE + b" "), _REFUSED),
    "a size with a letter": (_chunked(_SIZE + b"g"), _REFUSED),
    "a size beyond 64 bits": (_chunked(b"1" + b"0" * 16 + _SIZE), _REFUSED),
    "an empty size": (_chunked(b""), _REFUSED),
    "a size before a bare line feed": (_chunked(line=b"\n"), _REFUSED),
    "a line feed in an extension": (_chunked(_SIZE + b";a\nb"), _REFUSED),
    "a carriage return in an extension": (_chunked(_SIZE + b";a\rb"), _REFUSED),
    "a chunk without its end": (_chunked(end=b""), _REFUSED),
    "a chunk before a bare line feed": (_chunked(end=b"\n"), _REFUSED),
    "a chunk before other bytes": (_chunked(end=b"xx"), _REFUSED),
    "a trailer without a colon": (_chunked(last=b"0\r\nfoo\r\n\r\n"), _REFUSED),
    "a trailer with a NUL": (_chunked(last=b"0\r\nfoo: \0\r\n\r\n"), _REFUSED),
}

_LENGTH_HEADER = b"Content-Length: " + _LENGTH + b"\r\n"


def _line(line: bytes, headers: bytes = _LENGTH_HEADER, body: bytes = SMUGGLED) -> bytes:
    return _request(headers, body, line=line)


_LINES = {
    "a plain GET": (_line(b"GET /ID/attack HTTP/1.1", b"", b""), _taken(("GET attack", b""), _NEXT_TAKEN)),
    "a GET with a body": (_line(b"GET /ID/attack HTTP/1.1"), _taken(("GET attack", SMUGGLED), _NEXT_TAKEN)),
    "a DELETE with a body": (_line(b"DELETE /ID/attack HTTP/1.1"), _taken(("DELETE attack", SMUGGLED), _NEXT_TAKEN)),
    "no body": (
        _line(b"POST /ID/attack HTTP/1.1", b"Content-Length: 0\r\n", b""),
        _taken(("POST attack", b""), _NEXT_TAKEN),
    ),
    "empty lines before": (b"\r\n\r\n" + _line(b"POST /ID/attack HTTP/1.1"), _BOTH),
    "the end of the connection": (
        _line(b"POST /ID/attack HTTP/1.1", _LENGTH_HEADER + b"Connection: close\r\n"),
        _taken(("POST attack", SMUGGLED)),
    ),
    "version 1.0": (_line(b"POST /ID/attack HTTP/1.0"), _taken(("POST attack", SMUGGLED))),
    "version 1.0, chunked": (_line(b"POST /ID/attack HTTP/1.0", _CHUNKED, _chunks()), _REFUSED),
    "version 0.9": (_line(b"POST /ID/attack HTTP/0.9"), _REFUSED),
    "no version": (_line(b"POST /ID/attack"), _REFUSED),
    "version 1.2": (_line(b"POST /ID/attack HTTP/1.2"), _REFUSED),
    "version 2.0": (_line(b"POST /ID/attack HTTP/2.0"), _REFUSED),
    "the version in small letters": (_line(b"POST /ID/attack http/1.1"), _REFUSED),
    "a tab in the line": (_line(b"POST\t/ID/attack HTTP/1.1"), _REFUSED),
    "two words too many": (_line(b"POST /ID/attack /x HTTP/1.1"), _REFUSED),
    "a method in small letters": (_line(b"post /ID/attack HTTP/1.1"), _REFUSED),
    "an unknown method": (_line(b"FOO /ID/attack HTTP/1.1"), _REFUSED),
    "a fragment": (_line(b"POST /ID/attack#x HTTP/1.1"), _REFUSED),
    "bytes beyond ASCII": (_line(b"POST /ID/attack\xff HTTP/1.1"), _REFUSED),
    "CONNECT": (_line(b"CONNECT ID:443 HTTP/1.1"), _REFUSED),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", _REFUSED),
    "no host": (_request(_LENGTH_HEADER, SMUGGLED, host=False), _REFUSED),
    "two hosts": (_request(b"Host: x\r\n" + _LENGTH_HEADER, SMUGGLED), _REFUSED),
    "two different hosts": (_request(b"Host: y\r\n" + _LENGTH_HEADER, SMUGGLED), _REFUSED),
    "a host with a path": (_request(b"Host: x/y\r\n" + _LENGTH_HEADER, SMUGGLED, host=False), _REFUSED),
}  # fmt: skip

_HEADERS = {
    "two equal lengths": _LENGTH_HEADER * 2,
    "two lengths": b"Content-Length: 0\r\n" + _LENGTH_HEADER,
    "a bare line feed": b"X: y\n" + _LENGTH_HEADER,
    "a bare carriage return": b"X: y\rContent-Length: 0\r\n" + _LENGTH_HEADER,
    "two carriage returns": b"X: y\r\r\n" + _LENGTH_HEADER,
    "a header without a colon": b"foo\r\n" + _LENGTH_HEADER,
    "a header without a name": b": x\r\n" + _LENGTH_HEADER,
    "a space in a name": b"X y: z\r\n" + _LENGTH_HEADER,
    "a NUL in a value": b"X: \0\r\n" + _LENGTH_HEADER,
    "a NUL in a name": b"X\0: y\r\n" + _LENGTH_HEADER,
    "a folded value": b"X: y\r\n z\r\n" + _LENGTH_HEADER,
    "a folded length": b"Content-Length:\r\n " + _LENGTH + b"\r\n",
}

FORMS: dict[str, Form] = (
    {name: Form(_request(offer + _LENGTH_HEADER, SMUGGLED) + NEXT, _BOTH) for name, offer in _OFFERS.items()}
    | {f"{name}, chunked": Form(_request(offer + _CHUNKED, _chunks()) + NEXT, _BOTH) for name, offer in _OFFERS.items()}
    | {
        name: Form(_with_length(value) + NEXT, taken, declares_body=bool(value))
        for name, (value, taken) in _LENGTHS.items()
    }
    | {name: Form(_with_coding(header) + NEXT, taken) for name, (header, taken) in _CODINGS.items()}
    | {name: Form(message + NEXT, taken) for name, (message, taken) in _CHUNK_LINES.items()}
    | {name: Form(message + NEXT, taken) for name, (message, taken) in _LINES.items()}
    | {name: Form(_request(headers, SMUGGLED) + NEXT, _REFUSED) for name, headers in _HEADERS.items()}
)
