"""The mail server is absent, refuses, falls silent or vanishes: nobody waits for it, and the mail goes out later."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
import structlog
from pydantic import SecretStr

from app.mail.delivery import Delivery
from app.mail.mailer import SmtpMailer
from app.main import create_app
from app.services import Services, build_services
from app.settings import Settings
from tests.conftest import SetClock
from tests.faults.faltering_smtp import STEPS, FalteringSmtp
from tests.support.marks import PATIENCE
from tests.support.people import EMAIL, an_account
from tests.support.receiving import MailSink

pytestmark = [pytest.mark.anyio, pytest.mark.faults]
# A worker that sends gives up after so long; in production it is 10 s.
_STEP_SECONDS = 0.3
_FOR_EVER = 600.0
_WITHIN = PATIENCE


def to(url: str, settings: Settings) -> Settings:
    return settings.model_copy(update={"smtp_url": SecretStr(url)})


@pytest.fixture
async def sink() -> MailSink:
    """A server that is not there yet, and will be under this address."""
    made = MailSink()
    async with made.running():
        pass
    return made


@pytest.fixture
async def services(settings: Settings, clock: SetClock, sink: MailSink) -> AsyncIterator[Services]:
    """With an invitation to send."""
    services = build_services(to(sink.url, settings), clock)
    await an_account(services, EMAIL, None)
    yield services
    await services.close()


def impatient(services: Services, url: str) -> Delivery:
    return replace(
        services.delivery,
        mailer=SmtpMailer(SecretStr(url), step_seconds=_STEP_SECONDS, final_dot_seconds=_STEP_SECONDS),
    )


async def metrics(services: Services) -> dict[str, int]:
    """What `/metrics` says of the outbox after the round."""
    await services.worker.send_mail()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_app(services.settings, services.clock)), base_url="http://test"
    ) as api:
        lines = (await api.get("/metrics")).text.splitlines()
    found = dict(line.split(" ") for line in lines if line.startswith("twokeys_outbox"))
    return {name.removeprefix("twokeys_outbox_"): int(float(number)) for name, number in found.items()}


@pytest.mark.parametrize("trouble", ["absent", "refuses for now"])
async def test_mail_waits_for_its_server_and_is_sent_once(
    services: Services, clock: SetClock, sink: MailSink, trouble: str
) -> None:
    if trouble == "absent":
        await services.worker.send_mail()
    else:
        sink.content_answer = "451 later"
        async with sink.running():
            await services.worker.send_mail()
        sink.content_answer = "250 OK"
    assert sink.messages == []
    clock.advance(timedelta(seconds=5))
    async with sink.running():
        await services.worker.send_mail()
        await services.worker.send_mail()
    assert sink.recipients == [EMAIL]


async def test_a_server_that_falters_costs_an_attempt_and_no_mail(
    services: Services, clock: SetClock, sink: MailSink
) -> None:
    """At each step of the conversation it falls silent once, and vanishes once."""
    troubles = [(step, cuts) for step in STEPS for cuts in (False, True)]
    for attempt, (step, cuts) in enumerate(troubles, 1):
        async with FalteringSmtp(step, cuts).running() as server:
            with structlog.testing.capture_logs() as logs:
                assert await impatient(services, server.url).deliver_due() == 1
            assert server.connections == 1
        assert [(line["event"], line["attempts"]) for line in logs] == [("mail_deferred", attempt)]
        clock.advance(timedelta(seconds=5))
    async with sink.running():
        await services.worker.send_mail()
        await services.worker.send_mail()
    assert sink.recipients == [EMAIL]


async def test_whoever_asks_for_a_reset_never_waits_for_the_mail_server(settings: Settings, clock: SetClock) -> None:
    """No request speaks to it: the worker does, and while it hangs there requests are answered all the same."""
    async with FalteringSmtp("DATA", cuts=False).running() as server:
        app = create_app(to(server.url, settings), clock)
        services: Services = app.state.services
        known = await an_account(services)
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 40000))
        async with httpx.AsyncClient(transport=transport, base_url="http://test", timeout=_WITHIN) as api:
            asking = {"email": known.address}
            first = await api.post("/v1/password-reset", json=asking)
            assert (first.status_code, server.connections) == (202, 0)
            patient = replace(services.delivery, mailer=SmtpMailer(SecretStr(server.url), step_seconds=_FOR_EVER))
            worker = asyncio.create_task(replace(services.worker, delivery=patient).send_mail())
            async with asyncio.timeout(_WITHIN):
                await server.faltered.wait()
            for email in (known.address, "nobody@example.com"):
                answer = await api.post("/v1/password-reset", json={"email": email})
                assert (answer.status_code, answer.json()) == (first.status_code, first.json())
            assert not worker.done(), "it still waits for the server"
            assert server.connections == 1, "and it alone has spoken to it"
            worker.cancel()
            await asyncio.wait([worker])
            await patient.stop()
        await services.close()


async def test_a_mail_given_up_is_seen_in_the_metrics_the_log_and_the_outbox(
    services: Services, sink: MailSink
) -> None:
    sink.recipient_answer = f"550 5.1.1 <{EMAIL}> unknown"
    async with sink.running():
        with structlog.testing.capture_logs() as logs:
            assert await metrics(services) == {"pending": 0, "oldest_seconds": 0, "dead": 1}
    [line] = [line for line in logs if line["event"] == "mail_given_up"]
    assert (line["log_level"], line["kind"], line["reason"]) == ("error", "invitation", "recipient refused with 550")
    assert EMAIL not in str(line)


async def test_a_mail_that_waits_is_seen_with_its_age(services: Services, clock: SetClock) -> None:
    clock.advance(timedelta(minutes=7))
    assert await metrics(services) == {"pending": 1, "oldest_seconds": 420, "dead": 0}
