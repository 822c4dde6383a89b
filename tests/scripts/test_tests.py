"""The tests fail and pass by no chance: the kinds of it that show in their text are refused here."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.answers import can_appear_by_chance
from tests.support.marks import PATIENCE
from tests.support.parallel import SLOW

TESTS = Path(__file__).resolve().parents[1]
_CLOCKS = {"monotonic", "perf_counter", "monotonic_ns", "perf_counter_ns"}
_SLEEPS = {"asyncio.sleep", "time.sleep", "anyio.sleep"}
_TEXTS = {"text", "content", "stdout", "stderr"}
_REQUESTS = {"get", "post", "put", "patch", "delete", "request", "stream", "Client", "AsyncClient"}
_LIMITS = {"asyncio.timeout", "anyio.fail_after", "subprocess.run"}
_RUNNING = {"process", "child", "dev", "run", "server"}
# Where a pause is the length of the work or of the fault, and no outcome is waited for by it.
_PAUSES = {"faults", "database/test_compiled.py"}


def calls(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            yield ast.unparse(each.func)


def fixed_sleeps(tree: ast.Module) -> Iterator[ast.AST]:
    """A pause outside of a loop that asks again."""
    polled = {id(each) for loop in ast.walk(tree) if isinstance(loop, ast.While) for each in ast.walk(loop)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in _SLEEPS:
            continue
        if id(node) not in polled and ast.unparse(node.args[0]) != "0":
            yield node


def wall_clock_limits(tree: ast.Module) -> Iterator[ast.AST]:
    """An assertion that compares a clock with a number: `within` and PATIENCE are the limits there are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and any(name.rpartition(".")[2] in _CLOCKS for name in calls(node.test)):
            numbers = [each for each in ast.walk(node.test) if isinstance(each, ast.Constant)]
            if numbers and "within" not in set(calls(node.test)):
                yield node


def _patience(call: ast.Call) -> ast.expr | None:
    """The seconds after which it gives up; httpx says five where nobody says more."""
    whole, _, name = ast.unparse(call.func).rpartition(".")
    named = next((each.value for each in call.keywords if each.arg == "timeout"), None)
    if whole == "httpx" and name in _REQUESTS and not any(each.arg == "transport" for each in call.keywords):
        return named or ast.Constant(5)
    if f"{whole}.{name}" in _LIMITS or (name == "wait" and whole in _RUNNING):
        return named or next(iter(call.args), None)
    return None


def short_patience(tree: ast.Module) -> Iterator[ast.AST]:
    """A wait that a busy machine ends. Where the test asks again, or goes on without an answer, it may be brief."""
    spared = {
        id(each)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.While)
        or (isinstance(outer, ast.Try) and outer.handlers)
        or (isinstance(outer, ast.With) and ast.unparse(outer.items[0]).startswith("suppress("))
        for each in ast.walk(outer)
    }
    for node in ast.walk(tree):
        limit = _patience(node) if isinstance(node, ast.Call) and id(node) not in spared else None
        if isinstance(limit, ast.Constant) and isinstance(limit.value, int | float) and limit.value < PATIENCE:
            yield node


def ports_given_back(tree: ast.Module) -> Iterator[ast.AST]:
    """A port that is asked for, let go, and used later: `free_port` keeps it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ast.walk(node):
                if isinstance(inner, ast.Return) and inner.value is not None and "getsockname" in ast.unparse(inner):
                    yield inner


def short_searches(tree: ast.Module) -> Iterator[ast.AST]:
    """A short word looked for in a text that holds ids, digests and tokens."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.In | ast.NotIn):
            continue
        word, text = node.left, node.comparators[0]
        is_text = isinstance(text, ast.Attribute) and text.attr in _TEXTS
        if (
            is_text
            and isinstance(word, ast.Constant)
            and isinstance(word.value, str)
            and can_appear_by_chance(word.value)
        ):
            yield node


