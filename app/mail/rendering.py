"""From a context to a mail: text and HTML from templates, headers from the standard library."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.kernel.mail import check_mail_from
from app.kernel.user_agent import describe
from app.mail.domain import ABOUT_CLEARING, MailContext, MailKind
from app.mail.headers import MAIL_POLICY

_SPACES = re.compile(r" {2,}")
_MOMENTS = frozenset({"clears_at", "created_at", "ends_at"})

_SUBJECTS: Mapping[MailKind, str] = {
    MailKind.PASSWORD_RESET: "Reset your {issuer} password",
    MailKind.INVITATION: "Set the password of your new {issuer} account",
    MailKind.TWO_FACTOR_ENABLED: "{issuer}: two-factor authentication is on",
    MailKind.TWO_FACTOR_DISABLED: "{issuer}: two-factor authentication was turned off",
    MailKind.TWO_FACTOR_RESET_BY_PASSWORD_RESET: "{issuer}: a password reset turned two-factor authentication off",
    MailKind.TWO_FACTOR_RESET_BY_ADMIN: "{issuer}: an administrator turned two-factor authentication off",
    MailKind.TWO_FACTOR_CLEARING: "{issuer}: a password reset is about to turn two-factor authentication off",
    MailKind.TWO_FACTOR_CLEARING_REMINDER: "{issuer}: two-factor authentication goes off soon",
    MailKind.TWO_FACTOR_CLEARING_DUE: "{issuer}: the next log-in turns two-factor authentication off",
    MailKind.TWO_FACTOR_CLEARING_CANCELLED: "{issuer}: two-factor authentication stays on",
    MailKind.TWO_FACTOR_CLEARED: "{issuer}: a log-in after a password reset turned two-factor authentication off",
    MailKind.AUTHENTICATOR_ADDED: "{issuer}: another authenticator was added",
    MailKind.AUTHENTICATOR_REPLACED: "{issuer}: your authenticator app was replaced",
    MailKind.AUTHENTICATOR_REMOVED: "{issuer}: an authenticator was removed",
    MailKind.AUTHENTICATOR_CLONE_SUSPECTED: "{issuer}: a copy of your security key may exist",
    MailKind.PASSWORD_CHANGED: "{issuer}: your password was changed",
    MailKind.EMAIL_CHANGE: "Confirm your new address for {issuer}",
    MailKind.EMAIL_CHANGE_TAKEN: "{issuer}: someone asked for your address",
    MailKind.EMAIL_CHANGED: "{issuer}: the address of your account was changed",
    MailKind.EMAIL_CHANGED_BY_ADMIN: "{issuer}: an administrator made this the address of your account",
    MailKind.EMAIL_CHANGE_UNDONE: "{issuer}: the change of your address was undone",
    MailKind.RECOVERY_CODE_USED: "{issuer}: a recovery code was used",
    MailKind.RECOVERY_CODES_REPLACED: "{issuer}: your recovery codes were replaced",
    MailKind.PERSONAL_TOKEN_CREATED: "{issuer}: a personal token was created",
    MailKind.PERSONAL_TOKEN_ENDS: "{issuer}: a personal token ends soon",
    MailKind.WRONG_CODES: "{issuer}: someone knows your password and is guessing codes",
    MailKind.WRONG_CODES_AT_SET_UP: "{issuer}: wrong codes while setting up two-factor authentication",
}


def one_line(value: str) -> str:
    """What a stranger wrote, without anything that could end a line, turn the reading direction or hide."""
    printable = "".join(c if c.isprintable() else " " for c in value)
    return _SPACES.sub(" ", printable).strip()


def _recipient(address: str) -> Address:
    """Raises ValueError; Python 3.13 raises errors of the parser as well."""
    try:
        return Address(addr_spec=address)
    except (MessageError, IndexError) as error:
        raise ValueError("not an address") from error


def _written(at: datetime) -> str:
    return f"{at.astimezone(UTC):%d %B %Y, %H:%M:%S} UTC"


class MailTemplates:
    """The templates of all kinds of mail, and the sender."""

    def __init__(
        self,
        *,
        issuer: str,
        mail_from: str,
        public_url: str,
        reset_link: str = "{public_url}/console/#/password-reset/{token}",
        email_change_link: str = "{public_url}/console/#/email-change/{token}",
        email_change_undo_link: str = "{public_url}/console/#/email-change/undo/{token}",
    ) -> None:
        """A sender without a name has the issuer's. Raises ValueError where `mail_from` is not one address."""
        self._issuer = one_line(issuer)
        sender = check_mail_from(mail_from)
        self._sender = Address(sender.display_name or self._issuer, addr_spec=sender.addr_spec)
        links = {
            MailKind.PASSWORD_RESET: reset_link,
            MailKind.INVITATION: reset_link,
            **dict.fromkeys(ABOUT_CLEARING, "{public_url}/console/#/two-factor-clearing/{token}"),
            MailKind.EMAIL_CHANGE: email_change_link,
            MailKind.EMAIL_CHANGED: email_change_undo_link,
        }
        self._links = {kind: link.replace("{public_url}", public_url) for kind, link in links.items()}
        self._public_url = one_line(public_url)
        self._templates = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"),
            autoescape=select_autoescape(("html",), default=False),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def render(self, kind: MailKind, context: MailContext, *, id: UUID) -> EmailMessage:
        """The same bytes of text and the same Message-ID however often it is sent.

        Raises ValueError for an address that can't stand in a header, and jinja2's errors for a missing fact.
        """
        message = EmailMessage(policy=MAIL_POLICY)
        message["Subject"] = _SUBJECTS[kind].format(issuer=self._issuer)
        message["From"] = self._sender
        message["To"] = _recipient(context.to)
        message["Date"] = format_datetime(context.at.astimezone(UTC))
        message["Message-ID"] = f"<{id.hex}@{self._sender.domain}>"
        # RFC 3834 §5: so that no out-of-office reply comes back.
        message["Auto-Submitted"] = "auto-generated"
        variables = self._variables(kind, context) | {"subject": message["Subject"]}
        message.set_content(self._templates.get_template(f"{kind}.txt").render(variables))
        message.add_alternative(self._templates.get_template(f"{kind}.html").render(variables), subtype="html")
        return message

    def _variables(self, kind: MailKind, context: MailContext) -> dict[str, object]:
        requester = context.requester
        facts = {name: one_line(fact) if isinstance(fact, str) else fact for name, fact in context.facts.items()}
        if "token" in facts:
            # Composed only now, so that whoever queued the mail need not know where the service is.
            facts["link"] = self._links[kind].replace("{token}", str(facts.pop("token")))
        moments = {name: _written(datetime.fromisoformat(str(facts[name]))) for name in _MOMENTS & facts.keys()}
        # What every mail says comes last: no fact can take its place.
        return (
            facts
            | moments
            | {
                "issuer": self._issuer,
                "public_url": self._public_url,
                "account": one_line(context.to),
                "when": _written(context.at),
                "address": one_line(requester.address or "") or "not known",
                # Never as it came: it is a stranger's text in a mail that people trust.
                "device": describe(requester.user_agent) or "not recognized",
                "times": context.times,
            }
        )
