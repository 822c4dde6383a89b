"""Challenges that are signed and not stored."""

import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.kernel.secret import SecretKind, digest_if
from app.two_factor.signed_challenges import ChallengeSigner

OLD, NEW = bytes(range(32)), bytes(range(32, 64))
END = datetime(2026, 3, 14, 15, 14, 26, tzinfo=UTC)
SIGNER = ChallengeSigner((OLD,))


def test_a_challenge_looks_like_every_other_one() -> None:
    secrets = {SIGNER.sign("log-in", END).get_secret_value() for _ in range(50)}
    assert len(secrets) == 50
    assert all(digest_if(secret, SecretKind.CHALLENGE) for secret in secrets)


def test_its_end_is_read_back_for_its_purpose_alone() -> None:
    secret = SIGNER.sign("log-in", END).get_secret_value()
    assert SIGNER.end_of(secret, "log-in") == END
    assert SIGNER.end_of(secret, "reauthentication") is None


def test_every_replica_knows_it_while_its_key_is_known() -> None:
    secret = SIGNER.sign("log-in", END).get_secret_value()
    assert ChallengeSigner((NEW, OLD)).end_of(secret, "log-in") == END
    assert ChallengeSigner((NEW,)).end_of(secret, "log-in") is None


@pytest.mark.parametrize("spare", [1, 2, 3])
def test_no_other_spelling_is_the_same_challenge(spare: int) -> None:
    """Base64 leaves two bits over, which would make four spellings of one challenge, and four uses."""
    secret = SIGNER.sign("log-in", END).get_secret_value()
    alphabet = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
    other = secret[:-1] + alphabet[alphabet.index(secret[-1]) + spare]
    assert SIGNER.end_of(other, "log-in") is None


@given(st.integers(0, 46), st.sampled_from("ABab01-_"))
def test_every_character_of_a_challenge_counts(at: int, char: str) -> None:
    secret = SIGNER.sign("log-in", END).get_secret_value()
    other = secret[:at] + char + secret[at + 1 :]
    assert SIGNER.end_of(other, "log-in") == (END if other == secret else None)


@pytest.mark.parametrize(
    "secret", ["", "tkc_", "tkc_é", "tkc_" + "A" * 43, "tkc_" + "A" * 44, "A" * 43, "tks_" + "A" * 43]
)
def test_what_we_did_not_sign_has_no_end(secret: str) -> None:
    assert SIGNER.end_of(secret, "log-in") is None
