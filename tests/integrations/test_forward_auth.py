"""Forward auth: the call itself, and behind real proxies that are configured as docs/how-to/guard-services.md says."""

import json
import re
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from http.client import HTTPConnection
from itertools import product
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from urllib.parse import unquote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpx
import pytest

from app.services import Services
from tests.conftest import SetClock
from tests.integrations.conftest import Service
from tests.integrations.pages import marked
from tests.integrations.proxies import PROXIES, started
from tests.support.answers import granted, has_common_headers, refused
from tests.support.marks import PATIENCE, missing
from tests.support.people import EMAIL, a_session, an_account, bearer, enroll
from tests.support.service import free_port

pytestmark = pytest.mark.anyio
_HEADERS = ("X-Auth-Account-Id", "X-Auth-Email", "X-Auth-Acr")
_WSGI = tuple("HTTP_" + name.upper().replace("-", "_") for name in _HEADERS)


async def ask(api: httpx.AsyncClient, token: str, **query: str) -> httpx.Response:
    return await api.get("/v1/forward-auth", params=query, headers=bearer(token))


def passed(answer: httpx.Response) -> tuple[str, ...]:
    assert (answer.status_code, answer.content) == (204, b"")
    has_common_headers(answer)
    return tuple(answer.headers[name] for name in _HEADERS)


async def test_a_live_token_passes_with_whose_it_is(
    api: httpx.AsyncClient, services: Services, clock: SetClock
) -> None:
    account = await an_account(services)
    session = await a_session(api)
    made = await api.post("/v1/me/tokens", json={"description": "Backup"}, headers=bearer(session))
    for token in (session, granted(made, 201)["access_token"]):
        assert passed(await ask(api, token)) == (str(account.id), EMAIL, "aal1")
        assert passed(await ask(api, token, acr="aal1")) == (str(account.id), EMAIL, "aal1")
        refused(await ask(api, token, acr="aal2"), 403, "insufficient_authentication")


