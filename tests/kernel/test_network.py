"""Addresses and networks as they are written."""

import pytest

from app.kernel.network import is_within, read_address, read_allowed_network


@pytest.mark.parametrize(
    ("text", "spelled"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("10.0.0.7/32", "10.0.0.7/32"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("0.0.0.0/0", "0.0.0.0/0"),
        ("2001:DB8:0::/32", "2001:db8::/32"),
        ("::1", "::1"),
        ("::/0", "::/0"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("::ffff:a00:7", "10.0.0.7"),
        ("::ffff:0:0/96", "0.0.0.0/0"),
    ],
)
def test_a_network_has_one_spelling(text: str, spelled: str) -> None:
    assert read_allowed_network(text) == spelled
    assert read_allowed_network(spelled) == spelled


@pytest.mark.parametrize(
    "text", ["", "/", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8/8", "::ffff:0:0/95", " 10.0.0.7", "1"]
)
def test_what_is_no_network_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Must be an address or a network"):
        read_allowed_network(text)


def test_ipv4_is_not_within_all_of_ipv6() -> None:
    assert not is_within("10.0.0.7", ["::/0"])
    assert not is_within("::1", ["0.0.0.0/0"])
    assert is_within("::ffff:10.0.0.7", ["192.0.2.1", "10.0.0.0/8"])


def test_a_zone_says_nothing_to_others() -> None:
    assert str(read_address("fe80::1%eth0")) == "fe80::1"
