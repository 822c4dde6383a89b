"""Hostile bytes: no 5xx, no echo, no growth, bounded in time. The corpus is our own."""

import asyncio
import gzip
import json
from itertools import product
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psutil
import pytest

from app.clients.domain import Role
from app.kernel.randomness import new_id
from app.mail.domain import MailKind, unpack
from tests.support.people import PASSWORD
from tests.support.processes import Person, Processes, new_address

pytestmark = pytest.mark.anyio
JSON = {"content-type": "application/json"}
MARK = "h0stile-m4rk"

TEXTS: dict[str, str] = {
    "nul": f"a{MARK}\0b",
    "surrogate": f"{MARK}\ud800",
    "surrogate pair apart": f"\udc00{MARK}\ud83d",
    "right-to-left": f"\u202e{MARK}",
    "byte order mark": f"\ufeff{MARK}",
    "line ends": f"{MARK}\r\nBcc: eve@example.com\r\n\r\nhello",
    "line separator": f"{MARK}\u2028\u2029\x85",
    "full-width": "\uff11\uff12\uff13\uff14\uff15\uff16",
    "arabic": "\u0661\u0662\u0663\u0664\u0665\u0666",
    "superscript": "\u00b9\u00b2\u00b3\u2074\u2075\u2076",
    "combining": MARK + "\u0301" * 2000,
    "long": MARK * 2000,
    "astral": "\U0001f600" * 300,
    "sql": "'; DROP TABLE accounts; --",
    "template": "{{7*7}}${7*7}<script>alert(1)</script>%s%n{token}",
    "path": "../../../../etc/passwd",
    "empty": "",
    "spaces": "   ",
    "dotless i": "ad\u0131n@example.com",
    "kelvin": "\u212aim@example.com",
    "two addresses": "a@example.com,b@example.com",
    "address with a comment": "a@example.com(b)",
    "quoted address": '"a b"@example.com',
    "address literal": "a@[127.0.0.1]",
    "address with a name": "Eve <eve@example.com>",
}
VALUES: list[Any] = [None, True, 0, -1, 1.5, 1e300, 10**400, [], {}, ["a"], {"a": 1}, [[[[]]]], "x"]

BODIES: dict[str, dict[str, Any]] = {
    "/v1/login": {"email": "nobody@example.com", "password": "x", "code": "123456"},
    "/v1/login/two-factor": {"challenge": "tkc_" + "a" * 43, "code": "123456"},
    "/v1/password-reset": {"email": "nobody@example.com"},
    "/v1/password-reset/confirm": {"token": "tkr_" + "a" * 43, "new_password": "x", "code": "123456"},
    "/v1/email-change/confirm": {"token": "tkm_" + "a" * 43},
    "/v1/email-change/undo": {"token": "tku_" + "a" * 43},
    "/v1/me/email": {"new_email": "somebody@example.com", "password": "x"},
    "/v1/me/password": {"current_password": "x", "new_password": "y"},
    "/v1/me/2fa/enrollment": {"password": "x"},
    "/v1/me/2fa/confirm": {"code": "123456"},
    "/v1/me/2fa/disable": {"password": "x", "code": "123456"},
    "/v1/me/2fa/recovery-codes": {"password": "x"},
    "/v1/me/tokens": {"description": "x", "max_age_seconds": 60, "extend_when_used": False},
    "/v1/me/tokens/revoke-all": {"keep_current": True},
}
MALFORMED: dict[str, bytes] = {
    "nothing": b" ",
    "not utf-8": b'{"email":"\xff\xfe"}',
    "utf-16": '{"email":"a@example.com"}'.encode("utf-16"),
    "utf-8 with a mark": b"\xef\xbb\xbf{}",
    "nan": b'{"email":NaN}',
    "infinity": b'{"email":-Infinity}',
    "raw nul": b'{"email":"a\0b"}',
    "cut": b'{"email":"a@example.com","pass',
    "two documents": b"{}{}",
    "a name twice": b'{"email":"a@example.com","email":"b@example.com","password":"x"}',
    "a name twice, escaped": b'{"email":"a@example.com","\\u0065mail":"b@example.com","password":"x"}',
    "deep lists": b"[" * 30000 + b"]" * 30000,
    "deep objects": b'{"a":' * 9000 + b"1" + b"}" * 9000,
    "a long number": b'{"email":' + b"9" * 60000 + b"}",
    "single quotes": b"{'email':'a'}",
    "a comment": b'{"email":"a"/*b*/}',
    "a trailing comma": b'{"email":"a",}',
    "gzip": gzip.compress(b"{}" * 1000),
    "multipart": b'--x\r\nContent-Disposition: form-data; name="email"\r\n\r\na\r\n--x--',
}


