"""What the console and the mailbox page are served with, and what they never serve."""

import re
from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from app.console import DevelopmentNotice, mount_console
from app.console.bundle import BUNDLE, bundle
from app.console.pages import Page, pages_under
from app.console.routes import files_of_console
from app.development.mailbox import mount_mailbox

_ROOT = Path(__file__).resolve().parents[2]
_CONSOLE = _ROOT / "app" / "console"


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def _console(notice: DevelopmentNotice | None = None) -> httpx.AsyncClient:
    app = FastAPI()
    mount_console(app, "http://127.0.0.1:8000", notice)
    return _client(app)


def _mail() -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "Hello"
    message.set_content("Hello")
    message.add_alternative("<p>Hello</p>", subtype="html")
    return message.as_bytes()


async def test_browsers_and_password_managers_find_the_pages_for_credentials() -> None:
    """W3C: A Well-Known URL for Changing Passwords; … for Relying Party Passkey Endpoints."""
    change = await _console().get("/.well-known/change-password")
    page = "http://127.0.0.1:8000/console/#/authentication-methods"
    assert (change.status_code, change.headers["location"]) == (302, f"{page}/password")
    endpoints = await _console().get("/.well-known/passkey-endpoints")
    assert endpoints.json() == {"enroll": page, "manage": page}


@pytest.mark.parametrize("path", ["/", "/console"])
async def test_the_root_leads_to_the_console(path: str) -> None:
    answer = await _console().get(path)
    assert (answer.status_code, answer.headers["location"]) == (307, "/console/")


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("", "text/html; charset=utf-8"),
        ("console.js", "text/javascript; charset=utf-8"),
        ("words/en.js", "text/javascript; charset=utf-8"),
        ("console.css", "text/css; charset=utf-8"),
        ("key.svg", "image/svg+xml"),
    ],
)
async def test_every_file_has_its_type_and_the_strict_policy(path: str, media_type: str) -> None:
    answer = await _console().get(f"/console/{path}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == media_type
    policy = answer.headers["content-security-policy"].split("; ")
    for directive in ("default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
        assert directive in policy
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", ["../routes.py", "%2e%2e/routes.py", "..%2froutes.py", "views", "views/", "nothing"])
async def test_nothing_else_is_served(path: str) -> None:
    assert (await _console().get(httpx.URL(f"http://test/console/{path}"))).status_code == 404


def test_no_page_has_inline_script_or_style_or_a_stranger() -> None:
    for page in _CONSOLE.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=\"/)", text), page
        assert not re.search(r"(?:src|href)=\"(?!/|#)", text), page


def test_no_module_builds_html_from_text_and_one_alone_speaks_to_the_api() -> None:
    modules = list((_CONSOLE / "static").rglob("*.js"))
    assert modules
    for module in modules:
        text = module.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), (
            module
        )
        assert ("fetch(" in text) == (module.name == "api.js"), module
        assert ("sessionStorage." in text) == (module.name == "session.js"), module
        assert not re.search(r"localStorage|document\.cookie|indexedDB", text), module


