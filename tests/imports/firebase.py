"""Firebase's own published parameters, and hashes as it would make them with them."""

import base64
import hashlib

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR

SIGNER_KEY = "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA=="


def parameters(mem_cost: int = 4, signer_key: str = SIGNER_KEY) -> dict[str, str | int]:
    """With a cost that a test can pay."""
    return {"base64_signer_key": signer_key, "base64_salt_separator": "Bw==", "rounds": 8, "mem_cost": mem_cost}


def firebase_password(password: str, *, mem_cost: int = 4) -> dict[str, str]:
    """Written from the description in github.com/firebase/scrypt, apart from the verifier under test."""
    salt = b"ten bytes!"
    key = hashlib.scrypt(password.encode(), salt=salt + b"\x07", n=2**mem_cost, r=8, p=1, dklen=64)[:32]
    encryptor = Cipher(AES(key), CTR(bytes(16))).encryptor()
    digest = encryptor.update(base64.b64decode(SIGNER_KEY)) + encryptor.finalize()
    return {
        "scheme": "firebase_scrypt",
        "hash": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(salt).decode(),
    }
