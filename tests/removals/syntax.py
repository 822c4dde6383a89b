"""Takes something away from a module by its syntax tree, so that an entry of the table outlives a refactoring.

A pattern is Python. `...` in it stands for any expression, `f(...)` for any arguments, a body of `...` for any
statements, and `name=value` for a keyword as well as for an assignment. Within its scope it must match exactly once.
"""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

_ANY = ast.Constant(...)
_IGNORED = {"ctx", "type_comment", "kind", "type_params"}


class Unfit(LookupError):
    """The entry does not fit the code: its message says how."""


@dataclass(frozen=True)
class Place:
    """Where a node hangs: in a field of its parent, and there in a list or not."""

    parents: Sequence[ast.AST]
    field: str
    index: int | None

    @property
    def parent(self) -> ast.AST:
        return self.parents[-1]

    @property
    def siblings(self) -> list[ast.AST]:
        found: list[ast.AST] = getattr(self.parent, self.field)
        return found

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            self.siblings[self.index] = node


def scope_of(tree: ast.Module, name: str) -> ast.AST:
    """The class, function or assignment with this qualified name; the whole module for none."""
    found: ast.AST = tree
    for part in name.split(".") if name else ():
        inside = [node for node in ast.iter_child_nodes(found) if part in _names(node)]
        if len(inside) != 1:
            raise Unfit(f"{name}: {part} is defined {len(inside)} times")
        found = inside[0]
    return found


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _parsed(pattern: str) -> ast.AST:
    statement = ast.parse(pattern.strip()).body
    if len(statement) != 1:
        raise Unfit(f"a pattern is one expression or statement, not {len(statement)}: {pattern}")
    return statement[0].value if isinstance(statement[0], ast.Expr) else statement[0]


def matches(pattern: object, node: object) -> bool:
    if isinstance(pattern, ast.Constant) and pattern.value is ...:
        return isinstance(node, ast.expr)
    if isinstance(pattern, ast.Assign) and isinstance(node, ast.keyword):
        target = pattern.targets[0]
        return isinstance(target, ast.Name) and target.id == node.arg and matches(pattern.value, node.value)
    if isinstance(pattern, list):
        if [type(each) for each in pattern] == [ast.Expr] and _is_any(pattern[0].value):
            return True
        return isinstance(node, list) and len(pattern) == len(node) and all(map(matches, pattern, node))
    if isinstance(pattern, ast.Call) and isinstance(node, ast.Call) and list(map(_is_any, pattern.args)) == [True]:
        return matches(pattern.func, node.func)
    if isinstance(pattern, ast.AST):
        fields = [name for name in pattern._fields if name not in _IGNORED]
        return type(pattern) is type(node) and all(
            matches(getattr(pattern, name, None), getattr(node, name, None)) for name in fields
        )
    return type(pattern) is type(node) and pattern == node


