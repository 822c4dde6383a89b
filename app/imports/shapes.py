"""What a member of a line must look like. Strict: unknown names are refused, and no message repeats what was sent."""

import re
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from app.imports.domain import LineProblem, LineRefused

_FIELD_NAME = re.compile(r"(?:base64_)?[a-z_]{1,40}")
_Shape = TypeVar("_Shape", bound=BaseModel)


class LineModel(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)


def read_shape(shape: type[_Shape], raw: object, pointer: str) -> _Shape:
    """Raises LineRefused. `pointer` is where in the line it stands."""
    try:
        return shape.model_validate(raw)
    except ValidationError as error:
        problems = (
            LineProblem(pointer + _pointer(item["loc"]), "invalid_field", _message(item["type"], item["msg"]))
            for item in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise LineRefused(*problems) from None


def invalid(pointer: str, message: str) -> LineRefused:
    return LineRefused(LineProblem(pointer, "invalid_field", message))


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
