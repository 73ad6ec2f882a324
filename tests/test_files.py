"""Import and export through the command line, in a transaction that is rolled back."""

from __future__ import annotations

import errno
import json
import os
import signal
import uuid
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from django.db import IntegrityError, connection, transaction

from tests import odd_files
from wayfare.departures import operations, queries
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.entries.cli import AGAIN, MEND, _advice, export, import_
from wayfare.ledger.entries.files import ImportStopped, _ended_early, import_sources, open_sources

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def programme(db):
    operations.add_programme("fra", "France", "FRA", "Europe/Paris")


def uid(name: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, str(name)))


def entry(name: str, kind: str, **fields) -> dict[str, Any]:
    return {
        "entry_id": uid(f"entry {name}"),
        "kind": kind,
        "occurred_at": "2024-03-01T10:00:00+01:00",
        "source": "office-a",
        **fields,
    }


def history(who: str = "amal") -> list[dict[str, Any]]:
    """One entry of each kind, with everything that is hard to write in a table."""
    person, other, departure = uid(who), uid(f"{who} again"), uid(f"{who} leaves")
    return [
        entry(f"{who} 1", "enrolled", person=person, programme="fra", nationality="AFG", sex=2, birth_date=None),
        entry(f"{who} 2", "facts_corrected", person=person, facts={"birth_date": "1990-05", "sex": 1}),
        entry(f"{who} 3", "facts_corrected", person=person, facts={"birth_date": None}),
        entry(
            f"{who} 4",
            "departure_registered",
            departure=departure,
            person=person,
            programme="fra",
            destination="AFG",
            assistance=[],
        ),
        entry(
            f"{who} 5",
            "departure_corrected",
            departure=departure,
            facts={"assistance": ["reintegration", "cash"], "planned_on": "2024-05-01"},
        ),
        entry(f"{who} 6", "departure_corrected", departure=departure, facts={"assistance": []}),
        entry(f"{who} 7", "departure_confirmed", departure=departure, evidence="pass_scanned", place="CDG"),
        entry(f"{who} 8", "departure_confirmed", departure=departure, evidence="self_reported"),
        entry(f"{who} 9", "confirmation_retracted", confirmation=uid(f"entry {who} 8"), reason='said "no", late'),
        entry(f"{who} 10", "returned", person=person),
        entry(f"{who} 11", "persons_linked", persons=[person, other]),
        entry(f"{who} 12", "persons_unlinked", link=uid(f"entry {who} 11"), reason="an error; sorry"),
        entry(f"{who} 13", "departure_withdrawn", departure=uid(f"{who} stays")),
    ]


def jsonl(path: Path, entries: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in entries))
    return path