def _is_any(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


def _walk(node: ast.AST, parents: tuple[ast.AST, ...] = ()) -> Iterator[tuple[Place, ast.AST]]:
    parents = (*parents, node)
    for field, value in ast.iter_fields(node):
        for index, each in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(each, ast.AST):
                yield Place(parents, field, index), each
                yield from _walk(each, parents)


def _the_one(scope: ast.AST, pattern: str) -> tuple[Place, ast.AST]:
    wanted = _parsed(pattern.strip().removeprefix("@"))
    found = [(place, node) for place, node in _walk(scope) if matches(wanted, node)]
    if pattern.strip().startswith("@"):
        found = [(place, node) for place, node in found if place.field == "decorator_list"]
    if len(found) != 1:
        raise Unfit(f"stands there {len(found)} times, not once: {pattern}")
    return found[0]


def drop(scope: ast.AST, pattern: str) -> None:
    """Takes the one match away: see `_DROPS` for what that means where it stands."""
    place, node = _the_one(scope, pattern)
    if isinstance(place.parent, ast.Await):
        place, node = next(each for each in _walk(scope) if each[1] is place.parent)
    for applies, act in _DROPS:
        if applies(place, node):
            act(place, node)
            return
    raise Unfit(f"can't be dropped from {type(place.parent).__name__}.{place.field}: {pattern}")


def _drop_statement(place: Place, _: ast.AST) -> None:
    if isinstance(place.parent, ast.Expr):
        place.parent.value = _ANY
    else:
        place.put(ast.Pass())


def _drop_from_list(place: Place, _: ast.AST) -> None:
    assert place.index is not None
    if isinstance(place.parent, ast.Dict):
        del place.parent.keys[place.index], place.parent.values[place.index]
    else:
        del place.siblings[place.index]


def _drop_operand(place: Place, node: ast.AST) -> None:
    """`a and b` without `b` is `a`; the same for `or`, `&`, `|` and `+`."""
    if isinstance(place.parent, ast.BoolOp):
        _drop_from_list(place, node)
        return
    assert isinstance(place.parent, ast.BinOp)
    rest = place.parent.left if place.field == "right" else place.parent.right
    grandparent = place.parents[-2]
    for field, value in ast.iter_fields(grandparent):
        if value is place.parent:
            setattr(grandparent, field, rest)
        elif isinstance(value, list) and place.parent in value:
            value[value.index(place.parent)] = rest


def _drop_test(place: Place, _: ast.AST) -> None:
    """What stands under the condition never happens."""
    place.put(ast.Constant(False))  # noqa: FBT003 - the value of a literal


def _drop_link(place: Place, node: ast.AST) -> None:
    """`a.b(c)` becomes `a`."""
    assert isinstance(node, ast.Call)
    assert isinstance(node.func, ast.Attribute)
    place.put(node.func.value)


_LISTS = {"args", "keywords", "elts", "ifs", "decorator_list", "keys"}
_BLOCKS = {"body", "orelse", "finalbody"}
_DROPS: Sequence[tuple[Callable[[Place, ast.AST], bool], Callable[[Place, ast.AST], None]]] = (
    (lambda place, _: isinstance(place.parent, ast.Expr), _drop_statement),
    (lambda place, node: place.field in _BLOCKS and isinstance(node, ast.stmt), _drop_statement),
    (lambda place, _: isinstance(place.parent, ast.BoolOp | ast.BinOp), _drop_operand),
    (lambda place, _: place.field == "test", _drop_test),
    (lambda place, _: place.field in _LISTS and place.index is not None, _drop_from_list),
    (lambda _, node: isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute), _drop_link),
)


def replace(scope: ast.AST, pattern: str, instead: str) -> None:
    place, node = _the_one(scope, pattern)
    new = _parsed(instead)
    if isinstance(node, ast.keyword) and isinstance(new, ast.Assign) and isinstance(new.targets[0], ast.Name):
        place.put(ast.keyword(new.targets[0].id, new.value))
    elif isinstance(node, ast.stmt) and isinstance(new, ast.expr):
        place.put(ast.Expr(new))
    else:
        place.put(new)


def set_value(scope: ast.AST, value: str) -> None:
    """The scope is an assignment."""
    if not isinstance(scope, ast.Assign | ast.AnnAssign):
        raise Unfit("only an assignment can be set")
    scope.value = ast.parse(value, mode="eval").body


def rewrite_text(scope: ast.AST, words: str, instead: str) -> None:
    """Within the one literal of the scope that holds these words: SQL, mostly. White space counts as one space."""
    wanted = _spelled(words)
    literals = [
        node
        for _, node in _walk(scope)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and wanted.search(node.value)
    ]
    if len(literals) != 1:
        raise Unfit(f"stands in {len(literals)} literals, not in one: {words}")
    literals[0].value = rewritten(str(literals[0].value), words, instead)


def rewritten(text: str, words: str, instead: str) -> str:
    """As `rewrite_text`, of any text that holds these words once."""
    wanted = _spelled(words)
    if (times := len(wanted.findall(text))) != 1:
        raise Unfit(f"stands there {times} times, not once: {words}")
    return wanted.sub(lambda _: instead, text)


def _spelled(words: str) -> re.Pattern[str]:
    return re.compile(r"\s+".join(map(re.escape, words.split())))
