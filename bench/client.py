"""HTTP as small as it can be, so that the client's own time stays out of the measurement."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self


class Connection:
    """One kept-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: str) -> tuple[int, bytes]:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        self._writer.write((head + body).encode())
        answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        _, _, rest = answer.partition(b"content-length:")
        length = int(rest.partition(b"\r\n")[0] or 0)
        return int(answer[9:12]), await self._reader.readexactly(length)

    async def post_json(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        """Raises AssertionError for any answer but 200."""
        all_headers = {**headers, "Content-Type": "application/json"}
        status, answer = await self.ask("POST", path, all_headers, json.dumps(body))
        assert status == 200, f"{path}: {status} {answer!r}"
        found: dict[str, Any] = json.loads(answer)
        return found

    def close(self) -> None:
        self._writer.close()
