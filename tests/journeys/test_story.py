"""The whole story of two-factor authentication, as the console tells it."""

from datetime import timedelta

import httpx
import pytest

from app.services import Services
from tests.conftest import SetClock
from tests.support.people import PASSWORD, a_session, an_account, bearer, enroll, log_in, totp_code

pytestmark = pytest.mark.anyio


async def test_enable_log_in_disable(api: httpx.AsyncClient, services: Services, clock: SetClock) -> None:
    await an_account(services)
    before = await a_session(api)
    enrolled = await enroll(api, before, clock.now())
    assert enrolled.confirmed["revoked"] == {"sessions": 1, "personal_tokens": 0}
    assert (await api.get("/v1/me", headers=bearer(before))).status_code == 401

    response = (await log_in(api)).json()
    assert response["status"] == "two_factor_required"
    clock.advance(timedelta(seconds=30))
    step = {"challenge": response["challenge"], "code": totp_code(enrolled.secret, clock.now())}
    granted = await api.post("/v1/login/two-factor", json=step)
    assert granted.status_code == 200, granted.text
    assert granted.json()["token"]["amr"] == ["pwd", "otp", "mfa"]

    token = granted.json()["access_token"]
    disabled = await api.post("/v1/me/2fa/disable", json={"password": PASSWORD}, headers=bearer(token))
    assert disabled.status_code == 200, disabled.text
    assert disabled.json()["two_factor"]["status"] == "disabled"
    assert disabled.json()["revoked"] == {"sessions": 2, "personal_tokens": 0}
    assert (await log_in(api)).json()["status"] == "authenticated"
