"""All modules of the console as one, put together when the process starts.

Over HTTP/1.1 a browser has six requests in flight, so that sixty small files are ten ways there and back before the
first field is on the screen. Here they are three files that come at once. What is developed, tested and read stays the
modules.
"""

import posixpath
import re
from collections.abc import Iterator, Mapping

from app.console.pages import Page

BUNDLE = "console.js"
_START = "main.js"
_IMPORT = re.compile(r'^import (?:\* as )?(?P<names>\{[^}]*\}|\w+) from "(?P<path>[^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?P<what>(?:async )?(?:function|class|const) (?P<name>\w+))", re.MULTILINE)
_EITHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)


def bundle(modules: Mapping[str, Page]) -> Page:
    """Each module is a function that gives what it exports, and runs once, after those that it imports.

    So an export must be `const`, a function or a class: what is assigned later would not reach the importers. Raises
    ValueError for any other form of import or export.
    """
    texts = {name: page.content.decode() for name, page in modules.items()}
    order = list(_in_order(texts, _START, set()))
    names = {name: f"module{number}" for number, name in enumerate(order)}
    parts = (f"// {name}\nconst {names[name]} = {_as_function(name, texts[name], names)};\n" for name in order)
    return Page("\n".join(parts).encode(), modules[_START].media_type)


def _in_order(texts: Mapping[str, str], name: str, seen: set[str]) -> Iterator[str]:
    """Imports come before their importers, as browsers run them."""
    if name in seen:
        return
    seen.add(name)
    for found in _IMPORT.finditer(texts[name]):
        yield from _in_order(texts, _resolved(name, found["path"]), seen)
    yield name


def _as_function(name: str, text: str, names: Mapping[str, str]) -> str:
    exported = [found["name"] for found in _EXPORT.finditer(text)]
    text = _EXPORT.sub(r"\g<what>", text)
    text = _IMPORT.sub(lambda found: f"const {found['names']} = {names[_resolved(name, found['path'])]};\n", text)
    if other := _EITHER.search(text):
        raise ValueError(f"{name}: {other[0]}")
    return f"await (async () => {{\n{text}\nreturn {{ {', '.join(exported)} }};\n}})()"


def _resolved(name: str, path: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path))
