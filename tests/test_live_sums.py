"""The figures of all programmes are the sums of the programmes' own, at every hour, whatever day it is for each."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.utils import translation

from wayfare.access.rules import EVERYTHING
from wayfare.departures import live, operations
from wayfare.departures.web.values import values
from wayfare.ledger.entries import operations as intake
from wayfare.site import asgi

ZONES = {
    "honolulu": "Pacific/Honolulu",
    "casablanca": "Africa/Casablanca",
    "kathmandu": "Asia/Kathmandu",
    "sydney": "Australia/Sydney",
}
START = datetime(2026, 12, 30, tzinfo=UTC)
HOURS = [START + timedelta(hours=n) for n in range(97)]
SUMMED = ("today", "yesterday", "month", "year")


class Exit(NamedTuple):
    programme: str
    at: datetime
    destination: str

    def day(self) -> date:
        return self.at.astimezone(ZoneInfo(ZONES[self.programme])).date()


def exits() -> list[Exit]:
    """One departure every five hours in each programme around the turn of a year, and some in earlier months."""
    around = [START + timedelta(hours=5 * n, minutes=7 * n) for n in range(-30, 26)]
    earlier = [datetime(2026, month, day, 12, tzinfo=UTC) for month in (1, 6, 11, 12) for day in (1, 2)]
    earlier += [datetime(2025, 12, 31, hour, tzinfo=UTC) for hour in (2, 23)]
    return [
        Exit(key, at + timedelta(minutes=number), ("GEO", "TUN")[n % 2])
        for number, key in enumerate(ZONES)
        for n, at in enumerate([*earlier, *around])
    ]


@pytest.fixture
def recorded(db) -> list[Exit]:
    for key, zone in ZONES.items():
        operations.add_programme(key, f"Return from {key}", "FRA", zone)
    found = exits()
    entries = []
    for one in found:
        person, departure = str(uuid.uuid4()), str(uuid.uuid4())
        facts = {"person": person, "programme": one.programme}
        more = {"departure": departure, "destination": one.destination, "assistance": []}
        for kind, days, fields in (
            ("enrolled", 30, {**facts, "nationality": "GEO", "sex": 1, "birth_date": None}),
            ("departure_registered", 3, facts | more),
            ("departure_confirmed", 0, {"departure": departure, "evidence": "pass_scanned"}),
        ):
            at = (one.at - timedelta(days=days)).isoformat()
            entries.append({"entry_id": str(uuid.uuid4()), "kind": kind, "occurred_at": at, "source": "desk"} | fields)
    results = intake.record(entries, now=datetime(2027, 1, 10, tzinfo=UTC))
    assert {result.status for result in results} == {"accepted"}
    return found


def own(found: list[Exit], key: str, now: datetime) -> tuple[int, int, int, int]:
    """Return what a programme's own day, the day before, month and year hold, counted one by one."""
    today = now.astimezone(ZoneInfo(ZONES[key])).date()
    days = [one.day() for one in found if one.programme == key and one.day() <= today]
    return (
        days.count(today),
        days.count(today - timedelta(days=1)),
        sum(day.replace(day=1) == today.replace(day=1) for day in days),
        sum(day.year == today.year for day in days),
    )


def by_utc(found: list[Exit], now: datetime) -> tuple[int, int, int]:
    """Return day, month and year of all as they were once counted: as of UTC's date, whatever day it is for whom."""
    days = [one.day() for one in found if one.day() <= now.date()]
    return (
        days.count(now.date()),
        sum(day.replace(day=1) == now.date().replace(day=1) for day in days),
        sum(day.year == now.year for day in days),
    )


def test_all_is_the_sum_of_the_programmes_at_every_hour_of_a_years_turn(recorded):
    differing = 0
    for now in HOURS:
        whole = live.cells(live.EVERYTHING, now, reader=EVERYTHING)
        parts = {key: live.cells(key, now, reader=EVERYTHING) for key in ZONES}
        expected = {key: own(recorded, key, now) for key in ZONES}
        for key, part in parts.items():
            assert tuple(getattr(part, name) for name in SUMMED) == expected[key], (now, key)
        sums = tuple(map(sum, zip(*expected.values(), strict=True)))
        assert tuple(getattr(whole, name) for name in SUMMED) == sums, now
        lines = live.overview(now, reader=EVERYTHING)[1]
        assert [sum(line[n] for line in lines) for n in (1, 2, 3)] == [sums[0], sums[2], sums[3]], now
        for name in ("by_destination", "by_evidence"):
            added: Counter[str] = Counter()
            for part in parts.values():
                added.update(dict(getattr(part, name)))
            assert dict(getattr(whole, name)) == added, (now, name)
        differing += by_utc(recorded, now) != (sums[0], sums[2], sums[3])
    assert differing > len(HOURS) // 2  # the control: as of UTC's date the sums were wrong, more often than not