@pytest.fixture(scope="module")
async def victim(processes: Processes) -> Person:
    return await processes.someone()


def bounded(answer: Any, mark: str = MARK) -> None:
    assert answer.status_code < 500, answer.text
    assert mark not in answer.text, "echoed"
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.content) < 4096


@pytest.mark.parametrize("path", BODIES)
async def test_no_text_breaks_a_field(processes: Processes, path: str) -> None:
    person = await processes.someone()
    calls = []
    for field, text in product(BODIES[path], TEXTS.values()):
        content = json.dumps({**BODIES[path], field: text}).encode()
        calls.append(processes.call("POST", path, content=content, token=person.token, headers=JSON))
    for answer in await processes.race(calls):
        if answer.status_code != 503:
            bounded(answer)


async def test_no_text_breaks_a_limit_of_a_token_or_what_an_operator_types(processes: Processes) -> None:
    person, admin = await processes.someone(), await processes.client(Role.ADMIN)
    made = await processes.post("/v1/me/tokens", {"description": "x"}, token=person.token)
    token, account = f"/v1/me/tokens/{made.json()['token']['id']}", f"/v1/admin/accounts/{person.id}"
    webhook = {"url": "https://example.com/", "types": ["token.*"], "enabled": False}
    own, operators = {"token": person.token}, {"auth": admin}
    bodies: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
        call
        for text in TEXTS.values()
        for call in (
            ("POST", "/v1/me/tokens", {"description": "x", "scopes": [text]}, own),
            ("POST", "/v1/me/tokens", {"description": "x", "ip_allowlist": [text]}, own),
            ("PATCH", token, {"description": text}, own),
            ("POST", "/v1/not-me", {"token": text}, {}),
            ("POST", "/v1/password-strength", {"password": text, "email": text}, {}),
            ("POST", f"{account}/unlock", {"reason": text}, operators),
            ("POST", "/v1/admin/webhooks", {**webhook, "url": text}, operators),
            ("POST", "/v1/admin/webhooks", {**webhook, "types": [text]}, operators),
            ("POST", "/v1/admin/webhooks", {**webhook, "description": text}, operators),
        )
    ]
    calls = [
        processes.call(method, path, content=json.dumps(body).encode(), headers=JSON, **who)
        for method, path, body, who in bodies
    ]
    for answer, (_, path, body, _) in zip(await processes.race(calls), bodies, strict=True):
        assert answer.status_code != 500, (path, body)
        if not answer.is_success and answer.status_code != 503:
            bounded(answer)


@pytest.mark.parametrize("path", BODIES)
async def test_no_value_of_another_type_is_taken(processes: Processes, path: str) -> None:
    person = await processes.someone()
    for field, value in product(BODIES[path], VALUES):
        if isinstance(value, type(BODIES[path][field])) or (value is None and field in {"code", "max_age_seconds"}):
            continue
        answer = await processes.post(path, {**BODIES[path], field: value}, token=person.token)
        bounded(answer)
        assert answer.status_code in {400, 422}, (field, value, answer.text)
    answer = await processes.post(path, {**BODIES[path], MARK: 1}, token=person.token)
    bounded(answer)
    assert answer.status_code == 422


@pytest.mark.parametrize("path", BODIES)
async def test_what_is_not_json_is_400(processes: Processes, victim: Person, path: str) -> None:
    for name, content in MALFORMED.items():
        answer = await processes.call("POST", path, content=content, token=victim.token, headers=JSON)
        bounded(answer)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed_json"), name
    assert await processes.alive(victim.token)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "\xff"])
