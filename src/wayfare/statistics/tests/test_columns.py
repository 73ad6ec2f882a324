"""The columnar copy: what it holds, that it only grows, and that what is not its own is made anew."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import duckdb
import pytest

from wayfare.departures import operations
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.entries import parsing
from wayfare.ledger.rules import instant_us
from wayfare.statistics import columns
from wayfare.statistics.tests.copies import copied
from wayfare.statistics.tests.histories import PROGRAMMES, history

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATEST = instant_us("2026-11-24T00:00:00Z")


def new() -> str:
    return str(uuid.uuid4())


def stored(raw):
    """Return one entry as the copy holds it, without nulls."""
    entry = {"entry_id": new(), "occurred_at": "1969-12-31T23:59:59.999999+00:00", "source": "desk", **raw}
    path = copied([parsing.parse(entry, programmes=PROGRAMMES, latest_us=LATEST)])
    with duckdb.connect() as engine:
        row = engine.execute(f"select * from '{path}'").fetchone()
    found = {name: value for name, value in zip(columns.SCHEMA, row, strict=True) if value is not None}
    assert (found.pop("position"), str(found.pop("entry_id")), found.pop("at")) == (1, entry["entry_id"], -1)
    assert found.pop("kind") == raw["kind"]
    return {name: str(value) if isinstance(value, uuid.UUID) else value for name, value in found.items()}


@pytest.mark.parametrize(
    ("birth_date", "birth"),
    [("1990", 19900701), ("1990-05", 19900515), ("1992-02-29", 19920229), (None, 0), ("0001", 10701)],
)
def test_a_birth_date_is_completed_as_the_rule_has_it(birth_date, birth):
    person = new()
    facts = {"nationality": "GEO", "sex": 0, "birth_date": birth_date}
    found = stored({"kind": "enrolled", "person": person, "programme": "paris", **facts})
    assert found == {"person": person, "programme": "paris", "nationality": "GEO", "sex": 0, "birth": birth}


@pytest.mark.parametrize(
    ("facts", "there"),
    [({"birth_date": None}, {"birth": 0}), ({"sex": 9}, {"sex": 9}), ({"nationality": "UNK"}, {"nationality": "UNK"})],
)
def test_a_fact_that_was_not_given_is_null(facts, there):
    person = new()
    assert stored({"kind": "facts_corrected", "person": person, "facts": facts}) == {"person": person, **there}


@pytest.mark.parametrize(
    ("assistance", "number"), [([], 0), (["reintegration", "cash"], 5), (["in_kind_before"], 2), (["cash"], 1)]
)
def test_assistance_is_a_sum(assistance, number):
    departure = new()
    found = stored({"kind": "departure_corrected", "departure": departure, "facts": {"assistance": assistance}})
    assert found == {"departure": departure, "assistance": number}
    assert found["assistance"] == sum(columns.ASSISTANCE[code] for code in assistance)


def test_ids_stand_where_the_rule_looks_for_them():
    one, other, departure, named = new(), new(), new(), new()
    registered = {"departure": departure, "person": one, "programme": "paris", "destination": "GEO", "assistance": []}
    rank = {"exit_stamp": 2}
    assert stored({"kind": "departure_registered", **registered}) == {**registered, "assistance": 0}
    assert stored({"kind": "persons_linked", "persons": [one, other]}) == {"person": one, "person_b": other}
    assert stored({"kind": "persons_unlinked", "link": named, "reason": "x"}) == {"ref": named}
    assert stored({"kind": "confirmation_retracted", "confirmation": named, "reason": "x"}) == {"ref": named}
    assert stored({"kind": "returned", "person": one}) == {"person": one}
    for evidence, number in rank.items():
        found = stored({"kind": "departure_confirmed", "departure": departure, "evidence": evidence})
        assert found == {"departure": departure, "rank": number}


def test_what_a_text_says_is_never_taken_for_a_fact():
    departure = new()
    reason = 'he said "evidence":"pass_scanned", \\ and \\", \u2028 and \'so on\''
    found = stored({"kind": "departure_withdrawn", "departure": departure, "reason": reason})
    assert found == {"departure": departure}


def test_the_order_of_ids_is_that_of_their_text():
    """Ids compare as lower-case text; the engine compares sixteen bytes."""
    texts = [new() for _ in range(500)] + [
        "00000000-0000-4000-8000-000000000000",
        "ffffffff-ffff-4fff-bfff-ffffffffffff",
    ]
    with duckdb.connect() as engine:
        ordered = engine.execute("select id::varchar from (select unnest($1)::uuid as id) order by id", [texts])
        assert [row[0] for row in ordered.fetchall()] == sorted(texts)


@pytest.fixture
def grown(db, tmp_path):
    """A ledger of two batches; gives a function that appends another."""
    for programme in PROGRAMMES.values():
        operations.add_programme(
            programme.key, programme.title, programme.country, programme.timezone, programme.counts_from
        )
    seeds = iter(range(100))

    def more() -> int:
        intake.record(history(next(seeds)), now=NOW)
        return ledger.head()

    more()
    return more


def names(paths):
    return [path.name for path in paths]


def test_only_what_is_new_is_written(grown, tmp_path):
    first = columns.extend(tmp_path, ledger.head())
    before = first[0].stat().st_mtime_ns
    second = columns.extend(tmp_path, grown())
    assert names(second)[:-1] == names(first)
    assert second[0].stat().st_mtime_ns == before
    with duckdb.connect() as engine:
        held = engine.execute("select position from read_parquet($1) order by 1", [[str(p) for p in second]]).fetchall()
    assert [row[0] for row in held] == list(range(1, ledger.head() + 1))


def test_a_copy_in_another_format_is_noticed_and_made_anew(grown, tmp_path):
    old = [tmp_path / "entries-000000000001-000000000060.parquet", tmp_path / "format-1" / "entries-1-60.parquet"]
    old[1].parent.mkdir()
    for path in old:
        path.write_bytes(b"of another version")
    paths = columns.extend(tmp_path, ledger.head())
    assert not any(path.exists() for path in old)
    assert len(paths) == 1


def test_a_copy_of_another_ledger_is_noticed_and_made_anew(grown, tmp_path):
    head = ledger.head()
    (path,) = columns.extend(tmp_path, head)
    other = path.with_name(path.name.replace(path.stem.split("-")[3], "00000000"))
    other.write_bytes(b"what another ledger says of the same positions")
    path.unlink()
    assert names(columns.extend(tmp_path, head)) == [path.name]
    assert not other.exists()


def test_what_a_killed_process_left_is_cleared_away(grown, tmp_path):
    columns.extend(tmp_path, 10)
    for name in ("partial", "lines"):
        (columns.current(tmp_path) / name).write_bytes(b"half")
    columns.extend(tmp_path, ledger.head())
    assert all(path.name.startswith("entries-") for path in columns.current(tmp_path).iterdir())


def test_an_earlier_position_needs_no_new_file(grown, tmp_path):
    head = ledger.head()
    whole = columns.extend(tmp_path, head)
    assert columns.extend(tmp_path, head - 5) == whole
    assert columns.extend(tmp_path, 0) == []
