"""Every refusal of an entry, one row each; and what is taken."""

from __future__ import annotations

import copy
import uuid
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayfare.departures import kinds
from wayfare.ledger.rules import Refused, instant_us

A, B, C, D = (str(uuid.UUID(int=n)) for n in (0xABCDEF, 2, 3, 4))
LATEST = instant_us("2026-11-25T00:00:00Z")

COMMON = {"entry_id": A, "occurred_at": "2026-07-01T10:00:00+02:00", "source": "desk-1"}
GOOD: dict[str, dict[str, Any]] = {
    "enrolled": {"person": B, "programme": "paris", "nationality": "GEO", "sex": 1, "birth_date": "1990-05"},
    "facts_corrected": {"person": B, "facts": {"birth_date": None, "sex": 9}},
    "departure_registered": {
        "departure": C,
        "person": B,
        "programme": "paris",
        "destination": "XXA",
        "assistance": [],
        "planned_on": "2026-08-01",
    },
    "departure_corrected": {"departure": C, "facts": {"assistance": ["cash"], "planned_on": "2026-08-02"}},
    "departure_withdrawn": {"departure": C, "reason": "changed her mind"},
    "departure_confirmed": {"departure": C, "evidence": "pass_scanned", "place": "FRCDG"},
    "confirmation_retracted": {"confirmation": D, "reason": "wrong pass"},
    "returned": {"person": B},
    "persons_linked": {"persons": [B, C]},
    "persons_unlinked": {"link": D, "reason": "two people"},
}


def good(kind: str) -> dict[str, Any]:
    return copy.deepcopy({**COMMON, "kind": kind, **GOOD[kind]})


def parse(raw: object):
    return kinds.parse(raw, programmes={"paris"}, latest_us=LATEST)


def test_every_kind_has_an_example():
    assert GOOD.keys() == kinds.FORMS.keys()


@pytest.mark.parametrize("kind", GOOD)
def test_each_kind_is_taken(kind):
    entry = parse(good(kind))
    assert orjson.loads(entry.body) == good(kind)
    assert entry.at == instant_us("2026-07-01T08:00:00Z")
    assert kinds.parse_line(orjson.dumps(good(kind)), programmes={"paris"}, latest_us=LATEST) == entry


@pytest.mark.parametrize("kind", GOOD)
def test_missing_and_unknown_fields_are_named(kind):
    optional = kinds.FORMS[kind].optional
    for name in good(kind):
        raw = good(kind)
        del raw[name]
        if name in optional:
            assert name not in parse(raw).data
            continue
        with pytest.raises(Refused) as refused:
            parse(raw)
        assert refused.value.field == name
        assert "missing" in refused.value.reason
        assert refused.value.entry_id == (None if name == "entry_id" else A)
        raw["stray"] = 1
        with pytest.raises(Refused):
            parse(raw)
    with pytest.raises(Refused) as refused:
        parse(good(kind) | {"given_name": "Nino"})
    assert refused.value.field == "given_name"