def run(*arguments: object, stdin: bytes | None = None, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(import_, [*map(str, arguments), "--json"], input=stdin)
    assert result.exit_code == code, result.output
    if code == 2:
        assert result.stderr.count("\n") == 1, "one clear line"
        return {"error": result.stderr}
    return dict(json.loads(result.stdout.splitlines()[-1]))


def bodies() -> list[dict[str, Any]]:
    return [json.loads(stored.body) for stored in ledger.entries(limit=10_000)]


def cells() -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute("select * from departures_monthcell order by 2, 3, 4, 5, 6, 7, 8, 9")
        return list(cursor.fetchall())


def rejected(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_import_says_what_became_of_each_entry(tmp_path):
    file = jsonl(tmp_path / "a.jsonl", history())
    assert run(file) == {
        "read": 13,
        "accepted": 13,
        "duplicate": 0,
        "conflict": 0,
        "rejected": 0,
        "pending": queries.pending(),
        "position": ledger.head(),
    }
    assert run(file)["duplicate"] == 13


def test_positions_follow_the_files_order(tmp_path):
    first = jsonl(tmp_path / "a.jsonl", history("amal"))
    second = jsonl(tmp_path / "b.jsonl", history("binta"))
    run(second, first)
    ids = [one["entry_id"] for one in history("binta") + history("amal")]
    assert [stored.entry_id for stored in ledger.entries(limit=100)] == ids


def test_refused_lines_go_to_the_rejects_file_and_the_others_are_in(tmp_path):
    good, late = history()[0], history()[9]
    clash = good | {"sex": 1}
    file = tmp_path / "a.jsonl"
    lines = [json.dumps(good), "", '{"broken', json.dumps(clash), json.dumps(late | {"occurred_at": "2024"})]
    file.write_text("\n".join(lines))
    out = tmp_path / "rejects.jsonl"
    summary = run(file, "--rejects", out, code=1)
    assert (summary["read"], summary["accepted"], summary["conflict"], summary["rejected"]) == (4, 1, 1, 2)
    broken, conflict, dated = rejected(out)
    assert set(broken) == {"line", "entry_id", "status", "field", "reason", "entry"}
    assert (broken["line"], broken["entry_id"], broken["entry"]) == (3, None, '{"broken')
    assert (conflict["line"], conflict["status"], conflict["entry"]) == (4, "conflict", clash)
    assert (dated["line"], dated["status"], dated["field"]) == (5, "rejected", "occurred_at")
    assert dated["entry_id"] == late["entry_id"]


BAD_LINES = {
    "malformed": b'{"entry_id":',
    "not an object": b"[1]",
    "bad UTF-8": b'{"kind":"\xff"}',
    "NUL": b'{"kind":"a\0b"}',
    "escaped NUL": b'{"kind":"a\\u0000b"}',
    "huge number": b'{"sex":1e999999}',
    "huge whole number": b'{"sex":' + b"9" * 5000 + b"}",
    "deep": b"[" * 100_000,
    "deep object": b'{"a":' * 400 + b"1" + b"}" * 400,
    "half a surrogate": b'{"kind":"\\ud800"}',
    "field twice": json.dumps(history()[9]).encode()[:-1] + b',"source":"b"}',
    "no offset": json.dumps(history()[9] | {"occurred_at": "2024-03-01T10:00:00"}).encode(),
    "in 2090": json.dumps(history()[9] | {"occurred_at": "2090-03-01T10:00:00Z"}).encode(),
    "unknown programme": json.dumps(history()[0] | {"programme": "nowhere"}).encode(),
}


@pytest.mark.parametrize("name", BAD_LINES)
def test_bad_line_is_refused_alone(tmp_path, name):
    good = [json.dumps(one).encode() for one in history("before")[:1] + history("after")[:1]]
    file, out = tmp_path / "a.jsonl", tmp_path / "rejects.jsonl"
    file.write_bytes(b"\n".join([good[0], BAD_LINES[name], good[1], b""]))
    summary = run(file, "--rejects", out, code=1)
    assert (summary["accepted"], summary["rejected"]) == (2, 1)
    assert [one["line"] for one in rejected(out)] == [2]


def test_a_line_of_50_megabytes_is_refused_as_a_line(tmp_path):
    file, out = tmp_path / "a.jsonl", tmp_path / "rejects.jsonl"
    with file.open("wb") as to:
        to.write(b'{"x":"')
        for _ in range(50):
            to.write(b"y" * 1_000_000)
        to.write(b'"}\n' + json.dumps(history()[0]).encode())
    assert run(file, "--rejects", out, code=1)["accepted"] == 1
    (line,) = rejected(out)
    assert line["line"] == 1
    assert len(line["entry"]) <= 1_000


def test_empty_files_hold_no_entries(tmp_path):
    for name in ("a.jsonl", "a.csv"):
        (tmp_path / name).touch()
        assert run(tmp_path / name)["read"] == 0
    assert run("-", stdin=b"")["read"] == 0
    (tmp_path / "bom.jsonl").write_bytes(b"\xef\xbb\xbf")
    assert run(tmp_path / "bom.jsonl")["read"] == 0


def test_byte_order_mark_and_windows_line_ends_are_no_content(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(json.dumps(one).encode() for one in history()))
    assert run(file)["accepted"] == 13


def test_standard_input(tmp_path):
    text = jsonl(tmp_path / "a.jsonl", history()).read_bytes()
    assert run("-", stdin=text)["accepted"] == 13
    assert run("-", stdin=text[:-5], code=1)["rejected"] == 1  # the writer closed early


def test_a_pipe_by_name(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, jsonl(tmp_path / "a.jsonl", history()).read_bytes())
    os.close(writing)
    assert run(f"/dev/fd/{reading}")["accepted"] == 13
    os.close(reading)


UNREADABLE = {
    "nothing there": (None, "does not exist"),
    "not.parquet": (b"PAR1 no", "is not a Parquet file"),
    "no-header.csv": (b"a,b,c\n1,2,3\n", "header row"),
    "semicolons.csv": (b"entry_id;kind;occurred_at;source\n", "commas"),
    "twice.csv": (b"entry_id,kind,occurred_at,source,kind\n", "twice"),
    "latin.csv": (b"entry_id,kind,occurred_at,source,\xe9\n", "UTF-8"),
    "wide.csv": ("entry_id,kind".encode("utf-16"), "UTF-16"),
    "packed.jsonl": (b"\x1f\x8b\x08", "gzip"),
    "parquet.jsonl": (b"PAR1", "--format parquet"),
    "unknown.suffix": (b"hello\n", "--format"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_file_stops_everything_with_one_clear_line(tmp_path, name):
    content, mend = UNREADABLE[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    good = jsonl(tmp_path / "good.jsonl", history())
    error = run(good, tmp_path / name, code=2)["error"]
    assert name in error
    assert mend in error
    assert ledger.head() == 0


def test_directory_is_named(tmp_path):
    assert "directory" in run(tmp_path, code=2)["error"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_named(tmp_path):
    file = jsonl(tmp_path / "a.jsonl", history())
    file.chmod(0)
    assert "permission" in run(file, code=2)["error"]


def test_broken_inside_a_parquet_leaves_nothing_in(tmp_path):
    file = tmp_path / "a.parquet"
    parquet(file, table_rows(history() * 500))
    content = bytearray(file.read_bytes())
    content[4:400] = bytes(396)
    file.write_bytes(content)
    assert "a.parquet" in run(file, code=2)["error"]
    assert ledger.head() == 0


def test_rejects_may_not_overwrite_what_is_imported(tmp_path):
    file = jsonl(tmp_path / "a.jsonl", history())
    assert "--rejects" in run(file, "--rejects", file, code=2)["error"]
    assert file.read_text()


def test_full_disk_is_said_clearly(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text("{\n")
    result = CliRunner().invoke(import_, [str(file), "--rejects", "/dev/full"])
    assert result.exit_code == 3
    assert "disk is full" in result.stderr


FORBIDDEN = [
    '{"licensePlate": "x"}',
    '{"a": {"b": [{"face-template": 1}]}}',
    '{"pl\\u0061te": 1}',
    '{"a":"b",":plate":1}',
    '{"a":"he said \\"hm\\"","gps_track":[]}',
    '{ "passport_number"\t:"x"}',
]


@pytest.mark.parametrize("line", FORBIDDEN)
def test_forbidden_field_refuses_the_whole_file(tmp_path, line):
    file = jsonl(tmp_path / "a.jsonl", history())
    file.write_text(file.read_text() + line + "\n")
    assert "has a field" in run(file, code=2)["error"]
    assert ledger.head() == 0


def test_forbidden_field_in_a_header_or_a_schema_refuses_the_whole_file(tmp_path):
    (tmp_path / "a.csv").write_text("entry_id,kind,occurred_at,source,facts.Plate No\n")
    assert "Plate No" in run(tmp_path / "a.csv", code=2)["error"]
    parquet(tmp_path / "a.parquet", [row | {"more": {"iris_scan": "x"}} for row in table_rows(history())])
    assert "iris_scan" in run(tmp_path / "a.parquet", code=2)["error"]


def test_words_in_values_are_no_fields(tmp_path):
    told = entry("x", "departure_withdrawn", departure=uid("d"), reason='lost "passport": and "plate":, too')
    assert run(jsonl(tmp_path / "a.jsonl", [told]))["accepted"] == 1


def table_rows(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries as the rows of a table, as another program would write them."""
    rows = []
    for one in entries:
        facts = one.get("facts", {})
        row = {name: value for name, value in one.items() if name != "facts"}
        row |= {f"facts.{name}": value for name, value in facts.items() if value is not None}
        nulls = [name for name, value in facts.items() if value is None]
        rows.append(row | ({"facts.nulls": ";".join(nulls)} if nulls else {}))
    names = {name: None for row in rows for name in row}
    return [{name: row.get(name) for name in names} for row in rows]


def parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


def csv_text(rows: list[dict[str, Any]]) -> str:
    def cell(value: object) -> str:
        if value is None:
            return ""
        text = (";".join(value) or ";") if isinstance(value, list) else str(value)
        return '"' + text.replace('"', '""') + '"' if '"' in text or "," in text else text

    return "\r\n".join([",".join(rows[0]), *(",".join(map(cell, row.values())) for row in rows)]) + "\r\n"


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet", "parquet text"])
def test_three_formats_say_the_same(tmp_path, format_):
    rows = table_rows(history())
    file = tmp_path / f"a.{format_.split()[0]}"
    if format_ == "jsonl":
        jsonl(file, history())
    elif format_ == "csv":
        file.write_text(csv_text(rows))
    elif format_ == "parquet":
        parquet(file, rows)
    else:
        joined = [
            {name: ";".join(value) if isinstance(value, list) else value for name, value in row.items()} for row in rows
        ]
        parquet(file, joined)
    assert run(file)["accepted"] == 13
    assert bodies() == history()


def test_empty_cells_of_a_csv(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text(
        "\ufeffentry_id,kind,occurred_at,source,person,programme,nationality,sex,birth_date,departure,destination,"
        "assistance\n"
        f"{uid(1)},enrolled,2024-03-01T10:00:00Z,a,{uid(2)},fra,AFG,1,,,,\n"
        f"{uid(3)},departure_registered,2024-03-01T10:00:00Z,a,{uid(2)},fra,,,,{uid(4)},AFG,\n"
    )
    assert run(file)["accepted"] == 2
    enrolled, registered = bodies()
    assert enrolled["birth_date"] is None
    assert registered["assistance"] == []


CSV_HEAD = b"entry_id,kind,occurred_at,source,person\n"
BAD_ROWS = {
    "short": b"a,b,c",
    "long": b"a,b,c,d,e,f",
    "open quote": b'"a,b,c,d,e',
    "bad UTF-8": b"a,b,c,d,\xff",
    "NUL": b"a,b,c,d,\0",
    "huge": b"a,b,c,d," + b"e" * 3_000_000,
    "no uuid": b"a,returned,2024-03-01T10:00:00Z,a,b",
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_csv_row_is_refused_alone(tmp_path, name):
    good = f"{uid(1)},returned,2024-03-01T10:00:00Z,a,{uid(2)}".encode()
    file, out = tmp_path / "a.csv", tmp_path / "rejects.jsonl"
    file.write_bytes(CSV_HEAD + BAD_ROWS[name] + b"\n" + good + b"\n")
    summary = run(file, "--rejects", out, code=1)
    assert (summary["accepted"], summary["rejected"]) == (1, 1)
    assert [one["line"] for one in rejected(out)] == [2]


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_export_imported_elsewhere_gives_the_same(tmp_path, suffix):
    out = tmp_path / f"out.{suffix}"
    with transaction.atomic():  # one ledger, gone at the end
        run(jsonl(tmp_path / "a.jsonl", history() + history("binta")))
        result = CliRunner().invoke(export, [str(out)])
        assert result.exit_code == 0, result.output
        before = bodies(), cells(), queries.findings()
        assert run(out)["duplicate"] == 26
        transaction.set_rollback(True)
    assert ledger.head() == 0
    assert run(out)["accepted"] == 26
    assert (bodies(), cells(), queries.findings()) == before
    there = sorted(path.name for path in tmp_path.iterdir())
    assert there == ["a.jsonl", f"out.{suffix}", f"out.{suffix}.programmes.json"]


def test_export_of_a_range(tmp_path):
    run(jsonl(tmp_path / "a.jsonl", history()))
    out = tmp_path / "out.jsonl"
    assert CliRunner().invoke(export, [str(out), "--from", "3", "--to", "5"]).exit_code == 0
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line.pop("position") for line in lines] == [3, 4, 5]
    assert all(line.pop("recorded_at").endswith("Z") for line in lines)
    assert lines == history()[2:5]


def test_export_that_cannot_be_written_says_so(tmp_path):
    run(jsonl(tmp_path / "a.jsonl", history()))
    result = CliRunner().invoke(export, ["/dev/full"])
    assert (result.exit_code, "disk is full" in result.stderr) == (2, True)
    result = CliRunner().invoke(export, [str(tmp_path / "nowhere" / "x.jsonl")])
    assert result.exit_code == 2


NIL = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_five_people_entered_as_nil_do_not_become_one(tmp_path, suffix):
    entries = [
        one | {"person": NIL}
        for n in range(5)
        for one in history(f"person {n}")
        if one["kind"] in ("enrolled", "departure_registered")
    ]
    file = tmp_path / f"a.{suffix}"
    if suffix == "jsonl":
        jsonl(file, entries)
    elif suffix == "csv":
        file.write_text(csv_text(table_rows(entries)))
    else:
        parquet(file, table_rows(entries))
    summary = run(file, "--rejects", tmp_path / "rejects", code=1)
    assert (summary["accepted"], summary["rejected"]) == (0, 10)
    assert {(one["field"], one["reason"]) for one in rejected(tmp_path / "rejects")} == {
        ("person", "is the nil UUID, which identifies nothing; give each its own UUID")
    }


def test_nil_as_bytes_in_a_parquet_is_no_id_either(tmp_path):
    rows = [one | {"person": bytes(16)} for one in table_rows(history()[9:10])]
    parquet(tmp_path / "a.parquet", rows)
    assert run(tmp_path / "a.parquet", code=1)["rejected"] == 1


@pytest.mark.parametrize("column", ["entry_id", "subject", "object"])
@pytest.mark.parametrize("nobody", [NIL, "ffffffff-ffff-ffff-ffff-ffffffffffff"])
def test_the_ledgers_table_takes_neither_nil_nor_max(column, nobody, tmp_path, monkeypatch):
    """Whatever room wrote the entry; with the reader's guard taken away the table still refuses."""
    monkeypatch.setattr("wayfare.ledger.entries.fields.NO_IDS", frozenset())
    linked = entry("x", "persons_linked", persons=[uid(1), uid(2)])
    raw = {
        "entry_id": linked | {"entry_id": nobody},
        "subject": linked | {"persons": [nobody, uid(2)]},
        "object": linked | {"persons": [uid(1), nobody]},
    }[column]
    with pytest.raises(IntegrityError, match="ledger_entry_ids"), transaction.atomic():
        intake.record([raw])
    assert intake.record([linked])[0].status == "accepted"


@pytest.mark.parametrize("suffix", odd_files.TABLE)
def test_odd_files_through_the_command(tmp_path, suffix):
    """All at once: each bad row is refused with its file, line and field, and all others get in."""
    odds = [odd for odd in odd_files.TABLE[suffix] if odd.unreadable is None]
    files = [tmp_path / f"{n:03}.{suffix}" for n in range(len(odds))]
    for odd, file in zip(odds, files, strict=True):
        odd.make(file)
    out = tmp_path / "rejects"
    run(*files, "--rejects", out, code=1)
    refused = {(one["file"], one["line"], one["field"]) for one in rejected(out) if one["status"] == "rejected"}
    assert refused == {
        (str(file), line, field)
        for odd, file in zip(odds, files, strict=True)
        for line, field, _ in odd.refused
        if suffix != "jsonl" or field
    }


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_a_file_that_cannot_be_read_leaves_nothing_in_and_no_advice_to_run_it_again(tmp_path, suffix):
    good = jsonl(tmp_path / "good.jsonl", history())
    for odd in odd_files.TABLE[suffix]:
        if odd.unreadable is not None:
            odd.make(tmp_path / f"bad.{suffix}")
            error = run(good, tmp_path / f"bad.{suffix}", code=2)["error"]
            assert odd.unreadable in error
            assert "again and it goes on" not in error
    assert ledger.head() == 0


def test_a_file_that_breaks_while_it_is_imported_is_not_to_be_run_again(tmp_path):
    good, other = jsonl(tmp_path / "a.jsonl", history()), tmp_path / "b.parquet"
    parquet(other, table_rows(history("binta")))
    with open_sources([str(good), str(other)], None) as sources:
        other.write_bytes(b"no more")
        with pytest.raises(ImportStopped) as stopped:
            import_sources(sources)
    assert ledger.head() == 13
    assert "b.parquet" in str(stopped.value)
    assert _advice(stopped.value) == MEND


@pytest.mark.parametrize(
    ("problem", "advice"),
    [
        (ImportStopped("the process ended", again=True), AGAIN),
        (_ended_early(-signal.SIGKILL), MEND),
        (_ended_early(-signal.SIGSEGV), MEND),
        (_ended_early(1), AGAIN),
        (OSError(errno.ENOSPC, "full"), AGAIN),
        (psycopg.OperationalError("the server went away"), AGAIN),
        (psycopg.errors.DiskFull("full"), AGAIN),
        (psycopg.errors.CheckViolation("a constraint"), MEND),
        (psycopg.DataError("a value"), MEND),
    ],
)
def test_to_run_again_is_advised_only_where_it_helps(problem, advice):
    assert _advice(problem) == advice
