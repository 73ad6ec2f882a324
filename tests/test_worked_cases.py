"""Every worked case of the counting rule, by name, on every engine, as of every position it speaks of.

A case tells what happens stage by stage, and after each stage what tables say. On the live engine each case has a
ledger of its own and is asked as it goes. On the columnar engines all cases share one ledger, a programme each, and
are asked afterwards as of each stage: an old position must give what it gave then.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

import pytest

from wayfare.access.rules import EVERYTHING
from wayfare.departures import operations, rules
from wayfare.ledger.entries import operations as intake
from wayfare.ledger.entries import parsing
from wayfare.ledger.rules import instant_us
from wayfare.statistics import engines, queries
from wayfare.statistics.recount import recount
from wayfare.statistics.tests.copies import copied

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LATEST = instant_us("2026-11-24T00:00:00Z")
Tables = dict[str, list[tuple[Any, ...]]]
"""By "dimensions: measure", the rows that a table has."""


class Story:
    """Short words for what happens to a small cast; collects the entries."""

    def __init__(self, programme: str) -> None:
        self.programme = programme
        self.told: list[dict[str, Any]] = []

    def say(self, kind: str, at: str, **fields: Any) -> str:
        self.told.append({"entry_id": str(uuid.uuid4()), "kind": kind, "occurred_at": at, "source": "desk", **fields})
        return str(self.told[-1]["entry_id"])

    def person(self, birth: str | None = "1990-05", nationality: str = "GEO") -> str:
        person = str(uuid.uuid4())
        facts = {"nationality": nationality, "sex": 2, "birth_date": birth}
        self.say("enrolled", "2026-01-02T09:00:00Z", person=person, programme=self.programme, **facts)
        return person

    def registers(self, person: str, at: str = "2026-02-01T10:00:00Z") -> str:
        departure = str(uuid.uuid4())
        facts = {"programme": self.programme, "destination": "GEO", "assistance": ["cash"]}
        self.say("departure_registered", at, departure=departure, person=person, **facts)
        return departure

    def confirms(self, departure: str, at: str, evidence: str = "pass_scanned") -> str:
        return self.say("departure_confirmed", at, departure=departure, evidence=evidence)

    def leaves(self, person: str, registered_at: str, at: str) -> str:
        departure = self.registers(person, registered_at)
        self.confirms(departure, at)
        return departure


def says(departures: int, persons: int, **more: list[tuple[Any, ...]]) -> Tables:
    """Return the whole's departures, the year's persons, and further tables (`month` or `quarter_persons`)."""
    tables: Tables = {
        ":departures": [(departures,)] if departures else [],
        "year:persons": [("2026", persons)] if persons else [],
    }
    for name, rows in more.items():
        by, _, measure = name.partition("_")
        tables[f"{by}:{measure or 'departures'}"] = rows
    return tables


def sent_twice(story: Story) -> Iterator[Tables]:
    story.confirms(story.registers(story.person()), "2026-03-10T10:00:00Z")
    story.told += [story.told[-1]] * 2
    yield says(1, 1)


def two_gates(story: Story) -> Iterator[Tables]:
    departure = story.registers(story.person())
    story.confirms(departure, "2026-03-10T10:00:00Z")
    story.confirms(departure, "2026-03-10T10:10:00Z")
    yield says(1, 1)


def two_witnesses(story: Story) -> Iterator[Tables]:
    departure = story.registers(story.person())
    story.confirms(departure, "2026-03-31T21:50:00Z", "carrier_flown")
    story.confirms(departure, "2026-04-01T00:10:00+02:00")
    yield says(1, 1, month=[("2026-04", 1)], evidence=[("pass_scanned", 1)])


def missed_flight(story: Story) -> Iterator[Tables]:
    departure = story.registers(story.person())
    first = story.confirms(departure, "2026-03-10T10:00:00Z")
    yield says(1, 1, day=[("2026-03-10", 1)])
    story.say("confirmation_retracted", "2026-03-10T18:00:00Z", confirmation=first, reason="missed the flight")
    yield says(0, 0)
    story.confirms(departure, "2026-03-12T10:00:00Z")
    yield says(1, 1, day=[("2026-03-12", 1)])


def _one_flight(story: Story) -> list[str]:
    pair = [story.person(), story.person(nationality="ARM")]
    for person in pair:
        story.leaves(person, "2026-03-01T10:00:00Z", "2026-03-10T10:00:00Z")
    return pair


def two_enrolments(story: Story) -> Iterator[Tables]:
    pair = _one_flight(story)
    yield says(2, 2)
    story.say("persons_linked", "2026-03-20T10:00:00Z", persons=pair)
    yield says(1, 1)


def wrong_link(story: Story) -> Iterator[Tables]:
    pair = _one_flight(story)
    facts = [("ARM", 1), ("GEO", 1)]
    yield says(2, 2, nationality=facts)
    link = story.say("persons_linked", "2026-03-20T10:00:00Z", persons=pair)
    yield says(1, 1)
    story.say("persons_unlinked", "2026-03-21T10:00:00Z", link=link, reason="two people")
    yield says(2, 2, nationality=facts)


def came_back(story: Story) -> Iterator[Tables]:
    person = story.person()
    story.leaves(person, "2026-02-01T10:00:00Z", "2026-03-10T10:00:00Z")
    again = story.registers(person, "2026-02-02T10:00:00Z")
    story.say("returned", "2026-06-01T10:00:00Z", person=person)
    story.confirms(again, "2026-09-01T10:00:00Z")
    quarters = [("2026-Q1", 1), ("2026-Q3", 1)]
    yield says(2, 1, quarter=quarters, quarter_persons=quarters)


def registered_again(story: Story) -> Iterator[Tables]:
    person = story.person()
    story.leaves(person, "2026-02-01T10:00:00Z", "2026-03-10T10:00:00Z")
    story.leaves(person, "2026-06-01T10:00:00Z", "2026-07-10T10:00:00Z")
    yield says(2, 1, month=[("2026-03", 1), ("2026-07", 1)])


def told_from_abroad(story: Story) -> Iterator[Tables]:
    person = story.person()
    story.leaves(person, "2026-05-03T10:00:00Z", "2026-05-01T10:00:00Z")
    yield says(1, 1)
    story.leaves(person, "2026-05-02T10:00:00Z", "2026-04-30T10:00:00Z")  # nor is a presence shown in between
    yield says(1, 1)


def bare_word(story: Story) -> Iterator[Tables]:
    story.confirms(story.registers(story.person()), "2026-05-10T10:00:00Z", "self_reported")
    yield says(0, 0)


def bare_word_then_proof(story: Story) -> Iterator[Tables]:
    departure = story.registers(story.person())
    story.confirms(departure, "2026-05-10T10:00:00Z", "self_reported")
    yield says(0, 0)
    story.confirms(departure, "2026-07-10T10:00:00Z", "arrival_confirmed")
    yield says(1, 1, month=[("2026-07", 1)])


def changed_mind(story: Story) -> Iterator[Tables]:
    departure = story.registers(story.person())
    story.say("departure_withdrawn", "2026-05-09T10:00:00Z", departure=departure)
    story.confirms(departure, "2026-05-10T10:00:00Z")
    yield says(0, 0)


def late_news(story: Story) -> Iterator[Tables]:
    story.leaves(story.person(), "2026-02-01T10:00:00Z", "2026-03-10T10:00:00Z")
    yield says(1, 1, month=[("2026-03", 1)])
    story.leaves(story.person(), "2026-02-01T10:00:00Z", "2026-03-11T10:00:00Z")
    yield says(2, 2, month=[("2026-03", 2)])


def corrected(story: Story) -> Iterator[Tables]:
    person = story.person()
    story.leaves(person, "2026-02-01T10:00:00Z", "2026-03-10T10:00:00Z")
    yield says(1, 1, nationality=[("GEO", 1)])
    story.say("facts_corrected", "2026-06-01T10:00:00Z", person=person, facts={"nationality": "ARM"})
    yield says(1, 1, nationality=[("ARM", 1)])


def out_of_order(story: Story) -> Iterator[Tables]:
    departure = story.registers(story.person())
    confirmation = story.confirms(departure, "2026-05-10T10:00:00Z")
    late = story.told.pop()
    story.say("confirmation_retracted", "2026-05-11T10:00:00Z", confirmation=confirmation, reason="wrong pass")
    yield says(0, 0)
    story.told.append(late)
    yield says(0, 0)


def midnight(story: Story) -> Iterator[Tables]:
    story.confirms(story.registers(story.person()), "2026-06-30T23:30:00Z")
    yield says(1, 1, day=[("2026-07-01", 1)], quarter=[("2026-Q3", 1)])


def first_birthday_of_adulthood(story: Story) -> Iterator[Tables]:
    story.leaves(story.person(birth="2008-05-10"), "2026-05-01T10:00:00Z", "2026-05-10T10:00:00Z")
    yield says(1, 1, age=[("Y18-34", 1)])


CASES: dict[str, Callable[[Story], Iterator[Tables]]] = {
    case.__name__: case
    for case in (
        *(sent_twice, two_gates, two_witnesses, missed_flight, two_enrolments, wrong_link, came_back),
        *(registered_again, told_from_abroad, bare_word, bare_word_then_proof, changed_mind, late_news),
        *(corrected, out_of_order, midnight, first_birthday_of_adulthood),
    )
}
BY_CASE = pytest.mark.parametrize("case", CASES)


def _asked(name: str) -> tuple[list[str], str]:
    by, _, measure = name.partition(":")
    return by.split(",") if by else [], measure


@BY_CASE
@pytest.mark.django_db
def test_on_the_live_engine(case):
    operations.add_programme(case, "A case", "FRA", "Europe/Paris")
    story, sent = Story(case), 0
    for expected in CASES[case](story):
        results = intake.record(story.told[sent:], now=NOW)
        assert {result.status for result in results} <= {"accepted", "duplicate"}
        sent = len(story.told)
        for name, rows in expected.items():
            by, measure = _asked(name)
            assert queries.table(by=by, measure=measure, reader=EVERYTHING).rows == rows, name


class Shared:
    """All cases in one ledger, in step: everybody's first stage, then everybody's second, and so on."""

    def __init__(self) -> None:
        self.programmes = {case: rules.Programme(case, "FRA", "Europe/Paris") for case in CASES}
        self.expected: dict[str, list[tuple[int, Tables]]] = {case: [] for case in CASES}
        stories = {case: Story(case) for case in CASES}
        taken: dict[str, dict[str, Any]] = {}
        for stages in zip_longest(*(CASES[case](stories[case]) for case in CASES)):
            for case in CASES:
                taken.update(
                    {entry["entry_id"]: entry for entry in stories[case].told if entry["entry_id"] not in taken}
                )
            for case, tables in zip(CASES, stages, strict=True):
                if tables is not None:
                    self.expected[case].append((len(taken), tables))
        entries = [parsing.parse(raw, programmes=CASES, latest_us=LATEST) for raw in taken.values()]
        self.file = copied(entries)

    def tables(self, engine: engines.Engine) -> dict[tuple[int, str], list[tuple[Any, ...]]]:
        """Return every table that some case speaks of, for all programmes, as of each position."""
        asked = {
            (position, name) for stages in self.expected.values() for position, tables in stages for name in tables
        }
        found = {}
        for position in sorted({position for position, _ in asked}):
            counted = recount(engine, engine.entries([self.file]), self.programmes, position).counted
            counted = engine.keep(counted)
            for name in sorted(name for at, name in asked if at == position):
                by, measure = _asked(name)
                found[position, name] = queries.tabulate(counted, list(CASES), ["programme", *by], measure)
        return found


@pytest.fixture(scope="module")
def shared() -> Shared:
    return Shared()


@pytest.fixture(scope="module", params=["duckdb", pytest.param("spark", marks=pytest.mark.spark)])
def answers(request, shared):
    return shared.tables(engines.engine(request.param))


@BY_CASE
def test_on_a_columnar_engine(case, answers, shared):
    for position, tables in shared.expected[case]:
        for name, rows in tables.items():
            assert sorted(row[1:] for row in answers[position, name] if row[0] == case) == rows, (position, name)


def test_the_cases_are_those_of_the_rule():
    """The control: every case that the live engine's own tests know by name is here."""
    from wayfare.departures.tests import test_worked_cases

    there = {name.removeprefix("test_") for name in vars(test_worked_cases) if name.startswith("test_")}
    beyond = {"told_from_abroad_shows_no_presence", "everything_in_reverse"}
    assert there - beyond == CASES.keys() - {"late_news"}
