"""The `twokeys` command as operators use it: a process of its own, over a real Postgres."""

import asyncio
import getpass
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text
from typer.testing import CliRunner

from app.cli.main import commands
from app.clients.domain import Role
from app.database.engine import Database
from app.database.migrations import newest_revision
from app.kernel.clock import SystemClock
from app.kernel.randomness import new_id
from app.security.secret_box import SecretBox, key_id
from app.services import build_services
from app.settings import Settings, new_key, read_key
from tests.conftest import SetClock
from tests.support.marks import PATIENCE
from tests.support.people import EMAIL, KEY, PASSWORD, a_session, an_account, bearer, log_in
from tests.support.postgres import Server
from tests.support.receiving import MailSink
from tests.support.service import TWOKEYS, environment, over, twokeys

pytestmark = pytest.mark.anyio

Done = subprocess.CompletedProcess[str]


class CommandLine:
    """A shell on a machine with the service's settings."""

    def __init__(self, database_url: str, folder: Path) -> None:
        self._database_url, self._folder = database_url, folder

    async def run(self, *arguments: str, stdin: str = "", **settings: str) -> Done:
        env = over(self._database_url, **settings)
        return await asyncio.to_thread(twokeys, *arguments, env=env, cwd=self._folder, stdin=stdin)

    async def data(self, *arguments: str, stdin: str = "", **settings: str) -> Any:
        """What a command prints with --json."""
        done = await self.run(*arguments, "--json", stdin=stdin, **settings)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    async def refusal(self, *arguments: str, stdin: str = "", **settings: str) -> str:
        """The one line that a command refuses with."""
        done = await self.run(*arguments, stdin=stdin, **settings)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        (line,) = done.stderr.splitlines()
        return line.removeprefix("twokeys: ")


@pytest.fixture
def clock() -> SetClock:
    """The command has the machine's clock, so the service beside it starts from there."""
    return SetClock(SystemClock().now())


@pytest.fixture
def command_line(database_url: str, tmp_path: Path) -> CommandLine:
    return CommandLine(database_url, tmp_path)


async def newest_event(database: Database) -> tuple[str, Any, Any]:
    async with database.autocommit() as connection:
        query = text("SELECT type, details, account_id FROM events ORDER BY id DESC LIMIT 1")
        row = (await connection.execute(query)).one()
        return row.type, row.details, row.account_id


@pytest.mark.parametrize(
    "command",
    [
        (),
        ("dev",),
        ("serve",),
        ("worker",),
        ("migrate",),
        ("openapi",),
        ("accounts",),
        ("accounts", "create"),
        ("accounts", "show"),
        ("accounts", "disable"),
        ("accounts", "enable"),
        ("accounts", "send-reset"),
        ("accounts", "delete"),
        ("accounts", "reset-2fa"),
        ("accounts", "revoke-tokens"),
        ("clients",),
        ("clients", "create"),
        ("clients", "list"),
        ("clients", "rotate-secret"),
        ("clients", "delete"),
        ("keys",),
        ("keys", "generate"),
        ("keys", "rotate"),
        ("mail", "test"),
        ("settings", "check"),
    ],
)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    done = CliRunner().invoke(commands, [*command, "--help"], prog_name="twokeys")
    assert done.exit_code == 0
    assert done.stdout.startswith(f"Usage: {' '.join(('twokeys', *command))} ")


@pytest.mark.parametrize(
    "wrong",
    [
        ("dance",),
        ("serve", "--port", "70000"),
        ("accounts", "show"),
        ("accounts", "reset-2fa", EMAIL),
        ("accounts", "revoke-tokens", "--reason", "x"),
        ("accounts", "revoke-tokens", EMAIL, "--all", "--reason", "x"),
        ("clients", "create", "Shop"),
        ("clients", "create", "Shop", "--role", "king"),
        ("clients", "create", "Shop", "--role", "introspect", "--require", "aal1"),
        ("clients", "rotate-secret", "not-an-id"),
        ("clients", "delete", "not-an-id"),
    ],
)
def test_wrong_usage_ends_with_2(wrong: tuple[str, ...]) -> None:
    done = CliRunner().invoke(commands, wrong, prog_name="twokeys")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Usage: twokeys" in done.stderr


