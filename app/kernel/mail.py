"""How a mail server and a sender are written in a setting; nothing is sent from here."""

from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from urllib.parse import parse_qs, unquote, urlsplit

from pydantic import SecretStr

from app.kernel.database_url import split_credentials

_PORTS = {"smtp": 25, "smtps": 465}
_STARTTLS_PORT = 587
_SAID = {"true": True, "false": False}


@dataclass(frozen=True)
class SmtpServer:
    host: str
    port: int
    implicit_tls: bool = False
    starttls: bool | None = None
    """None: where the server offers it, without asking who it is, as mail servers do among themselves. Never with a
    user, whose password somebody in between would get by taking the offer away."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def check_smtp_url(url: SecretStr) -> SmtpServer:
    """Reads `smtp://user:password@host:port?starttls=true` or `smtps://…`. Raises ValueError without repeating it."""
    text = url.get_secret_value()
    if not text.isprintable() or " " in text:
        raise ValueError("must have white space and control characters percent-encoded")
    scheme, _, rest = text.partition("://")
    user, password, rest = split_credentials(rest)
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        port = parts.port
        query = parse_qs(parts.query, keep_blank_values=True, strict_parsing=True) if parts.query else {}
    except ValueError:
        raise ValueError("must be an address such as smtp://user:password@host:587?starttls=true") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"} or parts.fragment:
        raise ValueError(
            "must look like smtp://user:password@host:587?starttls=true or smtps://user:password@host:465; in a user or"
            " password / is written %2F"
        )
    starttls = _read_starttls(query)
    implicit_tls = parts.scheme == "smtps"
    if implicit_tls and starttls:
        raise ValueError("must not ask for starttls with smtps://, which is encrypted from the start")
    if bool(user) != bool(password):
        raise ValueError("must name both a user and a password, or neither")
    if user and starttls is None and not implicit_tls:
        starttls = True
    return SmtpServer(
        host=parts.hostname,
        port=port or (_STARTTLS_PORT if starttls else _PORTS[parts.scheme]),
        implicit_tls=implicit_tls,
        starttls=False if implicit_tls else starttls,
        user=unquote(user) if user else None,
        password=unquote(password) if password else None,
    )


def _read_starttls(query: dict[str, list[str]]) -> bool | None:
    values = query.pop("starttls", None)
    if query:
        raise ValueError("must have no other option than starttls")
    if values is None:
        return None
    if len(values) != 1 or values[0] not in _SAID:
        raise ValueError("must say starttls=true or starttls=false")
    return _SAID[values[0]]


def check_mail_from(text: str) -> Address:
    """Reads `Name <user@host>`. Raises ValueError unless it is exactly one address."""
    message = EmailMessage(policy=SMTP_POLICY)
    found: tuple[Address, ...] = ()
    with suppress(ValueError, MessageError, IndexError):
        message["From"] = text
        header = message["From"]
        found = () if header.defects else header.addresses
    if len(found) != 1 or not found[0].username or not found[0].domain or not found[0].addr_spec.isascii():
        raise ValueError("must be one address such as Twokeys <no-reply@example.com>")
    return found[0]
