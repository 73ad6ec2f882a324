"""Field groups: what people tell is kept as they told it, what is wrong is refused by name, the ledger learns little."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import jdatetime
import orjson
import pytest
import rfc8785
from django.utils import translation
from hijridate import Gregorian
from hypothesis import given
from hypothesis import strategies as st

from wayfare.access.purposes import GROUPS
from wayfare.ledger.rules import Refused
from wayfare.people import births, rules
from wayfare.people.births import Birth, Told, coded, days
from wayfare.people.fields import Reader, canonical
from wayfare.people.names import USES, Names, initials
from wayfare.people.rules import read_group, stored_group, write_group
from wayfare.people.web import words

NUR = {"names": [{"use": "used", "written": [{"script": "Latn", "parts": [{"kind": "whole", "text": "Nur"}]}]}]}
MUHAMMAD: dict[str, Any] = {
    "names": [
        {
            "use": "document",
            "written": [
                {
                    "script": "Arab",
                    "parts": [
                        {"kind": "given", "text": "محمد"},
                        {"kind": "father", "text": "علي"},
                        {"kind": "family", "text": "القحطاني"},
                    ],
                },
                {
                    "script": "Latn",
                    "transliterated": True,
                    "parts": [{"kind": "given", "text": "Mohammed"}, {"kind": "family", "text": "Al-Qahtani"}],
                },
            ],
        },
        {
            "use": "used",
            "written": [
                {
                    "script": "Latn",
                    "transliterated": True,
                    "parts": [{"kind": "given", "text": "Muhammad"}, {"kind": "father", "text": "Ali"}],
                }
            ],
        },
    ],
    "address": "Dr Muhammad, please",
}
EXAMPLES: dict[str, Any] = {
    "names": MUHAMMAD,
    "birth": {
        "told": {"calendar": "persian", "year": 1370, "month": 1},
        "estimated": True,
        "place": "هرات",
        "nationality": "AFG",
        "sex": "female",
    },
    "contact": {
        "channels": [
            {"kind": "phone", "value": "+33 1 23 45 67 89", "allowed": True, "note": "mornings"},
            {"kind": "post", "value": "12 rue A\n75000 Paris"},
        ],
        "languages": ["prs", "fr", "ku-Arab", "pt-BR"],
        "interpreter": True,
    },
    "documents": {
        "documents": [
            {
                "kind": "passport",
                "seen": "copy",
                "country": "AFG",
                "number": "P 123",
                "valid_from": "2020-01-01",
                "valid_until": "2030-01-01",
            }
        ]
    },
    "notes": {"notes": [{"on": "2026-05-17", "text": "Asked for\na map."}]},
}


def refused(group, data):
    with pytest.raises(Refused) as refusal:
        read_group(group, data)
    return refusal.value.field


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_is_written_canonically_and_read_back(group):
    value = read_group(group, EXAMPLES[group])
    plain = write_group(value)
    assert rules.group_of(value) == group
    assert stored_group(group, plain) == value
    assert plain == rfc8785.dumps(orjson.loads(plain))
    assert write_group(stored_group(group, plain)) == plain


@pytest.mark.parametrize("group", ["birth", "contact", "documents", "notes"])
def test_nothing_may_be_known(group):
    assert write_group(read_group(group, {})) == b"{}"


def test_one_name_is_enough_and_no_family_name_is_asked_for():
    names = read_group("names", NUR)
    assert isinstance(names, Names)
    assert initials(names) == "N."
    assert "family" not in write_group(names).decode()


def test_the_form_a_person_uses_stands_before_the_document_s():
    names = read_group("names", MUHAMMAD)
    assert isinstance(names, Names)
    assert names.shown().text() == "Muhammad Ali"
    assert initials(names) == "M. A."
    document = names._replace(names=names.names[:1])
    assert document.shown().text() == "محمد علي القحطاني"
    assert initials(document) == "م. ع. ا."


@pytest.mark.parametrize(
    ("text", "shown"),
    [("Anna-Maria van der Berg", "A. M. B."), ("'Ali", "A."), ("42", ""), ("ßen", "SS."), ("Élodie", "É.")],
)
def test_initials(text, shown):
    written = [{"script": "Latn", "parts": [{"kind": "whole", "text": text}]}]
    names = read_group("names", {"names": [{"use": "used", "written": written}]})
    assert isinstance(names, Names)
    assert initials(names) == shown


def changed(group, path, value):
    data: Any = orjson.loads(orjson.dumps(EXAMPLES[group]))
    place = data
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return data


@pytest.mark.parametrize(
    ("group", "path", "value", "field"),
    [
        ("names", ["names"], [], "names.names"),
        ("names", ["names"], ..., "names.names"),
        ("names", ["names", 0, "use"], "maiden", "names.names[0].use"),
        ("names", ["names", 0, "written", 1, "script"], "arab", "names.names[0].written[1].script"),
        ("names", ["names", 0, "written", 1, "script"], ..., "names.names[0].written[1].script"),
        ("names", ["names", 0, "written", 0, "parts", 0, "text"], "  ", "names.names[0].written[0].parts[0].text"),
        ("names", ["names", 0, "written", 0, "parts", 0, "text"], "a\x00b", "names.names[0].written[0].parts[0].text"),
        ("names", ["names", 0, "written", 0, "parts", 0, "text"], "x" * 201, "names.names[0].written[0].parts[0].text"),
        ("names", ["names", 0, "written", 0, "parts", 0, "text"], "\ud800", "names.names[0].written[0].parts[0].text"),
        ("names", ["names", 0, "written", 0, "parts", 0, "kind"], "whole", "names.names[0].written[0].parts"),
        (
            "names",
            ["names", 0, "written", 1],
            {"script": "Arab", "parts": [{"kind": "whole", "text": "x"}]},
            "names.names[0].written",
        ),
        ("names", ["surname"], "Q", "names.surname"),
        ("birth", ["told", "year"], ..., "birth.told.year"),
        ("birth", ["told", "year"], 1990, "birth.told.year"),
        ("birth", ["told", "year"], True, "birth.told.year"),
        ("birth", ["told", "month"], 13, "birth.told.month"),
        ("birth", ["told", "day"], 32, "birth.told.day"),
        ("birth", ["told"], {"calendar": "hijri", "year": 1400, "day": 3}, "birth.told.month"),
        ("birth", ["told", "calendar"], "julian", "birth.told.calendar"),
        ("birth", ["told"], [], "birth.told"),
        ("contact", ["channels", 0, "allowed"], "yes", "contact.channels[0].allowed"),
        ("birth", ["nationality"], "Afghanistan", "birth.nationality"),
        ("birth", ["nationality"], "unknown", "birth.nationality"),
        ("birth", ["sex"], "F", "birth.sex"),
        ("birth", ["sex"], 2, "birth.sex"),
        ("contact", ["channels", 0], {"kind": "email", "value": "nobody"}, "contact.channels[0].value"),
        ("contact", ["languages", 0], "Arabic", "contact.languages[0]"),
        ("documents", ["documents", 0, "country"], "AFX", "documents.documents[0].country"),
        ("documents", ["documents", 0, "valid_until"], "2019-01-01", "documents.documents[0].valid_until"),
        ("documents", ["documents", 0, "valid_from"], "2019-02-30", "documents.documents[0].valid_from"),
        ("documents", ["documents"], [{}] * 51, "documents.documents"),
        ("notes", ["notes", 0, "on"], ..., "notes.notes[0].on"),
        ("notes", ["notes", 0, "text"], 7, "notes.notes[0].text"),
    ],
)
def test_what_is_wrong_is_refused_by_its_field(group, path, value, field):
    read_group(group, EXAMPLES[group])
    assert refused(group, changed(group, path, value)) == field


def test_groups_are_a_closed_list():
    assert refused("religion", {}) == "group"
    nothing: list[Any] = [None, [], "x", 1]
    for data in nothing:
        assert refused("names", data) == "names"


def test_a_group_has_a_largest_size():
    notes = read_group("notes", {"notes": [{"on": "2026-01-01", "text": "x" * 3000}] * 30})
    with pytest.raises(Refused, match="64000 at most"):
        write_group(notes)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["names", "told", "channels", "documents", "notes", "use", "written"]), inner
            )
        ),
    )
)
def test_nothing_that_json_can_hold_breaks_the_reading(data: Any) -> None:
    for group in GROUPS:
        try:
            assert stored_group(group, write_group(read_group(group, data))) == read_group(group, data)
        except Refused as refusal:
            assert refusal.field.startswith(group)


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (Told("gregorian", 1990), "1990"),
        (Told("gregorian", 1990, 5), "1990-05"),
        (Told("gregorian", 1990, 5, 17), "1990-05"),
        (Told("persian", 1370, 1, 15), "1991-04"),  # 15 Farvardin 1370 is 4 April 1991
        (Told("persian", 1370, 1), "1991"),  # Farvardin lies in March and April
        (Told("persian", 1370), "1991"),
        (Told("hijri", 1412, 1, 1), "1991-07"),  # about 13 July 1991
        (Told("hijri", 1411, 12, 18), "1991"),  # about 1 July: it may have been the last of June
        (Told("hijri", 1412), "1992"),  # July 1991 to July 1992: 2 July is beyond its middle
    ],
)
def test_the_ledger_learns_the_month_at_most(told, code):
    assert rules.ledger_facts(Birth(told, place="Herat")) == {"nationality": "UNK", "sex": 0, "birth_date": code}


def test_of_what_is_not_known_the_ledger_learns_nothing():
    assert rules.ledger_facts(Birth(place="Herat")) == {"nationality": "UNK", "sex": 0, "birth_date": None}


@pytest.mark.parametrize(
    ("nationality", "code"),
    [("AFG", "AFG"), ("XXA", "XXA"), ("XKX", "XKX"), ("not_known", "UNK"), ("prefer_not_to_say", "UNK"), (None, "UNK"),
     ("ANT", "UNK")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("sex", "digit"),
    [("female", 2), ("male", 1), ("other", 9), ("not_known", 0), ("prefer_not_to_say", 0), (None, 0)],
)
def test_the_ledger_learns_nationality_and_sex_as_codes(nationality, code, sex, digit):
    """`ANT`: a code that a file may have from a time when there was such a country."""
    facts = rules.ledger_facts(Birth(nationality=nationality, sex=sex))
    assert facts == {"nationality": code, "sex": digit, "birth_date": None}


def test_what_is_not_known_and_what_is_not_said_are_kept_apart_in_the_file():
    stored = [write_group(read_group("birth", {"nationality": one, "sex": one})) for one in births.UNSAID]
    assert stored[0] != stored[1]
    assert [stored_group("birth", one) for one in stored] == [
        Birth(nationality="not_known", sex="not_known"),
        Birth(nationality="prefer_not_to_say", sex="prefer_not_to_say"),
    ]


@pytest.mark.parametrize("code", ["UNK", "AFX", "ANT", "XOM"])
def test_a_nationality_is_a_country_that_there_is_today(code):
    value = read_group("birth", {"nationality": code})
    with pytest.raises(Refused, match=r"^birth\.nationality: "):
        write_group(value)
    assert stored_group("birth", b'{"nationality":"ANT"}') == Birth(nationality="ANT"), "one stored earlier still opens"


RETIRED = {
    "names": {
        "names": [{"use": "nickname", "written": [{"script": "Latn", "parts": [{"kind": "callsign", "text": "Z"}]}]}]
    },
    "birth": {"nationality": "ANT", "sex": "unsure"},
    "contact": {"channels": [{"kind": "fax", "value": "12", "allowed": True}], "languages": ["x-old"]},
    "documents": {"documents": [{"kind": "seaman_book", "seen": "fax", "country": "ANT", "number": "1" * 61}]},
    "notes": {"notes": [{"on": "2026-05-17", "text": "x" * 5_000}]},
}
"""What files may hold from a time with other lists and limits; the last list of each is none of today's."""


