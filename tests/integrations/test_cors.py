"""Frontends on other origins: exactly those that are configured."""

import httpx
import pytest

from app.settings import SettingsRefused, load_settings
from tests.support.answers import has_common_headers
from tests.support.marks import given_settings
from tests.support.people import EMAIL, PASSWORD

pytestmark = pytest.mark.anyio
OURS = "https://app.example.com"
WITH_PORT = "http://localhost:5173"
STRANGERS = [
    "https://evil.example",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://app.example.com.evil.example",
    "https://sub.app.example.com",
    "https://APP.example.com",
    "https://app.example.com/",
    "null",
    "*",
]
configured = given_settings(cors_origins=(OURS, WITH_PORT))


async def preflight(
    api: httpx.AsyncClient, origin: str, method: str = "POST", path: str = "/v1/login"
) -> httpx.Response:
    headers = {"Origin": origin, "Access-Control-Request-Method": method}
    headers["Access-Control-Request-Headers"] = "authorization,content-type"
    return await api.options(path, headers=headers)


@configured
@pytest.mark.parametrize("origin", [OURS, WITH_PORT])
async def test_a_configured_origin_may_call(api: httpx.AsyncClient, origin: str) -> None:
    for method in ("GET", "POST", "PATCH", "DELETE"):
        answer = await preflight(api, origin, method, "/v1/me")
        assert answer.status_code == 200
        has_common_headers(answer)
        assert answer.headers["access-control-allow-origin"] == origin
        assert method in answer.headers["access-control-allow-methods"]
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert "authorization" in allowed
        assert "content-type" in allowed
        assert "access-control-allow-credentials" not in answer.headers


@configured
async def test_it_may_read_answers_and_refusals_and_what_they_say(api: httpx.AsyncClient) -> None:
    params = {"email": EMAIL, "password": PASSWORD}
    for answer in (
        await api.get("/healthz", headers={"Origin": OURS}),
        await api.get("/v1/me", headers={"Origin": OURS}),
        await api.post("/v1/login", json=params, headers={"Origin": OURS}),
        await api.get("/v1/nowhere", headers={"Origin": OURS}),
    ):
        assert answer.headers["access-control-allow-origin"] == OURS
        exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
        assert exposed >= {"retry-after", "www-authenticate", "x-request-id"}
        assert "origin" in answer.headers["vary"].lower()


@configured
async def test_even_a_body_that_is_too_large_is_told_to_a_page(api: httpx.AsyncClient) -> None:
    """Or the page would see a network error and no reason."""
    headers = {"Origin": OURS, "Content-Type": "application/json"}
    answer = await api.post("/v1/login", content=b" " * 70_000, headers=headers)
    assert answer.status_code == 413
    assert answer.headers["access-control-allow-origin"] == OURS


@configured
@pytest.mark.parametrize("origin", STRANGERS)
async def test_another_origin_may_not(api: httpx.AsyncClient, origin: str) -> None:
    refused = await preflight(api, origin)
    assert (refused.status_code, refused.json()["code"]) == (400, "preflight_refused")
    assert refused.headers["content-type"] == "application/problem+json"
    assert "access-control-allow-origin" not in refused.headers
    has_common_headers(refused)
    answer = await api.get("/v1/me", headers={"Origin": origin})
    for headers in (refused.headers, answer.headers):
        assert "access-control-allow-origin" not in headers
    has_common_headers(refused)


async def test_without_configuration_nobody_may(api: httpx.AsyncClient) -> None:
    for origin in (OURS, *STRANGERS):
        assert (await preflight(api, origin)).status_code == 405
        answer = await api.get("/healthz", headers={"Origin": origin})
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "app.example.com",
        "https://*.example.com",
        "https://app.example.com/",
        "https://App.example.com",
        "https://app.example.com:443",
        "http://localhost:80",
        "https://a@b",
        "https://",
        "//x",
    ],
)
def test_an_origin_that_no_browser_says_is_no_setting(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("TWOKEYS_CORS_ORIGINS", f"{OURS}, {origin}")
    with pytest.raises(SettingsRefused, match="TWOKEYS_CORS_ORIGINS: each origin is"):
        load_settings(None)


def test_several_origins_are_one_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    params = (OURS, WITH_PORT, "https://xn--mnchen-3ya.example", "http://[::1]:3000", "capacitor://localhost")
    monkeypatch.setenv("TWOKEYS_CORS_ORIGINS", ", ".join(params))
    assert load_settings(None).cors_origins == params
