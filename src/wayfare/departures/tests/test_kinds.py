"""Every refusal of an entry, one row each; and what is taken."""

from __future__ import annotations

import copy
import itertools
import json
import random
import string
import uuid
from collections.abc import Iterator
from typing import Any

import orjson
import pycountry
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.departures.rules import KINDS
from wayfare.ledger import registry
from wayfare.ledger.entries import fields, parsing, types
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
    return parsing.parse(raw, programmes={"paris"}, latest_us=LATEST)


def test_every_kind_has_an_example():
    assert GOOD.keys() == KINDS


@pytest.mark.parametrize("kind", GOOD)
def test_each_kind_is_taken(kind):
    entry = parse(good(kind))
    assert orjson.loads(entry.body) == good(kind)
    assert entry.at == instant_us("2026-07-01T08:00:00Z")
    assert parsing.parse_line(orjson.dumps(good(kind)), programmes={"paris"}, latest_us=LATEST) == entry


@pytest.mark.parametrize("kind", GOOD)
def test_missing_and_unknown_fields_are_named(kind):
    optional = {one.name for one in types.fields(registry.kinds[kind]) if not one.required}
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


ADDED = "XKX XXA XXB XXC XXX GBD GBN GBO GBP GBS UNO UNA UNK"
"""`counting.md`: what stands beside ISO 3166-1 alpha-3 as a nationality or a destination."""
NO_CODES = ["RKS", "D", "XK", "XKK", "KOS", "EUE", "XOM", "XPO", "UNM", "GBR ", "gbr", "GB", "ZZZ", "EU", "", None, 4]


def test_the_codes_are_those_of_the_design():
    iso = {country.alpha_3 for country in pycountry.countries}
    taken = {code for code in map("".join, itertools.product(string.ascii_uppercase, repeat=3)) if accepted(code)}
    assert taken == iso | set(ADDED.split())
    assert len(iso) == 249


def accepted(code: object) -> bool:
    """Tell whether a code is taken in each of the four places where one stands; all four must agree."""
    answers = set()
    for raw in (
        good("enrolled") | {"nationality": code},
        good("facts_corrected") | {"facts": {"nationality": code}},
        good("departure_registered") | {"destination": code},
        good("departure_corrected") | {"facts": {"destination": code}},
    ):
        try:
            parse(raw)
            answers.add(True)
        except Refused as refused:
            assert refused.field.removeprefix("facts.") in ("nationality", "destination")
            answers.add(False)
    (answer,) = answers
    return answer


@pytest.mark.parametrize("code", NO_CODES)
def test_other_codes_are_refused(code):
    assert not accepted(code)


@pytest.mark.parametrize(("printed", "ours"), [("RKS", "XKX"), ("D", "DEU")])
def test_the_ledger_maps_no_code_of_a_document_but_says_what_to_write(printed, ours):
    with pytest.raises(Refused, match=f"write {ours} for what documents print as {printed}"):
        parse(good("enrolled") | {"nationality": printed})
    assert parse(good("enrolled") | {"nationality": "UNK"}).data["nationality"] == "UNK", "not known, not Kosovo"


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
        parsing.parse_line(line, programmes={"paris"}, latest_us=LATEST)
    assert word in refused.value.reason or word in refused.value.field


def test_quotation_marks_in_text_are_no_second_field():
    raw = good("departure_withdrawn") | {"reason": 'she said "kind": no'}
    assert parsing.parse_line(orjson.dumps(raw), programmes={"paris"}, latest_us=LATEST).data == raw


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
        assert entry.kind in registry.kinds