async def test_another_content_type_is_415(processes: Processes, kind: str) -> None:
    headers = {b"content-type": kind.encode("latin-1"), b"x-forwarded-for": new_address().encode()}
    answer = await processes.clients[0].post("/v1/login", content=b'{"email":"a","password":"b"}', headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


async def test_an_array_of_addresses_is_no_address(processes: Processes) -> None:
    """GitLab sent the reset link to each of them (CVE-2023-7028)."""
    person = await processes.someone(session=False)
    for email in ([person.email, "eve@example.com"], {"0": person.email}, f"{person.email},eve@example.com"):
        assert (await processes.post("/v1/password-reset", {"email": email})).status_code == 422
    double = f'{{"email":"{person.email}","email":"eve@example.com"}}'.encode()
    answer = await processes.call("POST", "/v1/password-reset", content=double, headers=JSON)
    assert answer.status_code == 400
    await processes.services.password_reset.answer_requests()
    assert not await processes.reset_tokens(person)


async def test_letters_that_look_alike_reach_nobody_elses_mailbox(processes: Processes) -> None:
    """Django folded a dotless i to an i and mailed the link to the address that was asked for (CVE-2019-19844)."""
    person = await processes.someone(session=False)
    number = person.email.removeprefix("person").partition("@")[0]
    for email in (f"pers\u043en{number}@example.com", f"person{number}@ex\u0430mple.com"):
        await processes.post("/v1/password-reset", {"email": email})
    for fold in ("\u0131", "\u0130", "\u212a", "\u017f"):
        answer = await processes.post("/v1/password-reset", {"email": f"per{fold}on@example.com"})
        assert answer.status_code == 422
    await processes.services.password_reset.answer_requests()
    assert not await processes.reset_tokens(person)


async def test_links_are_built_from_the_configured_address(processes: Processes) -> None:
    """couch-auth and mailcow built theirs from the Host header."""
    person = await processes.someone(session=False)
    for name in ("Host", "X-Forwarded-Host", "X-Original-Host", "Forwarded", "X-Forwarded-Proto", "Origin", "Referer"):
        answer = await processes.post("/v1/password-reset", {"email": person.email}, headers={name: "evil.example.net"})
        assert answer.status_code == 202
        assert "evil" not in answer.text + str(answer.headers)
    await processes.services.password_reset.answer_requests()
    rows = await processes.rows("SELECT sealed, created_at FROM outbox WHERE account_id = $1", person.id)
    for sealed, at in rows:
        context = unpack(processes.services.secret_box.open(sealed, owner=person.id), at=at)
        assert context.to == person.email
        mail = str(processes.services.delivery.templates.render(MailKind.PASSWORD_RESET, context, id=new_id()))
        assert f"{processes.services.settings.public_url}/console/" in mail
        assert "evil" not in mail


async def test_no_redirect_follows_a_slash(processes: Processes) -> None:
    for path in (
        "/v1/login/",
        "/v1/password-reset/",
        "/v1/me/",
        "//v1/login",
        "/v1//login",
        "/v1/login/..",
        "/v1/%6cogin/",
    ):
        answer = await processes.post(path, {}, headers={"Host": "evil.example.net"})
        assert answer.status_code in {404, 405}, path
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    "header", ["User-Agent", "X-Forwarded-For", "Authorization", "X-Request-Id", "Accept", "Cookie"]
)
async def test_no_header_breaks_anything(processes: Processes, header: str) -> None:
    person = await processes.someone(session=False)
    nasty = [
        b"\xff\xfe", b"x" * 8000, b",,,,,", b"fe80::1%" + b"z" * 400, b"::ffff:999.1.1.1", b"[::1", b"Bearer",
        b"Bearer  x", b"Basic ====", b"Basic \xff", b"Basic " + b"Og==", b"bearer tks_" + b"a" * 43,
        b"1.2.3.4:99999999999", b"\xc2\xb2", b"0x7f.1", b"tab\there", "\u0661.1.1.1".encode(),
    ]  # fmt: skip
    for value in nasty:
        for method, path in (("GET", "/v1/me"), ("POST", "/v1/login"), ("GET", "/v1/admin/accounts")):
            headers = {b"x-forwarded-for": new_address().encode(), header.lower().encode(): value}
            body = {"email": person.email, "password": PASSWORD} if method == "POST" else None
            answer = await processes.clients[0].request(method, path, json=body, headers=headers)
            assert answer.status_code < 500, (value, answer.text)
    events = await processes.rows("SELECT user_agent, ip FROM events WHERE account_id = $1", person.id)
    assert events
    assert all(agent is None or (len(agent) <= 256 and agent.isprintable()) for agent, _ in events)
    assert all(ip is None or len(ip) <= 45 for _, ip in events)


