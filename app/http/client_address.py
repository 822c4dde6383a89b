"""Which address a request came from: the peer's, unless the peer is a proxy that we trust to say."""

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address

from app.kernel.network import Network

Address = IPv4Address | IPv6Address


# Nobody has a longer chain of proxies, and the client writes the rest.
_MOST_HOPS = 16
_LONGEST_HOP = 256


# Peers and proxies are few and ask again and again.
@lru_cache(maxsize=1024)
def _read(text: str) -> Address | None:
    """An address with or without a port; an IPv4 address mapped into IPv6 is the IPv4 one."""
    text = text.strip()
    if len(text) > _LONGEST_HOP:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped:
            return found.ipv4_mapped
        # A zone (fe80::1%eth0) names an interface of the sender's and is free text.
        return IPv6Address(int(found))
    return found


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """The right-most address of the chain that is not a trusted proxy; garbage ends the part that we believe."""

    def is_trusted(address: Address) -> bool:
        return any(address in network for network in trusted)

    believed = _read(peer) if peer else None
    if believed is None or not is_trusted(believed):
        return str(believed) if believed else None
    for hop in reversed(",".join(forwarded_for).rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
        address = _read(hop)
        if address is None:
            break
        believed = address
        if not is_trusted(address):
            break
    return str(believed)
