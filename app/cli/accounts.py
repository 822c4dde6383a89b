"""`twokeys accounts`: an operator's acts on one account, found by its address."""

import asyncio
from typing import Annotated, Any
from uuid import UUID

import typer

from app.accounts.domain import Status
from app.admin.domain import AccountFilter, KnownAccount
from app.admin.schemas import show_account
from app.authentication.domain import TwoFactorStatus
from app.cli.context import open_services, operator
from app.cli.input import read_language, read_password
from app.cli.moving import moving
from app.cli.output import AsJson, print_many, print_one
from app.kernel.page import PageOf
from app.services import Services
from app.settings import Mail, SettingsRefused
from app.tokens.domain import Token
from app.tokens.schemas import Token as TokenOut

accounts = typer.Typer(help="Create, see and change accounts, one by one or all at once.", no_args_is_help=True)
accounts.add_typer(moving)
Email = Annotated[str, typer.Argument(metavar="EMAIL", help="The account's address.", show_default=False)]
Why = Annotated[str, typer.Option("--reason", help="Why, for those who ask later.", show_default=False)]


def _print_account(known: KnownAccount, *, as_json: bool) -> None:
    output = show_account(known).model_dump(mode="json")
    if not as_json:
        output["two_factor"] = output["two_factor"]["status"]
    print_one(output, as_json=as_json)


async def _find(services: Services, email: str) -> KnownAccount:
    """Raises FieldError, NotFound."""
    return await services.admin.account_with_address(email)


