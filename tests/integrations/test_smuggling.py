"""Behind stock proxies that keep their connections to us, one person's answer never reaches another."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
import pytest

from tests.attacks.test_smuggling import OFFERS, SMUGGLED, post
from tests.integrations.proxies import PROXIES, started
from tests.support.listening import Recorded, Recorder, answer_on, recording
from tests.support.marks import PATIENCE
from tests.support.service import free_port

pytestmark = [pytest.mark.anyio, pytest.mark.system]

BLOCKS = {
    "caddy": "http://:{port} {{\n\treverse_proxy 127.0.0.1:{backend}\n}}\n",
    # The map that the websocket page of nginx' manual gives, and keep-alive to the back end.
    "nginx": """
        map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
        upstream twokeys {{ server 127.0.0.1:{backend}; keepalive 16; }}
        server {{
            listen 127.0.0.1:{port};
            location / {{
                proxy_pass http://twokeys;
                proxy_http_version 1.1;
                proxy_request_buffering off;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection $connection_upgrade;
            }}
        }}
    """,
    "haproxy": """
frontend web
  bind 127.0.0.1:{port}
  default_backend twokeys
backend twokeys
  http-reuse always
  server one 127.0.0.1:{backend}
""",
}


@dataclass(frozen=True)
class Proxied:
    recorder: Recorder
    port: int


@pytest.fixture(params=BLOCKS)
async def proxied(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Proxied]:
    program = request.param
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    port = free_port()
    async with recording() as (recorder, backend):
        command = PROXIES[program](BLOCKS[program].format(port=port, backend=backend), tmp_path)
        running = started(command, port, tmp_path)
        await asyncio.to_thread(running.__enter__)
        try:
            recorder.requests.clear()
            yield Proxied(recorder, port)
        finally:
            await asyncio.to_thread(running.__exit__, None, None, None)


async def send(proxied: Proxied, message: bytes, cut: int) -> tuple[int, bytes]:
    """In two parts; the second follows when the first has reached the back end, or will not come alone."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxied.port)
    with closing(writer):
        proxied.recorder.bytes_seen.clear()
        writer.write(message[:cut])
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await proxied.recorder.bytes_seen.wait()
        writer.write(message[cut:])
        async with asyncio.timeout(PATIENCE):
            return await answer_on(reader)


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_an_upgrade_offer_smuggles_nothing(proxied: Proxied, chunked: bool) -> None:  # noqa: FBT001
    for offer in OFFERS.values():
        message = post(offer, chunked=chunked)
        head = message.index(b"\r\n\r\n") + 4
        proxied.recorder.requests.clear()
        status, line = await send(proxied, message, head)
        # A proxy may refuse an offer by itself; what it passes on is one request.
        passed = [Recorded("POST", "/attack", SMUGGLED)] if status == 200 else []
        assert line == b"POST /attack\n" or not passed
        for victim in range(4):
            get = b"GET /victim/%d HTTP/1.1\r\nHost: x\r\n\r\n" % victim
            assert await send(proxied, get, len(get)) == (200, b"GET /victim/%d\n" % victim)
        victims = [Recorded("GET", f"/victim/{each}", b"") for each in range(4)]
        assert proxied.recorder.requests == passed + victims


async def test_curl_that_offers_http2_keeps_its_body() -> None:
    if shutil.which("curl") is None or b"HTTP2" not in (await anyio.run_process(["curl", "-V"])).stdout:
        pytest.skip("curl with HTTP/2 is not installed")
    async with recording() as (recorder, port):
        command = ["curl", "-sS", "--http2", "-d", "x" * 5_000, f"http://127.0.0.1:{port}/curl"]
        run = await anyio.run_process(command)
        assert run.stdout == b"POST /curl\n"
        assert recorder.requests == [Recorded("POST", "/curl", b"x" * 5_000)]


_JDK = """
import java.net.URI;
import java.net.http.*;

public class Client {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (int each = 0; each < 3; each++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(arguments[0] + each))
                .POST(HttpRequest.BodyPublishers.ofString("x".repeat(5000))).build();
            System.out.print(client.send(request, HttpResponse.BodyHandlers.ofString()).body());
        }
    }
}
"""


async def test_the_jdks_client_keeps_its_body(tmp_path: Path) -> None:
    """It offers h2c with each first request of a connection."""
    if shutil.which("javac") is None:
        pytest.skip("a JDK is not installed")
    source = anyio.Path(tmp_path / "Client.java")
    await source.write_text(_JDK)
    async with recording() as (recorder, port):
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        run = await anyio.run_process(["java", str(source), f"http://127.0.0.1:{port}/java/"], env=environment)
        assert run.stdout == b"".join(b"POST /java/%d\n" % each for each in range(3))
        assert recorder.requests == [Recorded("POST", f"/java/{each}", b"x" * 5_000) for each in range(3)]
