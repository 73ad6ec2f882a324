"""Whatever somebody types, each function that reads it stops at a bound that is stated here.

`BOUNDS` names every function of the modules that expand, match or sort typed text, with the limit of its field and three
bounds: results, steps (lines of Python run) and bytes. A function that is not named fails the test; so does one that
does more than it states, for the words of `HOSTILE` and for those that Hypothesis makes. The control is the function
that was here before, which grew with the power of the word's length.
"""

from __future__ import annotations

import inspect
import re
import sys
import tracemalloc
from collections.abc import Callable, Iterable, Sized
from contextlib import suppress
from types import FrameType, ModuleType
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.common import texts
from wayfare.departures.web import words as departures_words
from wayfare.ledger.entries import forbidden
from wayfare.ledger.rules import Refused
from wayfare.people import births, fields, names, rules, spelling, tokens
from wayfare.people.births import Birth, Told
from wayfare.people.names import Name, Names, Part, Written
from wayfare.people.web import choices, correcting, forms
from wayfare.site import limits

MODULES: tuple[ModuleType, ...] = (spelling, tokens, names, births, texts, choices, forms, limits)
"""Every function of these is in `BOUNDS`, or in `UNTYPED`."""
UNTYPED = {
    "tokens.best": "sorts people whom the database found, at most as many as tokens that it lets a search ask for",
    "tokens.ranked": "as `best`",
    "tokens.perhaps_same": "as `best`",
    "choices.languages": "takes nothing",
    "choices.countries": "takes nothing",
    "choices.nationalities": "takes nothing",
    "choices.sexes": "takes nothing",
    "choices.unsaid": "takes nothing",
    "births.check_nationality": "takes what was read",
    "births.days": "takes a date that was read",
    "births.coded": "takes a date that was read",
    "births.at_the_latest": "takes a date that was read",
    "tokens.of_birth": "takes a date that was read",
}


class Bound(NamedTuple):
    """What a function does at most with a text of its field."""

    call: Callable[[str], object]
    limit: int
    """Characters of the field."""
    results: int
    steps: int
    """Lines of Python run."""
    size: int
    """Bytes held at once."""


class TooMuch(Exception):
    """A function went on beyond its bound."""


def word(text: str) -> str:
    """Return the longest word of a text as the functions of words get it."""
    return max(spelling.words(text), key=len, default="a")


def person(text: str) -> Names:
    part = (Part("whole", text),)
    return Names(tuple(Name("used", (Written("Zyyy", part),)) for _ in range(names.SPELLINGS_LIMIT)))


