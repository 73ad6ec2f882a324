"""What Pydantic reads is what was read by hand: the same is taken, in the same canonical bytes, and refused in the same
words."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.departures.rules import KINDS
from wayfare.departures.tests import by_hand
from wayfare.departures.tests.test_kinds import GOOD, LATEST, A, B, C, D, good
from wayfare.ledger import registry
from wayfare.ledger.entries import parsing
from wayfare.ledger.entries.types import columns
from wayfare.ledger.rules import Refused

NIL, MAX = "00000000-0000-0000-0000-000000000000", "FFFFFFFF-ffff-ffff-ffff-ffffffffffff"
NUMBERS = [True, False, 0, 1, 2, 3, 9, -1, 1.0, 10**400]
TEXTS = [
    "",
    " ",
    "x" * 500,
    "x" * 501,
    "a\x00b",
    "a\ud800b",
    "a\u202eb",
    "é",
    "paris",
    "berlin",
    "no such",
    "hearsay",
    "CDG",
    "FR CDG",
]
CODES = [
    "GEO",
    "geo",
    "XKX",
    "RKS",
    "D",
    "UNK",
    "pass_scanned",
    "boarding_pass",
    "enrolled",
    "returned",
    "FRCDG",
    "FRCD1",
]
IDS = [A, B, B.upper(), f"{B}\n", B.replace("-", ""), NIL, MAX]
DAYS = [
    "1990",
    "1990-05",
    "1990-05-31",
    "1990-13",
    "2023-02-29",
    "0000",
    "1990-05\n",
    "2026-02-30",
    "20260201",
    "2026-08-01",
]
MOMENTS = [
    *("2026-07-01T10:00:00", "2026-07-01T10:00:00Z", "2090-01-01T00:00:00Z", "1899-12-31T00:00:00Z"),
    *("2026-07-01T10:00:60Z", "2026-07-01t10:00:00.123456789z", "2026-07-01T10:00:00+02:00"),
]
LISTS: list[Any] = [
    *([], [B], [B, C], [B, B.upper()], [B, "x"], [B, None], [B, C, D], ["x", "y", "z"], [NIL, B], ["cash"]),
    *(["cash", "cash"], ["cash", "reintegration"], ["x"], [["cash"]], ["cash", None]),
]
FACTS: list[Any] = [
    *({}, {"a": 1}, {"sex": 1}, {"sex": True}, {"sex": 5, "name": 1}, {"name": 1, "sex": 5}, {"destination": "GEO"}),
    *({"assistance": ["cash", "x"]}, {"birth_date": "1990-13"}, {"planned_on": None}, {"nationality": "RKS", "sex": 3}),
    {"birth_date": None},
]
VALUES = st.sampled_from([None, *NUMBERS, *TEXTS, *CODES, *IDS, *DAYS, *MOMENTS, *LISTS, *FACTS])
NAMES = sorted(
    {name for one in GOOD.values() for name in one} | {"entry_id", "occurred_at", "source", "stray", "x" * 200}
)


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """Draw an entry that was good until some of its fields were changed, left out or added, in any order."""
    raw = good(draw(st.sampled_from(sorted(GOOD))))
    for _ in range(draw(st.integers(0, 3))):
        if draw(st.integers(0, 9)) < 7:
            raw[draw(st.sampled_from(sorted(raw) or ["kind"]))] = copy.deepcopy(draw(VALUES))
        elif draw(st.booleans()) and raw:
            del raw[draw(st.sampled_from(sorted(raw)))]
        else:
            raw[draw(st.sampled_from(NAMES))] = copy.deepcopy(draw(VALUES))
    return dict(draw(st.permutations(list(raw.items()))))


def outcome(read: Any, raw: dict[str, Any]) -> tuple[Any, ...]:
    try:
        entry = read(copy.deepcopy(raw), programmes={"paris"}, latest_us=LATEST)
    except Refused as refused:
        return refused.field, refused.reason, refused.entry_id
    return *entry[:-1], entry.body, entry.data


@settings(max_examples=1_500, deadline=None)
@given(entries())
def test_an_entry_is_read_as_it_was_by_hand(raw):
    assert outcome(parsing.parse, raw) == outcome(by_hand.parse, raw)


def test_control_a_type_that_takes_more_is_found(monkeypatch):
    """The comparison sees one value: without the guard against nil, the derived reading takes what the other refuses."""
    raw = good("returned") | {"person": NIL}
    assert outcome(parsing.parse, raw) == outcome(by_hand.parse, raw)
    monkeypatch.setattr("wayfare.ledger.entries.fields.NO_IDS", frozenset())
    assert outcome(parsing.parse, raw) != outcome(by_hand.parse, raw)


def test_the_fields_are_those_that_were_written_by_hand():
    for type_ in map(registry.kinds.__getitem__, sorted(KINDS)):
        form = by_hand.FORMS[type_.name]
        names = {column.name.partition(".")[0] for column in columns(type_)}
        assert names == form.required.keys() | form.optional.keys()
        assert (type_.subject, type_.object) == (form.kind.subject, form.kind.object)
