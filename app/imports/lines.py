"""Reads a line of an import. Strict: what is not understood is refused, and no message repeats what was sent."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
)

from app.accounts.domain import Status, read_address
from app.http.refusals import MalformedRequest
from app.http.strict_json import read_json
from app.imports.domain import (
    MOST_AUTHENTICATORS,
    Candidate,
    LineProblem,
    LineRefused,
    Password,
    PlainPassword,
)
from app.kernel.clock import read_rfc3339
from app.kernel.locale import read_locale
from app.kernel.refusal import FieldError
from app.security.foreign_hashes.bounds import HashRefused
from app.security.foreign_hashes.fast import FastHash, fast_settings, parse_digest
from app.security.foreign_hashes.firebase import FirebaseProject, parse_firebase
from app.security.foreign_hashes.formats import recognise
from app.security.foreign_hashes.wrapped import wrapped_in
from app.security.hasher import LONGEST_PASSWORD
from app.two_factor.domain import AppSecret
from app.two_factor.otpauth import OtpauthMalformed, OtpauthUnsupported, read_secret

LONGEST_LINE = 64 * 1024

_FIELD_NAME = re.compile(r"(?:base64_)?[a-z_]{1,40}")
_Shape = TypeVar("_Shape", bound=BaseModel)


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        message = "Must be printable text in one line."
        raise ValueError(message)
    return text


_Name = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_printable)]
_LONGEST_EXTERNAL_ID = 255
_ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=_LONGEST_EXTERNAL_ID), AfterValidator(_printable)
]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


class TotpIn(_In):
    otpauth_uri: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    name: _Name | None = None


class TwoFactorIn(_In):
    totp: list[TotpIn] = Field(default=[], max_length=MOST_AUTHENTICATORS)


class LineIn(_In):
    """One account. `password` is read on its own, by what it holds."""

    external_id: _ExternalId | None = None
    email: Annotated[str, StringConstraints(min_length=1, max_length=320)]
    email_verified: bool | None = None
    created_at: Annotated[datetime, BeforeValidator(read_rfc3339)] | None = None
    status: Literal["active", "disabled"] = "active"
    locale: Annotated[str, AfterValidator(read_locale)] | None = None
    password: dict[str, Any] | None = None
    two_factor: TwoFactorIn | None = None


class HashIn(_In):
    hash: str


_DIGESTS = frozenset({"md5", "sha1", "sha256", "sha512"})


class DigestIn(_In):
    scheme: Literal["md5", "sha1", "sha256", "sha512"]
    hash: str
    salt: str | None = None
    salt_position: Literal["prefix", "suffix"] = "prefix"


class FirebaseHashIn(_In):
    scheme: Literal["firebase_scrypt"]
    hash: str
    salt: str


class WrappedIn(_In):
    wrapped: str
    scheme: Literal["md5", "sha1", "sha256", "sha512", "ssha", "ssha256", "ssha512", "phpass"]
    salt: str | None = None
    salt_position: Literal["prefix", "suffix"] = "prefix"


class PlainIn(_In):
    plain: SecretStr = Field(min_length=1, max_length=LONGEST_PASSWORD)


class FirebaseParametersIn(_In):
    algorithm: Literal["SCRYPT"] = "SCRYPT"
    base64_signer_key: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    base64_salt_separator: Annotated[str, StringConstraints(max_length=256)]
    rounds: Annotated[int, Field(ge=1, le=2**31)]
    mem_cost: Annotated[int, Field(ge=1, le=2**31)]


class FirebaseLineIn(_In):
    firebase: FirebaseParametersIn


def read_object(line: bytes) -> dict[str, Any]:
    """Raises LineRefused for what is no JSON object."""
    if len(line) > LONGEST_LINE:
        raise LineRefused(LineProblem("", "line_too_long", f"A line has at most {LONGEST_LINE // 1024} KiB."))
    try:
        value = read_json(line)
    except MalformedRequest:
        raise LineRefused(LineProblem("", "malformed_json", "The line is not JSON.")) from None
    except FieldError as error:
        raise LineRefused(LineProblem(error.pointer, "invalid_field", error.message)) from None
    if not isinstance(value, dict):
        raise LineRefused(LineProblem("", "malformed_json", "The line is not a JSON object."))
    return value


def needs_hashing(line: bytes) -> bool:
    """Whether an import of this line makes a hash, which takes its time. For an estimate: the line may be bad."""
    try:
        password = read_object(line).get("password")
        inner = _unfold(password) if isinstance(password, dict) else {}
        fast = isinstance(text := inner.get("hash"), str) and "scheme" not in inner and _is_fast(text)
        return "plain" in inner or fast or (inner.get("scheme") in _DIGESTS and "wrapped" not in inner)
    except LineRefused:
        return False


def _is_fast(text: str) -> bool:
    try:
        return isinstance(recognise(text), FastHash)
    except HashRefused:
        return False


def read_firebase_parameters(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a line `{"firebase": {…}}`, or of Firebase's own file with or without that name. Raises LineRefused."""
    shaped = _shape(FirebaseLineIn, raw if "firebase" in raw else {"firebase": raw}, "")
    return shaped.firebase.model_dump(exclude={"algorithm"})


