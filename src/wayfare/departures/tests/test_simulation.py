"""The simulator's truth: whatever the trouble, the rule finds the published figures again."""

from __future__ import annotations

import os
import random
import tracemalloc
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from pydantic import TypeAdapter

from wayfare.departures import figures as figures_
from wayfare.departures import kinds, rules, simulation
from wayfare.ledger import countries
from wayfare.ledger.entries import parsing
from wayfare.ledger.rules import instant_us

LATEST = instant_us("2026-11-25T00:00:00Z")
REAL = Path(os.environ.get("WAYFARE_DATA", Path(__file__).resolve().parents[5] / "shared" / "data"))


def counted(figures: simulation.Figures, corridors: list[simulation.Corridor], trouble: float, seed: int):
    programmes = {
        p["key"]: rules.Programme(p["key"], p["country"], p["timezone"], p["counts_from"])
        for p in simulation.programmes(corridors)
    }
    entries = {}
    for line in simulation.lines(figures, corridors, trouble, seed):
        entry = parsing.parse_line(line.encode(), programmes=programmes, latest_us=LATEST)
        entries[entry.entry_id] = entry
    return rules.count(entries.values(), programmes), len(entries)


def totals(outcome: rules.Outcome) -> Counter[tuple[int, str, str]]:
    return Counter((c.day.year, c.programme.upper(), c.destination) for c in outcome.counted)


def truth(corridors: list[simulation.Corridor]) -> Counter[tuple[int, str, str]]:
    return Counter({(c.year, c.departed_from, c.returned_to): c.people for c in corridors if c.people})


