"""Which scheme an address without an account falls to while accounts still have hashes of other systems."""

from collections import Counter

from app.accounts.foreign.domain import Share, pick_share
from app.security.foreign_hashes.sha_crypt import ShaCrypt

KEY = b"a key that nobody outside knows"
ADDRESSES = [f"nobody{number}@example.com" for number in range(4000)]
SHA_CRYPT = ShaCrypt("sha256_crypt", 5000, "$5$salt$" + "a" * 43)


def _shares(**accounts: int) -> list[Share]:
    return [Share(name, count, None if name == "ours" else SHA_CRYPT) for name, count in accounts.items()]


def _picked(shares: list[Share], key: bytes = KEY) -> dict[str, str]:
    picked = {address: pick_share(shares, key, address) for address in ADDRESSES}
    return {address: share.name for address, share in picked.items() if share}


def test_unknown_addresses_fall_to_schemes_in_proportion() -> None:
    counts = Counter(_picked(_shares(ours=500, bcrypt=1500, phpass=2000)).values())

    assert {name: round(count / 4000, 1) for name, count in counts.items()} == {
        "ours": 0.1,
        "bcrypt": 0.4,
        "phpass": 0.5,
    }


def test_an_address_always_falls_to_the_same_scheme() -> None:
    shares = _shares(ours=1000, bcrypt=3000)

    assert _picked(shares) == _picked(list(reversed(shares)))


def test_another_key_picks_other_schemes() -> None:
    shares = _shares(ours=1000, bcrypt=1000)

    assert _picked(shares) != _picked(shares, b"another key")


def test_while_people_log_in_an_address_moves_as_an_account_does() -> None:
    """From an old scheme to our own, and never back."""
    before = _picked(_shares(ours=1000, bcrypt=2000, phpass=2000))
    after = _picked(_shares(ours=3000, bcrypt=1000, phpass=1000))

    moved = {(old, after[address]) for address, old in before.items() if old != after[address]}
    assert moved == {("bcrypt", "ours"), ("phpass", "ours")}


def test_without_shares_an_address_falls_to_none() -> None:
    assert pick_share([], KEY, ADDRESSES[0]) is None


def test_an_address_falls_to_the_same_scheme_in_every_release() -> None:
    """Else the time of an answer would tell an upgrade of the service from an account that has logged in."""
    picked = _picked(_shares(ours=1000, bcrypt=3000, phpass=2000))
    assert [picked[address] for address in ADDRESSES[:10]] == [
        "bcrypt",
        "bcrypt",
        "ours",
        "bcrypt",
        "ours",
        "bcrypt",
        "bcrypt",
        "bcrypt",
        "phpass",
        "ours",
    ]