@pytest.mark.parametrize("group", RETIRED)
def test_what_was_sealed_by_other_lists_and_limits_opens_and_is_shown(group):
    plain = orjson.dumps(RETIRED[group], option=orjson.OPT_SORT_KEYS)
    value = stored_group(group, plain)
    assert canonical(value) == plain
    for language in ("en", "ar"):
        with translation.override(language):
            rows = words.group(group, value, language)["rows"]
    texts = " ".join(str(part) for row in rows for part in row.values())
    for code in ("ANT", "fax", "seaman_book", "x-old"):
        assert (code in texts) is (code.encode() in plain), code


@pytest.mark.parametrize("group", RETIRED)
def test_control_as_new_input_it_is_refused(group):
    with pytest.raises(Refused):
        write_group(read_group(group, RETIRED[group]))


@pytest.mark.parametrize("group", GROUPS)
def test_a_stored_field_that_nobody_knows_is_not_dropped(group):
    with pytest.raises(Refused, match="colour"):
        stored_group(group, b'{"colour":"blue","names":[]}' if group == "names" else b'{"colour":"blue"}')


def test_a_hijri_month_may_have_thirty_days_whatever_our_table_says():
    """Another table (.NET's) has 170 months of 30 days that have fewer in ours, such as Sha'ban 1400."""
    for year in range(1343, 1501):
        for month in range(1, 13):
            told = {"calendar": "hijri", "year": year, "month": month, "day": 30}
            read = read_group("birth", {"told": told})
            assert isinstance(read, Birth)
            assert read.told == Told("hijri", year, month, 30)
            first, last = days(read.told)
            assert (last - first).days == 4
    first, last = days(Told("hijri", 1400, 8, 30))
    assert first <= date(1980, 7, 12) <= last, "as .NET has it"
    with pytest.raises(Refused, match="day"):
        read_group("birth", {"told": {"calendar": "hijri", "year": 1400, "month": 8, "day": 31}})