def read(reader: Callable[[fields.Reader], object], value: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: reader(fields.Reader(value(text)))


def group(name: str, value: Callable[[str], object]) -> Callable[[str], object]:
    return lambda text: rules.read_group(name, value(text))


def typed(name: str, field: str) -> Callable[[str], object]:
    return lambda text: correcting.filled(name, correcting.typed(name, {field: text}))


KB = 1024
NAME = fields.TEXT_LIMIT
BORN = Told("gregorian", 1990, 5, 7)
BOUNDS = {
    "spelling.is_arabic": Bound(spelling.is_arabic, NAME, 1, 10, 4 * KB),
    "spelling.words": Bound(spelling.words, spelling.TEXT_READ, 800, 40_000, 2_048 * KB),
    "spelling.bones": Bound(lambda text: spelling.bones.__wrapped__(word(text)), NAME, 5, 40_000, 512 * KB),
    "spelling.long_vowels": Bound(lambda text: spelling.long_vowels(word(text)), NAME, 60, 40_000, 512 * KB),
    "spelling.perhaps_long": Bound(lambda text: spelling.perhaps_long(word(text)), NAME, 128, 60_000, 512 * KB),
    "spelling.heard_as": Bound(lambda text: spelling.heard_as(word(text)), NAME, 170, 40_000, 512 * KB),
    "spelling.alike": Bound(lambda text: spelling.alike.__wrapped__(word(text)), NAME, 2_000, 60_000, 512 * KB),
    "spelling.near_bones": Bound(lambda text: spelling.near_bones(word(text)), NAME, 1_500, 60_000, 768 * KB),
    "spelling.near": Bound(lambda text: spelling.near(word(text)), NAME, 3_000, 60_000, 1_024 * KB),
    "tokens.of_names": Bound(
        lambda text: tokens.of_names(person(text), Birth(BORN)),
        NAME,
        40 * tokens.NAME_TEXTS_LIMIT,
        4_000_000,
        8_192 * KB,
    ),
    "tokens.asked": Bound(
        lambda text: tokens.asked(text, BORN).texts(), rules.SEARCH_LIMIT, tokens.TEXTS_LIMIT, 600_000, 12_288 * KB
    ),
    "tokens.asked_again": Bound(
        lambda text: tokens.asked_again(text, Birth(BORN)).texts(), NAME, 21_000, 600_000, 12_288 * KB
    ),
    "names.initials": Bound(lambda text: names.initials(person(text)), NAME, 16, 40_000, 256 * KB),
    "names.read_names": Bound(
        read(
            names.read_names,
            lambda text: {
                "names": [
                    {"use": "used", "written": [{"script": "Latn", "parts": [{"kind": "given", "text": text}] * 50}]}
                ]
            },
        ),
        NAME,
        3,
        60_000,
        512 * KB,
    ),
    "births.read_birth": Bound(
        read(births.read_birth, lambda text: {"told": {"calendar": text, "year": 1990}, "place": text}),
        NAME,
        5,
        10_000,
        64 * KB,
    ),
    "texts.is_visible": Bound(lambda text: texts.is_visible(text[:1] or "a"), 1, 1, 50, 4 * KB),
    "texts.is_unassigned": Bound(lambda text: texts.is_unassigned(text[:1] or "a"), 1, 1, 50, 4 * KB),
    "texts.is_control": Bound(lambda text: texts.is_control(text[:1] or "a"), 1, 1, 50, 4 * KB),
    "texts.is_direction": Bound(lambda text: texts.is_direction(text[:1] or "a"), 1, 1, 50, 4 * KB),
    "texts.without_directions": Bound(texts.without_directions, NAME, NAME, 50, 16 * KB),
    "texts.has_writing": Bound(texts.has_writing, rules.NOTE_LIMIT, 1, 60_000, 64 * KB),
    "texts.one_line": Bound(texts.one_line, NAME, NAME, 10_000, 64 * KB),
    "choices.folded": Bound(choices.folded, NAME, 4_000, 20_000, 256 * KB),
    "choices.language_tag": Bound(choices.language_tag, NAME, NAME, 60_000, 256 * KB),
    "choices.language_name": Bound(choices.language_name, 12, 200, 10_000, 64 * KB),
    "choices.shown_language": Bound(choices.shown_language, NAME, NAME, 60_000, 256 * KB),
    "choices.country_code": Bound(choices.country_code, NAME, NAME, 60_000, 256 * KB),
    "choices.nationality_code": Bound(choices.nationality_code, NAME, NAME, 120_000, 256 * KB),
    "choices.shown_nationality": Bound(choices.shown_nationality, NAME, NAME, 1_000, 64 * KB),
    "choices.shown_sex": Bound(choices.shown_sex, NAME, NAME, 1_000, 64 * KB),
    "choices.shown_country": Bound(choices.shown_country, NAME, NAME, 1_000, 64 * KB),
    "rules.is_phone": Bound(rules.is_phone, rules.CHANNEL_LIMIT, 1, 2_000, 64 * KB),
    "forms.script_of": Bound(forms.script_of, NAME, 4, 40_000, 64 * KB),
    "forms.born": Bound(
        lambda text: forms.born({"year": text, "month": text, "day": text}), limits.ANY, 4, 5_000, 16 * KB
    ),
    "forms.person": Bound(
        lambda text: forms.person(
            dict.fromkeys(("name", "latin", "document_name", "address", "phone", "speaks"), text)
        ),
        NAME,
        9,
        80_000,
        256 * KB,
    ),
    "limits.limit_of": Bound(lambda text: limits.limit_of("files", text), limits.NAME, 1, 50, 4 * KB),
    "limits.too_long": Bound(lambda text: limits.too_long("files", {"text": text}), 10_000, 3, 100, 16 * KB),
    "limits.with_nul": Bound(lambda text: limits.with_nul({"text": text}) or (), 10_000, 4, 100, 16 * KB),
    "texts.control_in": Bound(lambda text: texts.control_in(text) or (), 10_000, 8, 80_000, 16 * KB),
    "fields.text_of": Bound(
        lambda text: fields.text_of("note", text, limit=rules.NOTE_LIMIT, lines=True), 10_000, 4_000, 80_000, 256 * KB
    ),
    "rules.case_number_in": Bound(rules.case_number_in, 10_000, 9, 100, 64 * KB),
    "rules.read_group notes": Bound(
        group("notes", lambda text: {"notes": [{"on": text, "text": text}]}), rules.NOTE_LIMIT, 1, 80_000, 256 * KB
    ),
    "rules.read_group contact": Bound(
        group(
            "contact",
            lambda text: {"channels": [{"kind": "email", "value": text, "allowed": True}], "languages": [text]},
        ),
        rules.CHANNEL_LIMIT,
        3,
        20_000,
        128 * KB,
    ),
    "rules.read_group documents": Bound(
        group(
            "documents",
            lambda text: {"documents": [{"kind": "passport", "seen": "copy", "country": text, "valid_from": text}]},
        ),
        NAME,
        1,
        10_000,
        64 * KB,
    ),
    "correcting.typed names": Bound(typed("names", "names.0.written.0.parts.0.text"), NAME, 9, 40_000, 64 * KB),
    "correcting.typed birth": Bound(typed("birth", "told.year"), NAME, 9, 5_000, 32 * KB),
    "correcting.typed contact": Bound(typed("contact", "languages"), NAME, 9, 80_000, 512 * KB),
    "correcting.typed documents": Bound(typed("documents", "documents.0.country"), NAME, 9, 10_000, 256 * KB),
    "correcting.with_one_more": Bound(
        lambda text: correcting.with_one_more({"names": []}, text), limits.ANY, 1, 5_000, 64 * KB
    ),
    "forbidden.reason_against": Bound(
        lambda text: forbidden.reason_against.__wrapped__(text), 2_000, 400, 400_000, 4_096 * KB
    ),
    "departures.folded": Bound(departures_words.folded, 100, 2_000, 20_000, 256 * KB),
}
"""By module and function. The fields of departures, cut at 100 characters, and of imports (a column's name) too."""


def held(call: Callable[[str], object], text: str, steps: int) -> tuple[int, int, int]:
    """Run a function on a text; return its results, the lines of Python that it ran, and the bytes that it held.

    Raises: TooMuch as soon as it runs more lines than its bound.
    """
    ran = 0

    def line(_frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal ran
        if event == "line":
            ran += 1
            if ran > steps:
                raise TooMuch(f"more than {steps} lines")
        return line

    with suppress(Refused):
        call("ab")  # what is made once, such as patterns, is no work for this text
    before = sys.gettrace()
    tracemalloc.start()
    sys.settrace(line)
    try:
        found = call(text)
    except Refused:
        found = ()
    finally:
        sys.settrace(before)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return (len(found) if isinstance(found, Sized) else 1), ran, peak


def check(name: str, text: str, bound: Bound | None = None) -> None:
    bound = bound or BOUNDS[name]
    for _ in range(3):  # what other threads of the session hold is counted too: the function's own is held every time
        results, _, peak = held(bound.call, text[: bound.limit], bound.steps)
        if peak <= bound.size:
            break
    if results > bound.results or peak > bound.size:
        raise TooMuch(f"{name}: {results} results, {peak} bytes for {text[:20]!r}")


_WORDS: tuple[str, ...] = (
    "a",
    "n",
    "w",
    "ai",
    "ab",
    "abcdefghijklmnop",
    "dzgk",
    "ald",
    "eld",
    "yw",
    "x",
    "xh",
    "bdghkz",
)
_WORDS += ("ا", "ن", "و", "اب", "الدين", "عبد ", "عبدال", "تش", "ضظغ", "ﷺ", "ﷺ ", "ﷻ", "abd ", "ullah ", "al ", "a ")
_WORDS += (
    "a\u0301",
    "a\u0301\u0316",
    "\u0316\u0301",
    "\u200b",
    "\u200d",
    "\u2800",
    "\u3164",
    "\ufdfa\u0301",
    "Ж",
    "аa",
    "aا",
)
_WORDS += ("0", "9", "٣", "0a", "漢", "ก", "\U0001faf0", "ß", "ŉ", "ǆ", "İ", "<", "-", "'", " ", "..", "@", "a@", "a.")
_WORDS += ("\U00016d40", "\ud800", "\x00", "\n", "名 ", "ᄀ", "각", "ﬃ", "㈝", "\u0344", "names.0.", "passport", "pA")
HOSTILE = [piece * (10_000 // len(piece)) for piece in _WORDS]


@pytest.mark.parametrize("texts", [HOSTILE[::4], pytest.param(HOSTILE, marks=pytest.mark.slow)], ids=["some", "all"])
@pytest.mark.parametrize("name", BOUNDS)
def test_no_hostile_text_takes_a_function_beyond_its_bound(name, texts):
    for text in texts:
        check(name, text)


LETTERS = "aeiouwyhbdgkzlnrstxqﷺالديعوم\u0301\u0316\u200b\u2800'- ж漢٣7"


@pytest.mark.parametrize("name", BOUNDS)
@settings(max_examples=settings().max_examples // 3)
@given(
    st.one_of(
        st.text(LETTERS, max_size=200),
        st.lists(st.text(LETTERS, min_size=1, max_size=45), max_size=12).map(" ".join),
        st.text(max_size=200),
        st.builds(lambda piece: piece * (1_000 // len(piece)), st.text(LETTERS, min_size=1, max_size=6)),
    )
)
def test_no_text_takes_a_function_beyond_its_bound(name, text):
    check(name, text)


def _public(module: ModuleType) -> Iterable[str]:
    for name, found in vars(module).items():
        function = inspect.unwrap(found) if callable(found) else None
        if inspect.isfunction(function) and function.__module__ == module.__name__ and not name.startswith("_"):
            yield f"{module.__name__.rpartition('.')[2]}.{name}"


def test_every_function_states_its_bound():
    """Whoever adds one to these modules adds its bound."""
    assert {name for module in MODULES for name in _public(module)} - BOUNDS.keys() - UNTYPED.keys() == set()


def _unbounded(text: str) -> set[str]:
    """`perhaps_long` as it was: it looked at its limit at the end alone."""
    plain = re.sub(r"y(?=[aeiou])", "Y", re.sub(r"w(?=[aeiou])", "W", text))
    found = {""}
    for part in re.findall(r"[aeiouwy]+|[^aeiouwy]", plain):
        choices = spelling._choices(part, "inside")
        found = {one + choice for one in found for choice in choices}
    return found if len(found) <= spelling.MOST_VOWELS else set()


@pytest.mark.parametrize("text", ["na" * 20, "gz" * 20])
def test_the_control_goes_beyond_the_bound(text):
    """The function of before does, and the one of today does not, with the same word and bound."""
    bound = BOUNDS["spelling.perhaps_long"]
    with pytest.raises(TooMuch):
        check("before", text, bound._replace(call=_unbounded))
    check("spelling.perhaps_long", text)


_FIVE = " ".join("abdgkzstlmnrfhwy"[n:] * 3 for n in range(5))
"""Five long words of which each has its own bones."""


@pytest.mark.parametrize(
    ("taken_away", "name", "text"),
    [
        (("spelling.TWICE_LETTERS",), "spelling.alike", "abdgkzst" * 5),
        (("spelling.WORD_LETTERS",), "spelling.near", "abdgkzst" * 25),
        (("spelling.TWICE_LETTERS", "tokens.WORD_TEXTS_LIMIT", "tokens.TEXTS_LIMIT"), "tokens.asked", _FIVE),
    ],
)
def test_without_its_limit_a_function_goes_beyond_its_bound(monkeypatch, taken_away, name, text):
    """The control of the limits: each of them is what holds the bound."""
    check(name, text)
    for limit in taken_away:
        monkeypatch.setattr(f"wayfare.people.{limit}", 1_000_000)
    with pytest.raises(TooMuch):
        check(name, text)


def test_a_search_in_two_epochs_asks_for_less_than_the_database_refuses():
    assert 2 * 2 * tokens.TEXTS_LIMIT < 200_000  # slot 0 and the first sign of each text, in two epochs


def test_people_who_were_found_are_sorted_once_each():
    query = tokens.asked("Mohamed Ahmed")
    hits = {UUID(int=n): {"word:mohamed"} for n in range(5_000)}
    assert len(tokens.best(query, hits, 300)) == 300
    assert len(tokens.ranked(query, hits, 20)) == 20
