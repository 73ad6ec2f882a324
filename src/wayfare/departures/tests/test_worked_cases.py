"""The worked cases of the counting rule, by name, through the ledger and its live projections."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from wayfare.departures import forecast, operations, projection, queries, rules
from wayfare.ledger import projections
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import operations as intake

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 24, tzinfo=UTC)


class World:
    """A small cast and short words for what happens to it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        operations.add_programme("paris", "Return, France", "FRA", "Europe/Paris")

    def say(self, kind: str, at: str, **fields: Any) -> str:
        entry = {"entry_id": str(uuid.uuid4()), "kind": kind, "occurred_at": at, "source": "desk", **fields}
        self.send(entry)
        return str(entry["entry_id"])

    def send(self, entry: dict[str, Any]) -> None:
        (result,) = intake.record([entry], now=NOW)
        assert result.status in ("accepted", "duplicate"), result
        self.sent.append(entry)

    def person(self, birth: str | None = "1990-05", nationality: str = "GEO", at: str = "2026-01-02T09:00:00Z") -> str:
        person = str(uuid.uuid4())
        self.say("enrolled", at, person=person, programme="paris", nationality=nationality, sex=2, birth_date=birth)
        return person

    def registers(self, person: str, at: str, destination: str = "GEO", departure: str | None = None) -> str:
        departure = departure or str(uuid.uuid4())
        self.say(
            "departure_registered",
            at,
            departure=departure,
            person=person,
            programme="paris",
            destination=destination,
            assistance=["cash"],
        )
        return departure

    def confirms(self, departure: str, at: str, evidence: str = "pass_scanned") -> str:
        return self.say("departure_confirmed", at, departure=departure, evidence=evidence)

    def leaves(self, person: str, registered_at: str, at: str) -> str:
        departure = self.registers(person, registered_at)
        self.confirms(departure, at)
        return departure


@pytest.fixture
def world() -> World:
    return World()


def counted() -> list[rules.Counted]:
    """Return the live rows, after holding them against a whole count and against a rebuild."""
    rows = _rows()
    facts = [projection.fact(e.entry_id, e.kind, e.body) for batch in ledger.walk() for e in batch]
    whole = rules.count(facts, queries.programmes())
    ids = queries.programme_ids()
    assert rows == forecast.counted_rows(whole.counted, ids)
    assert _findings() == Counter(f.kind for f in whole.findings)
    cells = _cells()
    projections.rebuild()
    assert _rows() == rows
    assert _cells() == cells
    return sorted(whole.counted, key=lambda c: c.exited_at)


def _rows() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select departure::text, programme_id, cluster::text, (extract(epoch from exited_at) * 1000000)::bigint, day, nationality, sex, age, destination,"
            " evidence, assistance, repeats from departures_counted"
        )
        return {row[0]: row for row in cursor.fetchall()}


def _findings() -> Counter[str]:
    return Counter(queries.findings())


def _cells() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select programme_id, month, nationality, sex, age, destination, evidence, assistance, departures"
            " from departures_monthcell order by 1, 2, 3, 4, 5, 6, 7, 8"
        )
        months = cursor.fetchall()
        cursor.execute(
            "select programme_id, day, nationality, sex, age, destination, evidence, assistance, departures"
            " from departures_daycell order by 1, 2, 3, 4, 5, 6, 7, 8"
        )
        days = cursor.fetchall()
    assert sum(row[-1] for row in months) == sum(row[-1] for row in days) == len(_rows())
    return [months, days]


def test_sent_twice(world):
    departure = world.registers(world.person(), "2026-03-01T10:00:00Z")
    world.confirms(departure, "2026-03-10T10:00:00Z")
    again = world.sent[-1]
    world.send(again)
    world.send(again)
    assert len(counted()) == 1
    assert projections.status()["position"] == 3


def test_two_gates(world):
    departure = world.registers(world.person(), "2026-03-01T10:00:00Z")
    world.confirms(departure, "2026-03-10T10:00:00Z")
    world.confirms(departure, "2026-03-10T10:10:00Z")
    assert len(counted()) == 1


def test_two_witnesses(world):
    departure = world.registers(world.person(), "2026-03-01T10:00:00Z")
    world.confirms(departure, "2026-03-31T21:50:00Z", "carrier_flown")
    world.confirms(departure, "2026-04-01T00:10:00+02:00", "pass_scanned")
    (one,) = counted()
    assert (one.evidence, one.day.isoformat()) == ("pass_scanned", "2026-04-01")


def test_missed_flight(world):
    departure = world.registers(world.person(), "2026-03-01T10:00:00Z")
    first = world.confirms(departure, "2026-03-10T10:00:00Z")
    world.say("confirmation_retracted", "2026-03-10T18:00:00Z", confirmation=first, reason="missed the flight")
    assert counted() == []
    world.confirms(departure, "2026-03-12T10:00:00Z")
    (one,) = counted()
    assert one.day.isoformat() == "2026-03-12"


def _two_enrolments(world: World) -> tuple[str, str]:
    one, other = world.person(), world.person(nationality="ARM")
    for person in (one, other):
        world.leaves(person, "2026-03-01T10:00:00Z", "2026-03-10T10:00:00Z")
    return one, other


