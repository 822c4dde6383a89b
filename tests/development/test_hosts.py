"""`twokeys dev` answers to names of this machine only: a rebound name reads neither demo password nor mails."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from app.development.hosts import OnlyThisMachine

pytestmark = pytest.mark.anyio
_ANSWERS = Starlette(routes=[Route("/{path:path}", lambda _: PlainTextResponse("the demo password"))])


async def ask(host: str, path: str = "/console/") -> httpx.Response:
    app = OnlyThisMachine(_ANSWERS, public_host="twokeys.example.com")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000") as client:
        return await client.get(path, headers={"host": host})


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8000", "localhost:8000", "LocalHost", "[::1]:8000", "id.localhost:8000", "twokeys.example.com"],
)
async def test_a_name_of_this_machine_is_answered(host: str) -> None:
    assert (await ask(host)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example.net",
        "evil.example.net:8000",
        "127.0.0.1.evil.example.net",
        "localhost.evil.example.net",
        "evillocalhost.example.net",
        "127.0.0.1@evil.example.net",
        "twokeys.example.com.evil.example.net",
        "0.0.0.0:8000",
        "",
    ],
)
@pytest.mark.parametrize("path", ["/console/", "/mailbox/mails", "/healthz", "/v1/login"])
async def test_another_name_is_refused_on_every_path(host: str, path: str) -> None:
    answer = await ask(host, path)
    assert (answer.status_code, answer.json()["code"]) == (421, "foreign_host")
    assert "password" not in answer.text