async def test_a_versioned_file_is_kept_for_good_and_the_page_is_asked_about_each_time() -> None:
    client = _console()
    page = await client.get("/console/")
    assert page.headers["cache-control"] == "no-cache"
    again = await client.get("/console/", headers={"If-None-Match": page.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    addresses = re.findall(r'="(/console/v-[0-9a-f]{16}/[^"]+)"', page.text)
    for address in addresses:
        answer = await client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize(
    ("accepted", "language", "missing"),
    [("fr, de-AT;q=0.9, en;q=0.8", "de", "Seite nicht gefunden"), ("de;q=0, nonsense; q", "en", "Page not found")],
)
async def test_what_is_said_before_a_script_runs_is_in_the_browsers_language(
    accepted: str, language: str, missing: str
) -> None:
    client = _console()
    page = await client.get("/console/", headers={"Accept-Language": accepted})
    assert f'<html lang="{language}">' in page.text
    assert re.findall(r"/words/(\w+)\.js", page.text) == [language], "a page loads one language"
    assert "Accept-Language" in page.headers["vary"]
    astray = await client.get("/console/nothing", headers={"Accept-Language": accepted, "Accept": "text/html"})
    assert missing in astray.text


async def test_a_file_travels_compressed_where_the_browser_takes_that() -> None:
    client = _console()
    plain = await client.get("/console/console.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    packed = await client.get("/console/console.js", headers={"Accept-Encoding": "br, gzip"})
    assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content)
    assert packed.headers["etag"] == plain.headers["etag"]


def test_the_whole_console_travels_in_120_kib() -> None:
    """In all of its languages."""
    files = files_of_console()
    together = {name for name in files if name.endswith(".js") and not name.startswith("words/")} - {BUNDLE}
    assert sum(len(files[name].compressed) for name in files.keys() - together) < 120 * 1024


def test_every_module_is_in_the_one_file_behind_what_it_imports() -> None:
    modules = [name for name in pages_under(_CONSOLE / "static") if name.endswith(".js") and "words/" not in name]
    text = files_of_console()[BUNDLE].content.decode()
    assert sorted(re.findall(r"^// (\S+\.js)$", text, re.MULTILINE)) == sorted(modules)
    places = {name: number for number, name in enumerate(re.findall(r"^const (module\d+) = ", text, re.MULTILINE))}
    for number, part in enumerate(re.split(r"^const module\d+ = ", text, flags=re.MULTILINE)[1:]):
        assert all(places[name] < number for name in re.findall(r"= (module\d+);", part))


def test_an_export_that_would_change_later_is_refused() -> None:
    with pytest.raises(ValueError, match=r"main\.js: export let"):
        bundle({"main.js": Page(b"export let config;\n", "text/javascript")})


async def test_the_page_of_another_release_gets_files_that_it_does_not_keep() -> None:
    answer = await _console().get(f"/console/v-{'0' * 16}/console.js")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-cache")


async def test_a_person_who_goes_astray_gets_a_page_with_the_way_back() -> None:
    answer = await _console().get("/console/nothing-here", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert 'href="/console/"' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_the_notice_is_there_in_development_alone() -> None:
    assert "development" not in (await _console().get("/console/")).text
    with_password = await _console(DevelopmentNotice("demo@example.com", "a<b", "/mailbox/")).get("/console/")
    assert "<code>a&lt;b</code>" in with_password.text
    without = await _console(DevelopmentNotice("demo@example.com", None, "/mailbox/")).get("/console/")
    assert "the password that you gave it" in without.text


async def test_a_name_that_is_no_mail_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "a.eml").write_bytes(_mail())
    (folder / "b.eml").symlink_to(tmp_path / "secret.txt")
    app = FastAPI()
    mount_mailbox(app, folder)
    async with _client(app) as client:
        assert (await client.get("/mailbox/mails/a.eml")).status_code == 200
        for name in ("b.eml", "..%2fsecret.txt", "%2e%2e", "nothing.eml", "a.eml%00"):
            assert (await client.get(httpx.URL(f"http://test/mailbox/mails/{name}"))).status_code == 404, name
        assert [mail["id"] for mail in (await client.get("/mailbox/mails")).json()] == ["a.eml"]


async def test_a_mailbox_without_a_folder_or_with_a_broken_mail_still_opens(tmp_path: Path) -> None:
    app = FastAPI()
    mount_mailbox(app, tmp_path / "none")
    mount_mailbox(broken := FastAPI(), tmp_path)
    (tmp_path / "half.eml").write_bytes(_mail()[:120])
    (tmp_path / "noise.eml").write_bytes(bytes(range(256)))
    assert (await _client(app).get("/mailbox/mails")).json() == []
    assert len((await _client(broken).get("/mailbox/mails")).json()) == 2
