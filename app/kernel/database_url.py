"""Reads TWOKEYS_DATABASE_URL the way libpq reads a connection URI; nothing else takes it apart."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes, urlencode

_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")
_NAME = re.compile(r"[a-z_][a-z0-9_.]*", re.IGNORECASE)
_HOST = re.compile(r"(\[(?P<v6>[0-9a-fA-F:.%]+)\]|(?P<name>[^:\[\]]*))(:(?P<port>[0-9]*))?")
_HIGHEST_PORT = 65535
_LONGEST_CONNECT_SECONDS = 10.0

# What the driver itself reads about TLS and the files of libpq.
_FOR_THE_DRIVER = frozenset(
    {
        "sslmode",
        "sslcert",
        "sslkey",
        "sslpassword",
        "sslrootcert",
        "sslcrl",
        "sslnegotiation",
        "ssl_min_protocol_version",
        "ssl_max_protocol_version",
        "krbsrvname",
        "gsslib",
        "passfile",
        "service",
    }
)
# Taken from whoever copies a URL that works with psql. They tune sockets and GSSAPI, which the driver does not have;
# statements and connections have time limits of their own here.
_WITHOUT_EFFECT = frozenset(
    {
        "hostaddr",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "gssencmode",
        "gssdelegation",
        "sslcompression",
        "sslsni",
        "sslcertmode",
        "channel_binding",
        "client_encoding",
    }
)
_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "load_balance_hosts": ("disable", "random"),
    "gsslib": ("gssapi", "sspi"),
    # What they could demand besides would not be done, and a demand must not be dropped in silence.
    "channel_binding": ("disable", "prefer"),
    "gssencmode": ("disable", "prefer"),
    "sslcertmode": ("disable", "allow"),
    "client_encoding": ("auto", "utf8", "UTF8", "utf-8", "UTF-8"),
}
_IMPOSSIBLE = frozenset({"require_auth", "requirepeer", "replication", "hostaddr"})


class UrlUnreadable(ValueError):
    """One sentence that names what is wrong and holds no part of the URL."""


@dataclass(frozen=True)
class DatabaseHost:
    name: str
    """A host name, an address, or the folder of a unix socket."""
    port: int | None


@dataclass(frozen=True)
class DatabaseUrl:
    hosts: tuple[DatabaseHost, ...]
    """Empty: where libpq's own variables and defaults lead."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    session_attributes: str | None = None
    connect_seconds: float | None = None
    """For each host, where the URL says so."""
    in_random_order: bool = False
    trusts_system: bool = False
    """`sslrootcert=system`: the certificate authorities of the machine, and the host's name is checked."""
    driver: Mapping[str, str] = field(default_factory=dict, repr=False)
    session: Mapping[str, str] = field(default_factory=dict)
    """Settings that the server is asked for."""

    def driver_dsn(self) -> str:
        """What only a DSN can tell the driver, and nothing that two readers could read in two ways."""
        return f"postgresql://?{urlencode(self.driver)}" if self.driver else "postgresql://"