@accounts.command()
def create(
    email: Email,
    *,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")
    ] = False,
    locale: Annotated[
        str | None, typer.Option(metavar="TAG", help="The language that the person is written to in, such as de-AT.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Create an account. Without a password the person gets a mail to set one."""
    language = read_language(locale) if locale is not None else None
    password = read_password() if password_stdin else None

    async def run() -> KnownAccount:
        async with open_services(seals=True) as services:
            services.settings.require_mail_settings()
            if password is None and services.settings.mail is Mail.OFF:
                raise SettingsRefused("TWOKEYS_MAIL=off, so no invitation would arrive; use --password-stdin.")
            return await services.admin.create(email, password, operator(), locale=language)

    _print_account(asyncio.run(run()), as_json=json)
    if password is None:
        typer.echo("An invitation to set a password is on its way, once a worker runs.", err=True)


@accounts.command()
def show(email: Email, *, json: AsJson = False) -> None:
    """Show an account."""

    async def run() -> KnownAccount:
        async with open_services(seals=False) as services:
            return await _find(services, email)

    _print_account(asyncio.run(run()), as_json=json)


@accounts.command()
def disable(email: Email, *, json: AsJson = False) -> None:
    """Keep a person out, and end everything that the account had."""

    async def run() -> KnownAccount:
        async with open_services(seals=False) as services:
            known = await _find(services, email)
            return await services.admin.disable(known.account.id, operator())

    _print_account(asyncio.run(run()), as_json=json)


@accounts.command()
def enable(email: Email, *, json: AsJson = False) -> None:
    """Let a person in again. Tokens and links from before stay revoked."""

    async def run() -> KnownAccount:
        async with open_services(seals=False) as services:
            known = await _find(services, email)
            return await services.admin.enable(known.account.id, operator())

    _print_account(asyncio.run(run()), as_json=json)


@accounts.command("send-reset")
def send_reset(email: Email) -> None:
    """Mail a person a link to choose a password; an invitation that got lost is sent anew by this."""

    async def run() -> None:
        async with open_services(seals=True) as services:
            services.settings.require_mail_settings()
            if services.settings.mail is Mail.OFF:
                raise SettingsRefused("TWOKEYS_MAIL=off, so no link would arrive.")
            known = await _find(services, email)
            await services.access.send_password_reset(known.account.id, operator())

    asyncio.run(run())
    typer.echo("A link to choose a password is on its way, once a worker runs.", err=True)


@accounts.command()
def delete(
    email: Email, *, yes: Annotated[bool, typer.Option("--yes", help="Don't ask whether that is meant.")] = False
) -> None:
    """Delete an account for good; the events keep its id and nothing personal."""
    if not yes:
        typer.confirm(f"Delete {email} for good?", abort=True, err=True)

    async def run() -> None:
        async with open_services(seals=False) as services:
            known = await _find(services, email)
            await services.admin.delete(known.account.id, operator())

    asyncio.run(run())


@accounts.command("list")
def list_accounts(
    *,
    email_prefix: Annotated[str | None, typer.Option(metavar="TEXT", help="Only addresses that begin so.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only accounts with this status.")] = None,
    two_factor: Annotated[
        TwoFactorStatus | None, typer.Option(help="Only accounts whose two-factor authentication is so.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many at most.")] = 50,
    json: AsJson = False,
) -> None:
    """List accounts, newest first."""
    wanted = AccountFilter(email_prefix=email_prefix, status=status, two_factor=two_factor)

    async def run() -> PageOf[KnownAccount]:
        async with open_services(seals=False) as services:
            return await services.admin.page(wanted, after=None, limit=limit)

    rows = [show_account(known).model_dump(mode="json") for known in asyncio.run(run()).items]
    if not json:
        rows = [
            {name: row[name] for name in ("id", "email", "status")} | {"two_factor": row["two_factor"]["status"]}
            for row in rows
        ]
    print_many(rows, as_json=json)


@accounts.command()
def tokens(email: Email, *, json: AsJson = False) -> None:
    """List a person's live tokens, newest first."""

    async def run() -> PageOf[Token]:
        async with open_services(seals=False) as services:
            known = await _find(services, email)
            return await services.access.tokens_of(known.account.id, after=None, limit=200)

    rows = [TokenOut.of(token, current=None).model_dump(mode="json") for token in asyncio.run(run()).items]
    columns = ("id", "kind", "description", "created_at", "last_used_at", "last_used_ip", "last_used_user_agent")
    print_many(rows if json else [{name: row[name] for name in columns} for row in rows], as_json=json)


@accounts.command("revoke-token")
def revoke_token(
    email: Email, token_id: Annotated[UUID, typer.Argument(metavar="TOKEN_ID", show_default=False)]
) -> None:
    """End one token of a person."""

    async def run() -> None:
        async with open_services(seals=False) as services:
            known = await _find(services, email)
            await services.access.revoke_token(known.account.id, token_id, operator())

    asyncio.run(run())


@accounts.command()
def unlock(email: Email, *, reason: Why, json: AsJson = False) -> None:
    """End the locks by wrong codes and by wrong passwords, and nothing else."""

    async def run() -> KnownAccount:
        async with open_services(seals=False) as services:
            known = await _find(services, email)
            return await services.access.unlock(known.account.id, reason, operator())

    _print_account(asyncio.run(run()), as_json=json)


@accounts.command("reset-2fa")
def reset_two_factor(email: Email, *, reason: Why, json: AsJson = False) -> None:
    """Turn off a person's two-factor authentication, and end everything that the account had."""

    async def run() -> dict[str, Any]:
        async with open_services(seals=True) as services:
            services.settings.require_mail_settings()
            known = await _find(services, email)
            reset = await services.access.reset_two_factor(known.account.id, reason, operator())
            return {"two_factor": reset.two_factor.status.value, "revoked": reset.revoked.as_details()}

    done = asyncio.run(run())
    print_one(done if json else {"two_factor": done["two_factor"], **done["revoked"]}, as_json=json)


@accounts.command("revoke-tokens")
def revoke_tokens(
    email: Annotated[
        str | None, typer.Argument(metavar="[EMAIL]", help="The account's address.", show_default=False)
    ] = None,
    *,
    all: Annotated[bool, typer.Option("--all", help="Every account's, as after restoring a backup.")] = False,
    reason: Why,
    json: AsJson = False,
) -> None:
    """End all tokens, challenges and open links of one account, or of every account."""
    if (email is None) != all:
        raise typer.BadParameter("Give either an address or --all.")

    async def run() -> dict[str, int]:
        async with open_services(seals=False) as services:
            if email is None:
                return {"accounts": await services.access.revoke_every_token(reason, operator())}
            known = await _find(services, email)
            revoked = await services.access.revoke_tokens(known.account.id, reason, operator())
            return revoked.as_details()

    print_one(asyncio.run(run()), as_json=json)
    if all:
        typer.echo("Everybody has to log in again.", err=True)
