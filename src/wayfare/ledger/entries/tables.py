"""Entries as rows of a table, in CSV and Parquet alike: one column a field (`docs/ledger.md`, Files)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from wayfare.ledger import registry
from wayfare.ledger.entries.sources import BadFile, Source
from wayfare.ledger.entries.types import COMMON, EntryType, all_columns, columns
from wayfare.ledger.rules import Refused

ASIDE = frozenset({"position", "recorded_at"})
"""What an export adds; another ledger gives its own."""
EMPTY_LIST = ";"
"""In a CSV cell, where nothing at all means absent."""
NULLS = "facts.nulls"
"""The column that names facts given as an explicit null."""
NEEDED = COMMON


def shapes() -> dict[str, str]:
    """Return the shape of each column (`types.Column`) that a table of entries may have."""
    return {name: column.shape for name, column in all_columns(registry.kinds.values()).items()} | {NULLS: "list"}


@cache
def _if_empty(type_: EntryType) -> tuple[tuple[str, object], ...]:
    return tuple((one.name, one.if_empty) for one in columns(type_) if one.if_empty is not ...)


def one_name_each(source: Source, columns: Sequence[str]) -> None:
    """Refuse a table with two columns of one name, in other case or with blanks around it too. Raises: BadFile."""
    seen: dict[str, str] = {}
    for name in filter(str.strip, columns):
        first = seen.setdefault(name.strip().casefold(), name)
        if first is not name:
            also = f", also as {first!r}" if first != name else ""
            raise BadFile(source.name, f"names the column {name!r} twice{also}; keep one")


def _split(text: str) -> list[str]:
    return [] if text in ("", EMPTY_LIST) else text.split(";")


def _number(text: str) -> int | str:
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) else text


def of_text(shape: str | None, text: str) -> Any:
    """Return what a text cell says in a column of a shape; None for a column that is no field."""
    if shape == "list":
        return _split(text)
    return _number(text) if shape == "number" else text


def _with_nulls(facts: dict[str, Any], nulls: object) -> None:
    """Add the facts that a row gives as null. Raises: Refused."""
    if not isinstance(nulls, list) or not all(isinstance(name, str) for name in nulls):
        raise Refused(NULLS, "is not a list of names of facts")
    for name in nulls:
        if name in facts:
            raise Refused(f"facts.{name}"[:100], f"stands twice: as a value and in {NULLS}, or twice there; keep one")
        facts[name] = None


def unfold(cells: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the entry that a row's filled cells are; `names` are all the columns that the table has.

    Raises: Refused, when a row says the same field twice.
    """
    entry: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    for name, value in cells.items():
        if name.startswith("facts."):
            if name != NULLS:
                facts[name[6:]] = value
        elif name not in ASIDE:
            entry[name] = value
    if NULLS in cells:
        _with_nulls(facts, cells[NULLS])
    if facts:
        if "facts" in entry:
            raise Refused("facts", "stands twice: in a column of its own and in columns facts.…; keep these")
        entry["facts"] = facts
    kind = entry.get("kind")
    type_ = registry.kinds.get(kind) if isinstance(kind, str) else None
    for name, empty in _if_empty(type_) if type_ is not None else ():
        if name not in entry and name in names:
            entry[name] = [] if empty == [] else empty
    return entry
