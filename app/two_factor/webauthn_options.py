"""What a browser is asked, for `create()` and `get()` of WebAuthn (Level 3)."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.two_factor.webauthn import ALGORITHMS, KnownCredential, RelyingParty, encode


def creation_options(
    party: RelyingParty,
    *,
    challenge: bytes,
    user_handle: bytes,
    user_name: str,
    existing: Sequence[KnownCredential],
    passkey: bool,
    seconds: int,
) -> Mapping[str, Any]:
    """For `PublicKeyCredential.parseCreationOptionsFromJSON()` (§5.4)."""
    wish = "required" if passkey else "discouraged"
    return {
        "rp": {"id": party.id, "name": party.name},
        "user": {"id": encode(user_handle), "name": user_name, "displayName": user_name},
        "challenge": encode(challenge),
        "pubKeyCredParams": [{"type": "public-key", "alg": int(algorithm)} for algorithm in ALGORITHMS],
        "timeout": seconds * 1000,
        "excludeCredentials": _descriptors(existing),
        "authenticatorSelection": {
            "residentKey": wish,
            "requireResidentKey": passkey,
            "userVerification": wish,
        },
        "attestation": "none",
        "extensions": {"credProps": True},
    }


def request_options(
    party: RelyingParty,
    *,
    challenge: bytes,
    allowed: Sequence[KnownCredential],
    verify_user: bool,
    seconds: int,
) -> Mapping[str, Any]:
    """For `PublicKeyCredential.parseRequestOptionsFromJSON()` (§5.5). With nothing allowed any passkey may answer."""
    options = {
        "challenge": encode(challenge),
        "timeout": seconds * 1000,
        "rpId": party.id,
        "userVerification": "required" if verify_user else "discouraged",
    }
    return options | ({"allowCredentials": _descriptors(allowed)} if allowed else {})


def _descriptors(credentials: Sequence[KnownCredential]) -> list[dict[str, Any]]:
    return [
        {"type": "public-key", "id": encode(credential.id)}
        | ({"transports": list(credential.transports)} if credential.transports else {})
        for credential in credentials
    ]
