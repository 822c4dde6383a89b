"""Traces: sent where OpenTelemetry's variables say, and nothing in them that anybody sent; none unless asked for."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest

from app.kernel.clock import SystemClock
from app.services import build_services
from tests.observability.collector import Collector, SpanSeen
from tests.support.marks import PATIENCE
from tests.support.people import EMAIL, KEY, PASSWORD, an_account, bearer, enroll, log_in, quick_settings
from tests.support.receiving import MailSink
from tests.support.service import environment, free_port, output_of, over, running, twokeys, wait_until_ready

pytestmark = pytest.mark.anyio
_TRACE, _SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CANARY = "canary-83915"


@asynccontextmanager
async def serving(url: str, folder: Path, endpoint: str, **more: str) -> AsyncIterator[httpx.AsyncClient]:
    """With traces to the endpoint; asked to end at the end of the block."""
    port = free_port()
    env = over(url, TWOKEYS_TRACING="true", OTEL_EXPORTER_OTLP_ENDPOINT=endpoint, **more)
    with running("serve", "--port", str(port), env=env, cwd=folder) as process:
        address = f"http://127.0.0.1:{port}"
        await asyncio.to_thread(wait_until_ready, address, process, folder)
        async with httpx.AsyncClient(base_url=address, timeout=PATIENCE) as api:
            yield api
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 12) == 0, output_of(folder)


async def somebody(url: str) -> None:
    settings = quick_settings(url)
    services = build_services(settings, SystemClock())
    await an_account(services)
    await services.close()


def children(spans: list[SpanSeen], parent: SpanSeen) -> list[str]:
    return [span.name for span in spans if span.parent == parent.id]


async def test_a_request_is_a_span_with_its_statements_and_holds_nothing_that_was_sent(
    database_url: str, tmp_path: Path
) -> None:
    await somebody(database_url)
    sent = {EMAIL, PASSWORD, CANARY, KEY}
    # FastAPI has traces of its own, with paths, queries and what exceptions say.
    own = {"FASTAPI_OTEL_AUTO_CONFIGURE": "true", "TWOKEYS_MAIL": "on"}
    with Collector().running() as collector:
        async with (
            MailSink(recipient_answer=f"550 <{EMAIL}> unknown").running() as sink,
            serving(database_url, tmp_path, collector.url, TWOKEYS_SMTP_URL=sink.url, **own) as api,
        ):
            api.headers["user-agent"] = CANARY
            message = {"traceparent": f"00-{_TRACE}-{_SPAN}-01", "tracestate": f"a={CANARY}", "baggage": f"b={CANARY}"}
            first = await api.post("/v1/login", json={"email": EMAIL, "password": PASSWORD}, headers=message)
            enrolled = await enroll(api, first.json()["access_token"], SystemClock().now())
            sent |= {first.json()["access_token"], enrolled.token, enrolled.secret, *enrolled.recovery_codes}
            assert (await log_in(api, code=enrolled.recovery_codes[0])).status_code == 200
            assert (await log_in(api, password=CANARY)).status_code == 401
            assert (await api.get(f"/v1/{CANARY}?q={CANARY}", headers=bearer(enrolled.token))).status_code == 404
            broken = await fail(api, database_url, enrolled.token)
            await until_logged("mail_given_up", tmp_path)
            assert (await api.get("/healthz")).status_code == 200
        spans = collector.spans
        by_request = {span.attributes.get("twokeys.request_id"): span for span in spans}
        found = by_request[first.headers["x-request-id"]]
        assert (found.name, found.trace.hex(), found.parent.hex()) == ("POST /v1/login", _TRACE, _SPAN)
        assert found.attributes["http.response.status_code"] == "200"
        assert children(spans, found)
        [confirmed] = [span for span in spans if span.name == "POST /v1/me/2fa/confirm"]
        assert {"BEGIN", "UPDATE", "INSERT", "COMMIT"} <= set(children(spans, confirmed))
        failed = by_request[broken.headers["x-request-id"]]
        assert failed.failed
        assert [span.attributes["error.type"] for span in spans if span.parent == failed.id and span.failed] == [
            "UndefinedTableError"
        ]
        mails = [span for span in spans if span.name == "send mail"]
        assert {span.attributes["error.type"] for span in mails} == {"MailRefused: recipient refused with 550"}
        roots = {span.name for span in spans if not span.parent}
        assert "send mail" in roots
        assert all(name == "send mail" or " " in name for name in roots), "the worker's statements are of no interest"
        assert not any("health" in name for name in roots)
        assert collector.services == {"twokeys"}
        assert {span.state for span in spans} == {""}
        everything = b"".join(body for _, body in collector.received)
    assert not [canary for canary in sent | {"127.0.0.1"} if canary.encode() in everything]


async def until_logged(event: str, folder: Path) -> None:
    async with asyncio.timeout(PATIENCE):
        while event not in output_of(folder):  # noqa: ASYNC110 - another program has no event
            await asyncio.sleep(0.05)


async def fail(api: httpx.AsyncClient, url: str, token: str) -> httpx.Response:
    """A statement that fails with what was sent among its values."""
    peer = await asyncpg.connect(url)
    try:
        await peer.execute("ALTER TABLE outbox RENAME TO away")
        answer = await api.post("/v1/me/tokens", json={"description": CANARY}, headers=bearer(token))
        await peer.execute("ALTER TABLE away RENAME TO outbox")
    finally:
        await peer.close()
    assert answer.status_code == 500
    return answer


async def test_a_collector_that_is_not_there_holds_up_nobody(database_url: str, tmp_path: Path) -> None:
    await somebody(database_url)
    async with serving(database_url, tmp_path, f"http://127.0.0.1:{free_port()}") as api:
        assert (await log_in(api)).status_code == 200
    assert PASSWORD not in output_of(tmp_path)


def test_traces_without_the_extra_are_refused_in_one_line(database_url: str, tmp_path: Path) -> None:
    # Found first, and as good as not there. FastAPI brings the API along, and not the rest.
    (tmp_path / "opentelemetry" / "sdk").mkdir(parents=True)
    (tmp_path / "opentelemetry" / "sdk" / "__init__.py").write_text("raise ImportError\n")
    env = over(database_url, TWOKEYS_TRACING="true")
    env["PYTHONPATH"] = f"{tmp_path}:{env['PYTHONPATH']}"
    done = twokeys("serve", env=env, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "requirements/otel.txt" in done.stderr


def test_nobody_who_asks_for_none_pays_for_traces(tmp_path: Path) -> None:
    program = "import app.cli.main, app.server.start, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    loaded = done.stdout.split()
    assert "app.main" in loaded
    assert not [name for name in loaded if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter", "requests"))]
