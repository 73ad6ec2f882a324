"""A table of small files that are odd in one way each, made here, and what must become of each.

Written by pyarrow, by DuckDB and by hand. Also a script: `python -m tests.odd_files FOLDER` writes
them all, to try another program on them.
"""

from __future__ import annotations

import base64
import re
import sys
import uuid
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

INT64 = 2**63
INT32 = 2**31
AT = "2024-03-01T10:00:00Z"


class Odd(NamedTuple):
    """A file, and its outcome: rows that are in, rows that are refused as (line, field, words), or why it is none."""

    name: str
    make: Callable[[Path], object]
    accepted: int = 0
    refused: tuple[tuple[int, str, str], ...] = ()
    unreadable: str | None = None


def uid(number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))


def returned(number: int) -> dict[str, Any]:
    return {"entry_id": uid(number), "kind": "returned", "occurred_at": AT, "source": "a", "person": uid(7)}


def corrected(number: int) -> dict[str, Any]:
    return {"entry_id": uid(number), "kind": "facts_corrected", "occurred_at": AT, "source": "a", "person": uid(7)}


def arrays(rows: Iterable[dict[str, Any]], **columns: Any) -> tuple[list[Any], list[str]]:
    """Return the columns of rows, with others set or added; `facts__sex` stands for `facts.sex`."""
    table = pa.Table.from_pylist(list(rows))
    found = {name: table.column(name).combine_chunks() for name in table.column_names}
    found |= {name.replace("__", "."): pa.array(v) if isinstance(v, list) else v for name, v in columns.items()}
    return list(found.values()), list(found)


def arrow(rows: Iterable[dict[str, Any]], **columns: Any) -> Callable[[Path], object]:
    """Write rows by pyarrow; a column given as text is `type of pyarrow` and numbers."""
    known = list(rows)

    def make(path: Path) -> None:
        values, names = arrays(known, **columns)
        pq.write_table(pa.Table.from_arrays(values, names=names), path)

    return make


def again(rows: Iterable[dict[str, Any]], name: str, values: list[Any]) -> Callable[[Path], object]:
    """Write rows by pyarrow with one column more, whose name may stand already."""

    def make(path: Path) -> None:
        columns, names = arrays(rows)
        pq.write_table(pa.Table.from_arrays([*columns, pa.array(values)], names=[*names, name]), path)

    return make


def duck(select: str) -> Callable[[Path], object]:
    """Write by DuckDB what it selects besides the common fields of two entries."""

    def make(path: Path) -> None:
        import duckdb

        with duckdb.connect() as engine:
            engine.execute("set timezone = 'UTC'")
            ids = f"case i when 1 then '{uid(1)}' else '{uid(2)}' end"
            engine.execute(
                f"copy (select {ids} as entry_id, 'a' as source, {select} from range(1, 3) r(i)) to '{path}'"
                " (format parquet)"
            )

    return make


def text(content: bytes | str) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content if isinstance(content, bytes) else content.encode())


def stamps(unit: str, numbers: list[int | None], zone: str | None = "UTC") -> Any:
    return pa.array(numbers, pa.int64()).cast(pa.int64()).view(pa.timestamp(unit, zone))


def days(numbers: list[int | None]) -> Any:
    return pa.array(numbers, pa.int32()).view(pa.date32())


def not_utf8(values: list[bytes]) -> Any:
    """A column of text whose bytes are none; pyarrow does not look."""
    return pa.array(values, pa.binary()).view(pa.string())


def broken(at: int, length: int) -> Callable[[Path], object]:
    """Zero some bytes of a good file (from its end, if `at` is negative)."""

    def make(path: Path) -> None:
        arrow(map(returned, range(300)))(path)
        content = bytearray(path.read_bytes())
        start = at if at >= 0 else len(content) + at
        content[start : start + length] = bytes(length)
        path.write_bytes(content)

    return make


def zone_of_nonsense(path: Path) -> None:
    """Write a zone whose name is not even text, where pyarrow keeps it: in its own schema, base64, in the footer."""
    arrow(TWO, occurred_at=stamps("us", [US, US], "Mars/Olympus_Mons"))(path)
    content = path.read_bytes()
    (schema,) = re.findall(rb"/////[A-Za-z0-9+/]+=*", content)
    wrong = base64.b64encode(base64.b64decode(schema).replace(b"Mars", b"\xff\xfe\xff\xfe"))
    path.write_bytes(content.replace(schema, wrong))