@pytest.mark.parametrize("path", ["/v1/me/tokens", "/v1/me/events"])
async def test_no_query_breaks_a_page(processes: Processes, path: str) -> None:
    person = await processes.someone()
    queries = [
        "limit=0", "limit=201", "limit=-1", "limit=1e3", "limit=%00", "limit=\u0661", "limit=99999999999999999999999",
        "cursor=",
        "cursor=%00", "cursor=" + "A" * 24, "cursor=" + "A" * 5000, "cursor=%ff%fe", "cursor='--", "cursor=\u00e9",
    ]  # fmt: skip
    for query in queries:
        answer = await processes.get(f"{path}?{query}", token=person.token)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), query


async def test_no_id_or_filter_breaks_the_admin(processes: Processes) -> None:
    admin = await processes.client(Role.ADMIN)
    for id in ("x", "%00", "0", "..", "%2e%2e", "\u0661" * 32, "f" * 33, str(UUID(int=0)), "%ff"):
        for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/password-reset"), ("PATCH", "")):
            body = {"status": "disabled"} if method == "PATCH" else None
            answer = await processes.call(method, f"/v1/admin/accounts/{id}{rest}", body, auth=admin)
            assert answer.status_code in {404, 405, 415, 422}, (method, id, answer.text)
    for query in (
        "email=%00",
        "email=x",
        "email=%ff",
        "account_id=x",
        "type=%00",
        "type=nothing",
        "email=" + "a" * 9000,
    ):
        for path in ("/v1/admin/accounts", "/v1/admin/events"):
            answer = await processes.get(f"{path}?{query}", auth=admin)
            assert answer.status_code in {200, 422}, (path, query, answer.text)
    for text in TEXTS.values():
        content = json.dumps({"email": text, "password": text}).encode()
        answer = await processes.call("POST", "/v1/admin/accounts", content=content, auth=admin, headers=JSON)
        bounded(answer)


async def test_no_form_breaks_introspection(processes: Processes) -> None:
    client = await processes.client(Role.INTROSPECT)
    form = {"content-type": "application/x-www-form-urlencoded"}
    for content in (b"", b"token", b"token=", b"token=a&token=b", b"&" * 3000, b"token=%ff", b"token=%", b"\xff=\xfe",
                    b"a=1&" * 1000 + b"token=x", b"token=" + b"%F0%9F%98%80" * 4000):  # fmt: skip
        for path in ("/v1/introspect", "/v1/revoke"):
            answer = await processes.call("POST", path, content=content, auth=client, headers=form)
            assert answer.status_code in {200, 400}, (content[:40], answer.text)


async def test_a_line_end_reaches_no_mail(processes: Processes) -> None:
    """Whatever ends up in a mail is one printable line."""
    person = await processes.someone()
    agent = {
        b"user-agent": b"Moz\xc2\x85illa\tBcc: eve@example.com",
        b"x-forwarded-for": b"10.9.9.9",
        b"authorization": f"Bearer {person.token}".encode(),
    }
    for description in ("a\r\nBcc: eve@example.com", "a\nb", "a\u2028b", "a\x85b", "a\x0bb", "a\u202eb"):
        answer = await processes.post("/v1/me/tokens", {"description": description}, token=person.token)
        assert answer.status_code == 422
    made = await processes.clients[0].post(
        "/v1/me/tokens",
        json={"description": "<b>{{7*7}}</b>"},
        headers=agent,
    )
    assert made.status_code == 201
    rows = await processes.rows("SELECT sealed, created_at, letter FROM outbox WHERE account_id = $1", person.id)
    [(sealed, at, kind)] = rows
    context = unpack(processes.services.secret_box.open(sealed, owner=person.id), at=at)
    message = processes.services.delivery.templates.render(MailKind(kind), context, id=person.id)
    assert [name for name in message if name.lower() in {"bcc", "cc"}] == []
    text = message.as_string()
    assert "49" not in [part.get_content() for part in message.walk() if part.get_content_type() == "text/plain"]
    assert "<b>{{7*7}}" not in "".join(
        part.get_content() for part in message.walk() if part.get_content_type() == "text/html"
    )
    assert text.count("\nBcc:") == 0


async def exchange(address: str, *parts: bytes, seconds: float = 15.0) -> bytes:
    """What a raw connection gets back until the other side closes it or is silent."""
    parsed = urlsplit(address)
    reader, writer = await asyncio.open_connection(parsed.hostname, parsed.port)
    got = b""
    try:
        async with asyncio.timeout(seconds):
            for part in parts:
                writer.write(part)
                await writer.drain()
            if b"Connection: close" not in b"".join(parts) and writer.can_write_eof():
                writer.write_eof()
            got = await reader.read(1 << 20)
    except (ConnectionError, TimeoutError):
        return got
    finally:
        writer.close()
    return got


