"""Who sent a request, as far as we believe it."""

from dataclasses import dataclass
from ipaddress import ip_network


@dataclass(frozen=True)
class Requester:
    """`address` is the sender's IP as text, `user_agent` what it calls itself (at most 256 characters, no controls)."""

    address: str | None
    user_agent: str | None
    languages: str | None = None
    """The header Accept-Language as it came."""

    @property
    def network(self) -> str:
        """The unit that limits count: one IPv4 address, or one IPv6 /64: a single home has 2^64 addresses."""
        if self.address is None:
            return "unknown"
        prefix = 64 if ":" in self.address else 32
        return str(ip_network(f"{self.address}/{prefix}", strict=False).network_address)


NO_REQUESTER = Requester(address=None, user_agent=None)
