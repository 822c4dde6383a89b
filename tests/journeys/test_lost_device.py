"""Lost device: a mail over a real SMTP conversation, a new password, two-factor authentication again."""

import re

import httpx
import pytest
from pydantic import SecretStr

from app.main import create_app
from app.settings import Settings
from tests.conftest import SetClock
from tests.support.people import EMAIL, NEW_PASSWORD, a_session, an_account, bearer, enroll, log_in
from tests.support.receiving import MailSink

pytestmark = pytest.mark.anyio


async def test_the_device_is_lost_and_another_one_enrolled(settings: Settings, clock: SetClock) -> None:
    async with MailSink().running() as sink:
        app = create_app(settings.model_copy(update={"smtp_url": SecretStr(sink.url)}), clock)
        services = app.state.services
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as api,
        ):
            await an_account(services)
            lost = await enroll(api, await a_session(api), clock.now())

            assert (await api.post("/v1/password-reset", json={"email": EMAIL})).status_code == 202
            await services.worker.send_mail()
            plain = sink.messages[-1].get_body(("plain",))
            assert plain
            link = re.search(r"http://127\.0\.0\.1:8000/console/#/password-reset/(tkr_\S+)", plain.get_content())
            assert link

            body = {"token": link[1], "new_password": NEW_PASSWORD}
            done = await api.post("/v1/password-reset/confirm", json=body)
            assert done.json() == {"two_factor": "disabled", "revoked": {"sessions": 1, "personal_tokens": 0}}
            assert (await api.get("/v1/me", headers=bearer(lost.token))).status_code == 401
            assert (await api.post("/v1/password-reset/confirm", json=body)).status_code == 410

            assert (await log_in(api)).json()["code"] == "invalid_credentials"
            token = await a_session(api, password=NEW_PASSWORD)
            again = await enroll(api, token, clock.now(), password=NEW_PASSWORD)
            assert again.secret != lost.secret
