"""Examples of bodies and answers, put together from what each field says about itself."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
_OF_FORMAT = {"uuid": "0199f3c2-a8b1-7d0e-9c54-f1a2b3c4d5e6", "date-time": "2026-11-24T15:09:26.535Z"}
_PLAIN = {"boolean": True, "integer": 0}


def example_of(schema: Schema, schemas: Mapping[str, Schema]) -> Any:
    """Raises LookupError where a field must be given an example of its own."""
    if "$ref" in schema:
        whole = schemas[schema["$ref"].rpartition("/")[2]]
        if "examples" not in schema:
            return example_of(whole, schemas)
        # FastAPI leaves nulls out of examples.
        return dict.fromkeys(whole["properties"]) | schema["examples"][0]
    if "examples" in schema:
        return schema["examples"][0]
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    if "enum" in schema:
        return schema["enum"][0]
    for either in ("anyOf", "oneOf"):
        if either in schema:
            return example_of(next(one for one in schema[either] if one.get("type") != "null"), schemas)
    return _by_type(schema, schemas)


def _by_type(schema: Schema, schemas: Mapping[str, Schema]) -> Any:
    kind = schema.get("type")
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: example_of(field, schemas) for name, field in fields.items() if _is_part_of_example(name, schema)}
    if kind == "array":
        return [example_of(schema["items"], schemas)]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if schema.get("format") in _OF_FORMAT:
        return _OF_FORMAT[schema["format"]]
    raise LookupError(schema.get("title"))


def _is_part_of_example(name: str, schema: Schema) -> bool:
    """What a call must send, and of the rest what has a default or an example: the others are for special cases."""
    field = schema["properties"][name]
    return name in schema.get("required", ()) or "default" in field or "examples" in field