def in_calendar(calendar, day):
    if calendar == "persian":
        found = jdatetime.date.fromgregorian(date=day)
        return found.year, found.month, found.day
    return Gregorian(*day.timetuple()[:3]).to_hijri().datetuple() if calendar == "hijri" else day.timetuple()[:3]


@given(
    st.dates(date(1925, 1, 1), date(2075, 1, 1)), st.sampled_from(sorted(births.CALENDARS)), st.sampled_from([1, 2, 3])
)
def test_a_date_told_in_any_calendar_lies_in_the_days_it_can_mean(day, calendar, precision):
    told = Told(calendar, *in_calendar(calendar, day)[:precision])
    first, last = days(told)
    assert first <= day <= last
    assert last - first <= timedelta(days={1: 370, 2: 35, 3: 4}[precision])
    code = coded(Birth(told))
    assert code is not None
    assert len(code) in (4, 7)
    assert abs(int(code[:4]) - day.year) <= 1
    if len(code) == 7:
        assert code == f"{day:%Y-%m}"
    fields = {name: value for name, value in told._asdict().items() if value is not None}
    assert births.read_birth(Reader({"told": fields})).told == told


def test_a_birth_in_the_future_is_refused():
    today = date(2026, 5, 17)
    births.at_the_latest(Birth(Told("gregorian", 2026)), today)
    births.at_the_latest(Birth(), today)
    with pytest.raises(Refused, match="calendar"):
        births.at_the_latest(Birth(Told("gregorian", 2026, 6)), today)


