"""Forward auth: the call itself, and behind real proxies that are configured as docs/integrations.md says."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from app.main import House
from tests.conftest import SetClock
from tests.integrations.conftest import Service
from tests.integrations.pages import marked
from tests.support.answers import granted, mannered, refused
from tests.support.people import EMAIL, a_session, an_account, bearer, enroll
from tests.support.service import free_port

pytestmark = pytest.mark.anyio
_HEADERS = ("X-Auth-Account-Id", "X-Auth-Email", "X-Auth-Acr")
_STARTS_WITHIN = 10.0


async def ask(api: httpx.AsyncClient, token: str, **query: str) -> httpx.Response:
    return await api.get("/v1/forward-auth", params=query, headers=bearer(token))


def passed(answer: httpx.Response) -> tuple[str, ...]:
    assert (answer.status_code, answer.content) == (204, b"")
    mannered(answer)
    return tuple(answer.headers[name] for name in _HEADERS)


async def test_a_live_token_passes_with_whose_it_is(api: httpx.AsyncClient, house: House, clock: SetClock) -> None:
    account = await an_account(house)
    session = await a_session(api)
    made = await api.post("/v1/me/tokens", json={"description": "Backup"}, headers=bearer(session))
    for token in (session, granted(made, 201)["access_token"]):
        assert passed(await ask(api, token)) == (str(account.id), EMAIL, "aal1")
        assert passed(await ask(api, token, acr="aal1")) == (str(account.id), EMAIL, "aal1")
        refused(await ask(api, token, acr="aal2"), 403, "insufficient_authentication")


async def test_two_factors_pass_everywhere(api: httpx.AsyncClient, house: House, clock: SetClock) -> None:
    account = await an_account(house)
    session = await a_session(api)
    device = await enroll(api, session, clock.now())
    for query in ({}, {"acr": "aal1"}, {"acr": "aal2"}):
        assert passed(await ask(api, device.token, **query)) == (str(account.id), EMAIL, "aal2")
        refused(await ask(api, session, **query), 401, "invalid_token")


@pytest.mark.parametrize("acr", ["aal3", "", "AAL2", "aal2 ", "urn:aal2"])
async def test_an_unheard_of_assurance_is_422(api: httpx.AsyncClient, house: House, acr: str) -> None:
    """Passing it as none would let everybody in."""
    await an_account(house)
    body = refused(await ask(api, await a_session(api), acr=acr), 422, "invalid_request")
    assert body["errors"][0]["pointer"] == "/acr"


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Basic abc", "tks_x", "Bearer tks_x", "Bearer a b"])
async def test_without_a_live_token_nobody_passes(api: httpx.AsyncClient, given: str) -> None:
    for query in ("", "?acr=aal2"):
        answer = await api.get(f"/v1/forward-auth{query}", headers={"Authorization": given} if given else {})
        refused(answer, 401, "invalid_token")


async def test_a_dead_session_passes_no_more(api: httpx.AsyncClient, house: House, clock: SetClock) -> None:
    await an_account(house)
    token = await a_session(api)
    clock.advance(timedelta(hours=1))
    refused(await ask(api, token), 401, "invalid_token")


class _Application(BaseHTTPRequestHandler):
    """Knows nothing of us and answers with what reached it."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        seen = {"path": self.path, "headers": dict(self.headers.items()), "body": body}
        written = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(written)))
        self.end_headers()
        self.wfile.write(written)

    do_GET = do_POST = answer  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test says what it saw."""


@contextmanager
def the_application() -> Iterator[int]:
    """Yields its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Application) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        yield server.server_address[1]
        server.shutdown()
        serving.join()


