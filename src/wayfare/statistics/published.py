"""A table that carries its proof: what was asked, at which position, under which checkpoint; and recomputing it.

The file is the table's CSV after lines that begin with `#`, which programs that read CSV can be told to leave aside.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from wayfare.access.rules import EVERYTHING
from wayfare.departures import zones
from wayfare.ledger.rules import Refused
from wayfare.ledger.source import LEDGER
from wayfare.statistics import queries
from wayfare.tlog import merkle, notes
from wayfare.tlog import queries as log
from wayfare.tlog.notes import Checkpoint, Malformed, Note, Verifier

FIRST_LINE = "# Wayfare table, version 1"
FILE_LIMIT = 512 * 1024 * 1024
_FIELDS = ("programmes", "by", "measure", "position", "zones")
_ALL = "*"


class Published(NamedTuple):
    """A published table as it was read: what it says that it is, and its rows as CSV."""

    programmes: tuple[str, ...]
    """Empty for all."""
    by: tuple[str, ...]
    measure: str
    position: int
    zones: str
    """The version of the time zones that it was made with."""
    note: Note
    rows: bytes

    def __bytes__(self) -> bytes:
        values = (",".join(self.programmes) or _ALL, ",".join(self.by), self.measure, self.position, self.zones)
        lines = [FIRST_LINE, *(f"# {name}: {value}".rstrip() for name, value in zip(_FIELDS, values, strict=True))]
        lines += ["# checkpoint:", *(f"# | {line}".rstrip() for line in str(self.note).splitlines())]
        return "".join(line + "\n" for line in lines).encode() + self.rows


def publish(note: Note | None, programmes: Sequence[str], by: Sequence[str], measure: str) -> Published:
    """Return a table as of the position that a checkpoint stands at. Raises: Refused, also without a checkpoint."""
    if note is None:
        raise Refused(
            "log", "has no checkpoint that enough witnesses signed; keep `wayfare up` running (docs/witness.md)"
        )
    position = notes.parse_checkpoint(note.text).size
    found = queries.table(programmes=programmes or None, by=by, measure=measure, as_of=position, reader=EVERYTHING)
    return Published(tuple(programmes), tuple(by), measure, position, found.zones, note, queries.render(found, "csv"))


def read(data: bytes) -> Published:
    """Read a published table. Raises: Malformed, naming the line that is not as it should be."""
    if len(data) > FILE_LIMIT:
        raise Malformed("too_long", "the file is too long to be a table")
    head: list[str] = []
    lines = data.split(b"\n")
    while lines and lines[0].startswith(b"#"):
        head.append(notes.as_text(lines.pop(0), notes.NOTE_LIMIT, f"line {len(head) + 1}"))
    if not head or head[0] != FIRST_LINE:
        raise Malformed("first_line", f"the first line is not {FIRST_LINE!r}")
    values = []
    for number, name in enumerate(_FIELDS, 2):
        line = head[number - 1] if len(head) >= number else ""
        if not line.startswith(f"# {name}:"):
            raise Malformed("field", f"line {number} does not say {name!r}")
        values.append(line.removeprefix(f"# {name}:").strip())
    if head[6:7] != ["# checkpoint:"] or not all(line == "# |" or line.startswith("# | ") for line in head[7:]):
        raise Malformed("field", "the lines after the time zones do not hold a checkpoint")
    note = notes.parse_note("".join(line[4:] + "\n" for line in head[7:]).encode())
    programmes, by, measure, position, made_with = values
    found = Published(
        () if programmes == _ALL else tuple(programmes.split(",")),
        tuple(by.split(",")) if by else (),
        measure,
        notes.number(position, "the position"),
        made_with,
        note,
        b"\n".join(lines),
    )
    if bytes(found) != data:
        raise Malformed("field", "the lines before the rows are not written in the one right way")
    return found


def verify(found: Published, known: Sequence[Verifier] | None = None) -> Checkpoint:
    """Hold a published table against the ledger and its log: recount it as of its position, and check its checkpoint.

    `known`: the keys that are trusted (None: those that this log recorded). Returns its checkpoint.
    It is recounted with the time zones in use; a table that was made with others holds if no row moved.
    Raises: Malformed, Unverified, Unproven; Refused for a table that cannot be asked for here.
    """
    checkpoint = notes.parse_checkpoint(found.note.text)
    keys = known if known is not None else [notes.parse_verifier(key.verifier) for key in log.keys(LEDGER.log)]
    notes.verify(found.note, [key for key in keys if key.name == checkpoint.origin])
    if checkpoint.size != found.position:
        raise Malformed("position", f"the table says position {found.position}, its checkpoint {checkpoint.size}")
    if found.zones not in zones.used_since(found.position):
        raise Malformed("zones", f"time zones {found.zones!r} were never in use here at position {found.position}")
    head = log.head(LEDGER.log)
    if checkpoint.size > head.size:
        raise merkle.Unproven(
            "old_tree_larger", f"the log here ends at {head.size}, before the table's {checkpoint.size}"
        )
    if log.root_at(LEDGER.log, checkpoint.size) != checkpoint.root:
        raise merkle.Unproven("root_differs", "the log here is not the one that the table's checkpoint was made from")
    table = queries.table(
        programmes=found.programmes or None,
        by=found.by,
        measure=found.measure,
        as_of=found.position,
        engine="duckdb",
        reader=EVERYTHING,
    )
    rows = queries.render(table, "csv")
    if rows != found.rows:
        pairs = enumerate(zip_longest(rows.split(b"\n"), found.rows.split(b"\n")))
        at = next(n for n, (ours, theirs) in pairs if ours != theirs)
        why = f"row {at} is not what the ledger gives at position {found.position}"
        if found.zones != table.zones:
            why += f" with time zones {table.zones}; the table was made with {found.zones}"
        raise Malformed("rows_differ", why)
    return checkpoint