@given(st.integers(0, 2**40 - 1))
def test_case_numbers_are_read_as_they_are_said(chance):
    number = rules.case_number(chance)
    assert rules.is_case_number(number)
    for said in (number, number.lower(), number.replace("-", ""), f" {number.replace('0', 'O').replace('1', 'l')} "):
        assert rules.case_number_in(said) == number
    assert rules.case_number(chance ^ 1) != number


def test_what_is_no_case_number():
    assert [rules.case_number_in(text) for text in ("", "Maria", "0000-000U", "0000-00000")] == [None] * 4
    assert USES[0] == "used"


@pytest.mark.parametrize(
    ("printed", "kept"),
    [("UNK", "XKX"), ("RKS", "XKX"), ("XKX", "XKX"), ("D", "DEU"), ("DEU", "DEU"), ("XXC", "XXC"), ("GBN", "GBN")],
)
def test_the_country_of_a_document_is_read_as_documents_print_it(printed, kept):
    value = read_group("documents", {"documents": [{"kind": "passport", "seen": "copy", "country": printed}]})
    assert isinstance(value, rules.Documents)
    assert [document.country for document in value.documents] == [kept]
    assert stored_group("documents", write_group(value)) == value


@pytest.mark.parametrize("wrong", ["KOS", "UNM", "DE", "F", "d", "ZZZ"])
def test_no_other_code_is_mapped(wrong):
    data = {"documents": [{"kind": "passport", "seen": "copy", "country": wrong}]}
    assert refused("documents", data) == "documents.documents[0].country"
