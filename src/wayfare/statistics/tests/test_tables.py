"""Live tables are those of the recount, whatever is asked of them."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import UTC, datetime

import pytest

from wayfare.access.rules import EVERYTHING
from wayfare.departures import operations
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.rules import Refused
from wayfare.ledger.verify import differences
from wayfare.statistics import queries
from wayfare.statistics.tests import naive
from wayfare.statistics.tests.histories import PROGRAMMES, history

NOW = datetime(2026, 11, 24, tzinfo=UTC)
OTHERS = [name for name in queries.DIMENSIONS if name not in queries.PERIODS]


@pytest.fixture
def filled(db, settings, tmp_path):
    settings.WAYFARE_HOME = tmp_path
    for p in PROGRAMMES.values():
        operations.add_programme(p.key, p.title, p.country, p.timezone, p.counts_from)
    for seed in range(6):
        intake.record(history(seed, 12, 200), now=NOW)


def test_every_pair_of_dimensions_is_live_what_the_recount_says(filled):
    found = queries.recounted(ledger.head())
    counted = found.engine.keep(found.counted)
    for number in range(3):
        for by, measure in itertools.product(itertools.combinations(queries.DIMENSIONS, number), queries.MEASURES):
            rows = sorted(queries.tabulate(counted, list(PROGRAMMES), by, measure))
            assert queries.table(by=by, measure=measure, reader=EVERYTHING).rows == rows, (by, measure)


@pytest.mark.parametrize("measure", queries.MEASURES)
def test_a_day_with_every_other_dimension_is_what_the_naive_reading_says(filled, measure):
    names = ("departure", "programme", "at", "day", "nationality", "sex", "age", "destination", "evidence")
    told = [entry for seed in range(6) for entry in history(seed, 12, 200)]
    found = [dict(zip((*names, "assistance", "person"), row, strict=True)) for row in naive.count(told, PROGRAMMES)]
    assert found
    for others in itertools.combinations(OTHERS, 2):
        by = ("day", *others)
        cells = {
            (*(str(one[name]) for name in by), one["person" if measure == "persons" else "departure"]) for one in found
        }
        expected = sorted((*cell, n) for cell, n in Counter(cell[:-1] for cell in cells).items())
        assert queries.table(by=by, measure=measure, reader=EVERYTHING).rows == expected, by


def test_somebody_left_twice_so_that_the_measures_differ(filled):
    """The control: in these histories persons are fewer than departures, in a year and in a day."""
    for by in ([], ["year"], ["programme", "year"]):
        departures, persons = (
            queries.table(by=by, measure=measure, reader=EVERYTHING).rows for measure in queries.MEASURES
        )
        assert sum(row[-1] for row in persons) < sum(row[-1] for row in departures)


@pytest.mark.parametrize("engine", ["live", "duckdb"])
def test_one_programme_alone_is_part_of_all(filled, engine):
    whole = queries.table(by=["programme", "year"], engine=engine, reader=EVERYTHING).rows
    paris = queries.table(programmes=["paris"], by=["year"], engine=engine, reader=EVERYTHING).rows
    assert paris == [row[1:] for row in whole if row[0] == "paris"]


@pytest.mark.parametrize("measure", queries.MEASURES)
@pytest.mark.parametrize("by", [[], ["year", "age", "programme"], ["day", "sex", "assistance"]])
@pytest.mark.parametrize("engine", ["live", "duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def test_before_the_first_entry_a_table_is_empty(filled, engine, by, measure):
    found = queries.table(by=by, measure=measure, as_of=0, engine=engine, reader=EVERYTHING)
    assert (found.position, found.rows) == (0, [])
    assert queries.render(found, "csv") == ",".join([*by, measure]).encode() + b"\n"


def test_an_empty_ledger_agrees_with_itself(db, settings, tmp_path):
    settings.WAYFARE_HOME = tmp_path
    assert differences() == (0, [])
    for engine in ("live", "duckdb"):
        assert queries.table(by=["month"], engine=engine, reader=EVERYTHING).rows == []


@pytest.mark.parametrize(
    ("argument", "value"),
    [("by", ["name"]), ("by", ["year", "year"]), ("measure", "people"), ("engine", "abacus"), ("as_of", -1)],
)
def test_what_cannot_be_asked_is_refused_by_name(filled, argument, value):
    with pytest.raises(Refused) as refusal:
        queries.table(**{argument: value}, reader=EVERYTHING)
    assert refusal.value.field == argument
