"""The operator's logo: one small picture, read once at the start."""

from dataclasses import dataclass, field
from pathlib import Path

_LARGEST_BYTES = 256 * 1024
_SIGNATURES = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}
_SVG_STARTS = (b"<svg", b"<?xml", b"<!--", b"<!DOCTYPE svg")


@dataclass(frozen=True)
class Logo:
    content: bytes = field(repr=False)
    media_type: str


def read_logo(path: Path) -> Logo:
    """Raises ValueError for a file that can't be read or that browsers would not show as a picture."""
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"the file can't be read ({type(error).__name__})"
        raise ValueError(message) from None
    if len(content) > _LARGEST_BYTES:
        message = f"the file is over {_LARGEST_BYTES // 1024} KiB"
        raise ValueError(message)
    return Logo(content, _media_type(content))


def _media_type(content: bytes) -> str:
    """By the content, since a name can say anything."""
    for signature, media_type in _SIGNATURES.items():
        if content.startswith(signature):
            return media_type
    text = content.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(_SVG_STARTS) and b"<svg" in text:
        return "image/svg+xml"
    message = "the file must be an SVG, PNG or JPEG picture"
    raise ValueError(message)