def test_each_day_of_the_chart_is_the_day_where_each_programme_is(recorded):
    for now in HOURS:
        whole = live.cells(live.EVERYTHING, now, reader=EVERYTHING)
        first = date.fromisoformat(whole.first_day)
        begun = {key: now.astimezone(ZoneInfo(zone)).date() for key, zone in ZONES.items()}
        assert whole.own_days == Counter(day.isoformat() for day in begun.values())
        assert first == min(begun.values()).replace(day=1)
        assert first + timedelta(days=len(whole.days) - 1) == max(begun.values())
        counted = Counter(one.day() for one in recorded if one.day() <= begun[one.programme])
        assert whole.days == [counted[first + timedelta(days=n)] for n in range(len(whole.days))], now


@pytest.mark.parametrize("month", [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)])
def test_a_month_gone_by_is_the_sum_of_the_programmes_too(recorded, month):
    for now in HOURS:
        whole = live.cells(live.EVERYTHING, now, month, reader=EVERYTHING)
        months = {key: live.cells(key, now, month, reader=EVERYTHING) for key in ZONES}
        assert whole.month == sum(part.month for part in months.values()), now
        assert whole.year == sum(part.year for part in months.values()), now
        if not whole.present:
            assert whole.month == sum(whole.days) == whole.months[-1]
            assert whole.first_day == month.isoformat()


def test_on_31_december_the_page_says_whose_day_month_and_year_it_is(recorded):
    with translation.override("en"):
        same = values(live.cells(live.EVERYTHING, datetime(2026, 12, 31, 10, 30, tzinfo=UTC), reader=EVERYTHING), "en")
        new_year = values(live.cells(live.EVERYTHING, datetime(2026, 12, 31, 15, tzinfo=UTC), reader=EVERYTHING), "en")
        december = live.cells(
            live.EVERYTHING, datetime(2026, 12, 31, 15, tzinfo=UTC), date(2026, 12, 1), reader=EVERYTHING
        )
        gone_by = values(december, "en")
    assert [figure["name"] for figure in same["figures"]] == ["Today", "December so far", "2026 so far"]
    assert "Each programme's own day" not in same["figures"][0]["note"]
    assert [figure["name"] for figure in new_year["figures"]] == ["Today", "This month", "This year"]
    notes = [figure["note"] for figure in new_year["figures"]]
    assert notes[0].startswith("Each programme's own day: Thu 31 Dec to Fri 1 Jan. Yesterday: ")
    assert notes[1:] == [
        "Each programme's own month: December or January.",
        "Each programme's own year: 2026 or 2027.",
    ]
    assert new_year["month_name"] == "December and January"
    assert [bar["unfinished"] for bar in new_year["by_day"]["bars"]] == [*[False] * 30, True, True]
    assert new_year["earlier"]["address"] == "?month=2026-12"
    assert [figure["note"] for figure in gone_by["figures"]][:1] == ["This month is not over in every programme."]


def test_a_stream_of_all_tells_each_programmes_midnight(recorded, monkeypatch):
    """What an event depends on changes whenever a day begins in some programme, and at no other hour."""
    whole = [live.cells(live.EVERYTHING, now, reader=EVERYTHING) for now in HOURS]
    made = iter(whole)
    monkeypatch.setattr(live, "cells", lambda key, reader: next(made))
    monkeypatch.setattr(connection, "close", lambda: None)  # an event of its own thread closes its connection
    marks = [asgi._event(live.EVERYTHING, None, EVERYTHING)[1] for _ in HOURS]
    begun = [[now.astimezone(ZoneInfo(zone)).date() for zone in ZONES.values()] for now in HOURS]
    assert [one != other for one, other in pairwise(marks)] == [one != other for one, other in pairwise(begun)]
