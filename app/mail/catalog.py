"""The texts and looks of mails, per language: ours, and what an operator puts in their place."""

import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from textwrap import fill

from jinja2 import (
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    nodes,
    select_autoescape,
)
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.kernel.locale import read_locale
from app.mail.domain import MailKind

DEFAULT_LANGUAGE = "en"
_OURS = Path(__file__).parent / "templates"
_WORDS = "words.txt"
_LAYOUTS = ("layout.txt", "layout.html")
_KNOWN_FILES = frozenset({_WORDS, *_LAYOUTS, *(f"{kind}.txt" for kind in MailKind)})
_NEEDED_BLOCKS = frozenset({"subject", "body", "advice"})
_BLOCKS = _NEEDED_BLOCKS | {"account", "action", "more"}
_COLUMNS = 72
_BLANK_LINES = re.compile(r"\n\s*\n")


class BrokenTemplate(Exception):
    """The message is one line: which file, which line, and what is wrong."""


@dataclass(frozen=True)
class Texts:
    """What a template of a kind says: its blocks, each cut into paragraphs."""

    subject: str
    body: Sequence[str]
    advice: Sequence[str]
    action: str = ""
    """What the button of the mail's link says."""
    more: Sequence[str] = ()
    """What comes after that button."""
    account: str = ""
    """Which account it is about, where that is not the one whose mailbox gets the mail."""


@dataclass(frozen=True)
class Language:
    """The templates of one language. Where an operator's folder has a file, it takes the place of ours."""

    tag: str
    folders: Sequence[Path]
    environment: ImmutableSandboxedEnvironment

    @classmethod
    def of(cls, tag: str, folder: Path | None) -> "Language":
        folders = [*([folder / tag, folder] if folder else []), _OURS / tag, _OURS]
        environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(folders),
            autoescape=select_autoescape(("html",), default=False),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        language = cls(tag, folders, environment)
        environment.filters |= {"fill": _fill, "moment": language.moment}
        return language

    def has(self, kind: MailKind) -> bool:
        return any((folder / f"{kind}.txt").is_file() for folder in self.folders)

    def texts(self, kind: MailKind, variables: Mapping[str, object]) -> Texts:
        """Raises jinja2's errors."""
        blocks = self._blocks(f"{kind}.txt", variables)
        return Texts(
            subject=_one_line(blocks["subject"]),
            body=_paragraphs(blocks["body"]),
            advice=_paragraphs(blocks["advice"]),
            action=_one_line(blocks.get("action", "")),
            more=_paragraphs(blocks.get("more", "")),
            account=_one_line(blocks.get("account", "")),
        )

    def words(self, variables: Mapping[str, object]) -> Mapping[str, str]:
        """What all mails of the language have in common, by its name. Raises jinja2's errors."""
        return {name: _one_line(text) for name, text in self._blocks(_WORDS, variables).items()}

    def moment(self, at: datetime) -> str:
        """A time the way the language writes it. Raises jinja2's errors."""
        return _one_line(self._render_block(self.environment.get_template(_WORDS), "date", {"at": at}))

    def lay_out(self, name: str, variables: Mapping[str, object]) -> str:
        """Raises jinja2's errors."""
        return self.environment.get_template(name).render(variables)

    def _blocks(self, name: str, variables: Mapping[str, object]) -> dict[str, str]:
        template = self.environment.get_template(name)
        return {block: self._render_block(template, block, variables) for block in template.blocks}

    def _render_block(self, template: Template, block: str, variables: Mapping[str, object]) -> str:
        try:
            return "".join(template.blocks[block](template.new_context(dict(variables))))
        except Exception:  # noqa: BLE001 - raised again, with the line of the template
            self.environment.handle_exception()

    def check_names(self, name: str, known: frozenset[str]) -> None:
        """Raises BrokenTemplate for a block that is none of ours or missing, and a variable that no mail has.

        In every branch: rendering meets only some of them.
        """
        template = self.environment.get_template(name)
        file = Path(template.filename or name)
        parsed = self.environment.parse(file.read_text(encoding="utf-8"), name, str(file))
        if name == _WORDS:
            _check_blocks(file, parsed, needed=_our_words(), known=_our_words())
        else:
            _check_blocks(file, parsed, needed=_NEEDED_BLOCKS, known=_BLOCKS)
        unknown = find_undeclared_variables(parsed) - known
        for variable in parsed.find_all(nodes.Name):
            if variable.name in unknown:
                raise BrokenTemplate(f"{file}, line {variable.lineno}: there is no {variable.name!r} here")


@cache
def _our_words() -> frozenset[str]:
    return frozenset(Language.of(DEFAULT_LANGUAGE, None).environment.get_template(_WORDS).blocks)


def _check_blocks(file: Path, parsed: nodes.Template, *, needed: frozenset[str], known: frozenset[str]) -> None:
    blocks = {block.name: block.lineno for block in parsed.find_all(nodes.Block)}
    for name, line in blocks.items():
        if name not in known:
            raise BrokenTemplate(f"{file}, line {line}: there is no block {name!r}")
    if missing := sorted(needed - blocks.keys()):
        raise BrokenTemplate(f"{file}, line 1: the block {missing[0]!r} is missing")


def read_languages(folder: Path | None) -> Mapping[str, Language]:
    """Every language by its tag in lower case, ours and the operator's. Raises BrokenTemplate for a misplaced file."""
    tags = {path.name for path in _OURS.iterdir() if path.is_dir()}
    if folder is not None:
        tags |= set(_languages_in(folder))
    return {
        tag.lower(): Language.of(tag, folder) for tag in sorted(tags, key=lambda tag: (tag != DEFAULT_LANGUAGE, tag))
    }


def _languages_in(folder: Path) -> Iterator[str]:
    if not folder.is_dir():
        raise BrokenTemplate(f"{folder} is not a folder")
    for path in _visible(folder):
        if not path.is_dir():
            _check_known(path, frozenset(_LAYOUTS))
            continue
        try:
            tag = read_locale(path.name)
        except ValueError:
            raise BrokenTemplate(f"{path} is not named after a language, such as de or pt-BR") from None
        if tag != path.name:
            raise BrokenTemplate(f"{path} must be spelled {tag}")
        for file in _visible(path):
            _check_known(file, _KNOWN_FILES)
        if not any((place / tag / _WORDS).is_file() for place in (folder, _OURS)):
            raise BrokenTemplate(f"{path / _WORDS} is missing: what all mails of the language have in common")
        yield tag


def _visible(folder: Path) -> list[Path]:
    # Kubernetes puts names with dots beside the files of a volume; a leading _ is for what templates include.
    return sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))


def _check_known(file: Path, known: frozenset[str]) -> None:
    """A file that no mail is made of is a slip in its name."""
    if file.name not in known:
        raise BrokenTemplate(f"{file} belongs to no mail")


def broken(error: Exception, name: str) -> BrokenTemplate:
    """Where in a template an error came from."""
    if isinstance(error, TemplateSyntaxError):
        return BrokenTemplate(f"{error.filename or error.name or name}, line {error.lineno}: {error.message}")
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith((".txt", ".html"))
    ]
    place = f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else name
    said = str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
    return BrokenTemplate(f"{place}: {_one_line(said)}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _paragraphs(text: str) -> list[str]:
    return [_one_line(part) for part in _BLANK_LINES.split(text) if part.strip()]


def _fill(text: str, indent: str = "") -> str:
    """Lines of a readable length; a link is never broken."""
    return fill(
        text, _COLUMNS, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
