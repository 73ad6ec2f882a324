"""The simulator's truth: whatever the trouble, the rule finds the published figures again."""

from __future__ import annotations

import os
import tracemalloc
from collections import Counter
from pathlib import Path

import orjson
import pytest

from wayfare.departures import kinds, rules, simulation
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
        entry = kinds.parse_line(line.encode(), programmes=programmes, latest_us=LATEST)
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
        assert programme["country"] in kinds.NATIONALITIES
    assert orjson.loads(orjson.dumps(simulation.programmes(figures.corridors)))
