"""Reads a line of an import. Strict: what is not understood is refused, and no message repeats what was sent."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from app.accounts.domain import Address, Status
from app.http.refusals import MalformedRequest
from app.http.strict_json import read_json
from app.imports.domain import MOST_AUTHENTICATORS, Candidate, LineProblem, LineRefused
from app.imports.password_field import costs_a_hash, is_firebase, read_password
from app.imports.shapes import LineModel, invalid, read_shape
from app.kernel.clock import read_rfc3339
from app.kernel.locale import read_locale
from app.kernel.refusal import FieldError
from app.security.foreign_hashes.firebase import FirebaseProject
from app.two_factor.domain import AppSecret
from app.two_factor.otpauth import OtpauthMalformed, OtpauthUnsupported, read_secret

LONGEST_LINE = 64 * 1024
_LONGEST_EXTERNAL_ID = 255


def _printable(text: str) -> str:
    if not text.isprintable() or not text.strip():
        message = "Must be printable text in one line."
        raise ValueError(message)
    return text


_Name = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_printable)]
_ExternalId = Annotated[
    str, StringConstraints(min_length=1, max_length=_LONGEST_EXTERNAL_ID), AfterValidator(_printable)
]


class TotpIn(LineModel):
    otpauth_uri: Annotated[str, StringConstraints(min_length=1, max_length=2048)]
    name: _Name | None = None


class TwoFactorIn(LineModel):
    totp: list[TotpIn] = Field(default=[], max_length=MOST_AUTHENTICATORS)


class LineIn(LineModel):
    """One account. `password` is read on its own, by what it holds."""

    external_id: _ExternalId | None = None
    email: Annotated[str, StringConstraints(min_length=1, max_length=320)]
    email_verified: bool | None = None
    created_at: Annotated[datetime, BeforeValidator(read_rfc3339)] | None = None
    status: Literal["active", "disabled"] = "active"
    locale: Annotated[str, AfterValidator(read_locale)] | None = None
    password: dict[str, Any] | None = None
    two_factor: TwoFactorIn | None = None


@dataclass(frozen=True)
class LineContext:
    """What a line is read by, apart from itself."""

    at: datetime
    read_address: Callable[[str], Address]
    """As for every other account. Raises FieldError."""
    project: FirebaseProject | None = field(repr=False)
    """The Firebase parameters that were named before this line."""


def read_object(line: bytes) -> dict[str, Any]:
    """Raises LineRefused for what is no JSON object."""
    if len(line) > LONGEST_LINE:
        raise LineRefused(LineProblem("", "line_too_long", f"A line has at most {LONGEST_LINE // 1024} KiB."))
    try:
        value = read_json(line)
    except MalformedRequest:
        raise LineRefused(LineProblem("", "malformed_json", "The line is not JSON.")) from None
    except FieldError as error:
        raise invalid(error.pointer, error.message) from None
    if not isinstance(value, dict):
        raise LineRefused(LineProblem("", "malformed_json", "The line is not a JSON object."))
    return value


def needs_hashing(line: bytes) -> bool:
    """Whether an import of this line makes a hash, which takes its time. For an estimate: the line may be bad."""
    try:
        return costs_a_hash(read_object(line).get("password"))
    except LineRefused:
        return False


def read_candidate(number: int, raw: Mapping[str, Any], context: LineContext) -> Candidate:
    """Raises LineRefused."""
    shaped = read_shape(LineIn, raw, "")
    if shaped.created_at is not None and shaped.created_at > context.at:
        raise invalid("/created_at", "Must not lie in the future.")
    try:
        address = context.read_address(shaped.email)
    except FieldError as error:
        raise invalid(error.pointer, error.message) from None
    apps, problems = _read_apps(shaped.two_factor)
    return Candidate(
        number=number,
        external_id=shaped.external_id,
        address=address,
        email_verified=bool(shaped.email_verified),
        created_at=shaped.created_at,
        status=Status(shaped.status),
        locale=shaped.locale,
        password=read_password(shaped.password, context.project),
        apps=apps,
        problems=problems,
        identity=_identity(raw, context.project if is_firebase(shaped.password) else None),
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
        pointer = f"/two_factor/totp/{index}/otpauth_uri"
        try:
            secret = read_secret(each.otpauth_uri)
        except OtpauthUnsupported as error:
            problems.append(LineProblem(pointer, "unsupported", str(error)))
            continue
        except OtpauthMalformed as error:
            raise invalid(pointer, str(error)) from None
        if any(secret == other.secret for other in apps):
            raise LineRefused(LineProblem(pointer, "secret_repeated", "Two apps have the same secret."))
        apps.append(AppSecret(secret, each.name))
    return tuple(apps), tuple(problems)


def _identity(raw: Mapping[str, Any], project: FirebaseProject | None) -> bytes:
    """Equal for lines that say the same; right Firebase parameters after wrong ones make another line."""
    parameters = [project.signer_key.hex(), project.salt_separator.hex(), str(project.costs)] if project else []
    return json.dumps([raw, parameters], sort_keys=True, separators=(",", ":")).encode()