def read_database_url(url: str) -> DatabaseUrl:
    """Raises UrlUnreadable."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise UrlUnreadable("must begin with postgresql://.")
    user, password, rest = split_credentials(rest)
    rest, _, query = rest.partition("?")
    hosts, _, database = rest.partition("/")
    if "@" in database:
        raise UrlUnreadable(_ESCAPE)
    params = _read_params(query)
    name = params.pop("dbname", None) or params.pop("database", None)
    ports, names = params.pop("port", ""), params.pop("host", "")
    found = DatabaseUrl(
        hosts=_with_ports(_read_hosts(hosts) or _named(names), ports),
        user=_decoded(user) if user else params.pop("user", None),
        password=_decoded(password) if password else params.pop("password", None),
        database=_decoded(database) if database else name,
    )
    params.pop("user", None)
    params.pop("password", None)
    return _with_params(found, params)


_ESCAPE = (
    "can't be read: a port is a number, an IPv6 address stands in brackets, and in a user or password"
    " the characters / @ : % are written %2F %40 %3A %25."
)


def split_credentials(rest: str) -> tuple[str, str, str]:
    """As libpq does it, user and password end before the first slash; an @ among them may be a part of the password."""
    before, slash, after = rest.partition("/")
    credentials, at, hosts = before.rpartition("@")
    user, _, password = credentials.partition(":")
    return (user, password, f"{hosts}{slash}{after}") if at else ("", "", rest)


def _decoded(text: str) -> str:
    try:
        decoded = unquote_to_bytes(text).decode()
    except (UnicodeDecodeError, UnicodeEncodeError):
        raise UrlUnreadable("must be UTF-8, once its percent-encoding is undone.") from None
    if "\0" in decoded:
        raise UrlUnreadable("must not hold a zero byte.")
    return decoded


def _read_hosts(text: str) -> tuple[DatabaseHost, ...]:
    return tuple(_read_host(part) for part in text.split(",")) if text else ()


def _read_host(text: str) -> DatabaseHost:
    found = _HOST.fullmatch(text)
    if not found:
        raise UrlUnreadable(_ESCAPE)
    name = found["v6"] or _decoded(found["name"])
    if not name:
        raise UrlUnreadable("must name each host.")
    return DatabaseHost(name, _read_port(found["port"]))


def _read_port(text: str | None) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) <= _HIGHEST_PORT):
        raise UrlUnreadable(_ESCAPE)
    return int(text)


def _named(names: str) -> tuple[DatabaseHost, ...]:
    return tuple(DatabaseHost(name, None) for name in names.split(",") if name)


def _with_ports(hosts: tuple[DatabaseHost, ...], ports: str) -> tuple[DatabaseHost, ...]:
    """`host=a,b&port=1,2`: one port for all, or one for each."""
    numbers = [_read_port(port) for port in ports.split(",")]
    if len(numbers) == 1:
        numbers *= len(hosts)
    if len(numbers) != len(hosts):
        raise UrlUnreadable("must give one port, or one for each host.")
    return tuple(DatabaseHost(host.name, host.port or number) for host, number in zip(hosts, numbers, strict=True))


def _read_params(query: str) -> dict[str, str]:
    params: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, equals, value = part.partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise UrlUnreadable("must have parameters of the form name=value behind the question mark.")
        params[name] = _decoded(value)
    return params


def _with_params(url: DatabaseUrl, params: dict[str, str]) -> DatabaseUrl:
    for name in params.keys() & _IMPOSSIBLE:
        raise UrlUnreadable(f"must not have the parameter {name}, which this service can't honour.")
    for name, allowed in _ALLOWED.items():
        if params.get(name, allowed[0]) not in allowed:
            raise UrlUnreadable(f"must have one of {', '.join(allowed)} as its {name}.")
    driver = {name: params[name] for name in params.keys() & _FOR_THE_DRIVER}
    trusts_system = driver.get("sslrootcert") == "system"
    if trusts_system and driver.pop("sslmode", "verify-full") != "verify-full":
        raise UrlUnreadable("must have sslmode=verify-full with sslrootcert=system.")
    if trusts_system:
        driver.pop("sslrootcert")
    ours = {"target_session_attrs", "connect_timeout", "load_balance_hosts", "fallback_application_name"}
    session = {name: value for name, value in params.items() if name not in _FOR_THE_DRIVER | _WITHOUT_EFFECT | ours}
    session.setdefault("application_name", params.get("fallback_application_name") or "twokeys")
    return DatabaseUrl(
        hosts=url.hosts,
        user=url.user,
        password=url.password,
        database=url.database,
        session_attributes=params.get("target_session_attrs"),
        connect_seconds=_read_seconds(params.get("connect_timeout", "0")),
        in_random_order=params.get("load_balance_hosts") == "random",
        trusts_system=trusts_system,
        driver=driver,
        session=session,
    )


def _read_seconds(text: str) -> float | None:
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise UrlUnreadable("must have a whole number of seconds as its connect_timeout.")
    seconds = float(text)
    return min(seconds, _LONGEST_CONNECT_SECONDS) if seconds > 0 else None
