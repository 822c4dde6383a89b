"""Firebase's scrypt: AES encrypts the project's signer key under a key that scrypt derives from the password."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

from app.security.foreign_hashes.bounds import HashRefused, decode_base64, malformed, within
from app.security.foreign_hashes.scrypt import ScryptCosts, scrypt_costs

_HIGHEST_EXPONENT = 17
_KEY_BYTES = 32
_BLOCK_BYTES = 16
_SIGNER_KEY_BYTES = range(16, 129)


@dataclass(frozen=True)
class FirebaseProject:
    """The hash parameters that Firebase shows once for a whole project. `id` is ours."""

    id: str
    signer_key: bytes = field(repr=False)
    salt_separator: bytes = field(repr=False)
    costs: ScryptCosts

    def same_as(self, other: "FirebaseProject") -> bool:
        """Whether these are the same parameters, whatever we call them."""
        return replace(self, id=other.id) == other


@dataclass(frozen=True)
class FirebaseScrypt:
    project: FirebaseProject
    _salt: bytes = field(repr=False)
    _digest: bytes = field(repr=False)
    text: str = field(repr=False)
    scheme: str = "firebase_scrypt"

    @property
    def cost(self) -> str:
        return str(self.project.costs)

    @property
    def weight(self) -> float:
        return self.project.costs.weight

    def verify(self, password: bytes) -> bool:
        salt = self._salt + self.project.salt_separator
        key = self.project.costs.derive(password, salt, _KEY_BYTES)
        encryptor = Cipher(AES(key), CTR(bytes(_BLOCK_BYTES))).encryptor()
        return hmac.compare_digest(encryptor.update(self.project.signer_key), self._digest)

    def exported(self) -> Mapping[str, str]:
        _, salt, hash = self.text.split(":")
        return {"scheme": self.scheme, "hash": hash, "salt": salt}


def parse_project(id: str, *, signer_key: str, salt_separator: str, rounds: int, mem_cost: int) -> FirebaseProject:
    """The parameters as Firebase writes them: `base64_signer_key` and so on. Raises HashRefused."""
    within(mem_cost, 1, _HIGHEST_EXPONENT, "Firebase mem_cost")
    costs = scrypt_costs(2**mem_cost, rounds, 1)
    what = "a set of Firebase parameters"
    key, separator = (_decode(each, what) for each in (signer_key, salt_separator))
    if len(key) not in _SIGNER_KEY_BYTES:
        raise malformed(what)
    return FirebaseProject(id, key, separator, costs)


def parse_firebase(hash: str, salt: str, project: FirebaseProject) -> FirebaseScrypt:
    """`passwordHash` and `salt` as `firebase auth:export` writes them. Raises HashRefused."""
    what = "a Firebase hash"
    digest = _decode(hash, what)
    if len(digest) != len(project.signer_key):
        raise HashRefused("malformed_hash", "The hash does not fit the signer key of the Firebase parameters.")
    return FirebaseScrypt(project, _decode(salt, what), digest, f"{project.id}:{salt}:{hash}")


def _decode(text: str, what: str) -> bytes:
    """Firebase writes both alphabets: the console's is the standard one, the export's that for URLs."""
    return decode_base64(text.replace("-", "+").replace("_", "/"), what)