def test_ids_are_lower_case_text():
    raw = good("enrolled")
    assert parse(raw | {"entry_id": A.upper()}) == parse(raw)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("enrolled", "entry_id", "not-a-uuid"),
        ("enrolled", "entry_id", A.replace("-", "")),
        ("enrolled", "entry_id", 7),
        ("enrolled", "kind", "expelled"),
        ("enrolled", "kind", ["enrolled"]),
        ("enrolled", "kind", None),
        ("enrolled", "source", "a desk"),
        ("enrolled", "source", ""),
        ("enrolled", "source", "dé"),
        ("enrolled", "occurred_at", "2026-07-01T10:00:00"),
        ("enrolled", "occurred_at", "2026-11-25T00:00:01Z"),
        ("enrolled", "occurred_at", "2090-01-01T00:00:00Z"),
        ("enrolled", "occurred_at", "1899-12-31T00:00:00Z"),
        ("enrolled", "occurred_at", "0001-01-01T00:00:00+10:00"),
        ("enrolled", "occurred_at", "9999-12-31T23:59:59-10:00"),
        ("enrolled", "person", None),
        ("enrolled", "programme", "berlin"),
        ("enrolled", "programme", "no such slug"),
        ("enrolled", "nationality", "geo"),
        ("enrolled", "nationality", "GE"),
        ("enrolled", "nationality", None),
        ("enrolled", "sex", True),
        ("enrolled", "sex", "1"),
        ("enrolled", "sex", 1.0),
        ("enrolled", "sex", 3),
        ("enrolled", "sex", 10**400),
        ("enrolled", "birth_date", "1990-13"),
        ("enrolled", "birth_date", "2023-02-29"),
        ("enrolled", "birth_date", "0000"),
        ("enrolled", "birth_date", "90-01-01"),
        ("enrolled", "birth_date", 1990),
        ("enrolled", "birth_date", "1990-05\n"),
        ("departure_registered", "assistance", None),
        ("departure_registered", "assistance", "cash"),
        ("departure_registered", "assistance", ["cash", "cash"]),
        ("departure_registered", "assistance", [["cash"]]),
        ("departure_registered", "planned_on", "2026-02-30"),
        ("departure_registered", "planned_on", "20260201"),
        ("departure_registered", "planned_on", None),
        ("departure_registered", "destination", "EUR"),
        ("departure_confirmed", "evidence", "hearsay"),
        ("departure_confirmed", "evidence", ["pass_scanned"]),
        ("departure_confirmed", "place", "Paris"),
        ("departure_confirmed", "place", "FR CDG"),
        ("departure_withdrawn", "reason", ""),
        ("departure_withdrawn", "reason", "a\x00b"),
        ("departure_withdrawn", "reason", "a\ud800b"),
        ("departure_withdrawn", "reason", "x" * 501),
        ("confirmation_retracted", "reason", None),
        ("persons_linked", "persons", [B]),
        ("persons_linked", "persons", [B, B.upper()]),
        ("persons_linked", "persons", [B, C, D]),
        ("persons_linked", "persons", {"a": B}),
        ("facts_corrected", "facts", {}),
        ("facts_corrected", "facts", []),
    ],
)
def test_a_bad_value_is_refused_by_name(kind, field, value):
    with pytest.raises(Refused) as refused:
        parse(good(kind) | {field: value})
    assert refused.value.field == field
    assert refused.value.reason


@pytest.mark.parametrize(
    ("facts", "field"),
    [({"sex": 5}, "facts.sex"), ({"destination": "GEO"}, "facts.destination"), ({"name": "N"}, "facts.name")],
)
def test_a_bad_fact_is_refused_by_name(facts, field):
    with pytest.raises(Refused) as refused:
        parse(good("facts_corrected") | {"facts": facts})
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("line", "word"),
    [
        (b"{", "JSON"),
        (b"", "JSON"),
        (b'{"a": NaN}', "JSON"),
        (b'{"entry_id": "\xff"}', "UTF-8"),
        (b"[" * 200_000, "JSON"),
        (b'"just text"', "object"),
        (b"null", "object"),
        (b"[]", "object"),
        (b" " * ((1 << 20) + 1), "longer"),
        (b'{"kind": "returned", "kind": "enrolled"}', "twice"),
        (b'{"facts": {"sex": 1, "sex": 2}, "kind": "facts_corrected"}', "twice"),
        (b'{"x" : 1' + b"0" * 5000 + b"}", ""),
    ],
)
def test_a_line_that_is_no_entry(line, word):
    with pytest.raises(Refused) as refused:
        kinds.parse_line(line, programmes={"paris"}, latest_us=LATEST)
    assert word in refused.value.reason or word in refused.value.field


def test_quotation_marks_in_text_are_no_second_field():
    raw = good("departure_withdrawn") | {"reason": 'she said "kind": no'}
    assert kinds.parse_line(orjson.dumps(raw), programmes={"paris"}, latest_us=LATEST).data == raw


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_whatever_comes_is_taken_or_refused(kind, data):
    raw = good(kind)
    field = data.draw(st.sampled_from(sorted(raw)))
    raw[field] = data.draw(json_values)
    try:
        entry = parse(raw)
    except Refused as refused:
        assert refused.field
        assert refused.reason
    else:
        assert entry.kind in kinds.FORMS
