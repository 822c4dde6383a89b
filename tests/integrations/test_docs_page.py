"""`/docs` renders, and loads nothing from anybody else."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Page, async_playwright, expect

from tests.integrations.conftest import Service
from tests.integrations.test_openapi import operations
from tests.support.answers import refused
from tests.support.marks import PATIENCE, chromium, given_settings

pytestmark = pytest.mark.anyio
expect.set_options(timeout=PATIENCE * 1000)


async def test_the_page_is_ours_alone(api: httpx.AsyncClient) -> None:
    page = await api.get("/docs")
    assert page.status_code == 200
    # Nothing in it is anybody's own, so it may be kept and asked for again.
    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["x-request-id"]
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert links == ["/docs/key.svg", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/docs/start.js"]
    for link in links:
        part = await api.get(link)
        assert part.status_code == 200
        assert part.headers["content-type"].partition(";")[0] in {"text/css", "text/javascript", "image/svg+xml"}
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "http" not in policy
    assert "trusted-types" not in policy


@pytest.mark.parametrize("path", ["/docs/", "/docs/nothing.js", "/docs/..%2f..%2fmain.py", "/redoc", "/docs/docs.html"])
async def test_nothing_else_is_served(api: httpx.AsyncClient, path: str) -> None:
    refused(await api.get(path), 404, "not_found")


@given_settings(docs=False)
async def test_without_the_setting_there_is_neither_page_nor_document(api: httpx.AsyncClient) -> None:
    for path in ("/docs", "/docs/start.js", "/openapi.json"):
        refused(await api.get(path), 404, "not_found")


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    program = chromium()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield await browser.new_page()
        await browser.close()


@pytest.mark.browser
async def test_it_renders_in_a_browser_and_a_call_can_be_tried(service: Service, page: Page) -> None:
    response: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: response.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(f"{service.address}/docs")
    await expect(page.get_by_role("heading", name="Twokeys")).to_be_visible()
    await expect(page.locator(".opblock")).to_have_count(len(list(operations())))
    assert f"{service.address}/docs" in response
    assert all(url.startswith((service.address, "data:")) for url in response)

    health = page.locator("#operations-Operations-get_health")
    await health.click()
    await health.get_by_role("button", name="Try it out").click()
    await health.get_by_role("button", name="Execute").click()
    await expect(health.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
    assert complaints == []
