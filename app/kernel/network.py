"""Networks as they are written in a setting."""

from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network

Network = IPv4Network | IPv6Network
# Wider ones are nobody's own: the widest that are reserved for private use are 10.0.0.0/8 and fc00::/7.
_WIDEST = {4: 8, 6: 7}


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
