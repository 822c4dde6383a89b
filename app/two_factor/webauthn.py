"""WebAuthn (Level 3) over duo-labs' `webauthn`: what a credential proves. Nothing here is spent or kept.

The library does not look at `crossOrigin`, at the sizes of keys, or at whose `userHandle` it is; we do. Whatever a
credential holds, these functions raise CredentialRefused and nothing else.
"""

import hashlib
import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
)
from webauthn.helpers.cose import COSECRV, COSEAlgorithmIdentifier
from webauthn.helpers.decode_credential_public_key import (
    DecodedEC2PublicKey,
    DecodedOKPPublicKey,
    DecodedRSAPublicKey,
)

USER_HANDLE_BYTES = 32
ALGORITHMS = (
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
)
_LONGEST_CREDENTIAL_ID = 1023
_LONGEST_PUBLIC_KEY = 1024
# 2,048 to 4,096 bits. A longer modulus or another exponent makes each verification dear.
_RSA_MODULUS_BYTES = range(256, 513)
_RSA_EXPONENT = b"\x01\x00\x01"
# Far more than an honest answer without attestation holds, and little enough that no parser takes long over it.
_MOST_CHARACTERS = {"clientDataJSON": 4096, "attestationObject": 8192, "authenticatorData": 4096, "signature": 2048}
_TRANSPORTS = frozenset({"usb", "nfc", "ble", "smart-card", "hybrid", "internal"})


class CredentialRefused(Exception):
    """The credential proves nothing. `reason` is a word of ours for the audit log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class RelyingParty:
    """Who asks: the RP id, the name that a browser shows, and the origins of pages that may ask."""

    id: str
    name: str
    origins: tuple[str, ...]


@dataclass(frozen=True)
class KnownCredential:
    """What a browser must be told of a credential to find it."""

    id: bytes
    transports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Registered:
    """A new credential, and what its authenticator proved while making it."""

    credential_id: bytes
    public_key: bytes = field(repr=False)
    sign_count: int
    backed_up: bool
    transports: tuple[str, ...]


@dataclass(frozen=True)
class Asserted:
    """What an assertion says besides being right."""

    sign_count: int
    backed_up: bool


def challenge_of(secret: str, purpose: str) -> bytes:
    """The WebAuthn challenge that belongs to a secret of ours: 256 bits that nobody knows without the secret."""
    return hashlib.sha256(f"twokeys webauthn\n{purpose}\n{secret}".encode()).digest()


def verify_registration(
    party: RelyingParty, credential: Mapping[str, Any], *, challenge: bytes, passkey: bool
) -> Registered:
    """What `navigator.credentials.create()` made (§7.1). A passkey must have verified its user.

    Raises CredentialRefused.
    """
    try:
        return _registered(party, credential, challenge, passkey=passkey)
    except CredentialRefused:
        raise
    except Exception as error:  # the library raises whatever its parsers do
        raise CredentialRefused("not_valid") from error


def credential_id(credential: Mapping[str, Any]) -> bytes:
    """The id that a credential claims to have. Raises CredentialRefused."""
    id = credential.get("id")
    if not isinstance(id, str):
        raise CredentialRefused("malformed")
    try:
        raw = urlsafe_b64decode(id.encode("ascii") + b"==")
    except ValueError:
        raise CredentialRefused("malformed") from None
    if not 0 < len(raw) <= _LONGEST_CREDENTIAL_ID or encode(raw) != id:
        raise CredentialRefused("malformed")
    return raw


def verify_assertion(
    party: RelyingParty,
    credential: Mapping[str, Any],
    *,
    challenge: bytes,
    public_key: bytes,
    user_handle: bytes | None,
    alone: bool,
) -> Asserted:
    """What `navigator.credentials.get()` gave (§7.2). The caller compares the counter, and must write it.

    A credential that logs in alone must name its user (step 6) and have verified it. Raises CredentialRefused.
    """
    try:
        return _asserted(party, credential, challenge, public_key, user_handle, alone=alone)
    except CredentialRefused:
        raise
    except Exception as error:  # the library raises whatever its parsers do
        raise CredentialRefused("not_valid") from error


def encode(raw: bytes) -> str:
    """Base64url without padding, as WebAuthn's JSON has it."""
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    raw = urlsafe_b64decode(text.encode("ascii") + b"==")
    if encode(raw) != text.rstrip("="):
        raise CredentialRefused("malformed")
    return raw


