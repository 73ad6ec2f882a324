"""The files that entries come from, and what is read from one before it is an entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from wayfare.ledger.entries.parsing import LINE_LIMIT

BOM = b"\xef\xbb\xbf"


class BadFile(Exception):
    """A file that cannot be read as entries at all; says which, and the mend."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem

    def __reduce__(self) -> tuple[type[BadFile], tuple[str, str]]:
        return BadFile, (self.name, self.problem)


class Source(NamedTuple):
    """A file to read: where its bytes are, what the user calls it, its format and its size."""

    path: str
    name: str
    format: str
    size: int


class Read(NamedTuple):
    """One entry as a file holds it: the line, the value or why there is none, and the text it came from."""

    line: int
    value: object
    text: bytes | None = None
    cells: object = None
    """What could be read of a refused row of a Parquet file, which has no text."""


def open_bytes(source: Source) -> BinaryIO:
    """Open a source. Raises: BadFile, with the mend."""
    try:
        return open(source.path, "rb")
    except PermissionError:
        raise BadFile(source.name, "may not be read by this user; give read permission to it") from None
    except OSError as problem:
        raise BadFile(source.name, f"cannot be read ({problem.strerror})") from None


def lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each line; of one beyond the limit only its beginning."""
    limit = LINE_LIMIT + 2
    number = 0
    while line := file.readline(limit):
        number += 1
        if len(line) == limit and line[-1] != 10:
            while (more := file.readline(1 << 16)) and more[-1] != 10:
                pass
        if number == 1:
            line = line.removeprefix(BOM)
        yield number, line.rstrip(b"\r\n")


def first_line(problem: BaseException) -> str:
    """Return the beginning of what a library says of a file."""
    return (str(problem).strip() or type(problem).__name__).split("\n")[0][:200]
