"""A name server that knows one name, whose addresses a test changes while it is asked."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_HEADER, _A = 12, 1
_AUTHORITATIVE_ANSWER = 0x8580


@dataclass
class NameServer:
    addresses: list[str] = field(default_factory=list)
    port: int = 0

    def answer(self, query: bytes) -> bytes:
        """RFC 1035 §4: the question again, and an A record for each address; none of another type."""
        question = query[_HEADER : query.index(0, _HEADER) + 5]
        asked_for = int.from_bytes(question[-4:-2], "big")
        found = list(self.addresses) if asked_for == _A else []
        header = query[:2] + struct.pack(">HHHHH", _AUTHORITATIVE_ANSWER, 1, len(found), 0, 0)
        # A pointer to the name in the question, type, class, a second to live, and the address.
        record = struct.pack(">HHHIH", 0xC000 | _HEADER, _A, 1, 1, 4)
        return header + question + b"".join(record + socket.inet_aton(address) for address in found)

    @contextmanager
    def running(self) -> Iterator[None]:
        with socket.socket(type=socket.SOCK_DGRAM) as listening:
            listening.bind(("127.0.0.1", 0))
            self.port = listening.getsockname()[1]
            thread = threading.Thread(target=self._serve, args=[listening])
            thread.start()
            try:
                yield
            finally:
                with socket.socket(type=socket.SOCK_DGRAM) as asking:
                    asking.sendto(b"", listening.getsockname())
                thread.join()

    def _serve(self, listening: socket.socket) -> None:
        """Until it is sent nothing at all."""
        while True:
            query, sender = listening.recvfrom(4096)
            if not query:
                return
            listening.sendto(self.answer(query), sender)