async def test_an_account_is_made_with_a_password_from_standard_input(
    command_line: CommandLine, api: httpx.AsyncClient, database: Database
) -> None:
    create = ("accounts", "create", EMAIL, "--password-stdin", "--locale", "de-at")
    made = await command_line.data(*create, stdin=f"{PASSWORD}\n")
    assert made["locale"] == "de-AT"
    assert (made["email"], made["status"], made["two_factor"]["status"]) == (EMAIL, "active", "disabled")
    assert (await log_in(api)).status_code == 200
    async with database.autocommit() as connection:
        query = text("SELECT details, client_id FROM events WHERE type = 'account.created'")
        details, client_id = (await connection.execute(query)).one()
    assert (details["operator"], client_id) == (getpass.getuser(), None)


async def test_an_account_without_a_password_is_invited(command_line: CommandLine, database: Database) -> None:
    await command_line.data("accounts", "create", EMAIL, TWOKEYS_MAIL="on", TWOKEYS_SMTP_URL="")
    async with database.autocommit() as connection:
        assert await connection.scalar(text("SELECT letter FROM outbox")) == "invitation"


async def test_a_lost_invitation_is_sent_anew_and_an_account_deleted(
    command_line: CommandLine, database: Database
) -> None:
    mail = {"TWOKEYS_MAIL": "on", "TWOKEYS_SMTP_URL": ""}
    await command_line.data("accounts", "create", EMAIL, **mail)
    assert "TWOKEYS_MAIL=off" in await command_line.refusal("accounts", "send-reset", EMAIL)
    sent = await command_line.run("accounts", "send-reset", EMAIL, **mail)
    assert sent.returncode == 0, sent.stderr
    async with database.autocommit() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM outbox")) == 2
    assert (await command_line.run("accounts", "delete", EMAIL)).returncode == 1, "nobody said yes"
    assert (await command_line.run("accounts", "delete", EMAIL, "--yes")).returncode == 0
    assert await command_line.refusal("accounts", "show", EMAIL) == "There is no account with this address."


async def test_a_byte_order_mark_is_no_part_of_a_password(command_line: CommandLine, api: httpx.AsyncClient) -> None:
    await command_line.data("accounts", "create", EMAIL, "--password-stdin", stdin=f"\ufeff{PASSWORD}\r\n")
    assert (await log_in(api)).status_code == 200


@pytest.mark.parametrize("content", [PASSWORD.encode("utf-16"), "Gänsefüßchen-im-Keller".encode("latin-1")])
def test_a_password_that_is_no_utf_8_is_one_line(database_url: str, tmp_path: Path, content: bytes) -> None:
    command = [*TWOKEYS, "accounts", "create", EMAIL, "--password-stdin"]
    done = subprocess.run(
        command, env=over(database_url), cwd=tmp_path, input=content, capture_output=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"twokeys: password: Must be UTF-8.\n")


