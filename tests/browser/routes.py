"""What the server says, where a test says it instead; the browser sees no difference."""

import json
from collections.abc import Callable

from playwright.sync_api import Page, Route


def answers(status: int, body: object, **headers: str) -> Callable[[Route], None]:
    def answer(route: Route) -> None:
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body), headers=headers)

    return answer


def refuses(status: int, code: str, *, retry_after: int | None = None, **members: object) -> Callable[[Route], None]:
    problem = {"type": f"urn:twokeys:problem:{code}", "title": code, "status": status, "code": code} | members
    headers = {"Retry-After": str(retry_after)} if retry_after is not None else {}
    return answers(status, problem, **headers)


def settle(page: Page, **settings: object) -> None:
    """The same service with other settings, as far as a frontend hears of them."""

    def answer(route: Route) -> None:
        config = route.fetch().json()
        route.fulfill(json=config | settings)

    page.route("**/v1/config", answer)


def hurry(page: Page, path: str, milliseconds: int) -> None:
    """The browser waits no longer than this for the key that it is told of at `path`."""

    def answer(route: Route) -> None:
        told = route.fetch().json()
        told["public_key"]["timeout"] = milliseconds
        route.fulfill(json=told)

    page.route(path, answer)
