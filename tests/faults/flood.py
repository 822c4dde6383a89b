"""A flood of log-ins as a process of its own: `python -m tests.faults.flood PORT LOG_INS CONNECTIONS`.

Prints what came of it as JSON, with seconds as the flooding client sees them.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

from tests.support.people import PASSWORD


@dataclass
class Flood:
    """Log-ins over some connections, the next as soon as one is answered, each from an address of its own."""

    port: int
    left: int
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: dict[int, list[float]] = field(default_factory=dict)
    impolite: int = 0
    """Answers that are neither a refusal of the password nor `overloaded` with a Retry-After."""
    _numbers: "count[int]" = field(default_factory=lambda: count(1))

    async def run(self, connections: int) -> None:
        await asyncio.gather(*(self._pour() for _ in range(connections)))

    def _request(self) -> bytes:
        number = next(self._numbers)
        body = f'{{"email": "stranger{number}@example.com", "password": "{PASSWORD}"}}'
        return (
            f"POST /v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"X-Forwarded-For: 11.{number >> 16}.{number >> 8 & 255}.{number & 255}\r\n\r\n{body}"
        ).encode()

    async def _pour(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while self.left > 0:
            self.left -= 1
            began = time.perf_counter()
            writer.write(self._request())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = json.loads(await reader.readexactly(length))
            status = int(head[9:12])
            self.statuses[status] += 1
            self.seconds.setdefault(status, []).append(time.perf_counter() - began)
            if status != 401 and (body["code"] != "overloaded" or b"\r\nretry-after: " not in head):
                self.impolite += 1
        writer.close()


def main(port: str, log_ins: str, connections: str) -> None:
    flood = Flood(int(port), int(log_ins))
    asyncio.run(flood.run(int(connections)))
    print(json.dumps({"statuses": flood.statuses, "seconds": flood.seconds, "impolite": flood.impolite}))


if __name__ == "__main__":
    main(*sys.argv[1:])
