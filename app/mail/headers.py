"""Headers of a mail that the standard library folds wrongly."""

import base64
from email.headerregistry import HeaderRegistry, UniqueAddressHeader
from email.policy import SMTP, Policy
from typing import Any

_LONGEST_LINE = 76
# As base64 in an encoded word of at most 75 characters (RFC 2047 §2), with charset and delimiters.
_BYTES_OF_A_WORD = 45


class SenderHeader(UniqueAddressHeader):
    """Folds a long quoted name so that it stays one name.

    The standard library drops the quotation marks of a name that it folds, which turns each comma into another address.
    """

    def fold(self: Any, *, policy: Policy) -> str:
        (sender,) = self.addresses
        line = f"{self.name}: {sender}"
        if sender.display_name and (not line.isascii() or len(line) > _LONGEST_LINE):
            words = f"{policy.linesep} ".join(_encoded_words(sender.display_name))
            line = f"{self.name}: {words}{policy.linesep} <{sender.addr_spec}>"
        return line + policy.linesep


def _encoded_words(text: str) -> list[str]:
    """RFC 2047 §5: each word holds whole characters."""
    chunks = [b""]
    for character in text:
        encoded = character.encode()
        if len(chunks[-1]) + len(encoded) > _BYTES_OF_A_WORD:
            chunks.append(b"")
        chunks[-1] += encoded
    return [f"=?utf-8?b?{base64.b64encode(chunk).decode()}?=" for chunk in chunks]


def _registry() -> HeaderRegistry:
    registry = HeaderRegistry()
    registry.map_to_type("from", SenderHeader)  # type: ignore[arg-type] # as the standard library's own are
    return registry


MAIL_POLICY = SMTP.clone(header_factory=_registry())
