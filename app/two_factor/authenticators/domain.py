"""What a browser is told about an account's credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr


@dataclass(frozen=True)
class Signal:
    """What the WebAuthn Signal API takes, so that a removed passkey vanishes from the phone."""

    rp_id: str
    user_handle: bytes = field(repr=False)
    accepted_credential_ids: tuple[bytes, ...]


@dataclass(frozen=True)
class RegistrationRequest:
    """A registration on its way to a browser."""

    secret: SecretStr
    expires_in: int
    public_key: Mapping[str, Any]
