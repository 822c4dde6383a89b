"""Which address a request came from, whoever forges what."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.client_address import client_address
from app.kernel.requester import Requester

PROXY = "10.0.0.1"
TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "chain", "expected"),
    [
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),
        (PROXY, [], PROXY),
        (PROXY, ["198.51.100.7"], "198.51.100.7"),
        (PROXY, ["1.1.1.1, 198.51.100.7"], "198.51.100.7"),
        (PROXY, ["1.1.1.1", "198.51.100.7"], "198.51.100.7"),
        (PROXY, ["198.51.100.7, 10.3.2.1"], "198.51.100.7"),
        (PROXY, ["10.3.2.1, 10.3.2.2"], "10.3.2.1"),
        (PROXY, ["garbage, 10.3.2.2"], "10.3.2.2"),
        (PROXY, ["198.51.100.7, garbage"], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, ["198.51.100.7:4711"], "198.51.100.7"),
        (PROXY, ["[2001:db8::1]:4711"], "2001:db8::1"),
        (PROXY, ["2001:DB8:0::1"], "2001:db8::1"),
        (PROXY, ["::ffff:198.51.100.7"], "198.51.100.7"),
        (PROXY, ["fe80::1%<b>eth0"], "fe80::1"),
        ("::ffff:10.0.0.1", ["198.51.100.7"], "198.51.100.7"),
        ("fd00::5", ["2001:db8::1"], "2001:db8::1"),
        (None, ["198.51.100.7"], None),
        ("/run/socket", ["198.51.100.7"], None),
    ],
)
def test_the_right_most_untrusted_address_counts(peer: str | None, chain: list[str], expected: str | None) -> None:
    assert client_address(peer, chain, TRUSTED) == expected


@given(st.text(), st.ip_addresses().map(str))
def test_what_a_stranger_writes_is_never_believed(forged: str, peer: str) -> None:
    assert client_address(peer, [forged], ()) == client_address(peer, [], ())


@given(st.lists(st.text()), st.text())
def test_an_answer_is_an_address_whatever_comes(chain: list[str], peer: str) -> None:
    for response in (peer, PROXY):
        found = client_address(response, chain, TRUSTED)
        assert found is None or str(ip_address(found)) == found


@given(st.text(), st.ip_addresses(v=4).filter(lambda address: address not in TRUSTED[0]).map(str))
def test_nothing_left_of_the_last_hop_changes_anything(forged: str, last: str) -> None:
    assert client_address(PROXY, [f"{forged}, {last}"], TRUSTED) == last


@pytest.mark.parametrize(
    ("address", "network"),
    [
        (None, "unknown"),
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("2001:db8:1:3::", "2001:db8:1:3::"),
    ],
)
def test_limits_count_an_ipv4_address_or_an_ipv6_network(address: str | None, network: str) -> None:
    assert Requester(address, None).network == network


def test_a_very_long_chain_is_read_from_its_end() -> None:
    """The client writes as much of it as it likes."""
    hops = [f"10.1.{number >> 8}.{number & 255}" for number in range(5_000)]
    assert client_address(PROXY, [", ".join(["198.51.100.7", *hops])], TRUSTED) == hops[-16]
    assert client_address(PROXY, ["198.51.100.7", *hops[:15]], TRUSTED) == "198.51.100.7"


def test_a_very_long_hop_is_garbage() -> None:
    assert client_address(PROXY, ["fe80::1%" + "z" * 60_000], TRUSTED) == PROXY
