"""A field is written once: whatever reads, describes or stores entries follows from their types."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NotRequired

import orjson
import pyarrow.parquet as pq
import pytest
from pydantic import Field, WithJsonSchema
from typing_extensions import TypedDict

from wayfare.departures.operations import add_programme
from wayfare.ledger import operations as ledger
from wayfare.ledger import queries, registry
from wayfare.ledger.entries import files, operations, parsing, types
from wayfare.ledger.entries.docs import page
from wayfare.ledger.entries.fields import BirthDate, Id, PersonId, PersonIds, Refers, Says, Slug, Text
from wayfare.ledger.entries.types import EntryType, all_columns, json_schema
from wayfare.ledger.rules import Refused, make_entry
from wayfare.ledger.source import columns_differ
from wayfare.ledger.verify import differences

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
Seats = Annotated[
    int, Field(ge=1, le=9), Says("is not a number of seats from 1 to 9"), WithJsonSchema({"type": "integer"})
]
FlightId = Annotated[Id, Refers("flight")]


class ToyNotes(TypedDict, total=False):
    """What may be said besides."""

    seats: Seats
    remark: Text


class ToyBooked(TypedDict):
    """Seats are booked for a person."""

    person: PersonId
    flight: FlightId
    seats: Seats
    until: BirthDate
    tags: Annotated[list[Slug], Says("is not a list of slugs")]
    facts: NotRequired[ToyNotes]


BOOKED = EntryType("toy_booked", ToyBooked, "person", "flight")


@pytest.fixture
def toy():
    """A type that no room of ours declares."""
    registry.register([BOOKED])
    yield
    del registry.kinds["toy_booked"]


def booked(**changes):
    ids = {name: str(uuid.uuid4()) for name in ("entry_id", "person", "flight")}
    told = {"kind": "toy_booked", "occurred_at": "2026-07-01T10:00:00Z", "source": "toy"}
    return {**ids, **told, "seats": 2, "until": None, "tags": ["a", "b"], "facts": {"seats": 1}, **changes}


def parse(raw):
    return parsing.parse(raw, programmes=(), latest_us=2**62)


def test_a_type_of_any_room_is_read(toy):
    raw = booked(person=str(uuid.uuid4()).upper())
    entry = parse(raw)
    assert (entry.subject, entry.object) == (raw["person"].lower(), raw["flight"])
    assert orjson.loads(entry.body) == raw | {"person": raw["person"].lower()}


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"seats": 10}, "seats", "is not a number of seats from 1 to 9"),
        ({"seats": "2"}, "seats", "is not a number of seats from 1 to 9"),
        ({"tags": ["a", "b c"]}, "tags", "is not a slug; use letters"),
        ({"tags": "a"}, "tags", "is not a list of slugs"),
        ({"facts": {}}, "facts", "is not an object with at least one of seats, remark"),
        ({"facts": {"seat": 1}}, "facts.seat", "is not a fact of this kind; it takes seats, remark"),
        ({"facts": {"remark": ""}}, "facts.remark", "is not a text of 1 to 500 characters"),
        ({"flight": None}, "flight", "is not a UUID"),
        ({"until": "soon"}, "until", "is not a birth date"),
        ({"note": 1}, "note", "is not a field of toy_booked"),
    ],
)
def test_what_is_refused_is_named_with_the_words_of_its_type(toy, changes, field, reason):
    with pytest.raises(Refused) as refused:
        parse(booked(**changes))
    assert refused.value.field == field
    assert refused.value.reason.startswith(reason)


def test_a_kind_that_nobody_declares_is_refused_with_those_that_there_are():
    with pytest.raises(Refused, match="is not a kind of entry; one of enrolled, "):
        parse(booked())


def test_json_schema_names_every_field(toy):
    schema = json_schema(BOOKED)
    assert schema["required"] == [
        "entry_id",
        "kind",
        "occurred_at",
        "source",
        "person",
        "flight",
        "seats",
        "until",
        "tags",
    ]
    assert schema["properties"]["facts"]["properties"].keys() == {"seats", "remark"}
    assert schema["properties"]["kind"] == {"const": "toy_booked"}


def test_columns_follow_from_the_fields(toy):
    found = {column.name: column.shape for column in types.columns(BOOKED)}
    assert found == {
        "person": "id",
        "flight": "id",
        "seats": "number",
        "until": "text",
        "tags": "list",
        "facts.seats": "number",
        "facts.remark": "text",
    }
    empty = {column.name: column.if_empty for column in types.columns(BOOKED) if column.if_empty is not ...}
    assert empty == {"until": None, "tags": []}


@pytest.mark.django_db
@pytest.mark.parametrize("format_", ["jsonl", "parquet"])
def test_what_is_exported_is_read_again_whole(toy, format_, tmp_path, settings):
    """No field is dropped, in either format, and the ledger verifies."""
    settings.WAYFARE_HOME = tmp_path
    sent = [parse(booked()), parse(booked(tags=[])), parse(booked(facts={"remark": "late"}))]
    ledger.append(sent)
    out = io.BytesIO()
    files.export_entries(out, format_)
    path = tmp_path / f"entries.{format_}"
    path.write_bytes(out.getvalue())
    with files.open_sources([str(path)], None) as sources:
        from wayfare.ledger.entries.reading import read

        again = [parse(one.value) for one, _ in read(sources[0])]
    assert [one.body for one in again] == [one.body for one in sent]
    assert differences() == (3, [])
    if format_ == "parquet":
        names = pq.read_schema(path).names
        assert set(all_columns(registry.kinds.values())) < set(names)


class ToyMoved(TypedDict):
    """A person is on a flight, or on none any more."""

    person: PersonId
    flight: NotRequired[FlightId]


@pytest.fixture
def with_an_optional_object():
    registry.register([EntryType("toy_moved", ToyMoved, "person", "flight")])
    yield
    del registry.kinds["toy_moved"]


@pytest.mark.django_db
def test_an_object_that_is_left_out_is_no_difference_and_one_that_is_lost_is(
    with_an_optional_object, tmp_path, settings
):
    settings.WAYFARE_HOME = tmp_path
    moved = {name: value for name, value in booked(kind="toy_moved").items() if name not in ("seats", "until", "tags")}
    del moved["facts"]
    without = {**moved, "entry_id": str(uuid.uuid4())}
    del without["flight"]
    ledger.append([parse(moved), parse(without)])
    assert differences() == (2, [])
    assert list(columns_differ()) == []
    entry = parse({**moved, "entry_id": str(uuid.uuid4())})
    lost = make_entry(entry.at, entry.subject, None, entry.data)
    ledger.append([lost])
    assert list(columns_differ()) == ["subject or object of position 3 is not what its text says"], "control"


@pytest.mark.django_db
def test_an_entry_is_appended_by_the_name_of_its_kind(toy):
    fields = {name: value for name, value in booked().items() if name not in types.COMMON}
    found = operations.append("toy_booked", fields, source="house", occurred_at=NOW, now=NOW)
    assert found.status == "accepted"
    again = operations.append("toy_booked", fields, source="house", occurred_at=NOW, now=NOW, entry_id=found.entry_id)
    assert (again.status, again.position) == ("duplicate", found.position)
    (stored,) = queries.entries()
    assert orjson.loads(stored.body) == {
        **fields,
        "kind": "toy_booked",
        "source": "house",
        "entry_id": found.entry_id,
        "occurred_at": "2026-07-01T12:00:00+00:00",
    }


@pytest.mark.django_db
def test_what_is_not_of_the_kind_is_not_appended_by_its_name():
    told = {"person": str(uuid.uuid4()), "programme": "paris", "nationality": "GEO", "sex": 1, "birth_date": "1990-05"}

    def append(**changes):
        one = "11111111-1111-4111-8111-111111111111"
        return operations.append("enrolled", told | changes, source="house", occurred_at=NOW, now=NOW, entry_id=one)

    with pytest.raises(Refused, match="programme: is not configured here"):
        append()
    add_programme("paris", "Return, France", "FRA", "Europe/Paris")
    with pytest.raises(Refused, match="sex: is not an ISO 5218 code"):
        append(sex="1")
    assert append().position == 1
    with pytest.raises(Refused, match="entry_id: is in the ledger at position 1 with other content"):
        append(sex=2)
    assert queries.head() == 1


class Unreferring(TypedDict):
    person: Slug


class WithCommon(TypedDict):
    source: Slug
    person: PersonId


class OddFacts(TypedDict):
    person: PersonId
    notes: ToyNotes


class SeatsAsText(TypedDict):
    person: PersonId
    seats: Text


class WithoutSubject(TypedDict):
    person: NotRequired[PersonId]
    flight: FlightId


class Pair(TypedDict):
    persons: PersonIds


class YesOrNo(TypedDict):
    person: PersonId
    seated: bool


class LeftOutOrNull(TypedDict):
    person: PersonId
    until: NotRequired[BirthDate]


@pytest.mark.parametrize(
    ("type_", "says"),
    [
        (EntryType("toy", WithoutSubject, "person", "flight"), "toy.person may be left out; an entry always speaks of"),
        (EntryType("toy", Pair, "persons"), "toy.persons: a list of ids is subject and object at once"),
        (EntryType("toy", WithoutSubject, "flight", "flight"), "toy.flight: a list of ids is subject and object"),
        (EntryType("toy", YesOrNo, "person"), "toy.seated is neither text, whole number nor list"),
        (EntryType("toy", LeftOutOrNull, "person"), "toy.until may be left out and be null"),
        (EntryType("toy", Unreferring, "person"), "toy.person is no field whose type says"),
        (EntryType("toy", ToyBooked, "passenger"), "toy.passenger is no field"),
        (EntryType("toy", WithCommon, "person"), "toy declares source, which every entry has"),
        (EntryType("toy", OddFacts, "person"), "toy has facts in notes"),
        (EntryType("enrolled", ToyBooked, "person"), "enrolled is declared already"),
    ],
)
def test_a_type_that_does_not_hold_together_is_refused(type_, says):
    before = dict(registry.kinds)
    with pytest.raises(ValueError, match=says):
        registry.register([type_])
    assert registry.kinds == before


def test_one_name_has_one_shape_in_a_table():
    with pytest.raises(ValueError, match="toy has seats as text; another type has it otherwise"):
        all_columns([BOOKED, EntryType("toy", SeatsAsText, "person")])


def test_what_is_said_of_persons_is_declared_in_people_and_followed_by_name():
    """Departures see no identity: the import contract keeps them from importing anything of people."""
    declared = {name: type_.model.__module__.split(".")[1] for name, type_ in registry.kinds.items()}
    persons = {"enrolled", "facts_corrected", "returned", "persons_linked", "persons_unlinked"}
    assert {name for name, room in declared.items() if room == "people"} == persons
    counting = registry.projections["departures"].kinds
    assert persons < counting == registry.scope("departures").kinds
    assert {declared[name] for name in counting - persons} == {"departures"}


def test_the_documentation_is_of_these_types():
    text = page(registry.kinds.values())
    committed = Path(__file__).parents[1] / "docs" / "entries.md"
    assert committed.read_text() == text, "run `python -m wayfare.site.describe entries > docs/entries.md`"
    for type_ in registry.kinds.values():
        section = text.split(f"## {type_.name}\n")[1].split("\n## ")[0]
        for column in types.columns(type_):
            assert f"| `{column.name}` |" in section