@pytest.mark.parametrize("trouble", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_true_totals_are_the_figures(trouble, seed):
    figures = simulation.read_figures(None)
    outcome, _ = counted(figures, figures.corridors, trouble, seed)
    assert totals(outcome) == truth(figures.corridors)
    found = Counter(f.kind for f in outcome.findings)
    assert bool(found) == (trouble > 0)


@pytest.mark.skipif(not REAL.exists(), reason="the real figures are not beside this checkout (WAYFARE_DATA)")
def test_true_totals_are_the_real_figures_in_small():
    figures = simulation.read_figures(REAL)
    assert (len(figures.corridors), sum(c.people for c in figures.corridors)) == (1316, 10_759_085)
    corridors = simulation.scaled(figures.corridors, 0.0005)
    outcome, _ = counted(figures, corridors, 1.0, 3)
    assert totals(outcome) == truth(corridors)


def test_no_trouble_is_three_entries_a_departure():
    figures = simulation.read_figures(None)
    outcome, entries = counted(figures, figures.corridors, 0.0, 1)
    assert entries == 3 * len(outcome.counted)


def test_ages_and_sexes_are_as_published():
    figures = simulation.Figures([], {"AFG": [0, 0, 0, 1, 0, 0, 0, 0, 3, 0]})
    outcome, _ = counted(figures, [simulation.Corridor(2024, "CHE", "AFG", 2000)], 0.0, 5)
    sexes = Counter(c.sex for c in outcome.counted)
    assert sexes.keys() == {1, 2}
    assert 0.70 < sexes[1] / 2000 < 0.80
    assert {c.age for c in outcome.counted} == {"Y18-34", "Y35-64"}


def told(trouble: float, people: int = 3_000, seed: int = 4, country: str = "CHE") -> list[dict[str, Any]]:
    corridors = [simulation.Corridor(2024, country, "AFG", people)]
    return [orjson.loads(line) for line in simulation.lines(simulation.Figures([], {}), corridors, trouble, seed)]


def test_weekends_are_quieter():
    days = Counter(
        datetime.fromisoformat(e["occurred_at"]).weekday() for e in told(0.0) if e["kind"] == "departure_confirmed"
    )
    assert max(days[5], days[6]) < 0.6 * min(days[day] for day in range(5))


def test_confirmations_have_the_place_where_they_were_made():
    places = {(e["evidence"], e.get("place")) for e in told(1.0) if e["kind"] == "departure_confirmed"}
    assert {place for evidence, place in places if evidence in ("pass_scanned", "carrier_flown", "exit_stamp")} == {
        "ZRH"
    }
    assert ("arrival_confirmed", "KBL") in places
    assert ("self_reported", None) in places
    assert not any("place" in entry for entry in told(0.0, country="UNK", people=50) if entry["kind"] == "enrolled")


def test_every_airport_is_a_place_and_its_country_a_country():
    airports = figures_.airports()
    assert len(airports) > 140
    for country, place in airports.items():
        assert country in countries.COUNTRIES
        assert TypeAdapter(kinds.Place).validate_python(place) == place
    assert len(set(airports.values())) == len(airports)


def months_late(entries: list[dict[str, Any]]) -> list[int]:
    """Return by how many months each confirmation comes after the newest one before it."""
    newest, late = 0, []
    for entry in entries:
        if entry["kind"] == "departure_confirmed":
            month = int(entry["occurred_at"][:4]) * 12 + int(entry["occurred_at"][5:7])
            newest = max(newest, month)
            late.append(newest - month)
    return late


def test_some_news_is_months_late(monkeypatch):
    monkeypatch.setattr(simulation, "BLOCK", 300)  # a small part of a month, so that lateness shows
    assert sum(n >= 3 for n in months_late(told(1.0, people=6_000))) > 5
    assert max(months_late(told(0.0, people=6_000))) <= 1


def test_what_is_months_late_is_kept_within_bounds(monkeypatch):
    monkeypatch.setattr(simulation, "BLOCK", 50)
    corridors = [simulation.Corridor(2024, "CHE", "AFG", 20_000)]
    teller = simulation._Teller(simulation.Figures([], {}), 1.0, random.Random(1))
    most = 0
    for month in range(1, 13):
        teller.next_month()
        for _ in teller.month(corridors[0], month, 1_600):
            most = max(most, sum(map(len, teller.far.values())))
            teller.now.clear()
            teller.later.clear()
    assert most == 50


@pytest.mark.parametrize("now", ["2026-01-01T00:00:00+00:00", "2026-11-24T06:00:00+00:00"])
def test_this_year_so_far_ends_now(now):
    at = datetime.fromisoformat(now)
    figures = simulation.read_figures(None)
    entries = [orjson.loads(line) for line in simulation.this_year_so_far(figures, at, 0.5, 1)]
    assert entries
    assert all(datetime.fromisoformat(entry["occurred_at"]) <= at for entry in entries)
    exits = [e for e in entries if e["kind"] == "departure_confirmed" and e["occurred_at"] >= "2026-01-02"]
    assert bool(exits) == (at.month > 1)


def test_the_same_seed_gives_the_same_bytes():
    figures = simulation.read_figures(None)
    once, again = (list(simulation.lines(figures, figures.corridors, 0.5, 9)) for _ in range(2))
    assert once == again
    assert once != list(simulation.lines(figures, figures.corridors, 0.5, 10))


@pytest.mark.parametrize("people", [0, 1, 11, 12, 100, 12_345])
def test_months_add_up(people):
    assert sum(simulation.by_month(people)) == people


def test_memory_is_that_of_some_blocks():
    """Ten times the people take no more memory."""
    figures = simulation.Figures([], {})

    def peak(people: int) -> int:
        tracemalloc.start()
        for _ in simulation.lines(figures, [simulation.Corridor(2024, "CHE", "AFG", people)], 1.0, 1):
            pass
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    assert peak(30_000) < 1.5 * peak(10_000)


def test_every_country_of_departure_has_a_time_zone():
    figures = simulation.read_figures(REAL if REAL.exists() else None)
    for programme in simulation.programmes(figures.corridors):
        assert programme["timezone"]
        assert programme["country"] in countries.COUNTRIES
    assert orjson.loads(orjson.dumps(simulation.programmes(figures.corridors)))


def test_a_programme_has_a_country_also_where_the_figures_have_none():
    made = {
        one["key"]: one
        for one in simulation.programmes([simulation.Corridor(2024, left, "AFG", 1) for left in ("UNK", "XKX", "FRA")])
    }
    assert {key: one["country"] for key, one in made.items()} == {"unk": "CHE", "xkx": "XKX", "fra": "FRA"}
    assert (made["xkx"]["title"], made["xkx"]["timezone"]) == ("Return from Kosovo", "Europe/Belgrade")
    assert made["unk"]["timezone"] == "Etc/UTC"