def cut(share: float) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        arrow(map(returned, range(300)))(path)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])

    return make


TWO = [returned(1), returned(2)]
SECONDS = 1_709_287_200
US = SECONDS * 10**6
FACTS = [corrected(1), corrected(2)]
_REG = "'departure_registered' as kind, timestamptz '2024-03-01 10:00:00Z' as occurred_at"
_REG += f", uuid '{uid(8)}' as departure, uuid '{uid(7)}' as person, 'fra' as programme, 'AFG' as destination"
_RET = f"'returned' as kind, uuid '{uid(7)}' as person"
BEYOND = "outside the calendar"

PARQUET = (
    # Moments and days beyond Python's calendar
    Odd("date infinity by DuckDB", duck(f"{_REG}, case i when 1 then date 'infinity' else date '2024-05-01' end as planned_on, []::varchar[] as assistance"), 1, ((1, "planned_on", BEYOND),)),
    Odd("date -infinity by DuckDB", duck(f"{_REG}, case i when 2 then date '-infinity' else date '2024-05-01' end as planned_on, []::varchar[] as assistance"), 1, ((2, "planned_on", BEYOND),)),
    Odd("timestamptz infinity by DuckDB", duck(f"{_RET}, case i when 1 then timestamptz 'infinity' else timestamptz '2024-03-01 10:00:00Z' end as occurred_at"), 1, ((1, "occurred_at", BEYOND),)),
    Odd("timestamptz -infinity by DuckDB", duck(f"{_RET}, case i when 1 then timestamptz '-infinity' else timestamptz '2024-03-01 10:00:00Z' end as occurred_at"), 1, ((1, "occurred_at", BEYOND),)),
    Odd("timestamp without zone by DuckDB", duck(f"{_RET}, timestamp '2024-03-01 10:00:00' as occurred_at"), 0, tuple((n, "occurred_at", "offset") for n in (1, 2))),
    Odd("timestamps at the ends of int64, us", arrow([returned(n) for n in range(4)], occurred_at=stamps("us", [-INT64, US, INT64 - 1, US])), 2, ((1, "occurred_at", BEYOND), (3, "occurred_at", BEYOND))),
    Odd("timestamps at the ends of int64, ms", arrow([returned(n) for n in range(4)], occurred_at=stamps("ms", [-INT64, US // 1000, INT64 - 1, None])), 1, ((1, "occurred_at", BEYOND), (3, "occurred_at", BEYOND), (4, "occurred_at", "missing"))),
    Odd("timestamps at the ends of int64, s", arrow(TWO, occurred_at=stamps("ms", [-INT64, INT64 - 1])), 0, ((1, "occurred_at", BEYOND), (2, "occurred_at", BEYOND))),
    Odd("timestamps at the ends of int64, ns", arrow(TWO, occurred_at=stamps("ns", [-INT64, INT64 - 1])), 0, ((1, "occurred_at", "before 1900"), (2, "occurred_at", "future"))),
    Odd("year 1 west of Greenwich", arrow(TWO, occurred_at=stamps("us", [-62_135_596_800 * 10**6, US], "America/New_York")), 1, ((1, "occurred_at", BEYOND),)),
    Odd("a zone that nobody knows", arrow(TWO, occurred_at=stamps("us", [US, US + 1], "Mars/Olympus_Mons")), 2),
    Odd("a zone whose name is no text", zone_of_nonsense, 2),
    Odd("a zone that is a path", arrow(TWO, occurred_at=stamps("us", [US, US], "../../etc/passwd")), 2),
    Odd("an offset as zone", arrow(TWO, occurred_at=stamps("us", [US, US], "+05:45")), 2),
    Odd("an offset of days as zone", arrow(TWO, occurred_at=stamps("us", [US, US], "+99:00")), 2),
    Odd("digits finer than a microsecond", arrow(TWO, occurred_at=stamps("ns", [US * 1000 + 1, US * 1000])), 2),
    Odd("days at the ends of int32", arrow([{**corrected(n)} for n in range(3)], facts__birth_date=days([-INT32, INT32 - 1, 8_000])), 1, ((1, "facts.birth_date", BEYOND), (2, "facts.birth_date", BEYOND))),
    Odd("days in milliseconds", arrow(FACTS, facts__birth_date=pa.array([8_000 * 86_400_000, 2**62], pa.int64()).view(pa.date64())), 1, ((2, "facts.birth_date", BEYOND),)),
    Odd("a bad day within a struct", arrow(FACTS, facts=pa.StructArray.from_arrays([days([INT32 - 1, 8_000])], ["birth_date"])), 1, ((1, "facts.birth_date", BEYOND),)),
    Odd("a bad moment aside", arrow(TWO, recorded_at=stamps("us", [INT64 - 1, -INT64], "Mars/Olympus_Mons"), position=[1, 2]), 2),
    # Types that say no such thing
    Odd("a time of day as moment", arrow(TWO, occurred_at=pa.array([1, 2], pa.time64("us"))), 0, ((1, "occurred_at", "RFC 3339"), (2, "occurred_at", "RFC 3339"))),
    Odd("a duration as moment", arrow(TWO, occurred_at=pa.array([INT64 - 1, 2], pa.int64()).view(pa.duration("s"))), 0, ((1, "occurred_at", ""), (2, "occurred_at", "RFC 3339"))),
    Odd("a number as moment", arrow(TWO, occurred_at=[1, 2]), 0, ((1, "occurred_at", "RFC 3339"), (2, "occurred_at", "RFC 3339"))),
    Odd("an interval by DuckDB", duck(f"{_RET}, timestamptz '2024-03-01 10:00:00Z' as occurred_at, interval 1 month as place"), 0, ((1, "place", ""), (2, "place", ""))),
    Odd("a sex as decimal", arrow(FACTS, facts__sex=[Decimal("1.0"), Decimal("1.5")]), 1, ((2, "facts.sex", "ISO 5218"),)),
    Odd("a sex as float", arrow([corrected(n) for n in range(4)], facts__sex=[2.0, 1.5, float("nan"), float("inf")]), 1, tuple((n, "facts.sex", "ISO 5218") for n in (2, 3, 4))),
    Odd("a sex as half a float", arrow(FACTS, facts__sex=pa.array([1.0, 2.0], pa.float16())), 2),
    Odd("a sex as hugeint by DuckDB", duck(f"'facts_corrected' as kind, '{AT}' as occurred_at, uuid '{uid(7)}' as person, 2::hugeint as \"facts.sex\""), 2),
    Odd("ids as uuid by DuckDB", duck(f"'persons_linked' as kind, '{AT}' as occurred_at, [uuid '{uid(5)}', uuid '{uid(6)}'] as persons"), 2),
    Odd("a kind as enum by DuckDB", duck(f"'returned'::enum('returned') as kind, '{AT}' as occurred_at, uuid '{uid(7)}' as person"), 2),
    Odd("text as dictionary", arrow(TWO, kind=pa.array(["returned", "returned"]).dictionary_encode()), 2),
    Odd("text as bytes", arrow(TWO, source=[b"a", b"office-paris-001"], person=[uid(7).encode(), uuid.UUID(uid(7)).bytes]), 2),
    Odd("bytes that are no text", arrow(TWO, source=[b"a", b"\xff\xfe"]), 1, ((2, "source", "UTF-8"),)),
    Odd("text that is not UTF-8", arrow(TWO, source=not_utf8([b"a\xff", b"a"])), 1, ((1, "source", "UTF-8"),)),
    Odd("text that is not UTF-8 in a dictionary", arrow(TWO, source=pa.DictionaryArray.from_arrays([0, 1], not_utf8([b"a", b"\xc3"]))), unreadable="UTF8"),
    Odd("NUL in text", arrow(TWO, source=["a\0", "a"]), 1, ((1, "source", "slug"),)),
    Odd("half a surrogate in text", arrow(TWO, source=not_utf8([b"\xed\xa0\x80", b"a"])), 1, ((1, "source", "UTF-8"),)),
    # Nulls, and what is nested
    Odd("a column of nulls", arrow(TWO, place=pa.nulls(2)), 2),
    Odd("a row of nulls", arrow([returned(1), dict.fromkeys(returned(1))]), 1, ((2, "kind", "missing"),)),
    Odd("nulls within a list", arrow([{**returned(n), "kind": "persons_linked", "person": None} for n in range(3)], persons=[[None, uid(1)], [uid(1), uid(2)], None]), 1, ((1, "persons", "UUID"), (3, "persons", "missing"))),
    Odd("nulls within a struct", arrow([corrected(n) for n in range(3)], facts=[{"sex": None, "nationality": "AFG"}, None, {"sex": None, "nationality": None}]), 1, ((2, "facts", "missing"), (3, "facts", "missing"))),
    Odd("a struct within a struct", arrow(FACTS, facts=[{"sex": {"a": 1}}, {"sex": None}]), 0, ((1, "facts.sex", "ISO 5218"), (2, "facts", "missing"))),
    Odd("a map", arrow(FACTS, facts=pa.array([[("sex", 1), ("sex", 2)], None], pa.map_(pa.string(), pa.int8()))), 0, ((1, "facts", "object"), (2, "facts", "missing"))),
    Odd("a list of structs", arrow([{**returned(1), "kind": "persons_linked", "person": None}], persons=[[{"a": 1}, {"a": 2}]]), 0, ((1, "persons", "UUID"),)),
    # A field named twice
    Odd("two columns of one name", again(TWO, "person", [uid(9), uid(9)]), unreadable="'person' twice"),
    Odd("two columns of one fact", again([corrected(1) | {"facts.sex": 1}], "facts.sex", [2]), unreadable="'facts.sex' twice"),
    Odd("a fact in a struct and beside it", again([corrected(1) | {"facts": {"sex": 1}}], "facts.sex", [2]), unreadable="'facts.sex' twice"),
    Odd("two columns that differ by case", again(TWO, "Person", [None, None]), unreadable="'Person' twice, also as 'person'"),
    Odd("two columns that differ by a blank", again(TWO, "person ", [None, None]), unreadable="twice"),
    Odd("two parts of a struct of one name", arrow(FACTS, facts=pa.StructArray.from_arrays([pa.array([1, 1]), pa.array([2, 2])], ["sex", "sex"])), unreadable="twice"),
    Odd("a fact as value and as null", arrow(FACTS, facts__birth_date=["1990", None], facts__nulls=["birth_date", "birth_date"]), 1, ((1, "facts.birth_date", "twice"),)),
    Odd("a fact twice as null", arrow(FACTS, facts__nulls=[["birth_date", "birth_date"], ["birth_date"]]), 1, ((1, "facts.birth_date", "twice"),)),
    Odd("nulls that are no names", arrow(FACTS, facts__nulls=[1, 2]), 0, ((1, "facts.nulls", "names"), (2, "facts.nulls", "names"))),
    Odd("nil as bytes", arrow(TWO, person=[bytes(16), uuid.UUID(uid(7)).bytes]), 1, ((1, "person", "nil UUID"),)),
    # Texts that are stored once and stand in many cells
    Odd("a text longer than a line", arrow(map(returned, range(3)), person=[uid(7), "x" * 1_100_000, uid(8)]), 2, ((2, "person", "longer than 1,048,576"),)),
    Odd("such a text in every row", arrow(map(returned, range(3)), place=["x" * 1_100_000] * 3), 0, tuple((n, "place", "longer than") for n in (1, 2, 3))),
    Odd("a long text in every row", arrow(map(returned, range(3)), person=["x" * 5_000] * 3), 0, tuple((n, "person", "UUID") for n in (1, 2, 3))),
    Odd("a long text in a struct", arrow(FACTS, facts=[None, {"nationality": "x" * 5_000}]), 0, ((1, "facts", "missing"), (2, "facts.nationality", "code"))),
    Odd("a long text in a list", arrow(map(returned, range(3)), persons=[None, [], ["x" * 5_000] * 2]), unreadable="'persons.list.element'"),
    Odd("a long text in a map", arrow(FACTS, facts=pa.array([[("sex", "x" * 5_000)], None], pa.map_(pa.string(), pa.string()))), unreadable="'facts.key_value.value'"),
    Odd("long texts of one length", arrow(TWO, person=pa.array([b"x" * 5_000] * 2, pa.binary(5_000))), unreadable="5,000 bytes in the column 'person'"),
    Odd("texts that are short when packed", arrow(map(returned, range(9)), person=["x" * 4_000_000 + str(n) for n in range(9)]), unreadable="bytes for 9 rows (row group 1)"),
    # What is no Parquet
    Odd("nothing in it", text(b""), unreadable="not a Parquet file"),
    Odd("the magic alone", text(b"PAR1PAR1"), unreadable="not a Parquet file"),
    Odd("a footer of nonsense", text(b"PAR1" + b"\xff" * 40 + (40).to_bytes(4, "little") + b"PAR1"), unreadable="not a Parquet file"),
    Odd("a footer longer than the file", text(b"PAR1" + b"x" * 8 + (1 << 30).to_bytes(4, "little") + b"PAR1"), unreadable="not a Parquet file"),
    Odd("encrypted", text(b"PARE" + b"\0" * 40 + (8).to_bytes(4, "little") + b"PARE"), unreadable="not a Parquet file"),
    Odd("text", text("entry_id,kind\n"), unreadable="not a Parquet file"),
    Odd("cut in the middle", cut(0.5), unreadable="not a Parquet file"),
    Odd("cut by a byte", cut(0.9999), unreadable="not a Parquet file"),
    Odd("zeros within", broken(40, 400), unreadable="broken inside"),
    Odd("no rows", arrow([], **{name: pa.array([], pa.string()) for name in returned(1)}), 0),
    Odd("without a needed column", arrow([{"entry_id": uid(1)}]), unreadable="no column kind"),
)  # fmt: skip

HEAD = "entry_id,kind,occurred_at,source,person"
GOOD = [f"{uid(n)},returned,{AT},a,{uid(7)}" for n in range(1, 4)]


def sheet(*lines: str, end: str = "\r\n") -> Callable[[Path], object]:
    return text("".join(line + end for line in lines))


CSV = (
    Odd("CR at the ends of lines", sheet(HEAD, *GOOD, end="\r"), unreadable="CR alone"),
    Odd("CR alone, one line", text(HEAD + "\r" + GOOD[0]), unreadable="CR alone"),
    Odd("CR within a row", sheet(HEAD, GOOD[0] + "\r" + GOOD[1], GOOD[2], end="\n"), 1, ((2, "entry", "cells"),)),
    Odd("commas at the ends of all lines", sheet(HEAD + ",,,", GOOD[0] + ",,,", GOOD[1] + ",,,"), 2),
    Odd("commas at the end of the header", sheet(HEAD + ",,", GOOD[0] + ",,"), 1),
    Odd("commas at the end of rows", sheet(HEAD, GOOD[0] + ",", GOOD[1] + ",,,, ,"), 2),
    Odd("a value under no name", sheet(HEAD + ",,", GOOD[0] + ",,x", GOOD[1] + ", ,"), 1, ((2, "entry", "column 7"),)),
    Odd("a value beyond the header", sheet(HEAD, GOOD[0] + ",x", GOOD[1]), 1, ((2, "entry", "6 cells"),)),
    Odd("a short row", sheet(HEAD, "a,b,c", GOOD[1]), 1, ((2, "entry", "3 cells"),)),
    Odd("blank rows", sheet(HEAD, ",,,,", GOOD[0], "", " , ,,,", '"","","","",""', ",,,,,,,", "   ", GOOD[1], ",,,,"), 2),
    Odd("blank rows alone", sheet(HEAD, ",,,,", ",,,,"), 0),
    Odd("a byte order mark", text("\ufeff" + HEAD + "\n" + GOOD[0]), 1),
    Odd("a byte order mark and quotes", text('\ufeff"entry_id","kind","occurred_at","source","person"\n' + GOOD[0]), 1),
    Odd("semicolons", sheet(HEAD.replace(",", ";"), GOOD[0].replace(",", ";")), unreadable="semicolons (;)"),
    Odd("quoted semicolons", sheet('"' + HEAD.replace(",", '";"') + '"'), unreadable="semicolons (;)"),
    Odd("tabs", sheet(HEAD.replace(",", "\t")), unreadable="tabs"),
    Odd("bars", sheet(HEAD.replace(",", "|")), unreadable="bars"),
    Odd("a sheet's sep line", sheet("sep=,", HEAD, GOOD[0]), unreadable="sep="),
    Odd("NUL in the header", text(HEAD.replace("kind", "kind\0") + "\n"), unreadable="NUL"),
    Odd("NUL in a row", sheet(HEAD, GOOD[0] + "\0", GOOD[1]), 1, ((2, "person", "UUID"),)),
    Odd("UTF-16 without a mark", text((HEAD + "\n" + GOOD[0]).encode("utf-16-le")), unreadable="UTF-8"),
    Odd("UTF-16", text((HEAD + "\n").encode("utf-16")), unreadable="UTF-16"),
    Odd("Latin-1 in a row", text(HEAD.encode() + b"\n" + GOOD[0].encode() + b"\xe9\n" + GOOD[1].encode()), 1, ((2, "entry", "UTF-8"),)),
    Odd("an empty first line", sheet("", HEAD, GOOD[0]), unreadable="first line is empty"),
    Odd("blank lines alone", text("\n\n  \n"), 0),
    Odd("a workbook", text(b"PK\x03\x04" + b"\0" * 30), unreadable="workbook"),
    Odd("capitals", sheet(HEAD.upper(), GOOD[0]), unreadable="small letters"),
    Odd("a column twice", sheet(HEAD + ",person", GOOD[0] + "," + uid(9)), unreadable="'person' twice"),
    Odd("a column twice but for blanks", sheet(HEAD + ", person ", GOOD[0] + "," + uid(9)), unreadable="'person' twice"),
    Odd("a column twice but for case", sheet(HEAD + ",PERSON", GOOD[0] + "," + uid(9)), unreadable="'PERSON' twice, also as 'person'"),
    Odd("a fact's column twice", sheet(HEAD + ",facts.sex,facts.sex"), unreadable="'facts.sex' twice"),
    Odd("a fact as value and as null", sheet(HEAD + ",facts.birth_date,facts.nulls", f"{uid(1)},facts_corrected,{AT},a,{uid(7)},1990,birth_date"), 0, ((2, "facts.birth_date", "twice"),)),
    Odd("facts and a fact", sheet(HEAD + ",facts,facts.sex", f"{uid(1)},facts_corrected,{AT},a,{uid(7)},x,1"), 0, ((2, "facts", "twice"),)),
    Odd("nil", sheet(HEAD, f"{uid(1)},returned,{AT},a,{uuid.UUID(int=0)}"), 0, ((2, "person", "nil UUID"),)),
    Odd("a line break within quotes", sheet(HEAD, f'{uid(1)},returned,{AT},a,"{uid(7)}', '"', GOOD[1]), 1, ((2, "entry", "CSV row"), (3, "entry", "CSV row"))),
)  # fmt: skip

JSONL = (
    Odd("a blank before the colon", text(f'{{"entry_id":"{uid(1)}","kind":"returned","occurred_at":"{AT}","source":"a","person" :"{uid(7)}","person":"{uid(8)}"}}\n'), 0, ((1, "person", "twice"),)),
    Odd("a name with an escape", text(f'{{"entry_id":"{uid(1)}","kind":"returned","occurred_at":"{AT}","source":"a","pers\\u006fn":"{uid(7)}","person":"{uid(8)}"}}\n'), 0, ((1, "person", "twice"),)),
    Odd("a tab before the colon, once", text(f'{{"entry_id":"{uid(1)}","kind":"returned","occurred_at":"{AT}","source":"a","person"\t:"{uid(7)}"}}\n'), 1),
    Odd("a fact twice", text(f'{{"entry_id":"{uid(1)}","kind":"facts_corrected","occurred_at":"{AT}","source":"a","person":"{uid(7)}","facts":{{"sex":1,"sex" :2}}}}\n'), 0, ((1, "sex", "twice"),)),
    Odd("facts twice", text(f'{{"entry_id":"{uid(1)}","kind":"facts_corrected","occurred_at":"{AT}","source":"a","person":"{uid(7)}","facts":{{"sex":1}},"facts"\t:{{"sex":2}}}}\n'), 0, ((1, "facts", "twice"),)),
    Odd("NUL", text(b'{"a":"\0"}\n'), 0, ((1, "entry", "JSON"),)),
    Odd("blank lines", text("\n \n\r\n"), 0),
)  # fmt: skip

TABLE = {"parquet": PARQUET, "csv": CSV, "jsonl": JSONL}
ALL = [(suffix, odd) for suffix, odds in TABLE.items() for odd in odds]


def write_all(folder: Path) -> None:
    for suffix, odd in ALL:
        odd.make(folder / f"{odd.name}.{suffix}".replace("/", " "))


if __name__ == "__main__":
    write_all(Path(sys.argv[1]))