async def test_two_factors_pass_everywhere(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    account = await an_account(services)
    session = await a_session(api)
    device = await enroll(api, session, clock.now())
    for query in ({}, {"acr": "aal1"}, {"acr": "aal2"}):
        assert passed(await ask(api, device.token, **query)) == (str(account.id), EMAIL, "aal2")
        refused(await ask(api, session, **query), 401, "invalid_token")


@pytest.mark.parametrize("acr", ["aal3", "", "AAL2", "aal2 ", "urn:aal2"])
async def test_an_unheard_of_assurance_is_422(api: httpx.AsyncClient, services: Services, acr: str) -> None:
    """Passing it as none would let everybody in."""
    await an_account(services)
    body = refused(await ask(api, await a_session(api), acr=acr), 422, "invalid_request")
    assert body["errors"][0]["pointer"] == "/acr"


@pytest.mark.parametrize("values", ["", "Bearer", "Bearer ", "Basic abc", "tks_x", "Bearer tks_x", "Bearer a b"])
async def test_without_a_live_token_nobody_passes(api: httpx.AsyncClient, values: str) -> None:
    for query in ("", "?acr=aal2"):
        answer = await api.get(f"/v1/forward-auth{query}", headers={"Authorization": values} if values else {})
        refused(answer, 401, "invalid_token")


async def test_a_dead_session_passes_no_more(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    token = await a_session(api)
    clock.advance(timedelta(hours=1))
    refused(await ask(api, token), 401, "invalid_token")


def _application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Knows nothing of us and answers with what reached it, under the names that WSGI gives to headers."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()
    path = environ["PATH_INFO"] + (f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else "")
    headers = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    written = json.dumps({"path": path, "headers": headers, "body": body}).encode()
    start_response("200 OK", [("Content-Length", str(len(written)))])
    return [written]


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test says what it saw."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@contextmanager
def the_application() -> Iterator[int]:
    """Yields its port."""
    with make_server("127.0.0.1", 0, _application, server_class=_Server, handler_class=_Quiet) as server:
        serving = Thread(target=server.serve_forever)
        serving.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            serving.join()


_ADDRESSES = {"twokeys": "twokeys.internal:8000", "app": "app.internal:9000"}
LISTENS = {
    "nginx": ("listen 80;", "listen 127.0.0.1:{port};"),
    "caddy": ("http://app.example.com:80", "http://:{port}"),
}


def documented(program: str, port: int, folder: Path, **addresses: str) -> list[str]:
    """The command that starts this proxy as the page says, with these addresses in place of the page's."""
    block = marked("how-to/guard-services.md", program)
    listens, here = LISTENS[program]
    replaced = {listens: here.format(port=port)} | {_ADDRESSES[name]: address for name, address in addresses.items()}
    for name, address in replaced.items():
        assert name in block
        block = block.replace(name, address)
    return PROXIES[program](block, folder)


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


@pytest.fixture(params=LISTENS)
async def front(
    request: pytest.FixtureRequest, service: Service, served: httpx.AsyncClient, tmp_path: Path
) -> AsyncIterator[Front]:
    program = request.param
    if shutil.which(program) is None:
        pytest.skip(missing(program))
    port = free_port()
    with the_application() as application:
        twokeys = service.address.removeprefix("http://")
        command = documented(program, port, tmp_path, twokeys=twokeys, app=f"127.0.0.1:{application}")
        with started(command, port, tmp_path):
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as web:
                yield Front(service, served, web)


async def a_person(front: Front) -> tuple[str, str, str]:
    """Somebody's id, address and session."""
    email = f"forward-{time.monotonic_ns()}@example.com"
    account = await an_account(front.service.services, email)
    return str(account.id), email, await a_session(front.api, email)


@pytest.mark.system
async def test_the_application_learns_who_calls_and_not_by_which_token(front: Front) -> None:
    id, email, token = await a_person(front)
    seen = granted_by_application(await front.get("/orders?page=2", token))
    assert seen["path"] == "/orders?page=2"
    assert [seen["headers"][name] for name in _WSGI] == [id, email, "aal1"]
    assert "HTTP_AUTHORIZATION" not in seen["headers"]
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
            assert '"path"' not in answer.text
    assert (await front.get("/", None)).headers["www-authenticate"] == "Bearer"


@pytest.mark.system
async def test_a_revoked_token_passes_no_more_at_once(front: Front) -> None:
    _, _, token = await a_person(front)
    assert (await front.get("/", token)).status_code == 200
    assert (await front.api.post("/v1/logout", headers=bearer(token))).status_code == 204
    assert (await front.get("/", token)).status_code == 401


EVASIONS = (
    *("/admin", "/admin/", "/admin/x", "//admin/", "/x/../admin/", "/%61dmin/", "/x/..%2fadmin/"),
    *("/ADMIN", "/Admin/x", "/admin;x=1", "/;/admin", "/admin%5cx", "/admin%20", "/admin.", "/admin.json", "/./admin"),
    *(
        "/orders/../admin",
        "/orders/..%2fadmin",
        "/orders/%2e%2e/admin",
        "/orders/..;/admin",
        "/orders/%252e%252e/admin",
    ),
    *("/admin/..%2forders", "/admin/../orders", "/admin%2f..%2forders", "/admin/;/../orders", "/orders%2f..%2fadmin"),
    *("/orders//../admin", "/orders;x/admin", "/orders%00/admin", "/%6frders", "/ORDERS", "/ordersx", "/orders.json"),
)


@pytest.mark.system
async def test_what_is_not_listed_needs_two_factors(front: Front) -> None:
    _, _, token = await a_person(front)
    for path in EVASIONS:
        # A proxy may refuse some of these by itself.
        assert front.status_of(path, token) in {403, 400}, path
    device = await enroll(front.api, token, front.service.services.clock.now())
    seen = granted_by_application(await front.get("/admin/x", device.token))
    assert seen["headers"]["HTTP_X_AUTH_ACR"] == "aal2"
    assert (await front.get("/", device.token)).status_code == 200


@pytest.mark.system
async def test_the_callers_query_asks_us_nothing(front: Front) -> None:
    _, _, token = await a_person(front)
    for path in ("/", "/orders", "/orders/", "/orders/7/items"):
        for query in ("", "?page=2", "?acr=aal2", "?acr=aal1&acr=aal1", "?max_age=1", "?/admin"):
            assert front.status_of(path + query, token) == 200, path + query
    for query in ("?acr=aal1", "?acr=aal1&acr=aal2", "?x#?"):
        assert front.status_of("/admin" + query, token) in {403, 400}, query


def test_the_traefik_example_lists_what_needs_less() -> None:
    (pattern,) = re.findall(r"PathRegexp\(`([^`]+)`\)", marked("how-to/guard-services.md", "traefik"))
    assert all(re.search(pattern, path) for path in ("/", "/orders", "/orders/", "/orders/7/items"))
    # Traefik decodes a path before it looks at it.
    left_over = ("/%6frders", "/orders%2f..%2fadmin")
    assert not any(re.search(pattern, unquote(path)) for path in EVASIONS if path not in left_over)


def spellings(name: str) -> list[str]:
    """All that WSGI and CGI take for this header: each dash may be an underscore."""
    parts = name.split("-")
    return ["".join(map(str.__add__, ("", *between), parts)) for between in product("-_", repeat=len(parts) - 1)]


@pytest.mark.system
@pytest.mark.parametrize("connection", [None, ", ".join(_HEADERS), "close, X-Auth-Acr, X_Auth_Acr"])
async def test_nobody_names_themselves(front: Front, connection: str | None) -> None:
    """In no spelling, nor by telling the proxy that ours are headers of this one connection."""
    id, email, token = await a_person(front)
    forged = {each: "forged" for name in _HEADERS for each in spellings(name)}
    forged |= {"Connection": connection} if connection else {}
    seen = granted_by_application(await front.get("/", token, **forged))
    named = {name: value for name, value in seen["headers"].items() if name.startswith("HTTP_X_AUTH")}
    assert named == dict(zip(_WSGI, (id, email, "aal1"), strict=True))
    assert (await front.get("/", None, **forged)).status_code == 401


def test_the_traefik_example_empties_every_spelling() -> None:
    """Debian has no Traefik to run; it knows exact names only, so the example must list them."""
    emptied = set(re.findall(r'^ +([\w-]+): ""$', marked("how-to/guard-services.md", "traefik"), re.MULTILINE))
    assert emptied == {"Authorization", "Connection"} | {
        each for name in _HEADERS for each in spellings(name) if each != name
    }


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
    for program in LISTENS:
        if shutil.which(program) is None:
            continue
        folder = tmp_path / program
        folder.mkdir()
        with the_application() as application:
            port = free_port()
            away, app = f"127.0.0.1:{free_port()}", f"127.0.0.1:{application}"
            with started(documented(program, port, folder, twokeys=away, app=app), port, folder):
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as web:
                    for path in ("/", "/admin/"):
                        assert (await web.get(path, headers=bearer("tks_" + "A" * 43))).status_code in {500, 502}
