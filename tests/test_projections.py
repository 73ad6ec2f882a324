"""A room declares kinds and projections of its own; each projection gets its own kinds and its own components."""

from __future__ import annotations

import io
import json
import uuid
from functools import partial
from typing import Annotated

import pytest
from click.testing import CliRunner
from django.db import connection
from typing_extensions import TypedDict

from wayfare.departures import forecast, projection, queries
from wayfare.departures.kinds import DepartureId
from wayfare.ledger import operations, projections, projections_cli, registry
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import files
from wayfare.ledger.entries.fields import Id, Refers
from wayfare.ledger.entries.types import EntryType
from wayfare.ledger.presence import Presence
from wayfare.ledger.registry import Projection
from wayfare.ledger.rules import instant_us, make_entry
from wayfare.ledger.scopes import components, scope_of
from wayfare.ledger.verify import differences

from .test_append_ways import configure, entry

pytestmark = pytest.mark.django_db

FlightId = Annotated[Id, Refers("flight")]


class ToyBoarded(TypedDict):
    """A departure is by this flight."""

    departure: DepartureId
    flight: FlightId


class ToyDelayed(TypedDict):
    """A flight is late."""

    flight: FlightId


BOARDED = EntryType("toy_boarded", ToyBoarded, "departure", "flight")
DELAYED = EntryType("toy_delayed", ToyDelayed, "flight")


def new() -> str:
    return str(uuid.uuid4())


def toy(kind=BOARDED, **fields):
    """Return an entry of a kind that this test declares."""
    data = {"entry_id": new(), "kind": kind.name, "occurred_at": "2026-07-01T10:00:00Z", "source": "toy", **fields}
    other = data[kind.object] if kind.object else None
    return make_entry(instant_us(data["occurred_at"]), data[kind.subject], other, data)


class Flights:
    """The toy room's projection: it notes what it is given."""

    def __init__(self) -> None:
        self.given: list[tuple[list[str], list[int]]] = []
        self.problem = ""
        self.rebuilt_up_to = 0

    def project(self, news, connected):
        self.given.append(([one.kind for _, one in news.entries], [row.position for row in connected]))

    def rebuild(self, head):
        self.rebuilt_up_to = head
        self.given = [
            ([row.kind for row in group], []) for some in ledger.by_component(head, self.scope) for group in some
        ]

    def check(self):
        return self.problem

    @property
    def scope(self):
        return registry.scope("flights")


@pytest.fixture
def room():
    """A room with two kinds, and a projection that puts together who is on one flight, with their departures."""
    before = dict(registry.kinds), dict(registry.projections)
    flights = Flights()
    kinds = frozenset({"toy_boarded", "toy_delayed", "departure_registered"})
    told = Projection(
        "flights",
        kinds,
        frozenset({"flight", "departure"}),
        flights.project,
        flights.rebuild,
        flights.check,
        status=lambda: {"pending": 2, "anomalies": {"toy_lost": 1}, "toy": {"flights": 3}},
    )
    registry.register([BOARDED, DELAYED], [told])
    yield flights
    for known, was in zip((registry.kinds, registry.projections), before, strict=True):
        known.clear()
        known.update(was)


def people_on_one_flight(number=5):
    """Return what is said of some people who left on one flight, and the flight."""
    configure()
    flight, said, boarded = new(), [], []
    for _ in range(number):
        person, departure = new(), new()
        told = {"person": person, "programme": "paris", "nationality": "GEO", "sex": 1, "birth_date": "1990"}
        travels = {"departure": departure, "person": person, "programme": "paris", "destination": "GEO"}
        said.append(entry("enrolled", **told))
        said.append(entry("departure_registered", **travels, assistance=[]))
        boarded.append(toy(departure=departure, flight=flight))
        said.append(entry("departure_confirmed", departure=departure, evidence="pass_scanned"))
    return [*said, *boarded], flight


def statuses(results):
    return [result.status for result in results]


def test_an_entry_of_another_room_is_appended_exported_and_verified(room, settings, tmp_path):
    settings.WAYFARE_HOME = tmp_path
    said, flight = people_on_one_flight()
    said.append(toy(DELAYED, flight=flight))
    assert statuses(operations.append(said)) == ["accepted"] * len(said)
    assert statuses(operations.append(said)) == ["duplicate"] * len(said)
    exported = io.BytesIO()
    assert files.export_entries(exported, "jsonl") == len(said)
    last = json.loads(exported.getvalue().splitlines()[-1])
    assert (last["kind"], last["flight"]) == ("toy_delayed", flight)
    assert ledger.tally()["toy_boarded"] == 5
    assert differences() == (len(said), [])
    assert projections.rebuild() == len(said)
    assert differences() == (len(said), [])


def test_each_projection_gets_its_own_kinds_and_its_own_components(room, monkeypatch):
    given = []
    honest = projection.project

    def project(news, connected):
        given.append(([one.kind for _, one in news.entries], {row.kind for row in connected}, len(connected)))
        honest(news, connected)

    departures = registry.projections["departures"]
    monkeypatch.setitem(registry.projections, "departures", departures._replace(project=project))
    said, flight = people_on_one_flight()
    operations.append(said)
    operations.append([toy(DELAYED, flight=flight)])
    operations.append([entry("departure_confirmed", departure=said[1].subject, evidence="exit_stamp")])
    assert [kinds for kinds, _, _ in given] == [[one.kind for one in said[:15]], ["departure_confirmed"]]
    assert given[-1][1:] == ({"enrolled", "departure_registered", "departure_confirmed"}, 3)
    assert room.given[0] == (["departure_registered"] * 5 + ["toy_boarded"] * 5, [])
    assert room.given[1] == (["toy_delayed"], [2, 5, 8, 11, 14, 16, 17, 18, 19, 20])
    assert len(room.given) == 2
    assert queries.findings() == {}
    with connection.cursor() as cursor:
        cursor.execute("select count(*), count(distinct cluster) from departures_counted")
        assert cursor.fetchone() == (5, 5)