def test_two_enrolments(world):
    pair = _two_enrolments(world)
    assert len(counted()) == 2
    world.say("persons_linked", "2026-03-20T10:00:00Z", persons=list(pair))
    (one,) = counted()
    assert one.cluster == min(pair)
    assert queries.findings() == {"joined": 1}


def test_wrong_link(world):
    pair = _two_enrolments(world)
    before = counted()
    link = world.say("persons_linked", "2026-03-20T10:00:00Z", persons=list(pair))
    assert len(counted()) == 1
    world.say("persons_unlinked", "2026-03-21T10:00:00Z", link=link, reason="two people")
    assert sorted(counted()) == sorted(before)


def test_came_back(world):
    person = world.person()
    world.leaves(person, "2026-02-01T10:00:00Z", "2026-03-10T10:00:00Z")
    departure = world.registers(person, "2026-02-02T10:00:00Z")
    world.say("returned", "2026-06-01T10:00:00Z", person=person)
    world.confirms(departure, "2026-09-01T10:00:00Z")
    first, second = counted()
    assert first.cluster == second.cluster
    assert all(row[-1] for row in _rows().values())


def test_registered_again(world):
    person = world.person()
    world.leaves(person, "2026-02-01T10:00:00Z", "2026-03-10T10:00:00Z")
    world.leaves(person, "2026-06-01T10:00:00Z", "2026-07-10T10:00:00Z")
    assert len(counted()) == 2


def test_told_from_abroad(world):
    person = world.person()
    world.leaves(person, "2026-05-03T10:00:00Z", "2026-05-01T10:00:00Z")
    assert len(counted()) == 1


def test_told_from_abroad_shows_no_presence(world):
    person = world.person()
    world.leaves(person, "2026-04-01T10:00:00Z", "2026-04-30T10:00:00Z")
    world.leaves(person, "2026-05-03T10:00:00Z", "2026-05-01T10:00:00Z")
    world.leaves(person, "2026-03-01T10:00:00Z", "2026-05-05T10:00:00Z")
    assert len(counted()) == 1


def test_bare_word(world):
    departure = world.registers(world.person(), "2026-05-01T10:00:00Z")
    world.confirms(departure, "2026-05-10T10:00:00Z", "self_reported")
    assert counted() == []
    assert queries.findings() == {"word_only": 1}


def test_bare_word_then_proof(world):
    departure = world.registers(world.person(), "2026-05-01T10:00:00Z")
    world.confirms(departure, "2026-05-10T10:00:00Z", "self_reported")
    world.confirms(departure, "2026-07-10T10:00:00Z", "arrival_confirmed")
    (one,) = counted()
    assert one.day.isoformat() == "2026-07-10"
    assert queries.findings() == {}


def test_changed_mind(world):
    departure = world.registers(world.person(), "2026-05-01T10:00:00Z")
    world.say("departure_withdrawn", "2026-05-09T10:00:00Z", departure=departure)
    world.confirms(departure, "2026-05-10T10:00:00Z")
    assert counted() == []
    assert projections.status()["anomalies"] == {"confirmed_after_withdrawal": 1}


def test_corrected(world):
    person = world.person(nationality="GEO")
    world.leaves(person, "2026-05-01T10:00:00Z", "2026-05-10T10:00:00Z")
    world.say("facts_corrected", "2026-06-01T10:00:00Z", person=person, facts={"nationality": "ARM"})
    (one,) = counted()
    assert one.nationality == "ARM"


def test_out_of_order(world):
    departure = world.registers(world.person(), "2026-05-01T10:00:00Z")
    confirmation = {
        "entry_id": str(uuid.uuid4()),
        "kind": "departure_confirmed",
        "occurred_at": "2026-05-10T10:00:00Z",
        "source": "gate",
        "departure": departure,
        "evidence": "pass_scanned",
    }
    world.say(
        "confirmation_retracted",
        "2026-05-11T10:00:00Z",
        confirmation=confirmation["entry_id"],
        reason="wrong pass",
    )
    assert queries.pending() == 1
    world.send(confirmation)
    assert counted() == []
    assert queries.pending() == 0


def test_everything_in_reverse(world):
    person, departure = str(uuid.uuid4()), str(uuid.uuid4())
    world.confirms(departure, "2026-05-10T10:00:00Z")
    world.registers(person, "2026-05-01T10:00:00Z", departure=departure)
    assert counted()[0].nationality == "UNK"
    assert queries.pending() == 1
    world.say(
        "enrolled",
        "2026-04-01T10:00:00Z",
        person=person,
        programme="paris",
        nationality="GEO",
        sex=1,
        birth_date=None,
    )
    assert counted()[0].nationality == "GEO"
    assert queries.pending() == 0


def test_midnight(world):
    departure = world.registers(world.person(), "2026-06-01T10:00:00Z")
    world.confirms(departure, "2026-06-30T23:30:00Z")
    assert counted()[0].day.isoformat() == "2026-07-01"


def test_first_birthday_of_adulthood(world):
    person = world.person(birth="2008-05-10")
    world.leaves(person, "2026-05-01T10:00:00Z", "2026-05-10T10:00:00Z")
    assert counted()[0].age == "Y18-34"
