"""Builders for lines of an import, and the answers to them."""

import json
from typing import Any

import httpx
import pyotp

from tests.support.people import PASSWORD

SECRET = pyotp.random_base32(32)


def a_line(number: int | str = 1, **changes: Any) -> dict[str, Any]:
    line = {
        "external_id": f"u-{number}",
        "email": f"person{number}@example.com",
        "password": {"plain": PASSWORD},
    } | changes
    return {name: value for name, value in line.items() if value is not ...}


def an_app(secret: str = SECRET, **parameters: str) -> dict[str, str]:
    query = "".join(f"&{name}={value}" for name, value in parameters.items())
    return {"otpauth_uri": f"otpauth://totp/Old:ada?secret={secret}{query}", "name": "Phone"}


def ndjson(*lines: dict[str, Any] | bytes) -> bytes:
    return b"".join((line if isinstance(line, bytes) else json.dumps(line).encode()) + b"\n" for line in lines)


async def send(
    api: httpx.AsyncClient, client: httpx.BasicAuth, *lines: dict[str, Any] | bytes, dry_run: bool = False
) -> list[dict[str, Any]]:
    """The results, the totals left out."""
    answer = await api.post(
        "/v1/admin/imports",
        content=ndjson(*lines),
        headers={"Content-Type": "application/x-ndjson"},
        params={"dry_run": "true"} if dry_run else {},
        auth=client,
    )
    assert answer.status_code == 200, answer.text
    *results, total = (json.loads(line) for line in answer.text.splitlines())
    assert sum(total["total"].values()) == len(results)
    return results


def codes(result: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem["pointer"], problem["code"]) for problem in result["problems"]]
