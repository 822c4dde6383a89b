"""Secrets stay secret: in no log, error, metric, event or dump; and a seal that is not whole lets nobody in."""

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from dataclasses import fields
from urllib.parse import quote

import pytest

from app.clients.domain import Role
from app.security.secret_box import KEY_ID_BYTES, SecretBox
from app.settings import Settings
from tests.support.people import KEY, NEW_PASSWORD, PASSWORD
from tests.support.postgres import program
from tests.support.processes import STEP, Person, Processes

pytestmark = pytest.mark.anyio
SAMPLE = 120


def disguises(secret: str) -> Iterator[bytes]:
    """The ways in which a secret may stand in a dump or a log."""
    raw = secret.encode()
    plain = raw.replace(b"-", b"") if secret.count("-") == 5 else raw
    # A digest has 32 bytes: nor may as many of the secret stand in its place.
    for form in {raw, plain, raw[-32:]}:
        yield form
        yield form.lower()
        yield form.hex().encode()
        yield base64.b64encode(form).rstrip(b"=")[:-1]
        yield base64.urlsafe_b64encode(form).rstrip(b"=")[:-1]
        yield quote(form, safe="").encode()
    if len(secret) == 32 and secret.isalnum():
        yield base64.b32decode(secret).hex().encode()


def leaks(text: bytes, secrets: set[str]) -> list[str]:
    return [f"{secret[:4]}…" for secret in secrets for form in disguises(secret) if form in text]


async def live_through_everything(processes: Processes) -> set[str]:
    """Every act that handles a secret, refusals included; returns the secrets that were used."""
    used = {PASSWORD, NEW_PASSWORD}
    person = await processes.someone(two_factor=True)
    used |= {person.secret, person.token, *person.recovery_codes}
    made = await processes.post("/v1/me/tokens", {"description": "canary"}, token=person.token)
    used.add(made.json()["access_token"])
    challenge = await processes.challenge(person)
    wrong_password = "canary-wrong-password-93817"
    used |= {challenge, wrong_password}
    await processes.log_in(person, wrong_password)
    await processes.log_in(person, code=person.recovery_codes[0])
    await processes.post("/v1/login/two-factor", {"challenge": challenge, "code": processes.wrong_code(person)})
    await processes.post("/v1/login/two-factor", {"challenge": challenge, "code": processes.code(person)})
    codes = await processes.post("/v1/me/2fa/recovery-codes", {"password": PASSWORD}, token=person.token)
    used |= {*codes.json()["recovery_codes"]}
    client = await processes.services.clients.create("canary", [Role.INTROSPECT])
    secret = client.secret.get_secret_value()
    used.add(secret)
    await processes.call("POST", "/v1/introspect", data={"token": person.token}, auth=(str(client.client.id), secret))
    await processes.post("/v1/password-reset/confirm", {"token": "tkr_" + "c" * 43, "new_password": NEW_PASSWORD})
    link = await processes.reset_token(person)
    used.add(link)
    await processes.post("/v1/password-reset/confirm", {"token": link, "new_password": "short"})
    open_link = await processes.reset_token(person)
    used.add(open_link)
    await processes.post("/v1/password-reset/confirm", {"token": link, "new_password": NEW_PASSWORD})
    # Secrets in places where they do not belong.
    await processes.get(f"/v1/{person.token}", token="canary-bearer-73519")
    await processes.get("/v1/me", params={"access_token": person.token})
    await processes.post("/v1/login", {"email": PASSWORD, "password": person.email, person.token: link})
    await processes.call("POST", "/v1/login", content=PASSWORD.encode(), headers={"content-type": "application/json"})
    used.add("canary-bearer-73519")
    return used


