"""The columnar copy: the ledger's coded facts as Parquet, extended by what is new, never rewritten.

Files are named by the positions they hold, so the folder needs no manifest: a file is there whole or not at all.
The copy is derived: a folder of another `FORMAT` is thrown away and the copy made anew from the ledger.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from django.db import connection

from wayfare.common import reserve
from wayfare.departures.rules import EVIDENCE, KINDS
from wayfare.ledger import registry
from wayfare.ledger.entries.fields import ENTRY
from wayfare.ledger.entries.types import EntryType, refers
from wayfare.ledger.entries.types import columns as columns_of

FORMAT = 2
"""Part of the folder's name; raise it with any change of SCHEMA or of what a column means."""
FILE_ENTRIES = 1_000_000
SCHEMA = {
    "position": "bigint",
    "kind": "varchar",
    "entry_id": "uuid",
    "at": "bigint",
    "person": "uuid",
    "person_b": "uuid",
    "departure": "uuid",
    "ref": "uuid",
    "programme": "varchar",
    "nationality": "varchar",
    "sex": "tinyint",
    "birth": "integer",
    "destination": "varchar",
    "assistance": "tinyint",
    "rank": "tinyint",
}
"""Columns and DuckDB's types. Ids are 16 bytes, whose order is that of their lower-case text. `at`: microseconds since
1970. `birth`: yyyymmdd as step 9 completes it, 0 for "given as unknown", null for "not given". `assistance`: the sum
of ASSISTANCE's values. `rank`: the strength of evidence, 0 the strongest. Other absent facts are null."""
ASSISTANCE = {"cash": 1, "in_kind_before": 2, "reintegration": 4}

LINES = {
    "position": "bigint",
    "kind": "varchar",
    "entry_id": "uuid",
    "at": "bigint",
    "subject": "uuid",
    "object": "uuid",
    "body": "varchar",
}
"""What the ledger hands over: tab-separated lines. A canonical body holds no control character, so none is quoted."""
_FROM_LEDGER = (
    "copy (select position, kind, entry_id, (extract(epoch from occurred_at) * 1000000)::bigint, subject, object, body"
    " from ledger_entry where position > {after} and position <= {upto})"
    " to stdout (format csv, delimiter e'\\t', quote e'\\x01')"
)
_FACTS = ("nationality", "sex", "birth_date", "destination", "assistance")
_TOLD = ("programme", "evidence", *_FACTS)


def _kinds(wanted: Callable[[EntryType], bool]) -> str:
    """Return the kinds that the counting rule reads and that are wanted, as a list of SQL."""
    names = sorted(type_.name for name, type_ in registry.kinds.items() if name in KINDS and wanted(type_))
    return ", ".join(f"'{name}'" for name in names)


def _subject_is(thing: str) -> str:
    return _kinds(lambda type_: refers(type_, type_.subject).to == thing)


def _object_is(thing: str) -> str:
    return _kinds(lambda type_: type_.object is not None and refers(type_, type_.object).to == thing)


def _tells(type_: EntryType) -> bool:
    names = {column.name.removeprefix("facts.") for column in columns_of(type_)}
    return not names.isdisjoint(_TOLD)