def _what_may_be_empty(node: ast.AST) -> set[str]:
    """The names over which `all(… for …)` or `not any(… for …)` goes; a constant is never empty."""
    negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
    call = node.operand if isinstance(node, ast.UnaryOp) else node
    if not isinstance(call, ast.Call) or ast.unparse(call.func) != ("any" if negated else "all"):
        return set()
    over = call.args[0].generators[0].iter if isinstance(call.args[0], ast.GeneratorExp) else call.args[0]
    return {each.id for each in ast.walk(over) if isinstance(each, ast.Name) and not each.id.isupper()}


def assertions_about_nothing(tree: ast.Module) -> Iterator[ast.AST]:
    """What holds for all of none, where nothing else in the test says that there are some."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        found = [(node, _what_may_be_empty(node.test)) for node in ast.walk(function) if isinstance(node, ast.Assert)]
        others = [node.test for node, empty in found if not empty]
        known = {name.id for test in others for name in ast.walk(test) if isinstance(name, ast.Name)} | {
            ast.unparse(node.targets[0])
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Tuple) and node.value.elts
        }
        yield from (node for node, empty in found if empty and not empty & known)


Kind = Callable[[ast.Module], Iterator[ast.AST]]
KINDS: tuple[Kind, ...] = (
    fixed_sleeps,
    wall_clock_limits,
    short_patience,
    ports_given_back,
    short_searches,
    assertions_about_nothing,
)


def is_exempt(kind: Kind, file: Path) -> bool:
    name = file.relative_to(TESTS).as_posix()
    if kind is fixed_sleeps:
        return any(name.startswith(each) for each in _PAUSES)
    return kind is ports_given_back and name == "support/service.py"


def test_what_begins_first_exists() -> None:
    assert [name for name in SLOW if not (TESTS / name).is_file()] == []


def test_no_test_depends_on_chance() -> None:
    files = [file for file in sorted(TESTS.rglob("*.py")) if "generated" not in file.parts]
    assert len(files) > 100
    found = [
        f"{kind.__name__}: {file.relative_to(TESTS)}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)}"
        for file in files
        for tree in [ast.parse(file.read_text())]
        for kind in KINDS
        if not is_exempt(kind, file)
        for node in kind(tree)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (fixed_sleeps, "time.sleep(0.1)"),
        (fixed_sleeps, "async def f():\n    await asyncio.sleep(seconds)"),
        (wall_clock_limits, "assert time.monotonic() - began < 5"),
        (short_patience, "httpx.get(address)"),
        (short_patience, "assert process.wait(10) == 0"),
        (short_patience, "async def f():\n    async with asyncio.timeout(30):\n        await it"),
        (ports_given_back, "def port():\n    return socket.getsockname()[1]"),
        (short_searches, "assert 'ada' not in answer.text"),
        (short_searches, "assert 'mfa' in done.stdout"),
        (assertions_about_nothing, "def test():\n    assert all(row.ip is None for row in rows)"),
        (assertions_about_nothing, "def test():\n    assert not any(PASSWORD in line for line in lines())"),
    ],
)
def test_each_kind_is_recognised(kind: Kind, code: str) -> None:
    assert list(kind(ast.parse(code)))


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (fixed_sleeps, "while not ready():\n    time.sleep(0.1)"),
        (fixed_sleeps, "await asyncio.sleep(0)"),
        (wall_clock_limits, "assert time.monotonic() - began < within(5)"),
        (wall_clock_limits, "assert time.monotonic() < deadline"),
        (short_patience, "httpx.AsyncClient(transport=app)"),
        (short_patience, "while True:\n    httpx.get(address, timeout=2)"),
        (short_patience, "assert process.wait(PATIENCE) == 0"),
        (short_searches, "assert 'ada@example.com' not in answer.text"),
        (assertions_about_nothing, "def test():\n    assert len(rows) == 2\n    assert all(row.ip for row in rows)"),
        (assertions_about_nothing, "def test():\n    assert all(path in seen for path in PATHS)"),
    ],
)
def test_what_depends_on_no_chance_is_left_alone(kind: Kind, code: str) -> None:
    assert not list(kind(ast.parse(code)))