async def dump(processes: Processes) -> bytes:
    process = await asyncio.create_subprocess_exec(
        str(program("pg_dump")),
        f"--dbname={processes.database_url}",
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    assert b"authenticators" in out
    return out


async def test_no_secret_of_the_run_stands_in_the_database_logs_or_metrics(processes: Processes) -> None:
    used = await live_through_everything(processes)
    # A reset deletes secret and recovery codes; of somebody else they still stand in the database.
    other = await processes.someone(two_factor=True)
    used |= {other.secret, other.token, *other.recovery_codes}
    used |= set(sorted(processes.seen)[:SAMPLE])
    for name, text in (
        ("dump", await dump(processes)),
        ("logs", processes.log_text().encode()),
        ("metrics", b"".join([(await processes.get("/metrics", at=each)).content for each in range(2)])),
    ):
        assert not leaks(text, used), name
        assert not leaks(text, {KEY, base64.urlsafe_b64decode(KEY).hex()}), name
    assert '"status": 200' in processes.log_text(), "the logs were really read"


async def test_a_used_code_is_not_kept_in_any_form(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    code = processes.code(person)
    await processes.log_in(person, code=code)
    text = await dump(processes)
    assert hashlib.sha256(code.encode()).hexdigest().encode() not in text


async def test_a_fault_of_the_database_says_nothing(processes: Processes) -> None:
    """The statement that fails is the one that holds what was sent."""
    person = await processes.someone(two_factor=True)
    link = await processes.reset_token(person)
    before = processes.log_text().count("unforeseen")
    sent = {PASSWORD, NEW_PASSWORD, link, person.token, person.recovery_codes[0]}
    answers = []
    for table in ("events", "tokens", "accounts"):
        await processes.execute(f"ALTER TABLE {table} RENAME TO away")
        try:
            answers += [
                await processes.log_in(person, code=person.recovery_codes[0]),
                await processes.log_in(person, "canary-wrong-password-93818"),
                await processes.post("/v1/password-reset/confirm", {"token": link, "new_password": NEW_PASSWORD}),
                await processes.post("/v1/me/tokens", {"description": "canary-description"}, token=person.token),
            ]
        finally:
            await processes.execute(f"ALTER TABLE away RENAME TO {table}")
    faults = [answer.json() for answer in answers if answer.status_code == 500]
    assert {fault["detail"] for fault in faults} == {"Something went wrong on our side."}
    # Two logs in one text: each of them grows, so no place in it stays where it was.
    text = processes.log_text()
    assert text.count("unforeseen") > before
    message = text + "".join(answer.text for answer in answers)
    assert not leaks(message.encode(), sent | {"canary-wrong-password-93818", "canary-description", person.email})
    assert (await processes.log_in(person, code=person.recovery_codes[0])).status_code == 200, "nothing was burned"
    assert (
        await processes.post("/v1/password-reset/confirm", {"token": link, "new_password": NEW_PASSWORD})
    ).is_success


async def refuses_to_open(processes: Processes, person: Person, code: str) -> None:
    """Never a log-in without the second factor: neither a grant nor a way round."""
    answers = [
        await processes.log_in(person, code=code),
        await processes.post("/v1/login/two-factor", {"challenge": await processes.challenge(person), "code": code}),
        await processes.post("/v1/me/2fa/disable", {"password": PASSWORD, "code": code}, token=person.token),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
        assert "retry-after" in answer.headers
    assert (await processes.log_in(person)).json()["status"] == "two_factor_required"
    assert (await processes.get("/v1/me/2fa", token=person.token)).json()["status"] == "enabled"


async def test_a_seal_copied_to_another_account_opens_nothing(processes: Processes) -> None:
    ada, eve = await processes.someone(two_factor=True), await processes.someone(two_factor=True)
    await processes.execute(
        "UPDATE authenticators SET last_step = 0, sealed_secret ="
        " (SELECT sealed_secret FROM authenticators WHERE account_id = $1) WHERE account_id = $2",
        eve.id,
        ada.id,
    )
    await refuses_to_open(processes, ada, processes.code(eve))


@pytest.mark.parametrize("at", ["key id", "nonce", "text", "tag", "cut", "empty"])
async def test_a_corrupted_seal_opens_nothing(processes: Processes, at: str) -> None:
    person = await processes.someone(two_factor=True)
    [[sealed]] = await processes.rows("SELECT sealed_secret FROM authenticators WHERE account_id = $1", person.id)
    broken = bytearray(sealed)
    if at in {"cut", "empty"}:
        broken = broken[: 20 if at == "cut" else 0]
    else:
        broken[{"key id": 0, "nonce": KEY_ID_BYTES, "text": 20, "tag": -1}[at]] ^= 1
    await processes.execute(
        "UPDATE authenticators SET sealed_secret = $1 WHERE account_id = $2", bytes(broken), person.id
    )
    await refuses_to_open(processes, person, processes.code(person))
    # A recovery code needs no seal, and is still a second factor.
    assert (await processes.log_in(person, code=person.recovery_codes[0])).status_code == 200


async def test_a_seal_whose_key_is_gone_opens_nothing(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    gone = bytes(range(32))
    sealed = SecretBox((gone,)).seal(person.secret.encode(), owner=person.id)
    await processes.execute("UPDATE authenticators SET sealed_secret = $1 WHERE account_id = $2", sealed, person.id)
    await refuses_to_open(processes, person, processes.code(person))


async def test_a_pending_seal_of_another_account_confirms_nothing(processes: Processes) -> None:
    ada, eve = await processes.someone(), await processes.someone()
    secrets = [
        (await processes.post("/v1/me/2fa/enrollment", {"password": PASSWORD}, token=each.token)).json()["secret"]
        for each in (ada, eve)
    ]
    await processes.execute(
        "UPDATE authenticator_enrollments SET sealed_secret ="
        " (SELECT sealed_secret FROM authenticator_enrollments WHERE account_id = $1) WHERE account_id = $2",
        eve.id,
        ada.id,
    )
    code = processes.code(Person(eve.id, eve.email, "", secrets[1]))
    answer = await processes.post("/v1/me/2fa/confirm", {"code": code}, token=ada.token)
    assert answer.status_code == 503
    assert (await processes.get("/v1/me/2fa", token=ada.token)).json()["status"] == "pending"


async def test_reprs_hide_what_they_hold(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    async with processes.services.database.autocommit() as connection:
        account = await processes.services.accounts.with_address(connection, person.email)
    assert account is not None
    factor = await processes.services.two_factor.factor_of(account)
    [device] = factor.devices
    assert account.password_hash is not None
    settings: Settings = processes.services.settings
    text = repr((account, factor, settings, [field.name for field in fields(device)]))
    assert account.password_hash not in text
    assert repr(device.sealed_secret) not in text
    assert KEY not in text
    assert processes.database_url not in text


async def test_secrets_are_shown_once(processes: Processes) -> None:
    person = await processes.someone(two_factor=True)
    await processes.post("/v1/me/tokens", {"description": "shown once"}, token=person.token)
    processes.clock.advance(STEP)
    admin = await processes.client(Role.ADMIN)
    result = [
        await processes.get("/v1/me", token=person.token),
        await processes.get("/v1/me/2fa", token=person.token),
        await processes.get("/v1/me/tokens", token=person.token),
        await processes.get("/v1/me/events", token=person.token),
        await processes.get(f"/v1/admin/accounts/{person.id}", auth=admin),
        await processes.get("/v1/admin/events", params={"limit": 200}, auth=admin),
    ]
    text = "".join(answer.text for answer in result).encode()
    assert all(answer.is_success for answer in result)
    assert not leaks(text, set(sorted(processes.seen)[:SAMPLE]) | {person.token, person.secret, *person.recovery_codes})
