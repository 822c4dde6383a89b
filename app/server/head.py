"""What a request line and headers must look like, so that no parser in front of us reads them in another way."""

import re
from collections.abc import Iterable

# RFC 9110 §4.2 by its characters: a name, an address, a port.
_HOST = re.compile(rb"[A-Za-z0-9._~%!$&'()*+,;=:\[\]-]*")
# RFC 9110 §9.1 and §5.6.2, after empty lines as RFC 9112 §2.2 allows.
_METHOD = re.compile(rb"(?:\r\n)*[A-Za-z0-9!#$%&'*+.^_`|~-]{1,40} ")


def begins_with_method(data: bytes) -> bool:
    """Only to say what is wrong with it; what the parser does not know is refused either way."""
    return _METHOD.match(data) is not None


def is_unambiguous(version: str, target: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """RFC 9112 §2.3, §3.2 and §6.1; names of headers are in lower case."""
    hosts = [value.strip(b" \t") for name, value in headers if name == b"host"]
    codings = [value.strip(b" \t").lower() for name, value in headers if name == b"transfer-encoding"]
    if version == "1.1":
        framed = codings in ([], [b"chunked"])
        return framed and len(hosts) == 1 and _is_plain(target, hosts[0])
    # Health checks of older proxies name no host.
    return version == "1.0" and not codings and len(hosts) <= 1 and _is_plain(target, *hosts)


def _is_plain(target: bytes, *hosts: bytes) -> bool:
    """A fragment is never sent, and the parser cuts it off: `/metrics#` would pass a proxy's rule for `/metrics`."""
    return b"#" not in target and all(map(_HOST.fullmatch, hosts))
