"""What stands under `password` in a line, in any of its forms, and the parameters that Firebase hashes need."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, StringConstraints

from app.imports.domain import LineProblem, LineRefused, Password, PlainPassword
from app.imports.shapes import LineModel, read_shape
from app.security.foreign_hashes.bounds import HashRefused
from app.security.foreign_hashes.fast import FastHash, fast_settings, parse_digest
from app.security.foreign_hashes.firebase import FirebaseProject, parse_firebase
from app.security.foreign_hashes.formats import recognise
from app.security.foreign_hashes.wrapped import wrapped_in
from app.security.hasher import LONGEST_PASSWORD

_DIGESTS = frozenset({"md5", "sha1", "sha256", "sha512"})


class HashIn(LineModel):
    hash: str


class DigestIn(LineModel):
    scheme: Literal["md5", "sha1", "sha256", "sha512"]
    hash: str
    salt: str | None = None
    salt_position: Literal["prefix", "suffix"] = "prefix"


class FirebaseHashIn(LineModel):
    scheme: Literal["firebase_scrypt"]
    hash: str
    salt: str


class WrappedIn(LineModel):
    wrapped: str
    scheme: Literal["md5", "sha1", "sha256", "sha512", "ssha", "ssha256", "ssha512", "phpass"]
    salt: str | None = None
    salt_position: Literal["prefix", "suffix"] = "prefix"


class PlainIn(LineModel):
    plain: SecretStr = Field(min_length=1, max_length=LONGEST_PASSWORD)


class FirebaseParametersIn(LineModel):
    algorithm: Literal["SCRYPT"] = "SCRYPT"
    base64_signer_key: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    base64_salt_separator: Annotated[str, StringConstraints(max_length=256)]
    rounds: Annotated[int, Field(ge=1, le=2**31)]
    mem_cost: Annotated[int, Field(ge=1, le=2**31)]


class FirebaseLineIn(LineModel):
    firebase: FirebaseParametersIn


def read_firebase_parameters(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a line `{"firebase": {…}}`, or of Firebase's own file with or without that name. Raises LineRefused."""
    shaped = read_shape(FirebaseLineIn, raw if "firebase" in raw else {"firebase": raw}, "")
    return shaped.firebase.model_dump(exclude={"algorithm"})


def read_password(raw: dict[str, Any] | None, project: FirebaseProject | None) -> Password:
    """Raises LineRefused."""
    if raw is None:
        return None
    inner = _unfold(raw)
    try:
        if "plain" in inner:
            return PlainPassword(read_shape(PlainIn, inner, "/password").plain)
        if "wrapped" in inner:
            wrapped = read_shape(WrappedIn, inner, "/password")
            settings = fast_settings(wrapped.scheme, wrapped.salt or "", wrapped.salt_position)
            return wrapped_in(wrapped.wrapped, settings)
        if is_firebase(raw):
            return _read_firebase_hash(read_shape(FirebaseHashIn, inner, "/password"), project)
        if "scheme" in inner:
            digest = read_shape(DigestIn, inner, "/password")
            return parse_digest(digest.scheme, digest.hash, digest.salt or "", digest.salt_position)
        return recognise(read_shape(HashIn, inner, "/password").hash)
    except HashRefused as refused:
        raise LineRefused(LineProblem("/password/hash", refused.code, refused.message)) from None


def is_firebase(raw: dict[str, Any] | None) -> bool:
    return raw is not None and _unfold(raw).get("scheme") == "firebase_scrypt"


def costs_a_hash(raw: object) -> bool:
    """Whether this password is hashed before it is stored. For an estimate: what stands there may be anything."""
    inner = _unfold(raw) if isinstance(raw, dict) else {}
    if "plain" in inner:
        return True
    if "scheme" in inner:
        return inner["scheme"] in _DIGESTS and "wrapped" not in inner
    return isinstance(text := inner.get("hash"), str) and _is_fast(text)


def _is_fast(text: str) -> bool:
    try:
        return isinstance(recognise(text), FastHash)
    except HashRefused:
        return False


def _read_firebase_hash(shaped: FirebaseHashIn, project: FirebaseProject | None) -> Password:
    if project is None:
        message = "A Firebase hash needs the project's parameters, in a line before it."
        raise LineRefused(LineProblem("/password", "firebase_parameters_missing", message))
    return parse_firebase(shaped.hash, shaped.salt, project)


def _unfold(raw: dict[str, Any]) -> dict[str, Any]:
    """`{"hash": {"scheme": …}}` means `{"scheme": …}`."""
    inner = raw.get("hash")
    return inner if isinstance(inner, dict) and len(raw) == 1 else raw
