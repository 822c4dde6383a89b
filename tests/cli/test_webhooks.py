"""`twokeys webhooks`: made, tested, watched and deleted on the command line."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.service import over, twokeys

pytestmark = pytest.mark.anyio
URL = "https://shop.example.com/hooks"
UNKNOWN = "0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6"


async def test_a_webhook_lives_on_the_command_line(database_url: str, tmp_path: Path) -> None:
    async def run(*arguments: str) -> tuple[int, str]:
        done = await asyncio.to_thread(twokeys, "webhooks", *arguments, env=over(database_url), cwd=tmp_path)
        return done.returncode, done.stdout or done.stderr

    async def data(*arguments: str) -> Any:
        code, output = await run(*arguments, "--json")
        assert code == 0, output
        return json.loads(output)

    made = await data("create", URL, "--type", "token.*", "--type", "account.epoch_turned", "--description", "Shop")
    assert made.pop("secret").startswith("whsec_")
    assert (made["url"], made["types"]) == (URL, ["token.*", "account.epoch_turned"])
    assert await data("list") == [made]
    queued = await data("test", made["id"])
    assert (queued["type"], queued["status"]) == ("webhook.test", "pending")
    assert await data("deliveries", made["id"]) == [queued]
    again = await data("retry", made["id"], queued["id"])
    assert (again["id"], again["status"]) == (queued["id"], "pending")
    assert (await data("rotate-secret", made["id"]))["secret"].startswith("whsec_")
    assert await run("retry", made["id"], UNKNOWN) == (1, "twokeys: There is no such delivery of this webhook.\n")
    assert await run("delete", made["id"]) == (0, "")
    for command in ("delete", "rotate-secret", "test", "deliveries"):
        assert await run(command, UNKNOWN) == (1, "twokeys: There is no webhook with this id.\n")
    code, output = await run("create", "http://shop.example.com/", "--type", "*")
    assert (code, output) == (1, "twokeys: url: Must begin with https://.\n")
