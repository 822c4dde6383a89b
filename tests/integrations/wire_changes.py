"""What a newer OpenAPI document breaks for a client that was written against an older one.

Every reference is followed, so a change in a shared schema is named for each call that it breaks.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]
_METHODS = ("get", "post", "put", "patch", "delete")
_LEAST = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_MOST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


def breaking_changes(old: Node, new: Node) -> list[str]:
    """Sentences, one for each change; empty where old clients go on."""
    return list(_Comparison(old, new).changes())


class _Comparison:
    def __init__(self, old: Node, new: Node) -> None:
        self._old, self._new = old, new

    def changes(self) -> Iterator[str]:
        for path, methods in self._old["paths"].items():
            if path not in self._new["paths"]:
                yield f"{path} is gone"
                continue
            for method in _METHODS:
                if method not in methods:
                    continue
                name = f"{method.upper()} {path}"
                now = self._new["paths"][path].get(method)
                yield from [f"{name} is gone"] if now is None else self._operation(name, methods[method], now)

    def _operation(self, name: str, old: Node, new: Node) -> Iterator[str]:
        if old["operationId"] != new["operationId"]:
            yield f"{name}: its method in generated clients is now {new['operationId']}"
        if _schemes(old) != _schemes(new):
            yield f"{name}: another proof of who calls is asked for"
        yield from self._parameters(name, old, new)
        yield from self._bodies(name, old, new)
        for status, answer in old["responses"].items():
            if status not in new["responses"]:
                yield f"{name}: answer {status} is gone"
                continue
            yield from self._answer(f"{name} {status}", answer, new["responses"][status])
        for status in sorted(new["responses"].keys() - old["responses"].keys()):
            if status.startswith("2"):
                yield f"{name}: answer {status} is new"

    def _parameters(self, name: str, old: Node, new: Node) -> Iterator[str]:
        before, now = ({(each["in"], each["name"]): each for each in one.get("parameters", ())} for one in (old, new))
        for key, parameter in before.items():
            if key not in now:
                yield f"{name}: parameter {key[1]} is gone"
            else:
                yield from self._sent(f"{name} {key[1]}", parameter["schema"], now[key]["schema"])
        for key, parameter in now.items():
            if parameter.get("required") and not before.get(key, {}).get("required"):
                yield f"{name}: parameter {key[1]} is now needed"

    def _bodies(self, name: str, old: Node, new: Node) -> Iterator[str]:
        before, now = old.get("requestBody", {}), new.get("requestBody", {})
        if now.get("required") and not before.get("required"):
            yield f"{name}: a body is now needed"
        for media_type, content in before.get("content", {}).items():
            if media_type not in now.get("content", {}):
                yield f"{name}: {media_type} is no longer taken"
            else:
                yield from self._sent(f"{name} body", content["schema"], now["content"][media_type]["schema"])

    def _answer(self, name: str, old: Node, new: Node) -> Iterator[str]:
        for header in old.get("headers", {}):
            if header not in new.get("headers", {}):
                yield f"{name}: header {header} is gone"
        for media_type, content in old.get("content", {}).items():
            if media_type not in new.get("content", {}):
                yield f"{name}: {media_type} is gone"
                continue
            now = new["content"][media_type]
            for code in content.get("examples", {}).keys() - now.get("examples", {}).keys():
                yield f"{name}: `{code}` is gone"
            yield from self._got(name, content["schema"], now["schema"])

    def _sent(self, where: str, old: Node, new: Node) -> Iterator[str]:
        """What clients send must still be taken."""
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        yield from _kind(where, old, new)
        for value in sorted(_values(old) - _values(new), key=str) if _values(new) else ():
            yield f"{where}: {value!r} is no longer taken"
        if _values(new) and not _values(old):
            yield f"{where}: only some values are taken now"
        yield from _bounds(where, old, new)
        before, now = old.get("properties", {}), new.get("properties", {})
        for field in before:
            if field not in now:
                yield f"{where}/{field} is no longer taken"
            else:
                yield from self._sent(f"{where}/{field}", before[field], now[field])
        for field in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
            yield f"{where}/{field} is now needed"
        if "items" in old and "items" in new:
            yield from self._sent(f"{where}[]", old["items"], new["items"])
        yield from self._branches(where, old, new, self._sent, gone="is no longer taken")

    def _got(self, where: str, old: Node, new: Node) -> Iterator[str]:
        """What clients read must still be there, and nothing that they can't know."""
        old, new = _resolved(self._old, old), _resolved(self._new, new)
        yield from _kind(where, old, new)
        for value in sorted(_values(new) - _values(old), key=str) if _values(old) else ():
            yield f"{where}: may now be {value!r}"
        if _values(old) and not _values(new):
            yield f"{where}: may now be any value"
        before, now = old.get("properties", {}), new.get("properties", {})
        for field in before:
            if field not in now:
                yield f"{where}/{field} is gone"
                continue
            if field in old.get("required", ()) and field not in new.get("required", ()):
                yield f"{where}/{field} may now be missing"
            yield from self._got(f"{where}/{field}", before[field], now[field])
        if "items" in old and "items" in new:
            yield from self._got(f"{where}[]", old["items"], new["items"])
        yield from self._branches(where, old, new, self._got, gone="is gone")

    def _branches(self, where: str, old: Node, new: Node, compare: Any, *, gone: str) -> Iterator[str]:
        before, now = _alternatives(old), _alternatives(new)
        for name, branch in before.items():
            if name not in now:
                yield f"{where}: {name} {gone}"
            else:
                yield from compare(f"{where}<{name}>" if "$ref" in branch else where, branch, now[name])
        if compare == self._got:
            for name in now.keys() - before.keys():
                yield f"{where}: may now be {name}"


def _schemes(operation: Node) -> list[str]:
    return sorted(name for one in operation.get("security", ()) for name in one)


def _resolved(document: Node, schema: Node) -> Node:
    if "$ref" not in schema:
        return schema
    found: Node = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _alternatives(schema: Node) -> dict[str, Node]:
    """The branches of a one-of or an any-of, by the name of what they lead to."""
    branches = [*schema.get("oneOf", ()), *schema.get("anyOf", ())]
    return {one["$ref"].rpartition("/")[2] if "$ref" in one else str(one.get("type")): one for one in branches}


def _values(schema: Node) -> set[Any]:
    return {schema["const"]} if "const" in schema else set(schema.get("enum", ()))


def _kind(where: str, old: Node, new: Node) -> Iterator[str]:
    for result in ("type", "format", "pattern"):
        if old.get(result) != new.get(result):
            yield f"{where}: {result} was {old.get(result)}, is {new.get(result)}"
    if bool(_alternatives(old)) != bool(_alternatives(new)):
        yield f"{where}: one of several before or now, and not the other time"


def _bounds(where: str, old: Node, new: Node) -> Iterator[str]:
    for bound in _LEAST:
        if bound in new and new[bound] > old.get(bound, float("-inf")):
            yield f"{where}: {bound} is now {new[bound]}"
    for bound in _MOST:
        if bound in new and new[bound] < old.get(bound, float("inf")):
            yield f"{where}: {bound} is now {new[bound]}"
    if old.get("additionalProperties", True) and new.get("additionalProperties", True) is False:
        yield f"{where}: unknown fields are now refused"
