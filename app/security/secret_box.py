"""Secrets at rest: AES-256-GCM, the key's id in front, the owner's id as associated data."""

import hashlib
import hmac
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from app.kernel.randomness import random_bytes

KEY_ID_BYTES = 4
_NONCE_BYTES = 12


class SealBroken(Exception):
    """The bytes were not sealed for this owner with a key that we hold."""


def key_id(key: bytes) -> bytes:
    """Names a key in public: the first 4 bytes of a digest that is used for nothing else."""
    return hashlib.sha256(b"twokeys key id" + key).digest()[:KEY_ID_BYTES]


def _derive(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, b"twokeys derived key: " + purpose.encode(), "sha256")


class SecretBox:
    def __init__(self, keys: tuple[bytes, ...]) -> None:
        self._ciphers = {key_id(key): AESGCM(key) for key in keys}
        self._hash_keys = {key_id(key): _derive(key, "keyed hash") for key in keys}
        self._sealing = key_id(keys[0])

    def seal(self, plain: bytes, *, owner: UUID) -> bytes:
        nonce = random_bytes(_NONCE_BYTES)
        return self._sealing + nonce + self._ciphers[self._sealing].encrypt(nonce, plain, owner.bytes)

    def open(self, sealed: bytes, *, owner: UUID) -> bytes:
        """Raises SealBroken for another owner's bytes, changed bytes, and a key that is gone."""
        cipher = self._ciphers.get(sealed[:KEY_ID_BYTES])
        body = sealed[KEY_ID_BYTES:]
        if cipher is None:
            raise SealBroken("sealed with a key that is not among ours")
        try:
            return cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], owner.bytes)
        except (InvalidTag, ValueError):
            raise SealBroken("not what was sealed for this owner") from None

    def keyed_hash(self, message: bytes) -> bytes:
        """A digest that tells nothing to whoever holds no key: the key's id, and HMAC-SHA256."""
        return self._sealing + hmac.digest(self._hash_keys[self._sealing], message, "sha256")

    def is_hash_of(self, hashed: bytes, message: bytes) -> bool:
        """Whether `keyed_hash` made this of the message; False as well where its key is gone."""
        key = self._hash_keys.get(hashed[:KEY_ID_BYTES])
        expected = hmac.digest(key, message, "sha256") if key else b""
        return hmac.compare_digest(expected, hashed[KEY_ID_BYTES:])

    def derive_key(self, purpose: str) -> bytes:
        """A key for one purpose of ours, the same in every process."""
        return _derive(self._hash_keys[self._sealing], purpose)

    def is_current(self, sealed: bytes) -> bool:
        """Whether the key that seals today sealed these bytes."""
        return sealed[:KEY_ID_BYTES] == self._sealing

    def knows(self, of_key: bytes) -> bool:
        return of_key in self._ciphers
