"""Spark, in processes of its own, counts as DuckDB and the live engine do: the same rows, the same bytes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest

from wayfare.access.rules import EVERYTHING
from wayfare.departures import operations, rules
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.entries import parsing
from wayfare.ledger.rules import instant_us
from wayfare.statistics import engines, queries
from wayfare.statistics.recount import recount
from wayfare.statistics.tests.copies import copied, flat, rows
from wayfare.statistics.tests.histories import PROGRAMMES, history

pytestmark = pytest.mark.spark
NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATEST = instant_us("2027-01-01T00:00:00Z")


def test_spark_counts_random_histories_as_the_other_readings_do():
    raws = [entry for seed in range(12) for entry in history(seed, people=12, length=150)]
    entries = [parsing.parse(raw, programmes=PROGRAMMES, latest_us=LATEST) for raw in raws]
    path, cut = copied(entries), len(entries) - 40
    outcome = rules.count(entries[:cut], PROGRAMMES)
    assert len(outcome.counted) > 50
    found = {}
    for name in engines.ENGINES:
        engine = engines.engine(name)
        found[name] = rows(recount(engine, engine.entries([path]), PROGRAMMES, cut))
    assert found["spark"] == found["duckdb"] == (flat(outcome.counted), Counter(outcome.findings))


@pytest.mark.django_db
def test_a_table_has_the_same_bytes_on_every_engine(settings, tmp_path):
    settings.WAYFARE_HOME = tmp_path
    for p in PROGRAMMES.values():
        operations.add_programme(p.key, p.title, p.country, p.timezone, p.counts_from)
    for seed in range(4):
        intake.record(history(seed, 12, 150), now=NOW)
    tables = {
        engine: queries.table(by=["quarter", "age", "assistance"], measure="persons", engine=engine, reader=EVERYTHING)
        for engine in queries.ENGINES
    }
    assert len(tables["live"].rows) > 20
    for form in queries.FORMATS:
        contents = {queries.render(table, form) for table in tables.values()}
        assert len(contents) == 1, form


@pytest.mark.django_db
def test_an_empty_ledger_has_an_empty_table(settings, tmp_path):
    settings.WAYFARE_HOME = tmp_path
    operations.add_programme("empty", "Nothing yet", "FRA", "Europe/Paris")
    assert queries.table(by=["year"], engine="spark", reader=EVERYTHING).rows == []


def test_the_executors_are_processes_of_their_own():
    """The control: what ran here really went through a cluster, not through threads of one process."""
    engine = engines.engine("spark")
    assert isinstance(engine, engines.Spark)
    assert engine.session.sparkContext.master.startswith("local-cluster")
