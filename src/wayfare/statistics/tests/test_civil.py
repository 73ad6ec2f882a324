"""Civil days by tables are those of Python's time zones, whatever a zone's clock does."""

from __future__ import annotations

from collections import defaultdict

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
DAYS = (instant_us("2005-12-01T00:00:00Z") // civil.DAY_US, instant_us("2012-02-01T00:00:00Z") // civil.DAY_US)


@pytest.fixture(scope="module")
def table():
    return civil.days({zone: Programme(zone, "FRA", zone) for zone in ZONES}, *DAYS).to_pylist()


@pytest.fixture(scope="module")
def stretches(table):
    found = defaultdict(list)
    for row in table:
        found[row["of_zone"], row["utc_day"]].append(row)
    return found


@given(st.sampled_from(ZONES), st.integers(DAYS[0] * civil.DAY_US, (DAYS[1] + 1) * civil.DAY_US - 1))
@example("America/St_Johns", instant_us("2006-10-29T02:30:30Z"))
@example("America/St_Johns", instant_us("2006-10-29T02:31:00Z"))
@example("America/St_Johns", instant_us("2006-10-29T03:29:59.999999Z"))
@example("America/St_Johns", instant_us("2006-10-29T03:30:00Z"))
@example("Pacific/Apia", instant_us("2011-12-30T09:59:59.999999Z"))
@example("Pacific/Apia", instant_us("2011-12-30T10:00:00Z"))
def test_every_instant_has_one_civil_day(stretches, zone, at):
    (row,) = (r for r in stretches[zone, at // civil.DAY_US] if r["from_us"] <= at < r["to_us"])
    assert row["day"] == local_day(at, zone).isoformat()
    assert row["number"] == int(row["day"].replace("-", ""))


def test_a_zone_has_two_stretches_a_day_and_a_third_where_the_clock_changes_off_midnight(table):
    days = DAYS[1] - DAYS[0] + 1
    assert sum(row["of_zone"] == "Europe/Paris" for row in table) == 2 * days + 12  # two changes a year, six years
    assert sum(row["of_zone"] == "Asia/Kathmandu" for row in table) == 2 * days


def test_no_days_are_an_empty_table_with_its_columns():
    empty = civil.days({"gander": Programme("gander", "CAN", "America/St_Johns")}, 0, -1)
    assert (empty.num_rows, empty.column_names) == (0, ["of_zone", "utc_day", "from_us", "to_us", "day", "number"])
