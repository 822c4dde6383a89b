"""What `serve` logs: one JSON object a line, each of a request with the id that its answer has, and nothing it sent."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from tests.support.marks import PATIENCE
from tests.support.people import PASSWORD
from tests.support.service import free_port, output_of, over, running, wait_until_ready

pytestmark = pytest.mark.anyio
CANARY = "canary-61842"


async def logged(folder: Path, request_id: str, event: str) -> dict[str, Any]:
    """The one line of this request that tells of this. A line may come a moment after its answer."""
    async with asyncio.timeout(PATIENCE):
        while True:
            # The last line may be half there.
            lines = [json.loads(line) for line in output_of(folder).splitlines(keepends=True) if line.endswith("\n")]
            found = [line for line in lines if line.get("request_id") == request_id and line["event"] == event]
            if found:
                [only] = found
                return dict(only)
            await asyncio.sleep(0.05)


async def test_every_line_is_json_and_every_request_has_its_id(database_url: str, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{(port := free_port())}"
    with running("serve", "--port", str(port), env=over(database_url), cwd=tmp_path) as process:
        await asyncio.to_thread(wait_until_ready, address, process, tmp_path)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE, headers={"user-agent": CANARY}) as api:
            body = {"email": f"{CANARY}@example.com", "password": PASSWORD}
            refused = await api.post(f"/v1/login?{CANARY}={CANARY}", json=body)
            unknown = await api.get(f"/v1/{CANARY}")
            peer = await asyncpg.connect(database_url)
            await peer.execute("ALTER TABLE events RENAME TO away")
            await peer.close()
            broken = await api.post("/v1/login", json=body)
        assert [each.status_code for each in (refused, unknown, broken)] == [422, 404, 500]
        for answer, route in ((refused, "/v1/login"), (unknown, "unknown"), (broken, "/v1/login")):
            line = await logged(tmp_path, answer.headers["x-request-id"], "request")
            assert (line["route"], line["status"], line["level"]) == (route, answer.status_code, "info")
            assert line["at"].endswith("Z")
            assert line["ms"] > 0
        fault = await logged(tmp_path, broken.headers["x-request-id"], "unforeseen")
        assert fault["level"] == "error"
        assert "UndefinedTableError" in json.dumps(fault["exception"])
        assert "locals" not in fault["exception"][0]["frames"][0]
    assert CANARY not in output_of(tmp_path)
    assert PASSWORD not in output_of(tmp_path)
