"""What a frontend may know of the settings, and who may cache it."""

from pathlib import Path

import httpx
import pytest

from app.main import create_app
from app.settings import PasswordResetPolicy, Settings, SettingsRefused, load_settings
from tests.conftest import SetClock
from tests.support.marks import given_settings

pytestmark = pytest.mark.anyio
SVG = b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"/>'
PNG = b"\x89PNG\r\n\x1a\n" + bytes(16)
JPEG = b"\xff\xd8\xff\xe0" + bytes(16)


async def test_it_says_the_defaults(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/config")

    assert answer.json() == {
        "issuer": "Twokeys",
        "password_min_length": 8,
        "password_reset_seconds": 1800,
        "password_reset_policy": "clears_two_factor",
        "disable_requires_code": False,
        "two_factor_policy": "optional",
        "passkey_login": True,
        "session_idle_seconds": 3600,
        "session_max_seconds": 86400,
        "locales": ["en", "de"],
        "support_url": None,
        "privacy_url": None,
        "accent_color": None,
        "logo_url": None,
    }


@given_settings(
    issuer="Acme Cloud",
    password_min_length=14,
    password_reset_seconds=300,
    password_reset_policy=PasswordResetPolicy.REQUIRES_SECOND_FACTOR,
    disable_requires_code=True,
    session_max_seconds=7200,
    support_url="mailto:help@acme.example",
    privacy_url="https://acme.example/privacy",
    accent_color="#0a7d5a",
)
async def test_it_says_what_the_operator_set(api: httpx.AsyncClient) -> None:
    found = (await api.get("/v1/config")).json()

    assert found["issuer"] == "Acme Cloud"
    assert found["password_min_length"] == 14
    assert found["password_reset_seconds"] == 300
    assert found["password_reset_policy"] == "requires_second_factor"
    assert found["disable_requires_code"] is True
    assert found["session_max_seconds"] == 7200
    assert found["support_url"] == "mailto:help@acme.example"
    assert found["privacy_url"] == "https://acme.example/privacy"
    assert found["accent_color"] == "#0a7d5a"


async def test_it_may_be_cached_for_a_minute_and_its_refusals_never(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/config")
    refused = await api.post("/v1/config")

    assert answer.headers["cache-control"] == "public, max-age=60"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert refused.status_code == 405
    assert refused.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("content", "media_type"), [(SVG, "image/svg+xml"), (PNG, "image/png"), (JPEG, "image/jpeg")])
async def test_the_logo_is_served_as_what_it_is(
    settings: Settings, clock: SetClock, tmp_path: Path, content: bytes, media_type: str
) -> None:
    path = tmp_path / "logo.txt"
    path.write_bytes(content)
    app = create_app(settings.model_copy(update={"logo": path, "public_url": "https://id.example.com"}), clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        config = (await client.get("/v1/config")).json()
        answer = await client.get("/v1/config/logo")

    assert config["logo_url"] == "https://id.example.com/v1/config/logo"
    assert (answer.content, answer.headers["content-type"]) == (content, media_type)
    assert answer.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'; sandbox"


async def test_without_a_logo_there_is_none(api: httpx.AsyncClient) -> None:
    answer = await api.get("/v1/config/logo")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    "content", [None, b"", b"<html></html>", b"GIF89a", b"<?xml version='1.0'?><x/>", PNG + bytes(262144)]
)
def test_what_is_no_small_picture_refuses_the_start(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "logo.svg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsRefused, match="TWOKEYS_LOGO: "):
        load_settings(logo=path)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//acme.example", "https://", "https://a b"]
)
def test_a_support_address_that_nobody_could_open_refuses_the_start(url: str) -> None:
    with pytest.raises(SettingsRefused, match="TWOKEYS_SUPPORT_URL"):
        load_settings(support_url=url)


@pytest.mark.parametrize("color", ["green", "#0a7d5", "#0a7d5a;}", "#0a7d5a\n"])
def test_a_color_that_is_none_refuses_the_start(color: str) -> None:
    with pytest.raises(SettingsRefused, match="TWOKEYS_ACCENT_COLOR"):
        load_settings(accent_color=color)
