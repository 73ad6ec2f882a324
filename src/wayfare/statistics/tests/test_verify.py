"""`ledger verify` names every difference: each thing it compares is bent once, and it must say so."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.db import connection, connections

from wayfare.departures import operations
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.verify import differences
from wayfare.statistics import verify
from wayfare.statistics.tests.histories import PROGRAMMES, history

NOW = datetime(2026, 11, 24, tzinfo=UTC)


def _fill() -> None:
    for p in PROGRAMMES.values():
        operations.add_programme(p.key, p.title, p.country, p.timezone, p.counts_from)
    for seed in range(4):
        intake.record(history(seed, 8, 120), now=NOW)


@pytest.fixture
def filled(db, settings, tmp_path):
    settings.WAYFARE_HOME = tmp_path
    _fill()


def test_what_agrees_has_no_differences(filled):
    assert differences() == (ledger.head(), [])


BENT = {
    "update departures_counted set nationality = 'TUN' where departure = (select departure from departures_counted order by 1 limit 1)": (
        "counted departures: missing",
        "counted departures: too much",
    ),
    "update departures_counted set exited_at = exited_at + interval '1 microsecond'": ("counted departures: missing",),
    "delete from departures_counted where departure = (select departure from departures_counted order by 1 limit 1)": (
        "counted departures: missing",
        "cells by month: too much",
        "cells by day: too much",
    ),
    "delete from departures_finding where kind = 'joined'": ("findings: missing",),
    "update departures_finding set programme_id = null where kind = 'word_only'": ("findings: missing",),
    "update departures_monthcell set departures = departures + 1": ("cells by month: missing",),
    "insert into departures_daycell"
    " (programme_id, day, nationality, sex, age, destination, evidence, assistance, departures)"
    " select programme_id, day + 400, nationality, sex, age, destination, evidence, assistance, 1"
    " from departures_daycell limit 1": ("cells by day: too much",),
    "update departures_daycell set assistance = 'in_kind_after' where (programme_id, day) ="
    " (select programme_id, day from departures_daycell where assistance <> 'in_kind_after' limit 1)": (
        "cells by day: missing",
        "cells by day: too much",
    ),
    "update departures_counted set repeats = not repeats": ("marks of repetition: missing",),
    "update ledger_tally set entries = entries + 1 where kind = 'enrolled'": ("tally: enrolled",),
}


@pytest.mark.parametrize("statement", BENT)
def test_what_was_bent_is_named(filled, statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount > 0
    _, found = differences()
    for beginning in BENT[statement]:
        assert any(line.startswith(beginning) for line in found), found


@pytest.fixture
def written(fresh_database, settings, tmp_path):
    settings.WAYFARE_HOME = tmp_path
    _fill()


def _as_owner(*statements: str) -> None:
    """Do what PostgreSQL refuses to everybody: the owner takes the triggers away first."""
    with connections["owner"].cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def test_a_ledger_that_was_altered_is_named(written):
    _as_owner(
        "alter table ledger_entry disable trigger ledger_entry_append_only",
        "update ledger_entry set body = replace(body, 'desk', 'disk') where position in (3, 5)",
        "delete from ledger_entry where position between 7 and 9",
    )
    _, found = differences()
    assert "ledger: positions 7 to 9 are missing" in found
    assert "ledger: the digest at position 3 is not that of its entry" in found
    assert "ledger: the digest at position 5 is not that of its entry" in found
    assert not any("position 4 " in line for line in found)


def test_many_differences_are_counted_not_listed(filled, monkeypatch):
    monkeypatch.setattr(verify, "NAMED", 2)
    with connection.cursor() as cursor:
        cursor.execute("delete from departures_counted")
        number = cursor.rowcount
    _, found = differences()
    missing = [line for line in found if line.startswith("counted departures: missing")]
    assert len(missing) == 3
    assert missing[2].endswith(f"{number - 2} more")
