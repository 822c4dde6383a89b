"""From a context to a mail: text and HTML from templates, headers from the standard library."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from uuid import UUID

from app.kernel.locale import prefixes
from app.kernel.mail import check_mail_from
from app.kernel.randomness import new_id
from app.kernel.requester import NO_REQUESTER, Requester
from app.kernel.user_agent import describe
from app.mail.catalog import DEFAULT_LANGUAGE, BrokenTemplate, Language, broken, read_languages
from app.mail.domain import ABOUT_CLEARING, MailContext, MailKind, carries_not_me, examples_of
from app.mail.headers import MAIL_POLICY

_SPACES = re.compile(r" {2,}")
_OUR_ACCENT = "#0a6b4f"
_DARK, _LIGHT = "#000000", "#ffffff"
# From here on black is easier to read than white (WCAG 2.2, where both have a contrast of 4.58).
_BRIGHT = 0.179
_CLEARING_LINK = "{public_url}/console/#/two-factor-clearing/{token}"
_NOT_ME_LINK = "{public_url}/console/#/not-me/{token}"


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


def _fact(name: str, value: object) -> object:
    """As a template gets it: the name of a time ends in `_at`. Raises ValueError."""
    if not isinstance(value, str):
        return value
    return datetime.fromisoformat(value).astimezone(UTC) if name.endswith("_at") else one_line(value)


class MailTemplates:
    """The templates of all kinds of mail in every language, and the sender."""

    def __init__(
        self,
        *,
        issuer: str,
        mail_from: str,
        public_url: str,
        reset_link: str = "{public_url}/console/#/password-reset/{token}",
        email_change_link: str = "{public_url}/console/#/email-change/{token}",
        email_change_undo_link: str = "{public_url}/console/#/email-change/undo/{token}",
        reset_policy: str = "clears_two_factor",
        accent_color: str | None = None,
        folder: Path | None = None,
    ) -> None:
        """A sender without a name has the issuer's. `folder` holds the operator's own templates, which are tried here.

        Raises ValueError where `mail_from` is not one address, BrokenTemplate.
        """
        self._issuer = one_line(issuer)
        sender = check_mail_from(mail_from)
        self._sender = Address(sender.display_name or self._issuer, addr_spec=sender.addr_spec)
        links = {
            MailKind.PASSWORD_RESET: reset_link,
            MailKind.INVITATION: reset_link,
            **dict.fromkeys(ABOUT_CLEARING, _CLEARING_LINK),
            MailKind.EMAIL_CHANGE: email_change_link,
            MailKind.EMAIL_CHANGED: email_change_undo_link,
        }
        self._links = {kind: link.replace("{public_url}", public_url) for kind, link in links.items()}
        self._not_me_link = _NOT_ME_LINK.replace("{public_url}", public_url)
        self._public_url = one_line(public_url)
        self._reset_policy = reset_policy
        self._accent = accent_color or _OUR_ACCENT
        self._languages = read_languages(folder)
        if folder is not None:
            self.check()

    @property
    def languages(self) -> list[str]:
        """The tags of the languages that mails are written in, the one for everybody else first."""
        return [language.tag for language in self._languages.values()]

    def render(self, kind: MailKind, context: MailContext, *, id: UUID) -> EmailMessage:
        """The same bytes of text and the same Message-ID however often it is sent.

        Raises ValueError for an address that can't stand in a header, and jinja2's errors for a missing fact.
        """
        return self._render(self._language(kind, context.locale), kind, context, id)

    def _language(self, kind: MailKind, locale: str | None) -> Language:
        """The nearest to what the person reads; a language that lacks this kind is passed over."""
        for tag in prefixes(locale):
            language = self._languages.get(tag.lower())
            if language is not None and language.has(kind):
                return language
        return self._languages[DEFAULT_LANGUAGE]

    def _render(self, language: Language, kind: MailKind, context: MailContext, id: UUID) -> EmailMessage:
        variables = self._variables(kind, context)
        texts = language.texts(kind, variables)
        words = language.words(variables)
        rows = _rows(words, texts.account or one_line(context.to), context)
        parts = {**variables, **vars(texts), "words": words, "language": language.tag, "rows": rows}
        message = EmailMessage(policy=MAIL_POLICY)
        message["Subject"] = texts.subject
        message["From"] = self._sender
        message["To"] = _recipient(context.to)
        message["Date"] = format_datetime(context.at.astimezone(UTC))
        message["Message-ID"] = f"<{id.hex}@{self._sender.domain}>"
        # RFC 3834 §5: so that no out-of-office reply comes back.
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(language.lay_out("layout.txt", parts))
        message.add_alternative(language.lay_out("layout.html", parts), subtype="html")
        # Last: what comes earlier is taken for the language of the first part.
        message["Content-Language"] = language.tag
        return message

    def _variables(self, kind: MailKind, context: MailContext) -> dict[str, object]:
        requester = context.requester
        facts = {name: _fact(name, fact) for name, fact in context.facts.items()}
        # Composed only now, so that whoever queued the mail need not know where the service is.
        token, not_me = facts.pop("token", None), facts.pop("not_me", None)
        if token is not None:
            facts["link"] = self._links[kind].replace("{token}", str(token))
        device = describe(requester.user_agent)
        # What every mail says comes last: no fact can take its place.
        return facts | {
            "issuer": self._issuer,
            "public_url": self._public_url,
            "reset_policy": self._reset_policy,
            "account": one_line(context.to),
            "at": context.at.astimezone(UTC),
            "address": one_line(requester.address or ""),
            # Never as it came: it is a stranger's text in a mail that people trust.
            "program": device.program if device else "",
            "system": device.system if device else "",
            "is_browser": device is not None and device.is_browser,
            "times": context.times,
            "is_notice": carries_not_me(kind),
            # None in a mail of the release before.
            "not_me_link": self._not_me_link.replace("{token}", str(not_me)) if not_me else None,
            "accent": self._accent,
            "on_accent": _readable_on(self._accent),
        }

    def check(self) -> None:
        """Renders every kind in every language. Raises BrokenTemplate."""
        for language in self._languages.values():
            for kind in filter(language.has, MailKind):
                self._check(language, kind)

    def _check(self, language: Language, kind: MailKind) -> None:
        try:
            contexts = _example_contexts(kind)
            names = frozenset({"link", *self._variables(kind, contexts[0])})
            for file in (f"{kind}.txt", "words.txt"):
                language.check_names(file, names)
            for context in contexts:
                self._render(language, kind, context, new_id())
        except BrokenTemplate:
            raise
        except Exception as error:  # noqa: BLE001 - a template may fail in any way that an expression can
            raise broken(error, f"{language.tag}/{kind}.txt") from None


def _example_contexts(kind: MailKind) -> Sequence[MailContext]:
    at = datetime(2026, 1, 31, 12, tzinfo=UTC)
    browser = Requester("192.0.2.1", "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0")
    to = "ada@example.com"
    not_me = {"not_me": "tkn_example"} if carries_not_me(kind) else {}
    facts = [dict(each) for each in examples_of(kind)]
    usual = [MailContext(to, at, browser, each | not_me) for each in facts]
    from_nowhere = [MailContext(to, at, NO_REQUESTER, each, times=2) for each in facts]
    return [*usual, *from_nowhere, MailContext(to, at, Requester("192.0.2.1", "curl/8"), facts[0])]


def _rows(words: Mapping[str, str], account: str, context: MailContext) -> list[tuple[str, str]]:
    """What is known of the event, each under its name."""
    often = [(words["how_often"], words["how_often_value"])] if context.times > 1 else []
    return [
        (words["when"], words["date"]),
        *often,
        (words["account"], account),
        (words["ip_address"], words["ip_address_value"]),
        (words["device"], words["device_value"]),
    ]


def _readable_on(color: str) -> str:
    """Black or white, whichever contrasts more with this `#rrggbb` (WCAG 2.2, relative luminance)."""
    red, green, blue = (_linear(int(color[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return _DARK if 0.2126 * red + 0.7152 * green + 0.0722 * blue > _BRIGHT else _LIGHT


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004 - sRGB