def head(*lines: str) -> bytes:
    return "\r\n".join(
        ["POST /v1/login HTTP/1.1", "Host: x", "Content-Type: application/json", *lines, "", ""]
    ).encode()


async def test_a_declared_gigabyte_is_413_before_it_comes(processes: Processes) -> None:
    got = await exchange(processes.addresses[0], head("Content-Length: 1073741824", "Connection: close"), b"{" * 1000)
    assert got.startswith(b"HTTP/1.1 413 "), got[:200]


async def test_a_gigabyte_without_a_length_ends_early(processes: Processes) -> None:
    chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"
    got = await exchange(
        processes.addresses[0], head("Transfer-Encoding: chunked", "Connection: close"), *[chunk] * 100
    )
    assert got.startswith(b"HTTP/1.1 413 ") or got == b"", got[:200]


async def test_bodies_around_the_limit(processes: Processes) -> None:
    for size, expected in ((64 * 1024, {401, 422}), (64 * 1024 + 1, {413}), (300_000, {413})):
        frame = len(json.dumps({"email": "a@example.com", "password": ""}).replace(" ", ""))
        body = json.dumps({"email": "a@example.com", "password": "x" * (size - frame)}).replace(" ", "").encode()
        assert len(body) == size
        answer = await processes.call("POST", "/v1/login", content=body, headers=JSON)
        assert answer.status_code in expected


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\r\n\r\n",
        b"GARBAGE\r\n\r\n",
        b"GET /v1/me HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://evil.example.net/v1/me HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/me\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /%00%ff%c0%af HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT evil:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"TRACE /v1/me HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\nBad Name: a\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n\r\n",
        b"GET /v1/me HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 5000 + b"\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        head("Content-Length: -5"),
        head("Content-Length: 5", "Content-Length: 6") + b"{}{}{}",
        head("Content-Length: 99999999999999999999999999"),
        head("Content-Length: 0x10") + b"{}",
        head("Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\nGET /v1/me HTTP/1.1\r\nHost: x\r\n\r\n",
        head("Transfer-Encoding: gzip, chunked") + b"0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"zz\r\n{}\r\n0\r\n\r\n",
        head("Transfer-Encoding: chunked") + b"ffffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        head("Content-Encoding: gzip", "Content-Length: 40") + gzip.compress(b"{}" * 10)[:40].ljust(40, b"\0"),
        head("Expect: 100-continue", "Content-Length: 2") + b"{}",
    ],
    ids=range(27),
)  # fmt: skip
async def test_bytes_that_are_hardly_http_do_no_harm(processes: Processes, request_bytes: bytes) -> None:
    got = await exchange(processes.addresses[0], request_bytes, seconds=8)
    for line in got.split(b"\r\n"):
        if line.startswith(b"HTTP/1.1 "):
            assert int(line[9:12]) < 500, got[:300]
    assert (await processes.clients[0].get("/healthz")).status_code == 200


async def test_a_gzip_bomb_is_not_opened(processes: Processes) -> None:
    bomb = gzip.compress(b" " * 40_000_000)
    headers = JSON | {"content-encoding": "gzip"}
    answer = await processes.call("POST", "/v1/login", content=bomb, headers=headers)
    assert answer.status_code in {400, 413}


def resident_kib(processes: Processes) -> int:
    """What both processes hold."""
    return sum(psutil.Process(pid).memory_info().rss for pid in processes.pids) // 1024


async def test_memory_does_not_grow_with_hostile_bodies(processes: Processes) -> None:
    chunk = b"10000\r\n" + b"a" * 65536 + b"\r\n"

    async def flood() -> None:
        await asyncio.gather(
            *(
                exchange(
                    processes.addresses[n % 2], head("Transfer-Encoding: chunked", "Connection: close"), *[chunk] * 40
                )
                for n in range(20)
            )
        )

    await flood()
    before = resident_kib(processes)
    assert before
    for _ in range(3):
        await flood()
    assert resident_kib(processes) - before < 30_000


async def test_a_name_of_digits_alone_is_not_repeated(processes: Processes) -> None:
    """It may be a code that slid into the wrong place."""
    answer = await processes.post("/v1/password-reset", {"email": "nobody@example.com", "4929123456": None})
    assert answer.status_code == 422
    assert "4929123456" not in answer.text