def ids(value: object, path: str = "") -> Iterator[str]:
    """Yield the paths of all ids within an entry."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ids(inner, f"{path}{name}.")
    elif isinstance(value, list):
        for n, inner in enumerate(value):
            yield from ids(inner, f"{path}{n}.")
    elif isinstance(value, str) and fields.is_uuid(value):
        yield path[:-1]


def with_id(raw: dict[str, Any], path: str, value: str) -> dict[str, Any]:
    name, _, at = path.partition(".")
    if at:
        raw[name][int(at)] = value
    else:
        raw[name] = value
    return raw


NO_ID = {"nil": "0" * 32, "max": "f" * 32, "max in capitals": "F" * 32}


@pytest.mark.parametrize("which", NO_ID)
@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind in GOOD for path in ids(good(kind))])
def test_nil_and_max_are_no_ids_anywhere(kind, path, which, monkeypatch):
    """RFC 9562: what software writes for "none" is nobody, or five people would be one."""
    text = str(uuid.UUID(NO_ID[which]))
    raw = with_id(good(kind), path, text.upper() if "capitals" in which else text)
    with pytest.raises(Refused) as refused:
        parse(raw)
    assert refused.value.field == path.partition(".")[0]
    assert f"the {which[:3]} UUID" in refused.value.reason
    assert refused.value.entry_id == (None if path == "entry_id" else A)
    monkeypatch.setattr(fields, "NO_IDS", frozenset())  # the control: without the guard it is taken
    parse(raw)


def test_ids_are_found_in_every_kind_of_entry():
    assert {kind: sorted(ids(good(kind)))[0] for kind in GOOD}.keys() == KINDS
    assert sum(len(list(ids(good(kind)))) for kind in GOOD) == 22


# A field named twice, however it is written. The independent detector is Python's own reader of JSON, which shares
# nothing with the count that decides whether to look closely.

BLANK = st.text(" \t\r\n", max_size=2)
SHORT = st.text(st.sampled_from('abk:"\\ ,{}[]é\u2028'), max_size=4)
NAME = st.sampled_from(["person", "facts", "kind", "entry_id", "a", ""]) | SHORT


def written(text: str, escapes: Iterator[int]) -> str:
    """Write a JSON string, some of its characters escaped though they need not be."""
    plain = json.dumps(text, ensure_ascii=False)[1:-1]
    if "\\" in plain or not text:
        return f'"{plain}"'
    return '"' + "".join(f"\\u{ord(c):04x}" if next(escapes) == 0 else c for c in text) + '"'


@st.composite
def json_text(draw: st.DrawFn, depth: int = 2) -> str:
    """Draw a JSON text by hand: blanks anywhere, escapes anywhere, names that repeat."""
    chance = iter(draw(st.lists(st.integers(0, 3), min_size=12, max_size=12)) * 400)
    leaf: st.SearchStrategy[str] = SHORT.map(lambda text: written(text, chance)) | st.sampled_from(
        ["1", "null", "[]", "{}", '":"', '"\\":"']
    )

    def value(level: int) -> str:
        if level == 0 or draw(st.integers(0, 2)):
            return draw(leaf)
        if draw(st.booleans()):
            return "[" + ",".join(value(level - 1) for _ in range(draw(st.integers(0, 3)))) + "]"
        return obj(level - 1)

    def obj(level: int) -> str:
        names = draw(st.lists(NAME, max_size=5))
        pairs = [f"{draw(BLANK)}{written(name, chance)}{draw(BLANK)}:{draw(BLANK)}{value(level)}" for name in names]
        return "{" + ",".join(pairs) + draw(BLANK) + "}"

    return obj(depth)


def says_twice(text: str) -> bool:
    """Tell whether any object of a JSON text names a field twice."""
    found = []

    def hook(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.append(len({name for name, _ in pairs}) != len(pairs))
        return dict(pairs)

    json.loads(text, object_pairs_hook=hook)
    return any(found)


def refuses_twice(text: str) -> bool:
    try:
        parsing.decode(text.encode())
    except Refused as refused:
        assert "twice" in refused.reason
        return True
    return False


@settings(max_examples=5 * settings().max_examples)
@given(json_text())
def test_a_field_named_twice_is_found_however_it_is_written(text):
    assert refuses_twice(text) == says_twice(text)


@settings(max_examples=2 * settings().max_examples)
@given(st.lists(json_text(), max_size=3), BLANK)
def test_a_field_named_twice_is_found_in_a_list_of_the_api(texts, blank):
    from wayfare.ledger.entries.api import decode

    body = f"[{','.join(text + blank for text in texts)}]".encode()
    for text, read in zip(texts, decode(body), strict=True):
        assert isinstance(read, Refused) == says_twice(text)


def random_line(chance: random.Random) -> str:
    """An entry as anybody's program might write it, one field twice in about half of the lines."""
    pairs = list(good(chance.choice(sorted(GOOD))).items())
    if chance.random() < 0.5:
        pairs.append(chance.choice(pairs))
    chance.shuffle(pairs)
    escapes = iter(lambda: chance.randrange(12), -1)
    blanks = lambda: chance.choice([*[""] * 20, " ", "\t", " \r "])  # noqa: E731
    return "{" + ",".join(f"{written(n, escapes)}{blanks()}:{blanks()}{json.dumps(v)}" for n, v in pairs) + "}"


def test_of_twenty_thousand_random_lines_none_slips_by(monkeypatch):
    chance = random.Random(20_261_127)
    lines = [random_line(chance) for _ in range(20_000)]
    assert sum(map(says_twice, lines)) > 9_000
    assert all(refuses_twice(line) == says_twice(line) for line in lines)
    monkeypatch.setattr(parsing, "_BLANKS", b"")  # the control: counting `":` alone lets thousands by
    assert sum(says_twice(line) and not refuses_twice(line) for line in lines) > 2_000
