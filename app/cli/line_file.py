"""A file of lines of JSON, read piece by piece: a million lines take the memory of a few hundred."""

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from app.imports.lines import LONGEST_LINE, needs_hashing

_LINES_AT_ONCE = 250
_SAMPLE = 1000


class Line(NamedTuple):
    number: int
    text: bytes
    read: int
    """How far the file is read behind it."""


def is_complete(file: Path) -> bool:
    """Whether all of it is there already, unlike what comes through a pipe."""
    return file.is_file()


def opened(file: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if str(file) == "-" else file.open("rb")


def _lines(stream: BinaryIO) -> Iterator[Line]:
    """Of a line that is too long only so much is kept that it is refused."""
    number = read = 0
    while line := stream.readline(LONGEST_LINE + 2):
        number, read = number + 1, read + len(line)
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(LONGEST_LINE)
            read += len(rest)
        yield Line(number, line.removesuffix(b"\n").removesuffix(b"\r"), read)


def batches(stream: BinaryIO) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in _lines(stream):
        batch.append(line)
        if len(batch) == _LINES_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch


def count_hashes(file: Path) -> int:
    """About how many hashes this file asks for, judged by its beginning."""
    if not is_complete(file):
        return 0
    with file.open("rb") as stream:
        sample = list(islice(_lines(stream), _SAMPLE))
    read = sample[-1].read if sample else 1
    return round(sum(needs_hashing(line.text) for line in sample) * file.stat().st_size / read)
