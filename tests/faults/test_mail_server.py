"""The mail server is absent or refuses: the mail goes out when it is back, once."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from app.infrastructure.settings import Settings
from app.main import build_house
from tests.conftest import SetClock
from tests.support.mail_sink import MailSink
from tests.support.people import EMAIL, an_account

pytestmark = [pytest.mark.anyio, pytest.mark.faults]


@pytest.mark.parametrize("trouble", ["absent", "refuses for now"])
async def test_mail_waits_for_its_server_and_is_sent_once(settings: Settings, clock: SetClock, trouble: str) -> None:
    sink = MailSink()
    async with sink.running():
        pass
    house = build_house(settings.model_copy(update={"smtp_url": SecretStr(sink.url)}), clock)
    await an_account(house, EMAIL, None)
    if trouble == "absent":
        await house.upkeep.send_mail()
    else:
        sink.content_answer = "451 later"
        async with sink.running():
            await house.upkeep.send_mail()
        sink.content_answer = "250 OK"
    assert sink.messages == []
    clock.advance(timedelta(seconds=5))
    async with sink.running():
        await house.upkeep.send_mail()
        await house.upkeep.send_mail()
    assert sink.recipients == [EMAIL]
    await house.close()