def read_candidate(number: int, raw: Mapping[str, Any], project: FirebaseProject | None, at: datetime) -> Candidate:
    """Raises LineRefused. `project` holds the Firebase parameters that were named before this line."""
    shaped = _shape(LineIn, raw, "")
    if shaped.created_at is not None and shaped.created_at > at:
        raise _invalid("/created_at", "Must not lie in the future.")
    try:
        address = read_address(shaped.email)
    except FieldError as error:
        raise _invalid(error.pointer, error.message) from None
    apps, problems = _read_apps(shaped.two_factor)
    return Candidate(
        number=number,
        external_id=shaped.external_id,
        address=address,
        email_verified=bool(shaped.email_verified),
        created_at=shaped.created_at,
        status=Status(shaped.status),
        locale=shaped.locale,
        password=_read_password(shaped.password, project),
        apps=apps,
        problems=problems,
        identity=_identity(raw, project if _is_firebase(shaped.password) else None),
    )


def shown_external_id(raw: Mapping[str, Any]) -> str | None:
    """Names a refused line to whoever sent it, where the id itself is a sound one."""
    external_id = raw.get("external_id")
    sound = isinstance(external_id, str) and len(external_id) <= _LONGEST_EXTERNAL_ID and external_id.isprintable()
    return external_id if sound else None


def _read_apps(two_factor: TwoFactorIn | None) -> tuple[tuple[AppSecret, ...], tuple[LineProblem, ...]]:
    apps: list[AppSecret] = []
    problems: list[LineProblem] = []
    for index, each in enumerate(two_factor.totp if two_factor else ()):
        pointer = f"/two_factor/totp/{index}"
        try:
            secret = read_secret(each.otpauth_uri)
        except OtpauthUnsupported as error:
            problems.append(LineProblem(f"{pointer}/otpauth_uri", "unsupported", str(error)))
            continue
        except OtpauthMalformed as error:
            raise _invalid(f"{pointer}/otpauth_uri", str(error)) from None
        if any(secret == other.secret for other in apps):
            problem = LineProblem(f"{pointer}/otpauth_uri", "secret_repeated", "Two apps have the same secret.")
            raise LineRefused(problem)
        apps.append(AppSecret(secret, each.name))
    return tuple(apps), tuple(problems)


def _read_password(raw: dict[str, Any] | None, project: FirebaseProject | None) -> Password:
    if raw is None:
        return None
    inner = _unfold(raw)
    try:
        if "plain" in inner:
            return PlainPassword(_shape(PlainIn, inner, "/password").plain)
        if "wrapped" in inner:
            wrapped = _shape(WrappedIn, inner, "/password")
            settings = fast_settings(wrapped.scheme, wrapped.salt or "", wrapped.salt_position)
            return wrapped_in(wrapped.wrapped, settings)
        if _is_firebase(raw):
            return _read_firebase_hash(_shape(FirebaseHashIn, inner, "/password"), project)
        if "scheme" in inner:
            digest = _shape(DigestIn, inner, "/password")
            return parse_digest(digest.scheme, digest.hash, digest.salt or "", digest.salt_position)
        return recognise(_shape(HashIn, inner, "/password").hash)
    except HashRefused as refused:
        raise LineRefused(LineProblem("/password/hash", refused.code, refused.message)) from None


def _read_firebase_hash(shaped: FirebaseHashIn, project: FirebaseProject | None) -> Password:
    if project is None:
        message = "A Firebase hash needs the project's parameters, in a line before it."
        raise LineRefused(LineProblem("/password", "firebase_parameters_missing", message))
    return parse_firebase(shaped.hash, shaped.salt, project)


def _unfold(raw: dict[str, Any]) -> dict[str, Any]:
    """`{"hash": {"scheme": …}}` means `{"scheme": …}`."""
    inner = raw.get("hash")
    return inner if isinstance(inner, dict) and len(raw) == 1 else raw


def _is_firebase(raw: dict[str, Any] | None) -> bool:
    return raw is not None and _unfold(raw).get("scheme") == "firebase_scrypt"


def _identity(raw: Mapping[str, Any], project: FirebaseProject | None) -> bytes:
    """Equal for lines that say the same; right Firebase parameters after wrong ones make another line."""
    parameters = [project.signer_key.hex(), project.salt_separator.hex(), str(project.costs)] if project else []
    return json.dumps([raw, parameters], sort_keys=True, separators=(",", ":")).encode()


def _invalid(pointer: str, message: str) -> LineRefused:
    return LineRefused(LineProblem(pointer, "invalid_field", message))


def _shape(shape: type[_Shape], raw: object, pointer: str) -> _Shape:
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        problems = (
            LineProblem(pointer + _pointer(item["loc"]), "invalid_field", _message(item["type"], item["msg"]))
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise LineRefused(*problems) from None


def _pointer(location: tuple[int | str, ...]) -> str:
    """As far as its names are ours or harmless."""
    steps: list[str] = []
    for step in location:
        if isinstance(step, str) and not _FIELD_NAME.fullmatch(step):
            break
        steps.append(str(step))
    return "".join(f"/{step}" for step in steps)


def _message(type: str, message: str) -> str:
    ours = {"missing": "This field is required.", "extra_forbidden": "There is no such field here."}
    return ours.get(type, message.removeprefix("Value error, "))