def _transform(lines: Path) -> str:
    """Return the SQL that reads LINES as SCHEMA; each body is parsed once, and only if it tells more than ids."""
    paths = [f"$.{name}" for name in _TOLD] + [f"$.facts.{name}" for name in _FACTS]
    given = {name: f"coalesce(told[{n + 3}], told[{n + 3 + len(_FACTS)}])" for n, name in enumerate(_FACTS)}
    birth = given["birth_date"]
    types = ", ".join(f"'{name}': '{type_}'" for name, type_ in LINES.items())
    mask = " + ".join(
        f"if(contains({given['assistance']}, '\"{code}\"'), {n}, 0)" for code, n in sorted(ASSISTANCE.items())
    )
    ranks = " ".join(f"when '{evidence}' then {rank}" for rank, evidence in enumerate(EVIDENCE))
    return f"""
      with line as (
        select *, if(kind in ({_kinds(_tells)}), json_extract(body, {paths}), null) as told
        from read_csv('{_quoted(lines)}', auto_detect = false, header = false, delim = '\t', quote = '', escape = '',
                      nullstr = '', max_line_size = 4194304, columns = {{{types}}}))
      select position, kind, entry_id, "at",
        case when kind in ({_subject_is("person")}) then subject when kind in ({_object_is("person")}) then object end
          as person,
        if(kind in ({_subject_is("person")}) and kind in ({_object_is("person")}), object, null) as person_b,
        if(kind in ({_subject_is("departure")}), subject, null) as departure,
        if(kind in ({_subject_is(ENTRY)}), subject, null) as ref,
        told[1]->>'$' as programme,
        {given["nationality"]}->>'$' as nationality,
        ({given["sex"]}->>'$')::tinyint as sex,
        case length({birth}->>'$')
          when 4 then ({birth}->>'$' || '0701')::integer
          when 7 then (replace({birth}->>'$', '-', '') || '15')::integer
          when 10 then replace({birth}->>'$', '-', '')::integer
          else if({birth} is not null, 0, null) end as birth,
        {given["destination"]}->>'$' as destination,
        if({given["assistance"]} is null, null, {mask})::tinyint as assistance,
        (case told[2]->>'$' {ranks} end)::tinyint as rank
      from line order by kind, position"""  # noqa: S608 - our own names, and a quoted path


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def write(lines: Path, target: Path) -> None:
    """Make one Parquet file of the copy from LINES. Rows of one kind lie together, so that a reader skips the rest."""
    with duckdb.connect(config={"memory_limit": "2GB", "temp_directory": str(target.parent / "spill")}) as engine:
        engine.execute(
            f"copy ({_transform(lines)}) to '{_quoted(target)}' (format parquet, compression zstd, compression_level 1)"
        )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def current(folder: Path) -> Path:
    """Return the part of the folder that holds the copy in the format of this version."""
    return folder / f"format-{FORMAT}"


def _clear(folder: Path) -> None:
    """Throw away what other versions, or a process that was killed, left behind."""
    for path in folder.iterdir():
        if path.name not in ("lock", current(folder).name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    current(folder).mkdir(mode=0o700, exist_ok=True)
    shutil.rmtree(current(folder) / "spill", ignore_errors=True)


def files(folder: Path) -> list[tuple[int, int, Path]]:
    """Return (first position, last position, path) of the files that hold the ledger without gaps, in order.

    A file's name ends with the beginning of its last entry's digest: a file of another ledger is not in the chain.
    """
    found = sorted(
        (int(first), int(last), digest, path)
        for path in current(folder).glob("entries-*-*-*.parquet")
        for _, first, last, digest in [path.stem.split("-")]
    )
    known = _digests([last for _, last, _, _ in found])
    chain: list[tuple[int, int, Path]] = []
    for first, last, digest, path in found:
        if first == (chain[-1][1] + 1 if chain else 1) and known.get(last, digest) == digest:
            chain.append((first, last, path))
    return chain


def _digests(positions: list[int]) -> dict[int, str]:
    """Return the beginnings of the digests at those of some positions that are visible here."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select position, encode(substring(digest from 1 for 4), 'hex') from ledger_entry where position = any(%s)",
            [positions],
        )
        return dict(cursor.fetchall())


def _add(folder: Path, after: int, upto: int) -> None:
    """Write the file of the positions after one and up to another."""
    reserve.check()
    lines, partial = folder / "lines", folder / "partial"
    try:
        with connection.cursor() as cursor, lines.open("wb") as out:
            with cursor.cursor.copy(_FROM_LEDGER.format(after=int(after), upto=int(upto))) as copy:
                for part in copy:
                    out.write(part)
        write(lines, partial)
        descriptor = os.open(partial, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        partial.rename(folder / f"entries-{after + 1:012}-{upto:012}-{_digests([upto])[upto]}.parquet")
    finally:  # a full disk gets its room back
        lines.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)


def extend(folder: Path, upto: int) -> list[Path]:
    """Bring the copy up to a position, writing only what is new; return the files that hold it.

    Safe for several at once and against kill -9: a file appears whole under its final name, or not at all. Needs
    some 400 MB of disk for the lines on their way, and memory for one file's rows.
    """
    with _alone(folder):
        _clear(folder)
        chain = files(folder)
        for path in set(current(folder).iterdir()) - {path for _, _, path in chain}:
            path.unlink()
        last = chain[-1][1] if chain else 0
        for after in range(last, upto, FILE_ENTRIES):
            _add(current(folder), after, min(after + FILE_ENTRIES, upto))
        chain = files(folder)
    return [path for first, _, path in chain if first <= upto]
