"""Which address a request came from: the peer's, unless the peer is a proxy that we trust to say."""

from collections.abc import Sequence
from functools import lru_cache

from app.kernel.network import Address, Network, read_address

# Nobody has a longer chain of proxies, and the client writes the rest.
_MOST_HOPS = 16
_LONGEST_HOP = 256


# Peers and proxies are few and ask again and again.
@lru_cache(maxsize=1024)
def _read(text: str) -> Address | None:
    """An address with or without a port."""
    text = text.strip()
    if len(text) > _LONGEST_HOP:
        return None
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return read_address(text)
    except ValueError:
        return None


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Sequence[Network]) -> str | None:
    """The right-most address of the chain that is not a trusted proxy; garbage ends the part that we believe."""

    def is_trusted(address: Address) -> bool:
        return any(address in network for network in trusted)

    believed = _read(peer) if peer else None
    if believed is None or not forwarded_for or not is_trusted(believed):
        return str(believed) if believed else None
    for hop in reversed(",".join(forwarded_for).rsplit(",", _MOST_HOPS)[-_MOST_HOPS:]):
        address = _read(hop)
        if address is None:
            break
        believed = address
        if not is_trusted(address):
            break
    return str(believed)