def _registered(party: RelyingParty, credential: Mapping[str, Any], challenge: bytes, *, passkey: bool) -> Registered:
    _check_sizes(credential)
    _check_client_data(party, credential)
    _check_attestation(credential["response"]["attestationObject"])
    verified = verify_registration_response(
        credential=dict(credential),
        expected_challenge=challenge,
        expected_rp_id=party.id,
        expected_origin=list(party.origins),
        require_user_verification=passkey,
        supported_pub_key_algs=list(ALGORITHMS),
    )
    if verified.credential_id != credential_id(credential):
        raise CredentialRefused("another_id")
    _check_public_key(verified.credential_public_key)
    return Registered(
        verified.credential_id,
        verified.credential_public_key,
        verified.sign_count,
        verified.credential_backed_up,
        _known_transports(credential["response"].get("transports")),
    )


def _asserted(
    party: RelyingParty,
    credential: Mapping[str, Any],
    challenge: bytes,
    public_key: bytes,
    user_handle: bytes | None,
    *,
    alone: bool,
) -> Asserted:
    _check_sizes(credential)
    _check_client_data(party, credential)
    claimed = credential["response"].get("userHandle")
    if alone and not claimed:
        raise CredentialRefused("no_user")
    if claimed and not hmac.compare_digest(_decode(claimed), user_handle or b""):
        raise CredentialRefused("another_user")
    verified = verify_authentication_response(
        credential=dict(credential),
        expected_challenge=challenge,
        expected_rp_id=party.id,
        expected_origin=list(party.origins),
        credential_public_key=public_key,
        # The counter is advanced by a conditional statement, since two assertions may come at once.
        credential_current_sign_count=0,
        require_user_verification=alone,
    )
    return Asserted(verified.new_sign_count, verified.credential_backed_up)


def _check_sizes(credential: Mapping[str, Any]) -> None:
    for member, most in _MOST_CHARACTERS.items():
        if len(credential["response"].get(member, "")) > most:
            raise CredentialRefused("too_long")


def _check_client_data(party: RelyingParty, credential: Mapping[str, Any]) -> None:
    """§7.1 steps 9 to 11: pages of other origins, and frames within them, prove nothing."""
    client_data = json.loads(_decode(credential["response"]["clientDataJSON"]))
    if client_data.get("crossOrigin", False) is not False or "topOrigin" in client_data:
        raise CredentialRefused("cross_origin")
    if client_data["origin"] not in party.origins:
        raise CredentialRefused("another_origin")


def _check_attestation(encoded: str) -> None:
    """We ask for none. A self-signed one is harmless; certificates of strangers are not even parsed."""
    attestation = parse_attestation_object(_decode(encoded))
    if attestation.fmt not in {"none", "packed"} or attestation.att_stmt.x5c:
        raise CredentialRefused("attestation")


def _check_public_key(encoded: bytes) -> None:
    """One of the algorithms offered, with the curve or size that belongs to it, and a key that can be used."""
    if len(encoded) > _LONGEST_PUBLIC_KEY:
        raise CredentialRefused("algorithm")
    match decode_credential_public_key(encoded):
        case DecodedEC2PublicKey(alg=COSEAlgorithmIdentifier.ECDSA_SHA_256, crv=COSECRV.P256) as key:
            decoded_public_key_to_cryptography(key)
        case DecodedOKPPublicKey(alg=COSEAlgorithmIdentifier.EDDSA, crv=COSECRV.ED25519) as key:
            decoded_public_key_to_cryptography(key)
        case DecodedRSAPublicKey(alg=COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256) as key:
            if len(key.n.lstrip(b"\0")) not in _RSA_MODULUS_BYTES or key.e.lstrip(b"\0") != _RSA_EXPONENT:
                raise CredentialRefused("algorithm")
            decoded_public_key_to_cryptography(key)
        case _:
            raise CredentialRefused("algorithm")


def _known_transports(claimed: object) -> tuple[str, ...]:
    """Hints for the next request; whatever is no word of the standard is left out."""
    words: Iterable[object] = claimed if isinstance(claimed, list) else ()
    return tuple(sorted({word for word in words if isinstance(word, str) and word in _TRANSPORTS}))