@pytest.mark.parametrize("form", [[], ["--json"]])
async def test_a_name_that_the_terminal_can_not_show_is_shown_escaped(
    command_line: CommandLine, api: httpx.AsyncClient, form: list[str]
) -> None:
    await api.services.clients.create("Läden \u2603", [Role.INTROSPECT])  # type: ignore[attr-defined]
    done = await command_line.run("clients", "list", *form, PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")
    assert (done.returncode, done.stderr) == (0, "")
    assert "L\\xe4den" in done.stdout or "L\\u00e4den" in done.stdout


_FAILS = """
import sys
from app.cli.main import commands, main

@commands.command()
def fail() -> None:
    raise RuntimeError("hunter2\\nhunter3")

sys.argv = ["twokeys", "fail"]
main()
"""


def test_whatever_goes_wrong_is_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _FAILS]
    done = subprocess.run(command, env=environment(), cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "twokeys: Something went wrong (RuntimeError). TWOKEYS_LOG_LEVEL=debug shows where.\n"


async def test_a_broken_template_of_a_mail_refuses_the_start(command_line: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "password_changed.txt").write_text("\n{% if %}")
    for command in (("worker",), ("accounts", "show", EMAIL)):
        line = await command_line.refusal(*command, TWOKEYS_MAIL_TEMPLATES=str(tmp_path))
        assert line.startswith(f"TWOKEYS_MAIL_TEMPLATES: {tmp_path}/de/password_changed.txt, line 2: ")


@pytest.mark.parametrize("command", [("create", EMAIL), ("reset-2fa", EMAIL, "--reason", "Lost her phone")])
async def test_a_command_that_mails_needs_what_its_mails_say(
    command_line: CommandLine, command: tuple[str, ...]
) -> None:
    smtp = {"TWOKEYS_MAIL": "on", "TWOKEYS_SMTP_URL": "smtp://127.0.0.1:1"}
    for missing in ("TWOKEYS_PUBLIC_URL", "TWOKEYS_MAIL_FROM"):
        assert f"{missing} is missing" in await command_line.refusal("accounts", *command, **smtp | {missing: ""})


async def test_nobody_is_invited_where_no_mail_goes_out(command_line: CommandLine) -> None:
    assert "use --password-stdin" in await command_line.refusal("accounts", "create", EMAIL)


@pytest.mark.parametrize(
    ("email", "password", "says"),
    [
        (EMAIL, "short", "A password has at least 8 characters."),
        (EMAIL, "", "A password has at least 8 characters."),
        ("nobody", PASSWORD, "email: Must be a mail address."),
    ],
)
async def test_what_will_not_do_makes_no_account(
    command_line: CommandLine, email: str, password: str, says: str
) -> None:
    assert await command_line.refusal("accounts", "create", email, "--password-stdin", stdin=password) == says


async def test_an_address_is_taken_once(command_line: CommandLine, api: httpx.AsyncClient) -> None:
    await an_account(api.services)  # type: ignore[attr-defined]
    result = await command_line.refusal("accounts", "create", EMAIL, "--password-stdin", stdin=PASSWORD)
    assert result == "There is an account with this address."


async def test_an_account_is_shown_without_keys(command_line: CommandLine, api: httpx.AsyncClient) -> None:
    account = await an_account(api.services)  # type: ignore[attr-defined]
    displayed = await command_line.data("accounts", "show", EMAIL.upper(), TWOKEYS_SECRET_KEYS="", TWOKEYS_MAIL="on")
    assert displayed["id"] == str(account.id)
    plain = await command_line.run("accounts", "show", EMAIL)
    assert ["email", EMAIL] in map(str.split, plain.stdout.splitlines())


@pytest.mark.parametrize("command", ["show", "disable", "enable"])
async def test_an_address_without_an_account_is_said_so(command_line: CommandLine, command: str) -> None:
    assert await command_line.refusal("accounts", command, EMAIL) == "There is no account with this address."


async def test_a_disabled_account_is_kept_out_until_it_is_enabled(
    command_line: CommandLine, api: httpx.AsyncClient, database: Database
) -> None:
    await an_account(api.services)  # type: ignore[attr-defined]
    token = await a_session(api)
    assert (await command_line.data("accounts", "disable", EMAIL))["status"] == "disabled"
    assert (await newest_event(database))[:2] == (
        "account.disabled",
        {"operator": getpass.getuser(), "epoch": 1, "revoked": {"sessions": 1, "personal_tokens": 0}},
    )
    assert (await api.get("/v1/me", headers=bearer(token))).status_code == 401
    assert (await log_in(api)).status_code == 401
    assert (await command_line.data("accounts", "enable", EMAIL))["status"] == "active"
    assert (await log_in(api)).status_code == 200


async def test_resetting_two_factor_names_the_operator_and_the_reason(
    command_line: CommandLine, api: httpx.AsyncClient, database: Database
) -> None:
    await an_account(api.services)  # type: ignore[attr-defined]
    done = await command_line.data("accounts", "reset-2fa", EMAIL, "--reason", "Lost her phone")
    assert done == {"two_factor": "disabled", "revoked": {"sessions": 0, "personal_tokens": 0}}
    kind, details, _ = await newest_event(database)
    assert (kind, details["operator"], details["reason"]) == ("two_factor.reset", getpass.getuser(), "Lost her phone")


async def test_an_act_needs_a_reason_that_says_something(command_line: CommandLine, api: httpx.AsyncClient) -> None:
    await an_account(api.services)  # type: ignore[attr-defined]
    result = await command_line.refusal("accounts", "reset-2fa", EMAIL, "--reason", " ")
    assert result == "reason: Must be 1 to 500 printable characters."


async def test_tokens_of_one_account_are_revoked(command_line: CommandLine, api: httpx.AsyncClient) -> None:
    await an_account(api.services)  # type: ignore[attr-defined]
    token = await a_session(api)
    ended = await command_line.data("accounts", "revoke-tokens", EMAIL, "--reason", "Stolen laptop")
    assert ended == {"sessions": 1, "personal_tokens": 0}
    assert (await api.get("/v1/me", headers=bearer(token))).status_code == 401


async def test_after_a_restore_every_token_can_be_revoked(
    command_line: CommandLine, api: httpx.AsyncClient, database: Database
) -> None:
    tokens = []
    for email in (EMAIL, "grace@example.com"):
        await an_account(api.services, email)  # type: ignore[attr-defined]
        tokens.append(await a_session(api, email))
    assert await command_line.data("accounts", "revoke-tokens", "--all", "--reason", "Restored a backup") == {
        "accounts": 2
    }
    for token in tokens:
        assert (await api.get("/v1/me", headers=bearer(token))).status_code == 401
    kind, details, account_id = await newest_event(database)
    assert (kind, details["accounts"], account_id) == ("tokens.revoked", 2, None)


async def test_a_client_is_made_asks_and_is_deleted(command_line: CommandLine, api: httpx.AsyncClient) -> None:
    made = await command_line.data("clients", "create", "Shop", "--role", "introspect", "--role", "admin")
    assert made.keys() == {"client_id", "client_secret"}
    auth = httpx.BasicAuth(made["client_id"], made["client_secret"])
    assert (await api.get("/v1/admin/accounts", auth=auth)).status_code == 200
    response = await api.post("/v1/introspect", data={"token": "tks_unknown"}, auth=auth)
    assert response.json() == {"active": False}

    (listed,) = await command_line.data("clients", "list")
    assert (listed["client_id"], listed["name"], listed["roles"]) == (
        made["client_id"],
        "Shop",
        ["admin", "introspect"],
    )
    table = (await command_line.run("clients", "list")).stdout
    assert made["client_id"] in table
    assert made["client_secret"] not in table

    assert (await command_line.run("clients", "delete", made["client_id"])).returncode == 0
    assert (await api.get("/v1/admin/accounts", auth=auth)).status_code == 401
    assert await command_line.data("clients", "list") == []


async def test_a_clients_secret_is_rotated(command_line: CommandLine, api: httpx.AsyncClient) -> None:
    made = await command_line.data("clients", "create", "Shop", "--role", "introspect")
    (listed,) = await command_line.data("clients", "list")
    assert (listed["last_used_at"], listed["secrets"]) == (None, 1)

    rotated = await command_line.data("clients", "rotate-secret", made["client_id"])

    assert rotated.keys() == made.keys()
    assert rotated["client_id"] == made["client_id"]

    async def status(client: dict[str, str]) -> int:
        auth = httpx.BasicAuth(client["client_id"], client["client_secret"])
        return (await api.post("/v1/introspect", data={"token": "tks_unknown"}, auth=auth)).status_code

    assert (await status(made), await status(rotated)) == (200, 200)
    again = await command_line.refusal("clients", "rotate-secret", made["client_id"])
    assert again == "This client has two secrets already. End the old one first, with --end-old."
    assert (await command_line.run("clients", "rotate-secret", made["client_id"], "--end-old")).stdout == ""
    assert (await status(made), await status(rotated)) == (401, 200)
    await api.services.clients.note_uses()  # type: ignore[attr-defined]
    (listed,) = await command_line.data("clients", "list")
    assert listed["secrets"] == 1
    assert listed["last_used_at"] is not None


async def test_what_can_not_be_a_client_is_refused(command_line: CommandLine) -> None:
    assert await command_line.refusal("clients", "delete", str(new_id())) == "There is no client with this id."
    assert await command_line.refusal("clients", "rotate-secret", str(new_id())) == "There is no client with this id."
    assert (await command_line.refusal("clients", "create", " ", "--role", "admin")).startswith("name: ")


def test_a_new_key_stands_alone_on_its_line(tmp_path: Path) -> None:
    done = twokeys("keys", "generate", env=environment(), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert len(read_key(done.stdout.strip())) == 32


async def test_a_check_of_the_settings_says_what_would_prevent_the_start(
    command_line: CommandLine, tmp_path: Path
) -> None:
    assert (await command_line.run("settings", "check")).stderr == "The service would start with these settings.\n"
    (tmp_path / "mail" / "en").mkdir(parents=True)
    (tmp_path / "mail" / "en" / "password_changed.txt").write_text("{{ nothing_like_it }}")
    broken = await command_line.refusal("settings", "check", TWOKEYS_MAIL_TEMPLATES=str(tmp_path / "mail"))
    assert "password_changed.txt" in broken


async def test_a_test_mail_arrives_or_says_why_not(command_line: CommandLine) -> None:
    sink = MailSink()
    async with sink.running():
        settings = {"TWOKEYS_MAIL": "on", "TWOKEYS_SMTP_URL": sink.url, "TWOKEYS_MAIL_FROM": "no-reply@example.com"}
        sent = await command_line.run("mail", "test", "ada@example.com", **settings)
        assert (sent.returncode, sent.stderr) == (0, "The mail server took the mail.\n")
        assert [str(message["Subject"]) for message in sink.messages] == ["Twokeys: a test mail"]
        sink.recipient_answer = "550 5.7.1 relaying denied"
        refused = await command_line.refusal("mail", "test", "ada@example.com", **settings)
        assert refused == "The mail server did not take the mail: relaying refused with 550."
    off = await command_line.refusal("mail", "test", "ada@example.com")
    assert off == "TWOKEYS_SMTP_URL is missing, or TWOKEYS_MAIL=off: no mail would leave."


def test_no_secret_is_printed_to_where_nobody_reads() -> None:
    closed = ["sh", "-c", 'exec "$@" >&-', "sh", *TWOKEYS, "keys", "generate"]
    done = subprocess.run(closed, env=environment(), stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "Standard output is closed." in done.stderr


async def keys_in_use(database: Database) -> set[bytes]:
    async with database.autocommit() as connection:
        sealed = text("SELECT sealed FROM outbox UNION ALL SELECT sealed_secret FROM authenticator_enrollments")
        return {bytes(row[0])[:4] for row in await connection.execute(sealed)}


async def test_rotating_seals_every_secret_with_the_first_key(
    command_line: CommandLine, database_url: str, database: Database
) -> None:
    count, old = 250, SecretBox((read_key(KEY),))
    fresh = new_key()
    async with database.transaction() as connection:
        for n in range(count):
            id = new_id()
            await connection.execute(
                text(
                    "INSERT INTO accounts (id, address, folded_address, status, credential_epoch, created_at)"
                    " VALUES (:id, :address, :address, 'active', 0, now())"
                ),
                {"id": id, "address": f"p{n}@example.com"},
            )
            await connection.execute(
                text(
                    "INSERT INTO authenticator_enrollments (account_id, id, epoch, sealed_secret, begun_at, expires_at)"
                    " VALUES (:id, :id, 0, :sealed, now(), now() + interval '1 hour')"
                ),
                {"id": id, "sealed": old.seal(b"JBSWY3DPEHPK3PXP", owner=id)},
            )
    settings = Settings(database_url=SecretStr(database_url), secret_keys=(SecretStr(KEY),))
    services = build_services(settings, SystemClock())
    await an_account(services, EMAIL, None)
    await services.close()

    refused = await command_line.run("keys", "rotate", TWOKEYS_SECRET_KEYS=fresh)
    assert refused.returncode == 1
    assert "not in TWOKEYS_SECRET_KEYS" in refused.stderr

    both = f"{fresh},{KEY}"
    assert await command_line.data("keys", "rotate", TWOKEYS_SECRET_KEYS=both) == {
        "resealed": count + 1,
        "unreadable": 0,
    }
    assert await keys_in_use(database) == {key_id(read_key(fresh))}
    assert await command_line.data("keys", "rotate", TWOKEYS_SECRET_KEYS=both) == {"resealed": 0, "unreadable": 0}

    new = SecretBox((read_key(fresh),))
    async with database.autocommit() as connection:
        query = text("SELECT account_id, sealed_secret FROM authenticator_enrollments")
        for account_id, sealed in await connection.execute(query):
            assert new.open(bytes(sealed), owner=account_id) == b"JBSWY3DPEHPK3PXP"


async def test_the_openapi_document_needs_no_settings(command_line: CommandLine, tmp_path: Path) -> None:
    bare = environment()
    printed = await asyncio.to_thread(twokeys, "openapi", env=bare, cwd=tmp_path)
    written = await asyncio.to_thread(twokeys, "openapi", "--output", "o.json", env=bare, cwd=tmp_path)
    assert (printed.returncode, written.returncode, written.stdout) == (0, 0, "")
    assert (tmp_path / "o.json").read_text() == printed.stdout
    assert json.loads(printed.stdout)["openapi"].startswith("3.")


async def test_two_migrations_at_once_both_succeed(postgres: Server, tmp_path: Path) -> None:
    url = await postgres.create("cli_migrate")
    try:
        env = environment(TWOKEYS_DATABASE_URL=url)
        both = await asyncio.gather(
            *(asyncio.to_thread(twokeys, "migrate", "--json", env=env, cwd=tmp_path) for _ in range(2))
        )
        for done in both:
            assert (done.returncode, json.loads(done.stdout)) == (0, {"revision": newest_revision()}), done.stderr
    finally:
        await postgres.drop("cli_migrate")


async def test_trouble_with_the_database_is_one_line(postgres: Server, command_line: CommandLine) -> None:
    empty, nowhere = await postgres.create("cli_empty"), postgres.url_of("nowhere")
    try:
        for url, says in (
            (empty, "run `twokeys migrate` first"),
            (nowhere, f'database "nowhere_{os.getpid()}" does not exist'),
            ("postgresql://127.0.0.1:1/x", "The database can't be reached."),
            ("postgresql://[", "TWOKEYS_DATABASE_URL"),
        ):
            for command in (("clients", "list"), ("keys", "rotate")):
                assert says in await command_line.refusal(*command, TWOKEYS_DATABASE_URL=url)
        assert "does not exist" in await command_line.refusal("migrate", TWOKEYS_DATABASE_URL=nowhere)
        assert await command_line.refusal("migrate", TWOKEYS_DATABASE_URL="postgresql://127.0.0.1:1/x")
    finally:
        await postgres.drop("cli_empty")


async def test_a_database_of_a_newer_release_is_not_touched(command_line: CommandLine, database: Database) -> None:
    async with database.transaction() as connection:
        await connection.execute(text("UPDATE twokeys_schema_version SET version_num = '9999'"))
    assert "newer release" in await command_line.refusal("migrate")
