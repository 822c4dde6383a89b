"""Accounts of another system move in, line by line, and their people log in."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any

import bcrypt
import httpx
import pytest
from passlib import hash as passlib

from app.accounts.domain import Account
from app.clients.domain import Role
from app.services import Services
from tests.conftest import SetClock
from tests.imports.firebase import SIGNER_KEY, firebase_password, parameters
from tests.imports.lines import SECRET, a_line, an_app, codes, ndjson, send
from tests.support.marks import given_settings
from tests.support.people import PASSWORD, STEP, a_client, a_session, an_account, log_in, totp_code

MD5 = hashlib.new("md5", b"salt" + PASSWORD.encode(), usedforsecurity=False).hexdigest()


def _passlib(name: str, **settings: int) -> str:
    return str(getattr(passlib, name).using(**settings).hash(PASSWORD))


HASHES: dict[str, Callable[[], dict[str, Any]]] = {
    "bcrypt": lambda: {"hash": bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()},
    "pbkdf2": lambda: {"hash": _passlib("pbkdf2_sha256", rounds=9)},
    "sha512-crypt": lambda: {"hash": _passlib("sha512_crypt", rounds=1000)},
    "phpass": lambda: {"hash": _passlib("phpass", rounds=7)},
    "LDAP": lambda: {"hash": _passlib("ldap_salted_sha256")},
    "MD5": lambda: {"scheme": "md5", "hash": MD5, "salt": "salt"},
    "MD5 under hash": lambda: {"hash": {"scheme": "md5", "hash": MD5, "salt": "salt"}},
    "plain": lambda: {"plain": PASSWORD},
}


@pytest.fixture
async def importer(services: Services) -> httpx.BasicAuth:
    return await a_client(services, Role.IMPORT)


@pytest.fixture
async def operator(services: Services) -> httpx.BasicAuth:
    return await a_client(services, Role.ADMIN)


async def _account(services: Services, email: str) -> Account | None:
    async with services.database.autocommit() as connection:
        return await services.accounts.with_address(connection, email)


async def _events(api: httpx.AsyncClient, operator: httpx.BasicAuth, **query: str) -> list[dict[str, Any]]:
    answer = await api.get("/v1/admin/events", params=query, auth=operator)
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


@pytest.mark.parametrize("make", HASHES.values(), ids=HASHES)
async def test_a_person_who_moved_in_logs_in(
    api: httpx.AsyncClient, importer: httpx.BasicAuth, make: Callable[[], dict[str, Any]]
) -> None:
    [result] = await send(api, importer, a_line(password=make()))
    assert result["result"] == "created"

    assert (await log_in(api, "person1@example.com", "wrong")).status_code == 401
    assert (await log_in(api, "person1@example.com")).status_code == 200
    assert (await log_in(api, "person1@example.com")).status_code == 200, "and again, by the hash of our own"


async def test_an_import_says_what_became_of_each_line(api: httpx.AsyncClient, importer: httpx.BasicAuth) -> None:
    results = await send(
        api,
        importer,
        a_line(1, password=HASHES["bcrypt"]()),
        a_line(2, password=HASHES["MD5"](), two_factor={"totp": [an_app()]}),
        a_line(3, password=..., two_factor={"totp": [an_app(digits="8")]}),
    )

    assert [(each["line"], each["external_id"], each["password"], each["two_factor"]) for each in results] == [
        (1, "u-1", "kept", "none"),
        (2, "u-2", "wrapped", "enabled"),
        (3, "u-3", "none", "unsupported"),
    ]
    assert codes(results[2]) == [("/two_factor/totp/0/otpauth_uri", "unsupported")]


async def test_an_imported_account_is_what_its_line_says(
    api: httpx.AsyncClient, importer: httpx.BasicAuth, operator: httpx.BasicAuth
) -> None:
    line = a_line(email_verified=True, created_at="2019-05-01T02:00:00+02:00", status="disabled")
    [result] = await send(api, importer, line)

    listed = (await api.get("/v1/admin/accounts", params={"external_id": "u-1"}, auth=operator)).json()["items"]

    [account] = listed
    assert account["id"] == result["account_id"]
    assert account["created_at"] == "2019-05-01T00:00:00.000Z"
    assert account["status"] == "disabled"
    assert account["email_verified_at"] == "2026-03-14T15:09:26.000Z"
    assert (await log_in(api, "person1@example.com")).status_code == 401


async def test_introspection_tells_the_other_systems_id(
    api: httpx.AsyncClient, services: Services, importer: httpx.BasicAuth
) -> None:
    await send(api, importer, a_line(email_verified=True))
    session = await a_session(api, "person1@example.com")

    shop = await a_client(services, Role.INTROSPECT)
    found = (await api.post("/v1/introspect", data={"token": session}, auth=shop)).json()

    assert (found["external_id"], found["email_verified"]) == ("u-1", True)


async def test_a_fast_hash_is_never_stored(
    api: httpx.AsyncClient, services: Services, importer: httpx.BasicAuth
) -> None:
    await send(api, importer, a_line(password=HASHES["MD5"]()))

    account = await _account(services, "person1@example.com")

    assert account is not None
    assert account.password_hash is not None
    assert account.password_hash.startswith("foreign:md5:")
    assert MD5 not in account.password_hash


async def test_the_first_login_upgrades_the_hash_and_says_so(
    api: httpx.AsyncClient, services: Services, importer: httpx.BasicAuth, operator: httpx.BasicAuth
) -> None:
    await send(api, importer, a_line(password=HASHES["bcrypt"]()))

    for _ in range(2):
        await log_in(api, "person1@example.com")

    account = await _account(services, "person1@example.com")
    assert account is not None
    assert account.password_hash is not None
    assert account.password_hash.startswith("$argon2id$")
    upgraded = await _events(api, operator, type="password.upgraded")
    assert [(event["account_id"], event["details"]) for event in upgraded] == [(str(account.id), {"scheme": "bcrypt"})]


async def test_a_long_password_counts_whole_once_its_bcrypt_is_upgraded(
    api: httpx.AsyncClient, importer: httpx.BasicAuth
) -> None:
    long = "correct horse battery staple " * 3
    hashed = bcrypt.hashpw(long.encode()[:72], bcrypt.gensalt(4)).decode()
    await send(api, importer, a_line(password={"hash": hashed}))

    assert (await log_in(api, "person1@example.com", long)).status_code == 200
    assert (await log_in(api, "person1@example.com", long + "!")).status_code == 401


async def test_an_authenticator_app_works_on_the_first_day(
    api: httpx.AsyncClient, clock: SetClock, importer: httpx.BasicAuth
) -> None:
    await send(api, importer, a_line(two_factor={"totp": [an_app("JBSWY3DPEHPK3PXP"), an_app(SECRET)]}))
    clock.advance(STEP)

    answers = [
        await log_in(api, "person1@example.com", code=totp_code(secret, clock.now()))
        for secret in ("JBSWY3DPEHPK3PXP", SECRET)
    ]

    assert [answer.status_code for answer in answers] == [200, 200]
    two_factor = answers[0].json()["account"]["two_factor"]
    assert (two_factor["status"], two_factor["recovery_codes_remaining"]) == ("enabled", 0)


async def test_a_code_of_the_moment_of_the_import_is_spent(
    api: httpx.AsyncClient, clock: SetClock, importer: httpx.BasicAuth
) -> None:
    await send(api, importer, a_line(two_factor={"totp": [an_app()]}))

    answer = await log_in(api, "person1@example.com", code=totp_code(SECRET, clock.now()))

    assert answer.json()["code"] == "invalid_code"


async def test_the_same_line_again_changes_nothing(
    api: httpx.AsyncClient, clock: SetClock, importer: httpx.BasicAuth, operator: httpx.BasicAuth
) -> None:
    line = a_line(two_factor={"totp": [an_app()]})
    [first] = await send(api, importer, line)
    [again] = await send(api, importer, dict(reversed(line.items())))
    clock.advance(STEP)
    await log_in(api, "person1@example.com", code=totp_code(SECRET, clock.now()))
    [after_login] = await send(api, importer, line)

    assert (first["result"], again["result"], after_login["result"]) == ("created", "unchanged", "unchanged")
    assert again["account_id"] == first["account_id"]
    assert len(await _events(api, operator, type="account.created")) == 1


async def test_a_changed_line_updates_until_the_first_login(
    api: httpx.AsyncClient, clock: SetClock, importer: httpx.BasicAuth
) -> None:
    await send(api, importer, a_line(two_factor={"totp": [an_app()]}))
    [updated] = await send(api, importer, a_line(email="moved@example.com", password={"plain": "another one entirely"}))
    assert updated["result"] == "updated"
    assert (await log_in(api, "person1@example.com")).status_code == 401
    assert (await log_in(api, "moved@example.com", "another one entirely")).json()["status"] == "authenticated"

    [refused] = await send(api, importer, a_line(email="moved@example.com", password={"plain": "attacker's choice"}))

    assert (refused["result"], codes(refused)) == ("refused", [("", "already_in_use")])
    assert (await log_in(api, "moved@example.com", "another one entirely")).status_code == 200


async def test_a_line_brings_the_language_of_its_person(
    api: httpx.AsyncClient, services: Services, importer: httpx.BasicAuth
) -> None:
    for locale, spelled in (("DE-at", "de-AT"), ("fr", "fr"), (None, None)):
        await send(api, importer, a_line(locale=locale))
        account = await _account(services, "person1@example.com")
        assert account is not None
        assert account.locale == spelled

    [refused] = await send(api, importer, a_line(locale="de_AT"))
    assert codes(refused) == [("/locale", "invalid_field")]


async def test_an_update_ends_what_the_account_had(
    api: httpx.AsyncClient, clock: SetClock, importer: httpx.BasicAuth
) -> None:
    await send(api, importer, a_line(two_factor={"totp": [an_app()]}))
    challenge = (await log_in(api, "person1@example.com")).json()["challenge"]
    await send(api, importer, a_line(password={"plain": "another one entirely"}, two_factor={"totp": [an_app()]}))
    clock.advance(STEP)

    code = totp_code(SECRET, clock.now())
    answer = await api.post("/v1/login/two-factor", json={"challenge": challenge, "code": code})

    assert answer.json()["code"] == "challenge_expired"


async def test_an_account_that_an_operator_changed_is_not_imported_over(
    api: httpx.AsyncClient, importer: httpx.BasicAuth, operator: httpx.BasicAuth
) -> None:
    [made] = await send(api, importer, a_line())
    await api.patch(f"/v1/admin/accounts/{made['account_id']}", json={"status": "disabled"}, auth=operator)

    [refused] = await send(api, importer, a_line(email_verified=True))

    assert codes(refused) == [("", "already_in_use")]


async def test_an_address_that_has_an_account_is_refused(
    api: httpx.AsyncClient, services: Services, importer: httpx.BasicAuth
) -> None:
    await an_account(services, "ada@example.com")
    await send(api, importer, a_line(1, email="grace@example.com"), a_line(external_id=..., email="plain@example.com"))

    results = await send(
        api,
        importer,
        a_line(2, email="ADA@example.com"),
        a_line(3, email="grace@example.com"),
        a_line(external_id=..., email="grace@example.com"),
        a_line(external_id=..., email="ada@example.com"),
        a_line(4, email="plain@example.com"),
    )

    assert [codes(each) for each in results] == [[("/email", "email_taken")]] * 5
    assert (await log_in(api, "ada@example.com")).status_code == 200


async def test_an_import_takes_no_reserved_domain(api: httpx.AsyncClient, importer: httpx.BasicAuth) -> None:
    [result] = await send(api, importer, a_line(email="ada@office.test"))

    assert codes(result) == [("/email", "invalid_field")]


@given_settings(reserved_domains=True)
async def test_an_import_takes_reserved_domains_where_the_operator_does(
    api: httpx.AsyncClient, importer: httpx.BasicAuth
) -> None:
    [result] = await send(api, importer, a_line(email="ada@office.test"))

    assert result["result"] == "created"
    assert (await log_in(api, "ada@office.test")).status_code == 200


async def test_a_line_without_an_id_is_found_again_by_its_address(
    api: httpx.AsyncClient, importer: httpx.BasicAuth
) -> None:
    line = a_line(external_id=...)
    results = [(await send(api, importer, each))[0]["result"] for each in (line, line, line | {"email_verified": True})]

    assert results == ["created", "unchanged", "updated"]


async def test_lines_about_one_account_take_effect_in_their_order(
    api: httpx.AsyncClient, importer: httpx.BasicAuth
) -> None:
    results = await send(
        api,
        importer,
        a_line(1),
        a_line(1),
        a_line(1, email_verified=True),
        a_line(2, email="person1@example.com"),
        a_line(1, email="moved@example.com"),
        a_line(3, email="person1@example.com"),
    )

    assert [each["result"] for each in results] == [
        "created",
        "unchanged",
        "updated",
        "refused",
        "updated",
        "created",
    ]


async def test_a_dry_run_says_the_same_and_does_nothing(
    api: httpx.AsyncClient, services: Services, importer: httpx.BasicAuth, operator: httpx.BasicAuth
) -> None:
    await send(api, importer, a_line(1))
    lines = [
        a_line(1, status="disabled"),
        a_line(2, two_factor={"totp": [an_app()]}),
        a_line(3, email="none"),
        a_line(1),
    ]

    results = await send(api, importer, *lines, dry_run=True)

    assert [each["result"] for each in results] == ["would_update", "would_create", "refused", "would_update"]
    assert [each["account_id"] is None for each in results] == [False, True, True, False]
    assert (await log_in(api, "person1@example.com")).status_code == 200
    assert await _account(services, "person2@example.com") is None
    assert len(await _events(api, operator)) == 2, "the account that was made, and its log-in"


BAD = {
    b"{": [("", "malformed_json")],
    b"[]": [("", "malformed_json")],
    b'{"email": "a@example.com", "email": "b@example.com"}': [("", "malformed_json")],
    b'{"email": "\xff@example.com"}': [("", "malformed_json")],
    b'{"email": "a\\u0000@example.com"}': [("/email", "invalid_field")],
    b'{"email": "a@example.com", "name": "x" }': [("/name", "invalid_field")],
    b"[" * 60000: [("", "malformed_json")],
    b'{"email": "' + b"a" * 70000 + b'@example.com"}': [("", "line_too_long")],
    b"{}": [("/email", "invalid_field")],
    b'{"email": null}': [("/email", "invalid_field")],
    b'{"email": "none"}': [("/email", "invalid_field")],
    b'{"email": "a@example.com", "external_id": ""}': [("/external_id", "invalid_field")],
    b'{"email": "a@example.com", "external_id": "a\\nb"}': [("/external_id", "invalid_field")],
    b'{"email": "a@example.com", "external_id": 4711}': [("/external_id", "invalid_field")],
    b'{"email": "a@example.com", "status": "gone"}': [("/status", "invalid_field")],
    b'{"email": "a@example.com", "created_at": 1}': [("/created_at", "invalid_field")],
    b'{"email": "a@example.com", "created_at": "2019-05-01"}': [("/created_at", "invalid_field")],
    b'{"email": "a@example.com", "created_at": "2019-02-30T00:00:00Z"}': [("/created_at", "invalid_field")],
    b'{"email": "a@example.com", "created_at": "0001-01-01T00:00:00+10:00"}': [("/created_at", "invalid_field")],
    b'{"email": "a@example.com", "created_at": "2099-01-01T00:00:00Z"}': [("/created_at", "invalid_field")],
    b'{"email": "a@example.com", "password": {}}': [("/password/hash", "invalid_field")],
    b'{"email": "a@example.com", "password": {"hash": "x"}}': [("/password/hash", "unknown_format")],
    b'{"email": "a@example.com", "password": {"hash": "$pbkdf2$99999999$aaaaaaaa$aaaaaaaaaaaaaaaaaaaaaaaaaa"}}': [
        ("/password/hash", "hash_too_costly")
    ],
    b'{"email": "a@example.com", "password": {"plain": ""}}': [("/password/plain", "invalid_field")],
    b'{"email": "a@example.com", "password": {"scheme": "md5", "hash": "00"}}': [("/password/hash", "malformed_hash")],
    b'{"email": "a@example.com", "password": {"scheme": "firebase_scrypt", "hash": "", "salt": ""}}': [
        ("/password", "firebase_parameters_missing")
    ],
    b'{"email": "a@example.com", "two_factor": {"totp": [{"otpauth_uri": "x"}]}}': [
        ("/two_factor/totp/0/otpauth_uri", "invalid_field")
    ],
    b'{"firebase": {"base64_signer_key": "AA=="}}': [
        ("/firebase/base64_salt_separator", "invalid_field"),
        ("/firebase/rounds", "invalid_field"),
        ("/firebase/mem_cost", "invalid_field"),
    ],
}


async def test_a_bad_line_says_what_is_wrong_and_harms_no_other(
    api: httpx.AsyncClient, importer: httpx.BasicAuth
) -> None:
    lines = [line for pair in zip(BAD, (a_line(number) for number in range(len(BAD))), strict=True) for line in pair]

    results = await send(api, importer, *lines)

    assert [codes(each) for each in results[::2]] == list(BAD.values())
    assert {each["result"] for each in results[::2]} == {"refused"}
    assert {each["result"] for each in results[1::2]} == {"created"}


async def test_two_equal_secrets_and_a_fourth_app_are_refused(
    api: httpx.AsyncClient, importer: httpx.BasicAuth
) -> None:
    apps = [an_app(secret) for secret in ("A" * 16, "B" * 16, "C" * 16, "D" * 16)]
    results = await send(
        api, importer, a_line(1, two_factor={"totp": [apps[0], apps[0]]}), a_line(2, two_factor={"totp": apps})
    )

    assert [codes(each) for each in results] == [
        [("/two_factor/totp/1/otpauth_uri", "secret_repeated")],
        [("/two_factor/totp", "invalid_field")],
    ]


async def test_nobody_is_mailed(api: httpx.AsyncClient, services: Services, importer: httpx.BasicAuth) -> None:
    await send(api, importer, a_line(1, two_factor={"totp": [an_app()]}), a_line(2, password=...))
    await send(api, importer, a_line(1, status="disabled"))

    async with services.database.autocommit() as connection:
        assert (await connection.exec_driver_sql("SELECT count(*) FROM outbox")).scalar_one() == 0


async def test_an_event_says_who_imported_an_account(
    api: httpx.AsyncClient, importer: httpx.BasicAuth, operator: httpx.BasicAuth
) -> None:
    [made] = await send(api, importer, a_line())

    [event] = await _events(api, operator, account_id=made["account_id"])

    assert event["type"] == "account.created"
    assert event["client_id"] is not None
    assert event["details"] == {"imported": True, "password": "kept", "two_factor": "none"}


async def test_the_status_counts_the_old_hashes_down(api: httpx.AsyncClient, importer: httpx.BasicAuth) -> None:
    async def status() -> dict[str, Any]:
        found: dict[str, Any] = (await api.get("/v1/admin/imports/status", auth=importer)).json()
        return found

    await send(api, importer, a_line(1), a_line(2, password=HASHES["bcrypt"]()), a_line(3, password=HASHES["phpass"]()))
    assert await status() == {"accounts": 3, "by_scheme": {"bcrypt": 1, "phpass": 1}, "never_logged_in": 3}

    await log_in(api, "person2@example.com")

    assert await status() == {"accounts": 3, "by_scheme": {"phpass": 1}, "never_logged_in": 2}


async def test_an_import_takes_lines_of_json_alone(api: httpx.AsyncClient, importer: httpx.BasicAuth) -> None:
    for kind in ("application/json", "text/plain", ""):
        answer = await api.post(
            "/v1/admin/imports", content=ndjson(a_line()), headers={"Content-Type": kind}, auth=importer
        )
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"\n" * 1000, 200), (b"\n" * 1001, 422), (b" " * (4 * 1024 * 1024), 200), (b" " * (4 * 1024 * 1024 + 1), 413)],
)
async def test_an_import_has_a_largest_size(
    api: httpx.AsyncClient, importer: httpx.BasicAuth, body: bytes, status: int
) -> None:
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await api.post("/v1/admin/imports", content=body, headers=headers, auth=importer)

    assert answer.status_code == status
    if status == 413:
        assert answer.json()["title"] == "The body is over 4 MiB."


@pytest.mark.parametrize("role", [Role.ACCOUNTS_WRITE, Role.EVENTS_READ, Role.INTROSPECT])
async def test_other_roles_import_nothing(api: httpx.AsyncClient, services: Services, role: Role) -> None:
    client = await a_client(services, role)
    headers = {"Content-Type": "application/x-ndjson"}

    answers = [
        await api.post("/v1/admin/imports", content=ndjson(a_line()), headers=headers, auth=client),
        await api.get("/v1/admin/imports/status", auth=client),
    ]

    assert [answer.json()["code"] for answer in answers] == ["insufficient_role"] * 2
    assert await _account(services, "person1@example.com") is None


async def test_the_role_admin_imports(api: httpx.AsyncClient, operator: httpx.BasicAuth) -> None:
    [result] = await send(api, operator, a_line())

    assert result["result"] == "created"


async def test_two_imports_of_the_same_lines_at_once_make_each_account_once(
    api: httpx.AsyncClient, importer: httpx.BasicAuth, operator: httpx.BasicAuth
) -> None:
    lines = [a_line(number, password=...) for number in range(30)]

    results = await asyncio.gather(*(send(api, importer, *order) for order in (lines, lines[::-1], lines)))

    for number in range(30):
        of_one = [each for result in results for each in result if each["external_id"] == f"u-{number}"]
        assert sorted(each["result"] for each in of_one) == ["created", "unchanged", "unchanged"]
        assert len({each["account_id"] for each in of_one}) == 1
    assert (await api.get("/v1/admin/imports/status", auth=operator)).json()["accounts"] == 30


async def test_a_first_login_and_a_changed_line_at_once_have_one_winner(
    api: httpx.AsyncClient, importer: httpx.BasicAuth
) -> None:
    await send(api, importer, a_line())
    changed = a_line(password={"plain": "another one entirely"})

    answer, [result] = await asyncio.gather(log_in(api, "person1@example.com"), send(api, importer, changed))

    assert (answer.status_code, result["result"]) in {(200, "refused"), (401, "updated")}
    new = await log_in(api, "person1@example.com", "another one entirely")
    assert new.status_code == (200 if result["result"] == "updated" else 401)


async def test_parameters_of_firebase_are_stored_sealed_and_once(
    api: httpx.AsyncClient, services: Services, importer: httpx.BasicAuth
) -> None:
    for _ in range(2):
        await send(api, importer, {"firebase": parameters()}, a_line(password=firebase_password(PASSWORD)))

    async with services.database.autocommit() as connection:
        [sealed] = (await connection.exec_driver_sql("SELECT sealed_parameters FROM firebase_projects")).scalars()
    assert SIGNER_KEY.encode() not in sealed
    assert (await log_in(api, "person1@example.com")).status_code == 200
