"""`twokeys mail`: whether mail leaves."""

import asyncio
from typing import Annotated

import typer

from app.cli.context import open_services
from app.mail.mailer import MailDeferred, MailRefused
from app.settings import Mail, SettingsRefused

mail = typer.Typer(help="Try the way that mail takes.", no_args_is_help=True)


@mail.command()
def test(
    email: Annotated[str, typer.Argument(metavar="EMAIL", help="Where the mail goes.", show_default=False)],
) -> None:
    """Send a mail to TWOKEYS_SMTP_URL at once, past the queue, and say what the server answered."""
    asyncio.run(_test(email))
    typer.echo("The mail server took the mail.", err=True)


async def _test(email: str) -> None:
    async with open_services(seals=False) as services:
        services.settings.require_mail_settings()
        if services.settings.mail is Mail.OFF or services.settings.smtp_url is None:
            raise SettingsRefused("TWOKEYS_SMTP_URL is missing, or TWOKEYS_MAIL=off: no mail would leave.")
        to = services.accounts.read_address(email)
        try:
            await services.delivery.send_test(to.text)
        except (MailRefused, MailDeferred) as error:
            raise SettingsRefused(f"The mail server did not take the mail: {error}.") from None
