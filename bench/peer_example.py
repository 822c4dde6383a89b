"""How another server joins the bench: `python -m bench --peers bench/peer_example.py`. This one is a bare `ok`."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.server import Checks, Server, free_port, process

SERVER = """
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""


@contextmanager
def start(folder: Path) -> Iterator[Server]:
    (folder / "bare.py").write_text(SERVER)
    port = free_port()
    command = [sys.executable, "-m", "uvicorn", "bare:app", "--port", str(port), "--no-access-log", "--lifespan", "off"]
    with process(command, {"PYTHONPATH": str(folder)}, port, folder / "bare.log"):
        yield Server("bare", port, Checks("GET", "/", {}, [""]), {})
