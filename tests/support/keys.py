"""Security keys and passkeys: one in software, and what people do with theirs by way of the API."""

import hashlib
import json
import secrets
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cbor2
import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests.support.answers import granted
from tests.support.people import PASSWORD, bearer, log_in

ES256, EDDSA, RS256 = -7, -8, -257
PRESENT, VERIFIED, CAN_BE_BACKED_UP, BACKED_UP, ATTESTED = 0x01, 0x04, 0x08, 0x10, 0x40
ORIGIN = "http://127.0.0.1:8000"
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def b64(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def unb64(text: str) -> bytes:
    return urlsafe_b64decode(text + "==")


def new_key(algorithm: int) -> Key:
    match algorithm:
        case -7:
            return ec.generate_private_key(ec.SECP256R1())
        case -8:
            return ed25519.Ed25519PrivateKey.generate()
        case -257:
            return rsa.generate_private_key(65537, 2048)
    raise ValueError(algorithm)


def cose_key(key: Key) -> dict[int, Any]:
    """RFC 9053: the public key as the authenticator data holds it."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        numbers = key.public_key().public_numbers()
        return {1: 2, 3: ES256, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return {1: 1, 3: EDDSA, -1: 6, -2: key.public_key().public_bytes_raw()}
    public = key.public_key().public_numbers()
    return {1: 3, 3: RS256, -1: public.n.to_bytes((public.n.bit_length() + 7) // 8, "big"), -2: b"\x01\x00\x01"}


def signed(key: Key, data: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def client_data(kind: str, challenge: str, origin: str, **members: Any) -> bytes:
    data = {"type": kind, "challenge": challenge, "origin": origin, "crossOrigin": False} | members
    return json.dumps({name: value for name, value in data.items() if value is not None}).encode()


@dataclass
class SoftwareKey:
    """One authenticator with one credential (WebAuthn Level 3). `counts` is false for passkeys that always say 0.

    Each ceremony takes the options as our API gives them and returns the JSON of `PublicKeyCredential.toJSON()`. What
    an attack changes is a keyword: a member of the client data, a flag, the counter, bytes of the answer.
    """

    algorithm: int = ES256
    verifies_user: bool = True
    backed_up: bool = False
    counts: bool = True
    origin: str = ORIGIN
    credential_id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    user_handle: bytes | None = None
    counter: int = 0
    key: Key = field(init=False)

    def __post_init__(self) -> None:
        self.key = new_key(self.algorithm)

    def create(
        self,
        options: Mapping[str, Any],
        *,
        flags: int | None = None,
        rp_id: str | None = None,
        public_key: Any = None,
        attestation: Mapping[str, Any] | None = None,
        response: Mapping[str, Any] | None = None,
        origin: str | None = None,
        kind: str = "webauthn.create",
        **members: Any,
    ) -> dict[str, Any]:
        """What `navigator.credentials.create()` returns."""
        self.user_handle = unb64(options["user"]["id"])
        public = cbor2.dumps(cose_key(self.key) if public_key is None else public_key)
        id = self.credential_id
        attested = bytes(16) + struct.pack(">H", len(id)) + id + public
        data = self._authenticator_data(
            rp_id or options["rp"]["id"], self._flags() | ATTESTED if flags is None else flags, attested
        )
        whole = {"fmt": "none", "attStmt": {}, "authData": data} | dict(attestation or {})
        data_of_client = client_data(kind, options["challenge"], origin or self.origin, **members)
        answer = {
            "clientDataJSON": b64(data_of_client),
            "attestationObject": b64(cbor2.dumps(whole)),
            "transports": ["usb"],
        }
        return self._credential(answer | dict(response or {}))

    def get(
        self,
        options: Mapping[str, Any],
        *,
        flags: int | None = None,
        rp_id: str | None = None,
        counter: int | None = None,
        response: Mapping[str, Any] | None = None,
        origin: str | None = None,
        kind: str = "webauthn.get",
        **members: Any,
    ) -> dict[str, Any]:
        """What `navigator.credentials.get()` returns."""
        if counter is not None:
            self.counter = counter
        elif self.counts:
            self.counter += 1
        data = self._authenticator_data(rp_id or options["rpId"], self._flags() if flags is None else flags)
        data_of_client = client_data(kind, options["challenge"], origin or self.origin, **members)
        answer = {
            "clientDataJSON": b64(data_of_client),
            "authenticatorData": b64(data),
            "signature": b64(signed(self.key, data + hashlib.sha256(data_of_client).digest())),
            "userHandle": b64(self.user_handle) if self.user_handle else None,
        }
        return self._credential(answer | dict(response or {}))

    def _flags(self) -> int:
        backup = CAN_BE_BACKED_UP | BACKED_UP if self.backed_up else 0
        return PRESENT | (VERIFIED if self.verifies_user else 0) | backup

    def _authenticator_data(self, rp_id: str, flags: int, attested: bytes = b"") -> bytes:
        return hashlib.sha256(rp_id.encode()).digest() + struct.pack(">BI", flags, self.counter) + attested

    def _credential(self, response: dict[str, Any]) -> dict[str, Any]:
        return {
            "id": b64(self.credential_id),
            "rawId": b64(self.credential_id),
            "type": "public-key",
            "authenticatorAttachment": "cross-platform",
            "response": {name: value for name, value in response.items() if value is not None},
            "clientExtensionResults": {},
        }


@dataclass(frozen=True)
class Held:
    """A key in the hands of its owner, and the session that its registration left."""

    key: SoftwareKey
    token: str
    id: str
    registered: dict[str, Any]


async def registration(
    api: httpx.AsyncClient, token: str, *, passkey: bool = False, password: str = PASSWORD, **more: Any
) -> httpx.Response:
    body = {"password": password, "passkey": passkey, **more}
    return await api.post("/v1/me/2fa/webauthn/options", json=body, headers=bearer(token))


async def register(api: httpx.AsyncClient, token: str, secret: str, credential: Any) -> httpx.Response:
    body = {"registration": secret, "credential": credential}
    return await api.post("/v1/me/2fa/webauthn", json=body, headers=bearer(token))


async def a_key(
    api: httpx.AsyncClient, token: str, key: SoftwareKey | None = None, *, passkey: bool = False, **more: Any
) -> Held:
    """Registered by way of the API, as a security key or as a passkey."""
    key = key or SoftwareKey()
    begun = granted(await registration(api, token, passkey=passkey, **more), 201)
    answer = await register(api, token, begun["registration"], key.create(begun["public_key"]))
    body = granted(answer)
    return Held(key, body["grant"]["access_token"], body["authenticator"]["id"], body)


async def challenge(api: httpx.AsyncClient) -> str:
    return str(granted(await log_in(api))["challenge"])


async def options_of(api: httpx.AsyncClient, secret: str) -> dict[str, Any]:
    found: dict[str, Any] = granted(await api.post("/v1/login/two-factor/options", json={"challenge": secret}))
    return dict(found["public_key"])


async def second_step(api: httpx.AsyncClient, secret: str, credential: Any) -> httpx.Response:
    return await api.post("/v1/login/two-factor", json={"challenge": secret, "credential": credential})


async def log_in_with_key(api: httpx.AsyncClient, key: SoftwareKey) -> httpx.Response:
    secret = await challenge(api)
    return await second_step(api, secret, key.get(await options_of(api, secret)))


async def passkey_options(api: httpx.AsyncClient) -> dict[str, Any]:
    return granted(await api.post("/v1/login/passkey/options", json={}))


async def log_in_with_passkey(api: httpx.AsyncClient, key: SoftwareKey, **tampered: Any) -> httpx.Response:
    begun = await passkey_options(api)
    body = {"challenge": begun["challenge"], "credential": key.get(begun["public_key"], **tampered)}
    return await api.post("/v1/login/passkey", json=body)


async def reauthentication_options(api: httpx.AsyncClient, token: str) -> httpx.Response:
    return await api.post("/v1/me/reauthenticate/options", json={}, headers=bearer(token))


async def reauthenticate(api: httpx.AsyncClient, token: str, **proof: Any) -> httpx.Response:
    return await api.post("/v1/me/reauthenticate", json=proof, headers=bearer(token))


async def authenticators(api: httpx.AsyncClient, token: str) -> dict[str, Any]:
    return granted(await api.get("/v1/me/2fa/authenticators", headers=bearer(token)))
