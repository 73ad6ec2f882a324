"""Languages, countries and scripts are chosen by name, in the reader's language; a code that is typed is understood."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.utils import translation

from wayfare.common.web.formats import locale
from wayfare.ledger import countries
from wayfare.ledger.rules import Refused
from wayfare.people.fields import canonical
from wayfare.people.names import Name, Names, Part, Written
from wayfare.people.rules import TooShort, can_be_dialled, is_phone, read_group, stored_group, write_group
from wayfare.people.tests.cast import browser
from wayfare.people.web import choices, forms, words

LANGUAGES = [code for code, _ in settings.LANGUAGES]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_that_is_offered_leads_to_its_tag_and_is_taken(language):
    with translation.override(language):
        offered = choices.languages()
        assert [tag for tag, name in offered if choices.language_tag(name) != tag] == []
        assert len({name for _, name in offered}) == len(offered)
    read_group("contact", {"languages": [tag for tag, _ in offered][:50]})
    assert offered[0][0] == "ar", "the usual ones first"
    assert len(offered) > 400


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_country_that_is_offered_leads_to_its_code(language):
    with translation.override(language):
        offered = choices.countries()
        assert {code for code, _ in offered} == countries.ISSUERS
        assert [code for code, name in offered if choices.country_code(name) != code] == []


@pytest.mark.parametrize(
    ("typed", "tag"),
    [
        ("Arabic", "ar"),
        ("arabe", "ar"),
        ("العربية", "ar"),
        ("AR", "ar"),
        (" dari ", "fa-AF"),
        ("Darí", "fa-AF"),
        ("ku-arab", "ku-Arab"),
        ("pt_br", "pt-BR"),
        ("Kurdish (Arabic)", "ku-Arab"),
        ("Tigrinya (Ethiopic)", "ti-Ethi"),
        ("prs", "prs"),
        ("Klingon!", "Klingon!"),
        ("", ""),
    ],
)
def test_a_language_is_understood_by_name_in_any_language_of_the_pages_and_by_tag(typed, tag):
    assert choices.language_tag(typed) == tag


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("Afghanistan", "AFG"),
        ("afganistán", "AFG"),
        ("أفغانستان", "AFG"),
        ("afg", "AFG"),
        ("d", "D"),
        ("Kosovo", "XKX"),
        ("Stateless", "XXA"),
        ("Nowhere", "Nowhere"),
    ],
)
def test_a_country_is_understood_by_name_and_by_code(typed, code):
    assert choices.country_code(typed) == code


@pytest.mark.parametrize(
    "tag", ["ar", "fa-AF", "prs", "ku-Arab", "kmr", "ti-Ethi", "pt-BR", "zh-Hant", "en-GB", "es-419"]
)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_that_nobody_changes_keeps_its_languages(tag, language):
    with translation.override(language):
        assert choices.language_tag(choices.shown_language(tag)) == tag


@pytest.mark.parametrize(
    "number",
    [
        "+33 1 23 45 67 89",
        "01.23.45.67.89",
        "(030) 123-456",
        "0041/44 123 45 67 ext. 12",
        "112",
        "٠١٢٣ ٤٥٦ ٧٨٩",
        "+1 (555) 010-0100 x7",
        "\u202a+33 1 23 45 67 89\u202c",
        "01 23 45 67 89 poste 4",
        "+49\xa030\xa01234",
    ],
)
def test_a_telephone_number_as_people_write_it(number):
    assert is_phone(number)


@pytest.mark.parametrize(
    "text", ["abc", "", "+", "12", "call me", "1" * 30, "name@example.org", "ext. 12", "(---)", "12a45"]
)
def test_what_is_no_telephone_number(text):
    assert not is_phone(text)


@pytest.mark.parametrize(
    "number",
    ["+33 1 23 45 67 89", "01.23.45.67.89", "(030) 123-456", "0041/44 123 45 67 ext. 12", "٠١٢٣ ٤٥٦ ٧٨٩", "+683 4002"],
)
def test_a_whole_telephone_number_can_be_dialled(number):
    assert can_be_dialled(number)
    assert write_group(read_group("contact", contact(number)))


@pytest.mark.parametrize("number", ["12345", "112", "+12345", "12345 ext. 6789", "+1 23456 78901 23456"])
def test_a_number_with_too_few_digits_or_too_many_is_not_stored_anew_but_still_opens(number):
    known = read_group("contact", contact(number))  # as what was stored before the rule
    with pytest.raises(TooShort, match=r"contact\.channels\[0\]\.value"):
        write_group(known)
    assert stored_group("contact", canonical(known)) == known


def contact(number):
    return {"channels": [{"kind": "phone", "value": number, "allowed": True}], "languages": ["ku-Arab"]}


@pytest.mark.parametrize("tag", ["zz", "qqq", "ar-Zzyx", "und", "fr-ZZZ"])
def test_a_language_that_has_no_name_is_not_stored_anew_but_still_opens(tag):
    try:
        known = read_group("contact", {"languages": ["ar", tag]})
    except Refused:
        return  # not even the form of a tag
    with pytest.raises(Refused, match=r"contact\.languages\[1\]"):
        write_group(known)
    assert stored_group("contact", canonical(known)) == known
    assert write_group(read_group("contact", {"languages": ["ar", "prs", "pt-BR"]})), "the control"


SAMPLES = {
    "Adlm": "𞤀𞤣𞤤𞤢𞤥",
    "Beng": "রহিম",
    "Gujr": "મહેશ",
    "Guru": "ਗੁਰਪ੍ਰੀਤ",
    "Hang": "김민수",
    "Khmr": "សុខា",
    "Knda": "ರಮೇಶ",
    "Laoo": "ສົມພອນ",
    "Mlym": "രമേശ്",
    "Mymr": "အောင်",
    "Nkoo": "ߡߎߛߊ",
    "Orya": "ରମେଶ",
    "Rohg": "𐴀𐴞𐴕𐴐𐴝",
    "Sinh": "නිමල්",
    "Syrc": "ܐܦܪܝܡ",
    "Telu": "రమేష్",
    "Tfng": "ⴰⵎⵖⴰⵔ",
    "Thaa": "އަހުމަދު",
    "Thai": "สมชาย",
    "Tibt": "བསྟན་འཛིན",
}


@pytest.mark.parametrize("script", SAMPLES)
def test_a_name_in_its_own_script_is_taken_named_and_found_again(counsellor, script):
    assert forms.script_of(SAMPLES[script]) == script
    client = browser(counsellor)
    assert client.post("/files/new", {"name": SAMPLES[script]}).status_code == 200
    assert 'id="results"' in (page := client.post("/files/", {"text": SAMPLES[script]}).content.decode())
    assert "/work" in page, "found"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_script_has_a_name_in_every_language(language):
    assert {*forms.SCRIPTS.values()} - {*locale(language).scripts} == set()


def test_no_two_rows_of_a_file_have_the_same_name():
    arab, latin = (Written(script, (Part("whole", "x"),)) for script in ("Arab", "Latn"))
    other = latin._replace(transliterated=True)
    names = Names((Name("used", (arab, latin, other)), Name("used", (latin,)), Name("document", (latin,))))
    with translation.override("en"):
        keys = [str(row["key"]) for row in words.group("names", names, "en")["rows"]]
    assert keys == [
        "The name they use",
        "The name they use (Latin)",
        "The name they use (Latin) 2",
        "The name they use 2",
        "On a document",
    ]