def components_of(said, kinds, follows):
    scope = scope_of(kinds, follows, registry.kinds)
    return len(set(components([one for one in said if one.kind in kinds], scope)[0]))


def test_five_people_on_one_flight_are_five_components_for_counting(room):
    """Stored, worked out ahead and rebuilt alike. The control follows the flight: then all five are one component."""
    said, _ = people_on_one_flight()
    counting = registry.projections["departures"]
    every, joined = counting.kinds | {"toy_boarded"}, counting.follows | {"flight"}
    assert components_of(said, counting.kinds, counting.follows) == 5
    assert components_of(said, every, counting.follows) == 5
    assert components_of(said, every, joined) == 1  # as it was: whatever names one id is one component
    operations.append(said)
    for kinds, follows, groups, size in ((every, counting.follows, 5, 4), (every, joined, 1, 20)):
        scope = scope_of(kinds, follows, registry.kinds)
        about = [(one.entry_id, one.kind, one.subject, one.object) for one in said[:1]]
        assert len(ledger.connected_to(about, scope)) == size
        assert [len(some) for some in ledger.by_component(len(said), scope)] == [groups]
        assert sum(len(some) for some in ledger.by_component(len(said), scope, 3)) == groups


def test_what_is_worked_out_ahead_is_each_projection_s_own(room):
    """Only the component that something stored is near is counted anew; entries of other kinds hold nobody back."""
    said, flight = people_on_one_flight()
    operations.append([toy(DELAYED, flight=flight), said[0]])
    presence, given = Presence(100), []
    programmes, ids = queries.programmes_and_ids()
    ahead = forecast.foresee(programmes, ids, registry.scope("departures"), said)
    assert ahead.components[15:] == [-1] * 5
    assert len(set(ahead.components[:15])) == 5
    departures = registry.projections["departures"]

    def project(news, connected):
        given.append((len(news.entries), [one.kind for one in news.touched]))
        departures.project(news, connected)

    registry.projections["departures"] = departures._replace(project=project)
    bare = [one._replace(known_data=None) for one in said]
    operations.append(bare, presence=presence, ahead={"departures": ahead})
    assert given == [(14, ["departure_registered", "departure_confirmed"])]
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from departures_counted")
        assert cursor.fetchone() == (5,)


def test_status_check_verify_and_rebuild_ask_every_projection(room, settings, tmp_path):
    settings.WAYFARE_HOME = tmp_path
    operations.append([toy(DELAYED, flight=new())])
    found = projections.status()
    assert (found["pending"], found["anomalies"], found["toy"]) == (2, {"toy_lost": 1}, {"flights": 3})
    assert found["not_counted"] == {}
    assert projections.pending() == 2
    shown = CliRunner().invoke(projections_cli.status)
    assert "toy_lost" in shown.output
    assert "flights" in shown.output
    assert list(projections.problems()) == []
    room.problem = "a flight is missing; run wayfare ledger rebuild"
    assert list(projections.problems()) == [room.problem]
    assert differences() == (1, [f"flights: {room.problem}"])
    assert projections.rebuild() == room.rebuilt_up_to == 1
    assert room.given == [(["toy_delayed"], [])]


def test_a_kind_that_nobody_declares_is_not_appended():
    with pytest.raises(registry.UnknownKind, match="toy_boarded"):
        operations.append([toy(departure=new(), flight=new())])
    assert ledger.head() == 0


def test_a_kind_or_a_projection_is_declared_once(room):
    registry.register([BOARDED], [registry.projections["flights"]])
    with pytest.raises(ValueError, match="toy_boarded is declared already"):
        registry.register([BOARDED._replace(object=None)])
    with pytest.raises(ValueError, match="another projection called flights"):
        registry.register([], [registry.projections["flights"]._replace(follows=frozenset())])


@pytest.mark.parametrize(
    ("kinds", "follows", "says"),
    [({"toy_boarded", "toy_lost"}, {"flight"}, "toy_lost"), ({"toy_boarded"}, {"flight", "seat"}, "seat")],
)
def test_a_scope_names_what_nobody_declares(room, kinds, follows, says):
    with pytest.raises((LookupError, ValueError), match=says):
        scope_of(kinds, follows, registry.kinds)


def test_control_a_projection_that_gets_every_kind_fails_as_it_did(room, monkeypatch):
    """The counting rule knows only its own kinds: given another room's, it stops the append."""
    departures = registry.projections["departures"]
    every = departures._replace(kinds=departures.kinds | {"toy_boarded"})
    monkeypatch.setitem(registry.projections, "departures", every)
    with pytest.raises(KeyError, match="toy_boarded"):
        operations.append([toy(departure=new(), flight=new())])


def test_the_functions_that_work_ahead_travel_to_another_process():
    import pickle

    for one in registry.projections.values():
        if one.precount is not None:
            assert isinstance(pickle.loads(pickle.dumps(one.precount())), partial)
