"""Addresses and networks as they are written: in a request, in a setting, in the list of a token."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_interface, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
# Wider ones are nobody's own: the widest that are reserved for private use are 10.0.0.0/8 and fc00::/7.
_WIDEST = {4: 8, 6: 7}
# A zone and a netmask are spellings that `ipaddress` takes as well.
_SPELLING = re.compile(r"[^/%]{2,45}(/[0-9]{1,3})?")
_MAPPED_BITS = 96


def read_address(text: str) -> Address:
    """An IPv4 address mapped into IPv6 is the IPv4 one. Raises ValueError."""
    found = ip_address(text)
    if isinstance(found, IPv6Address):
        # A zone (fe80::1%eth0) names an interface of the sender's and is free text.
        return found.ipv4_mapped or IPv6Address(int(found))
    return found


def read_allowed_network(text: str) -> str:
    """An address or network, spelled as we spell it, and as IPv4 where it is mapped into IPv6. Raises ValueError."""
    try:
        network: Network | None = ip_network(text) if _SPELLING.fullmatch(text) else None
    except ValueError:
        network = None
    if network is None:
        raise ValueError("Must be an address or a network without host bits, such as 10.0.0.7 or 10.0.0.0/8.")
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        mapped = network.network_address.ipv4_mapped
        network = ip_network((mapped, network.prefixlen - _MAPPED_BITS)) if mapped else network
    return str(network) if "/" in text else str(network.network_address)


@lru_cache(maxsize=1024)
def _network_of(text: str) -> Network:
    return ip_network(text)


def is_within(address: str, networks: Iterable[str]) -> bool:
    """Whether the address is in one of the networks, which `read_allowed_network` has read."""
    found = read_address(address)
    return any(found in _network_of(network) for network in networks)


def read_network(text: str) -> Network:
    """Raises ValueError."""
    try:
        interface = ip_interface(text)
    except ValueError:
        raise ValueError("must be addresses or networks such as 10.0.0.7 or 10.0.0.0/8") from None
    if getattr(interface.ip, "ipv4_mapped", None) is not None:
        raise ValueError("must have IPv4 addresses written as IPv4, without ::ffff:")
    if interface.ip != interface.network.network_address:
        raise ValueError(f"must be {interface.network} for that network, or the address alone without a prefix")
    if interface.network.prefixlen < _WIDEST[interface.version]:
        raise ValueError("must not trust the whole internet: name the proxies, or their network")
    return ip_network(text)
