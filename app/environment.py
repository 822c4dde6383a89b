"""The variables that begin with TWOKEYS_: those of the environment, a `.env` file, and the files that they name."""

import difflib
import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

PREFIX = "TWOKEYS_"
_FILE = "_FILE"
# What Kubernetes puts into the pods beside a service whose name begins with twokeys.
_OF_KUBERNETES = re.compile(r"TWOKEYS_(.*_)?(SERVICE_.*|PORT(_.*)?)")
_MISSPELT_PREFIX = re.compile(r"TWO_?KEYS?_?(.+)")
# A known name that is as close as this was meant: a letter left out, doubled or swapped, a plural, a word left out.
_CLOSE = 0.84
_LIBPQ_FILES = ("root.crt", "root.crl", "postgresql.crt", "postgresql.key")


class EnvironmentRefused(Exception):
    """A variable or file that can't be read, in one line without its value."""


@dataclass(frozen=True)
class Environment:
    values: Mapping[str, str] = field(repr=False)
    """By setting, in lower case without the prefix."""
    unknown: tuple[str, ...]
    """Whole names that begin like ours and are no setting."""


def read_environment(settings: Collection[str], secrets: Collection[str], env_file: Path | None) -> Environment:
    """The environment comes before the file. An empty value counts as none. Raises EnvironmentRefused."""
    found = _read_env_file(env_file) if env_file else {}
    found |= {name.upper(): value for name, value in os.environ.items() if value}
    named = {f"{PREFIX}{name.upper()}{_FILE}": name for name in secrets}
    known = {f"{PREFIX}{name.upper()}": name for name in settings} | named
    values = {name: found[variable] for variable, name in known.items() if variable in found}
    for variable, name in named.items():
        if variable in found:
            if variable.removesuffix(_FILE) in found:
                raise EnvironmentRefused(f"{variable} and {variable.removesuffix(_FILE)} are both set; choose one.")
            values[name] = _read_secret(variable, Path(found[variable]))
    ours = [name for name in found if name.startswith("TWO") and name not in known]
    _refuse_misspellings(ours, known)
    return Environment(values, tuple(sorted(name for name in ours if _is_reported(name))))


def _is_reported(name: str) -> bool:
    return name.startswith(PREFIX) and not _OF_KUBERNETES.fullmatch(name)


def _refuse_misspellings(names: Collection[str], known: Collection[str]) -> None:
    """A stricter policy under a wrong name would be none, and nobody would see it."""
    for name in names:
        if not name.startswith(PREFIX):
            rest = _MISSPELT_PREFIX.fullmatch(name)
            close = [f"{PREFIX}{rest[1]}"] if rest and f"{PREFIX}{rest[1]}" in known else []
        elif _OF_KUBERNETES.fullmatch(name):
            continue
        else:
            bare = difflib.get_close_matches(name.removeprefix(PREFIX), [_bare(each) for each in known], 1, _CLOSE)
            close = [f"{PREFIX}{each}" for each in bare]
        if close:
            raise EnvironmentRefused(f"{name} is no setting; {close[0]} is one.")


def _bare(name: str) -> str:
    return name.removeprefix(PREFIX)


def _read_secret(variable: str, path: Path) -> str:
    text = _read_text(variable, path).rstrip("\r\n")
    if not text:
        raise EnvironmentRefused(f"{variable} names a file that is empty.")
    return text


def _read_env_file(path: Path) -> dict[str, str]:
    """Values as they stand: `${NAME}` is not expanded. Raises EnvironmentRefused."""
    if not path.is_file():
        return {}
    found = {}
    for binding in parse_stream(StringIO(_read_text(".env", path))):
        if binding.error:
            raise EnvironmentRefused(f".env: line {binding.original.line} can't be read; it must be NAME=value.")
        if binding.key and binding.value:
            found[binding.key.upper()] = binding.value
    return found


def _read_text(what: str, path: Path) -> str:
    """UTF-8, with or without a byte order mark."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise EnvironmentRefused(
            f"{what}: the file can't be read: {(error.strerror or 'unreadable').lower()}."
        ) from None
    except UnicodeDecodeError:
        raise EnvironmentRefused(f"{what}: the file must be UTF-8; save it in that encoding.") from None
    if "\0" in text:
        raise EnvironmentRefused(f"{what}: the file must be UTF-8 text; it holds a zero byte.")
    return text


def leave_unreadable_home() -> None:
    """Makes "/" our HOME where libpq's files in it can't be read: the driver looks for them and would give up."""
    for name in _LIBPQ_FILES:
        try:
            (Path.home() / ".postgresql" / name).open("rb").close()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, RuntimeError, KeyError):
            os.environ["HOME"] = "/"
            return
