"""The mailbox page of `twokeys dev`: mails as a person would see them, and nothing in one ever runs."""

from email.message import EmailMessage
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.console import Console
from tests.browser.service import Service
from tests.support.marks import PATIENCE

pytestmark = pytest.mark.browser

_EVIL = '<p id="p">Hello</p><script>top.ran = 1</script><img src=x onerror="top.ran = 1"><a href="/healthz">Go</a>'


def _mail(subject: str, html: str = "<p>Hello</p>") -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", subject
    message.set_content("Hello")
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def _drop(folder: Path, name: str, content: bytes) -> None:
    """Whole at once, as the service writes its mails: the page asks at any moment, and would keep half a mail."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.part"
    partial.write_bytes(content)
    partial.replace(folder / name)


def test_no_cache_keeps_more_than_files_that_it_asks_about(service: Service) -> None:
    revalidated = dict.fromkeys(("/console/", "/console/main.js"), "no-cache")
    kept_nowhere = dict.fromkeys(("/", "/console/nothing", "/mailbox/", "/mailbox/mails"), "no-store")
    for path, caching in (revalidated | kept_nowhere).items():
        answer = httpx.get(f"{service.address}{path}", timeout=PATIENCE)
        assert answer.headers["cache-control"] == caching, path
        assert answer.headers["x-content-type-options"] == "nosniff", path


def test_a_mail_runs_nothing(console: Console, service: Service) -> None:
    name = "evil.eml"
    _drop(service.mails, name, _mail("<b>Evil</b>", _EVIL))
    console.page.goto(f"{service.address}/mailbox/")
    console.page.get_by_role("button", name="<b>Evil</b>").click()
    frame = console.page.frame_locator("iframe")
    expect(frame.get_by_text("Hello")).to_be_visible()
    console.page.wait_for_load_state("networkidle")
    assert console.page.evaluate("window.ran") is None
    with console.page.context.expect_page() as opened:
        frame.get_by_role("link", name="Go").click()
    assert opened.value.url == f"{service.address}/healthz"

    alone = console.page.context.new_page()
    alone.goto(f"{service.address}/mailbox/mails/{name}")
    assert alone.evaluate("window.ran") is None
    (service.mails / name).unlink()
    # The browser says each time that it blocked a script; here that is what should happen.
    assert all("Blocked script" in failure or "Content Security Policy" in failure for failure in console.failures)
    console.failures.clear()


def test_a_new_mail_appears_by_itself(console: Console, service: Service) -> None:
    console.page.goto(f"{service.address}/mailbox/")
    _drop(service.mails, "late.eml", _mail("It came late"))
    expect(console.page.get_by_role("heading", name="It came late")).to_be_visible()
    console.page.get_by_role("button", name="Text", exact=True).click()
    expect(console.page.locator("pre")).to_have_text("Hello\n")
