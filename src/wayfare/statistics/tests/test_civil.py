"""Civil days by tables are those of Python's time zones, whatever a zone's clock does."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wayfare.departures.rules import Programme, local_day
from wayfare.ledger.rules import instant_us
from wayfare.statistics import civil

ZONES = (
    "Europe/Paris",
    "America/St_Johns",  # until 2011 the clock went back from 00:01: a day came, went, and came again
    "Pacific/Apia",  # had no 30 December 2011
    "Australia/Lord_Howe",  # changes by half an hour
    "Africa/Casablanca",  # changes around Ramadan
    "Asia/Kathmandu",
)
WEEKS = (instant_us("2005-12-01T00:00:00Z") // civil.WEEK_US, instant_us("2012-02-01T00:00:00Z") // civil.WEEK_US)


@pytest.fixture(scope="module")
def tables():
    programmes = {zone: Programme(zone, "FRA", zone) for zone in ZONES}
    rows = civil.offsets(programmes, *WEEKS).to_pylist()
    days = civil.days(WEEKS[0] * 7 - 2, (WEEKS[1] + 1) * 7 + 2).to_pylist()
    return rows, {row["number"]: row for row in days}


def _day(tables, zone, at):
    rows, days = tables
    (row,) = (r for r in rows if r["zone"] == zone and r["from_us"] <= at < r["to_us"])
    assert row["week"] == at // civil.WEEK_US
    return days[(at + row["offset_us"]) // civil.DAY_US]["day"]


@given(st.sampled_from(ZONES), st.integers(WEEKS[0] * civil.WEEK_US, (WEEKS[1] + 1) * civil.WEEK_US - 1))
@example("America/St_Johns", instant_us("2006-10-29T02:30:30Z"))
@example("America/St_Johns", instant_us("2006-10-29T02:31:00Z"))
@example("America/St_Johns", instant_us("2006-10-29T03:29:59.999999Z"))
@example("America/St_Johns", instant_us("2006-10-29T03:30:00Z"))
@example("Pacific/Apia", instant_us("2011-12-30T09:59:59.999999Z"))
@example("Pacific/Apia", instant_us("2011-12-30T10:00:00Z"))
def test_every_instant_has_one_offset_and_its_civil_day(tables, zone, at):
    assert _day(tables, zone, at) == local_day(at, zone).isoformat()


def test_a_week_has_one_row_unless_the_clock_changes(tables):
    rows, _ = tables
    paris = [row for row in rows if row["zone"] == "Europe/Paris"]
    weeks = WEEKS[1] - WEEKS[0] + 1
    assert len(paris) == weeks + 12  # two changes a year, six years


def test_a_calendar_day_knows_its_year_and_its_month_and_day():
    (leap,) = civil.days(19782, 19782).to_pylist()
    assert leap == {"number": 19782, "day": "2024-02-29", "year": 2024, "mmdd": 229}
