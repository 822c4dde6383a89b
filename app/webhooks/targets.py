"""Where webhooks may go: the addresses of a URL, each judged before anything is sent to it."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from app.kernel.refusal import FieldError

_Address = IPv4Address | IPv6Address
_LONGEST_URL = 2000
_URL = re.compile(r"[!-~]+")
_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*\.?")
# Networks that carry IPv4 addresses in the last bits (RFC 6052), also those of local translators (RFC 8215).
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
# IPv4-compatible addresses (RFC 4291 §2.5.5.1): `::127.0.0.1`, and `::1` with it.
_COMPATIBLE = IPv6Network("::/96")
_IPV4_BITS = 0xFFFFFFFF


class TargetRefused(Exception):
    """The target can't be reached, or must not be. The message names no address."""


LookUp = Callable[[str], list[_Address]]


def look_up(host: str) -> list[_Address]:
    """All addresses of a host; none where it has none."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    # A zone (`fe80::1%eth0`) belongs to a link-local address, which is refused or reached without one.
    return list(dict.fromkeys(ip_address(str(entry[4][0]).partition("%")[0]) for entry in found))


@dataclass(frozen=True)
class TargetRules:
    insecure: bool
    """Whether `http` will do."""
    private_networks: bool
    look_up: LookUp = look_up

    def check(self, url: str) -> None:
        """What can be told from the URL alone; names are judged at each delivery. Raises FieldError."""
        parts = self._split(url)
        if parts.scheme not in self._schemes():
            raise FieldError("/url", f"Must begin with {' or '.join(f'{each}://' for each in self._schemes())}.")
        literal = _literal(parts.hostname or "")
        if literal is not None and not self._may_go_to(literal):
            raise FieldError("/url", "Must not lead into a private network.")

    def _schemes(self) -> tuple[str, ...]:
        return ("https", "http") if self.insecure else ("https",)

    @staticmethod
    def _split(url: str) -> SplitResult:
        """Raises FieldError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise FieldError("/url", "Must be a URL.") from None
        well_formed = len(url) <= _LONGEST_URL and _URL.fullmatch(url) and "\\" not in url
        if not well_formed or not (":" in host or _NAME.fullmatch(host)) or port == 0:
            raise FieldError("/url", "Must be a URL in ASCII, such as https://shop.example.com/hooks.")
        if "@" in parts.netloc or "#" in url:
            raise FieldError("/url", "Must have no user and no fragment.")
        return parts

    def _may_go_to(self, address: _Address) -> bool:
        """Nobody is reached at multicast and unspecified addresses, whatever is allowed."""
        within = list(_within(address))
        if any(each.is_multicast or each.is_unspecified for each in within):
            return False
        return self.private_networks or all(_is_public(each) for each in within)

    async def addresses(self, url: str) -> list[str]:
        """Looks the host up, once: whoever connects takes one of these. Raises TargetRefused."""
        try:
            self.check(url)
        except FieldError as error:
            # The settings may have changed since the webhook was made.
            raise TargetRefused("no target by the settings") from error
        host = urlsplit(url).hostname or ""
        literal = _literal(host)
        found = [literal] if literal else await _in_a_thread(self.look_up, host)
        allowed = [str(address) for address in found if self._may_go_to(address)]
        if not allowed:
            raise TargetRefused("in a private network" if found else "unknown host")
        return allowed


async def _in_a_thread(look_up: LookUp, host: str) -> list[_Address]:
    """Name servers may take half a minute. A thread of its own holds up neither others nor the end of the process."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[_Address]] = loop.create_future()

    def note(found: list[_Address]) -> None:
        if not answer.done():
            answer.set_result(found)

    def run() -> None:
        found = look_up(host)
        # The loop may have ended meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(note, found)

    threading.Thread(target=run, name="webhook-look-up", daemon=True).start()
    return await answer


def _literal(host: str) -> _Address | None:
    """The address that a host spells out, in any form that a resolver takes for one: 127.1, 0x7f000001, 2130706433."""
    host = host.removesuffix(".").partition("%")[0]
    if ":" in host:
        try:
            return ip_address(host)
        except ValueError:
            raise FieldError("/url", "Must be a URL.") from None
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _within(address: _Address) -> Iterator[_Address]:
    """The address, and the IPv4 addresses that it stands for."""
    yield address
    if isinstance(address, IPv4Address):
        return
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if any(address in network for network in (*_TRANSLATED, _COMPATIBLE)):
        yield IPv4Address(int(address) & _IPV4_BITS)


def _is_public(address: _Address) -> bool:
    if isinstance(address, IPv6Address):
        if address.is_site_local:
            return False
        if address.ipv4_mapped or address in _TRANSLATED[0]:
            # Judged by what it stands for.
            return True
    return address.is_global and not address.is_reserved