def _nginx(block: str, port: int, folder: Path) -> list[str]:
    server = block.replace("listen 80;", f"listen 127.0.0.1:{port};")
    kept = "".join(f"{name}_temp_path {folder};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    # A worker of another user could not keep a large body in this folder.
    user = "user root;\n" if os.geteuid() == 0 else ""
    whole = f"{user}pid {folder}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{kept}{server}}}\n"
    (folder / "nginx.conf").write_text(whole)
    log = str(folder / "error.log")
    return ["nginx", "-e", log, "-c", str(folder / "nginx.conf"), "-g", f"daemon off; error_log {log};"]


def _caddy(block: str, port: int, folder: Path) -> list[str]:
    site = block.replace("http://app.example.com:80", f"http://127.0.0.1:{port}")
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{site}")
    return ["caddy", "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


PROXIES: dict[str, Callable[[str, int, Path], list[str]]] = {"nginx": _nginx, "caddy": _caddy}


@contextmanager
def started(command: list[str], port: int, folder: Path) -> Iterator[None]:
    with (
        (folder / "output.log").open("w+") as output,
        subprocess.Popen(
            command, stdout=output, stderr=output, env={"PATH": "/usr/sbin:/usr/bin", "HOME": str(folder)}
        ) as run,
    ):
        try:
            deadline = time.monotonic() + _STARTS_WITHIN
            while True:
                assert run.poll() is None, (folder / "output.log").read_text()
                try:
                    httpx.get(f"http://127.0.0.1:{port}/")
                    break
                except httpx.TransportError:
                    assert time.monotonic() < deadline
                    time.sleep(0.02)
            yield
        finally:
            run.terminate()


@dataclass(frozen=True)
class Front:
    """An application behind a proxy that asks us."""

    service: Service
    api: httpx.AsyncClient
    web: httpx.AsyncClient

    async def get(self, path: str, token: str | None = None, **headers: str) -> httpx.Response:
        return await self.web.get(path, headers=headers | (bearer(token) if token else {}))

    def status_of(self, path: str, token: str) -> int:
        """For a path that httpx would tidy up before it is sent."""
        with closing(HTTPConnection(self.web.base_url.host, self.web.base_url.port)) as connection:
            connection.request("GET", path, headers=bearer(token))
            return connection.getresponse().status


@pytest.fixture(params=PROXIES)
async def front(
    request: pytest.FixtureRequest, service: Service, served: httpx.AsyncClient, tmp_path: Path
) -> AsyncIterator[Front]:
    program = request.param
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    port = free_port()
    with the_application() as application:
        block = marked("integrations.md", program)
        for name, address in {
            "twokeys.internal:8000": service.address.removeprefix("http://"),
            "app.internal:9000": f"127.0.0.1:{application}",
        }.items():
            assert name in block
            block = block.replace(name, address)
        with started(PROXIES[program](block, port, tmp_path), port, tmp_path):
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as web:
                yield Front(service, served, web)


async def a_person(front: Front) -> tuple[str, str, str]:
    """Somebody's id, address and session."""
    email = f"forward-{time.monotonic_ns()}@example.com"
    account = await an_account(front.service.house, email)
    return str(account.id), email, await a_session(front.api, email)


@pytest.mark.system
async def test_the_application_learns_who_calls_and_not_by_which_token(front: Front) -> None:
    id, email, token = await a_person(front)
    seen = granted_by_application(await front.get("/orders?page=2", token))
    assert seen["path"] == "/orders?page=2"
    assert [seen["headers"][name] for name in _HEADERS] == [id, email, "aal1"]
    assert "Authorization" not in seen["headers"]
    assert token not in json.dumps(seen)


def granted_by_application(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.system
async def test_nobody_passes_without_a_token(front: Front) -> None:
    for path in ("/", "/orders", "/admin", "/admin/", "/_twokeys"):
        for token in (None, "tks_" + "A" * 43):
            answer = await front.get(path, token)
            assert answer.status_code in ({401} if path != "/_twokeys" else {401, 404})
            assert "path" not in answer.text
    assert (await front.get("/", None)).headers["www-authenticate"] == "Bearer"


@pytest.mark.system
async def test_a_revoked_token_passes_no_more_at_once(front: Front) -> None:
    _, _, token = await a_person(front)
    assert (await front.get("/", token)).status_code == 200
    assert (await front.api.post("/v1/logout", headers=bearer(token))).status_code == 204
    assert (await front.get("/", token)).status_code == 401


@pytest.mark.system
async def test_admin_needs_two_factors(front: Front) -> None:
    _, _, token = await a_person(front)
    for path in ("/admin", "/admin/", "/admin/x", "//admin/", "/x/../admin/", "/%61dmin/", "/x/..%2fadmin/"):
        assert front.status_of(path, token) == 403, path
    device = await enroll(front.api, token, front.service.house.clock.now())
    seen = granted_by_application(await front.get("/admin/x", device.token))
    assert seen["headers"]["X-Auth-Acr"] == "aal2"
    assert (await front.get("/", device.token)).status_code == 200


@pytest.mark.system
async def test_nobody_names_themselves(front: Front) -> None:
    id, email, token = await a_person(front)
    forged = {"X-Auth-Email": "root@example.com", "x-auth-account-id": "1", "X_Auth_Email": "r", "X-Auth-Acr": "aal2"}
    seen = granted_by_application(await front.get("/", token, **forged))
    # To many an application (CGI, WSGI) a dash and an underscore are the same.
    names = {name: name.lower().replace("_", "-") for name in seen["headers"]}
    named = {plain: seen["headers"][name] for name, plain in names.items() if plain.startswith("x-auth")}
    assert len(named) == sum(plain.startswith("x-auth") for plain in names.values())
    assert named == {"x-auth-account-id": id, "x-auth-email": email, "x-auth-acr": "aal1"}
    assert (await front.get("/", None, **forged)).status_code == 401


@pytest.mark.system
async def test_a_body_reaches_the_application_and_not_us(front: Front) -> None:
    _, _, token = await a_person(front)
    answer = await front.web.post("/orders", content=b"x" * 200_000, headers=bearer(token))
    assert granted_by_application(answer)["body"] == "x" * 200_000


@pytest.mark.system
async def test_the_proxy_says_where_the_caller_is(front: Front) -> None:
    _, _, token = await a_person(front)
    assert (await front.get("/", token, **{"X-Forwarded-For": "198.51.100.9"})).status_code == 200
    items = granted(await front.api.get("/v1/me/tokens", headers=bearer(token)))["items"]
    assert items[0]["last_used_ip"] in {"127.0.0.1", None}


@pytest.mark.system
async def test_it_fails_closed(service: Service, tmp_path: Path) -> None:
    """With nobody at our address, nobody passes."""
    for program, command in PROXIES.items():
        if shutil.which(program) is None:
            continue
        folder = tmp_path / program
        folder.mkdir()
        with the_application() as application:
            port = free_port()
            block = marked("integrations.md", program).replace("twokeys.internal:8000", f"127.0.0.1:{free_port()}")
            block = block.replace("app.internal:9000", f"127.0.0.1:{application}")
            with started(command(block, port, folder), port, folder):
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as web:
                    for path in ("/", "/admin/"):
                        assert (await web.get(path, headers=bearer("tks_" + "A" * 43))).status_code in {500, 502}
