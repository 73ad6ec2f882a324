"""Correcting a file on its pages: what is there comes filled in, what is typed is never lost, two at once are told."""

from __future__ import annotations

import html
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from wayfare.access import operations as access
from wayfare.access import queries
from wayfare.access.purposes import GROUPS, PURPOSES, ROLES
from wayfare.ledger.rules import Refused
from wayfare.people import operations
from wayfare.people.fields import LIST_LIMIT, bare
from wayfare.people.rules import read_group
from wayfare.people.statements import Stale
from wayfare.people.tests.cast import NOW, WORDS, Colleague, browser, erased, file_data
from wayfare.people.web import correcting, words
from wayfare.people.web.correcting import filled, typed, with_one_more

WHOLE: dict[str, Any] = {
    "names": {
        "names": [
            {
                "use": "used",
                "written": [
                    {"script": "Arab", "parts": [{"kind": "given", "text": "مريم"}, {"kind": "father", "text": "علي"}]},
                    {"script": "Latn", "parts": [{"kind": "whole", "text": "Maryam Ali"}], "transliterated": True},
                ],
            },
            {"use": "document", "written": [{"script": "Syrc", "parts": [{"kind": "whole", "text": "ALI MARIAM"}]}]},
        ],
        "address": "Ms Maryam",
    },
    "birth": {
        "told": {"calendar": "persian", "year": 1373, "month": 2},
        "estimated": True,
        "place": "Herat",
        "on_document": {"calendar": "gregorian", "year": 1994, "month": 5, "day": 7},
        "nationality": "AFG",
        "sex": "female",
    },
    "contact": {
        "channels": [
            {"kind": "phone", "value": "+33 1 23 45 67 89", "allowed": True, "note": "after six"},
            {"kind": "in_person", "value": "at the desk"},
        ],
        "languages": ["fa", "fr"],
        "interpreter": True,
    },
    "documents": {
        "documents": [
            {"kind": "passport", "seen": "copy", "number": "XK-4711-22", "country": "AFG", "valid_until": "2031-01-01"},
            {"kind": "other", "seen": "told", "valid_from": "2021-05-07"},
        ]
    },
}


def fields(page):
    """Return a page's form as a browser would send it."""
    text, given = page.content.decode(), {}
    for tag in re.findall(r'<input\b[^>]* name="[^>]*>', text):
        name = re.search(r' name="([^"]+)"', tag)[1]
        if name != "csrfmiddlewaretoken" and ('type="checkbox"' not in tag or " checked" in tag):
            given[name] = html.unescape((re.search(r' value="([^"]*)"', tag) or ["", ""])[1])
    for name, options in re.findall(r'<select\b[^>]* name="([^"]+)"[^>]*>(.*?)</select>', text, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        given[name] = html.unescape(chosen[1])
    return given


@pytest.fixture
def case(counsellor):
    """A file, the counsellor's task on it, and where each group of it is corrected."""
    with counsellor.acting():
        person = operations.enrol(WHOLE | {"notes": file_data("x")["notes"]}, at=NOW).person
        access.join_team(person, counsellor.id)
    task = counsellor.task(person)
    return person, task, {group: f"/files/work/{task}/correct/{group}" for group in GROUPS}


def stored(counsellor, person, group):
    with counsellor.looks(person, group) as opened:
        return bare(opened.groups[group]), opened.versions[group]


def looks(colleague, person):
    with colleague.acting():
        return [(one.kind, one.groups) for one in queries.log_of(person) if one.kind == "look"]


# The form by itself


def form_of(group, data):
    """Return what the form of a group would send if nobody changed anything."""
    sent = {}

    def walk(blocks):
        for block in blocks:
            for field in [*block.get("parts", []), *block.get("fields", [])]:
                if field["kind"] != "check":
                    sent[field["name"]] = str(field["value"] if field["value"] is not None else "")
                elif field["value"]:
                    sent[field["name"]] = "yes"
            walk(block.get("blocks", []))

    walk(correcting.blocks(group, data, correcting.Form("en", {})))
    return sent


def held(value, found=None):
    """Return which fields of which types hold something anywhere in a value, and every type that is in it."""
    found = {} if found is None else found
    if isinstance(value, tuple):
        if hasattr(value, "_fields"):
            filled_in = found.setdefault(type(value), set())
            filled_in |= {name for name, one in zip(value._fields, value, strict=True) if one not in (None, False, ())}
        for one in value:
            held(one, found)
    return found


def test_the_example_has_every_field_that_a_file_can_have():
    """So that a field which is new in a file, and forgotten in its form or on its page, fails the tests below."""
    found: dict[Any, set[str]] = {}
    for group in correcting.GROUPS:
        held(read_group(group, WHOLE[group]), found)
    assert {kind.__name__: set(kind._fields) - fields for kind, fields in found.items()} == {
        kind.__name__: set() for kind in found
    }
    assert len(found) >= 10


def leaves(data, path=()):
    """Yield the way to each value of JSON data."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else None
    if items is None:
        yield path
    else:
        for key, value in items:
            yield from leaves(value, (*path, key))


def without(data, path):
    """Return JSON data with one value left out."""
    key, *rest = path
    copied = dict(data) if isinstance(data, dict) else list(data)
    if rest:
        copied[key] = without(data[key], rest)
    else:
        del copied[key]
    return copied


@pytest.mark.parametrize("group", correcting.GROUPS)
def test_every_field_that_is_stored_shows_on_the_page(group):
    """A value that is left out, where it may be, leaves another page behind."""
    whole, tried = read_group(group, WHOLE[group]), 0
    for path in leaves(WHOLE[group]):
        with suppress(Refused):  # it must be there
            value = read_group(group, without(WHOLE[group], path))
            assert value == whole or words.group(group, value, "en") != words.group(group, whole, "en"), path
            tried += 1
    assert tried


@pytest.mark.parametrize("group", correcting.GROUPS)
@pytest.mark.parametrize("data", [WHOLE, {}])
def test_a_form_that_nobody_changes_means_what_is_stored(group, data):
    value = {} if group == "names" and not data else data.get(group, {})
    found = filled(group, typed(group, form_of(group, value)))
    if group == "names" and not data:
        assert found == {"names": []}
    else:
        assert bare(read_group(group, found)) == bare(read_group(group, value))


@pytest.mark.parametrize("group", correcting.GROUPS)
def test_room_for_one_more_changes_nothing_that_is_stored(group):
    for where, _ in correcting.more(group, WHOLE[group]):
        data = with_one_more(typed(group, form_of(group, WHOLE[group])), where)
        assert len(form_of(group, data)) > len(form_of(group, WHOLE[group])), where
        again = filled(group, typed(group, form_of(group, data)))
        assert bare(read_group(group, again)) == bare(read_group(group, WHOLE[group])), where


@pytest.mark.parametrize(
    "where",
    [
        "",
        "x",
        "names.9.written",
        "names.x",
        "names.0.use",
        "address",
        "names.0.written.0.parts.0.text",
        "1",
        ".",
        "channels",
    ],
)
def test_room_where_there_is_none_is_not_made(where):
    data = typed("names", form_of("names", WHOLE["names"]))
    assert form_of("names", with_one_more(data, where)) == form_of("names", WHOLE["names"])


@pytest.mark.parametrize(
    "given",
    [
        {"names": "x"},
        {"names.0": "x", "names.0.use": "used"},
        {"names.0.use": "used", "names.0": "x"},
        {"names.x.use": "used"},
        {"names.0.written.0.parts": "x"},
        {"names.99.written.99.parts.99.text": "x"},
        {"a" * 5000: "x"},
        {"names..use": "x", "..": "x", "names.1000000.use": "x"},
    ],
)
@pytest.mark.parametrize("group", correcting.GROUPS)
def test_whatever_is_sent_is_read_or_refused(group, given):
    data = filled(group, typed(group, given))
    with suppress(Refused):
        read_group(group, data)
    correcting.blocks(group, data, correcting.Form("en", {}))


def test_a_name_goes_by_its_letters_unless_another_script_is_chosen():
    given = {
        "names.0.use": "used",
        "names.0.written.0.parts.0.kind": "whole",
        "names.0.written.0.parts.0.text": "Марьям",
    }
    assert typed("names", given)["names"][0]["written"][0]["script"] == "Cyrl"
    given["names.0.written.0.script"] = "Latn"
    assert typed("names", given)["names"][0]["written"][0]["script"] == "Latn"


# The pages


@pytest.mark.parametrize("group", correcting.GROUPS)
def test_what_is_there_comes_filled_in_and_is_a_look(counsellor, case, group):
    person, _, paths = case
    page = browser(counsellor).get(paths[group])
    assert page.status_code == 200
    assert looks(counsellor, person) == [("look", (group,))]
    again = filled(group, typed(group, fields(page)))
    assert bare(read_group(group, again)) == WHOLE[group]
    assert page.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("group", "field", "value", "found"),
    [
        (
            "names",
            "names.0.written.0.parts.1.text",
            "حسن",
            lambda data: data["names"][0]["written"][0]["parts"][1]["text"],
        ),
        ("birth", "told.day", "17", lambda data: str(data["told"]["day"])),
        ("birth", "on_document.year", "1995", lambda data: str(data["on_document"]["year"])),
        ("contact", "channels.0.value", "+33 199 00 99", lambda data: data["channels"][0]["value"]),
        ("contact", "languages.0", "ku-Arab", lambda data: data["languages"][0]),
        ("documents", "documents.1.number", "77", lambda data: data["documents"][1]["number"]),
    ],
)
def test_a_correction_is_stored_and_the_file_shown(counsellor, case, group, field, value, found):
    person, task, paths = case
    client = browser(counsellor)
    answer = client.post(paths[group], fields(client.get(paths[group])) | {field: value})
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/files/work/{task}?corrected={group}"
    data, version = stored(counsellor, person, group)
    assert (found(data), version) == (value, 2)
    page = client.get(answer.headers["Location"].split("#")[0]).content.decode()
    assert "Saved and sealed again" in page


def test_another_name_in_another_script_is_added_without_javascript(counsellor, case):
    person, _, paths = case
    client = browser(counsellor)
    sent = fields(client.get(paths["names"]))
    sent["address"] = "typed, and not saved"
    page = client.post(paths["names"], sent | {"add": "names"})
    assert page.status_code == 200
    sent = fields(page)
    assert sent["address"] == "typed, and not saved"
    sent |= {"names.2.use": "earlier", "names.2.written.0.parts.0.text": "Марьям"}
    page = client.post(paths["names"], sent | {"add": "names.2.written"})
    sent = fields(page) | {"names.2.written.1.parts.0.text": "Maryam", "names.2.written.1.transliterated": "yes"}
    assert stored(counsellor, person, "names")[1] == 1, "nothing is saved by making room"
    assert client.post(paths["names"], sent).status_code == 302
    added = stored(counsellor, person, "names")[0]["names"][2]
    assert [one["script"] for one in added["written"]] == ["Cyrl", "Latn"]
    assert added["use"] == "earlier"
    assert "Марьям" in client.get(paths["names"]).content.decode()


def test_a_corrected_name_is_found_and_the_old_one_no_more(counsellor, case):
    _, _, paths = case
    client = browser(counsellor)
    sent = fields(client.get(paths["names"]))
    sent = {key: "" if key.endswith(".text") else value for key, value in sent.items()}
    sent["names.0.written.0.parts.0.text"] = "Zarifa"
    assert client.post(paths["names"], sent).status_code == 302
    assert "Results" in client.post("/files/", {"text": "Zarifa"}).content.decode()
    assert "Nobody was found" in client.post("/files/", {"text": "Maryam Ali"}).content.decode()


@pytest.mark.parametrize(
    ("group", "change", "field", "said"),
    [
        (
            "names",
            {"names.0.written.0.parts.0.text": "x" * 201},
            "names.0.written.0.parts.0.text",
            "This has 201 characters. Write at most 200.",
        ),
        ("names", {"names.0.written.0.parts.0.kind": "whole"}, "names.0.written.0.parts", "either the whole name"),
        (
            "names",
            {"names.0.written.1.script": "Arab", "names.0.written.1.transliterated": ""},
            "names.0.written",
            "One script stands there twice",
        ),
        ("names", {"names.0.use": "nickname"}, "names.0.use", "Choose one of the list"),
        ("birth", {"told.year": "long ago"}, "told.year", "Write the year"),
        ("birth", {"told.year": "1480"}, "told.year", "lies in the future"),
        ("birth", {"told.month": "13"}, "told.month", "Write the month"),
        ("birth", {"told.day": "32"}, "told.day", "Write the day"),
        ("birth", {"on_document.calendar": "mayan"}, "on_document.calendar", "Choose one of the list"),
        ("contact", {"channels.0.kind": "email"}, "channels.0.value", "e-mail address"),
        ("contact", {"languages.1": "Klingon!"}, "languages.1", "Choose a language of the list"),
        ("contact", {"channels.0.value": "abc"}, "channels.0.value", "+33 1 23 45 67 89"),
        ("documents", {"documents.0.country": "ZZZ"}, "documents.0.country", "Choose a country"),
        ("documents", {"documents.0.valid_from": "2032-01-01"}, "documents.0.valid_until", "not before the first"),
        (
            "documents",
            {"documents.1.kind": "", "documents.1.number": "9"},
            "documents.1.kind",
            "Choose one of the list",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_field_and_all_that_was_typed_stays(counsellor, case, group, change, field, said):
    person, _, paths = case
    client = browser(counsellor)
    sent = fields(client.get(paths[group])) | change
    before = looks(counsellor, person)
    page = client.post(paths[group], sent)
    text = html.unescape(page.content.decode())
    assert page.status_code == 422
    assert said in text
    if f'id="{field}"' in text:
        assert f'href="#{field}"' in text
        assert f'id="{field}-error"' in text
    kept = fields(page)
    lost = {key: value for key, value in sent.items() if kept.get(key, "") != value and not key.endswith(".script")}
    assert lost == {}
    assert looks(counsellor, person) == before, "what is refused opens nothing"
    assert stored(counsellor, person, group)[1] == 1


def test_without_any_name_nothing_is_stored(counsellor, case):
    _, _, paths = case
    client = browser(counsellor)
    sent = {key: "" if key.endswith("text") else value for key, value in fields(client.get(paths["names"])).items()}
    page = client.post(paths["names"], sent)
    assert page.status_code == 422
    assert "at least one name" in page.content.decode()


def test_of_two_who_correct_at_once_the_second_is_shown_both_readings_and_nothing_is_lost(counsellor, case):
    person, _, paths = case
    colleague = Colleague("paris", "supervisor")
    theirs = f"/files/work/{colleague.task(person)}/correct/contact"
    mine, other = browser(counsellor), browser(colleague)
    first, second = fields(other.get(theirs)), fields(mine.get(paths["contact"]))
    assert other.post(theirs, first | {"channels.0.value": "+33 111 111 111"}).status_code == 302
    page = mine.post(paths["contact"], second | {"channels.0.value": "+33 222 222 222", "channels.0.note": "at noon"})
    text = page.content.decode()
    assert page.status_code == 409
    assert "Somebody corrected this while you were typing" in text
    assert "+33 111 111 111" in text
    assert stored(counsellor, person, "contact")[0]["channels"][0]["value"] == "+33 111 111 111"
    sent = fields(page)
    assert (sent["channels.0.value"], sent["channels.0.note"], sent["version"]) == ("+33 222 222 222", "at noon", "2")
    assert mine.post(paths["contact"], sent).status_code == 302
    data, version = stored(counsellor, person, "contact")
    assert (data["channels"][0]["value"], version) == ("+33 222 222 222", 3)
    seen = [groups for _, groups in looks(colleague, person)]
    assert seen.count(("contact",)) == 8, "every showing and every try is on the record"


def test_while_keys_change_nothing_is_lost(counsellor, case, monkeypatch):
    """The epoch that ends beneath a correction is tried in test_epochs; here what the page says then."""
    _, _, paths = case
    client = browser(counsellor)
    sent = fields(client.get(paths["contact"])) | {"channels.0.note": "typed"}

    def closed(*_args, **_more):
        raise Stale("epoch")

    monkeypatch.setattr(operations, "correct", closed)
    page = client.post(paths["contact"], sent)
    assert page.status_code == 409
    assert "save it again" in page.content.decode()
    assert fields(page)["channels.0.note"] == "typed"


@pytest.mark.parametrize("version", ["", "x", "-1", "1" * 12])
def test_a_form_that_no_page_of_ours_has_is_not_found(counsellor, case, version):
    _, _, paths = case
    client = browser(counsellor)
    sent = fields(client.get(paths["contact"])) | {"version": version}
    assert client.post(paths["contact"], sent).status_code == 404


# Notes


def test_a_note_is_added_with_its_day_and_the_others_stay(counsellor, case):
    person, task, paths = case
    client = browser(counsellor)
    page = client.get(paths["notes"]).content.decode()
    assert "Asked for a map." in page
    answer = client.post(paths["notes"], {"text": "Came with her sister.\nWill come again."})
    assert answer.headers["Location"] == f"/files/work/{task}?corrected=notes"
    data, version = stored(counsellor, person, "notes")
    assert [one["text"] for one in data["notes"]] == ["Asked for a map.", "Came with her sister.\nWill come again."]
    assert date.fromisoformat(data["notes"][1]["on"]) >= NOW.date()
    assert version == 2


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 4001])  # NUL: tests/test_field_limits.py
def test_a_note_that_cannot_be_kept_is_told_and_stays_in_its_field(counsellor, case, text):
    person, _, paths = case
    page = browser(counsellor).post(paths["notes"], {"text": text})
    assert page.status_code == 422
    said = "This has 4,001 characters. Write at most 4,000." if len(text) > 4000 else "Write the note"
    assert said in page.content.decode()
    assert text.strip("\n\x00 ") in page.content.decode()
    assert stored(counsellor, person, "notes")[1] == 1


def test_a_file_that_is_full_of_notes_says_so_and_its_look_is_on_the_record(counsellor, case):
    person, task, paths = case
    with counsellor.acting():
        note = {"on": "2026-05-17", "text": "n"}
        operations.correct(task, "notes", {"notes": [note] * LIST_LIMIT}, version=1, at=NOW)
    before = len(looks(counsellor, person))
    page = browser(counsellor).post(paths["notes"], {"text": "one too many"})
    assert page.status_code == 422
    assert "full of notes" in page.content.decode()
    assert "one too many" in page.content.decode()
    assert len(looks(counsellor, person)) == before + 1


def test_notes_of_many_at_once_are_all_there(counsellor, case):
    person, _, _ = case
    tasks = [counsellor.task(person) for _ in range(6)]

    def add(n):
        try:
            with access.acting(counsellor.secret):
                operations.add_note(tasks[n], f"note {n}", on=date(2026, 5, 18))
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(add, range(6)))
    data, version = stored(counsellor, person, "notes")
    assert {one["text"] for one in data["notes"]} == {"Asked for a map.", *(f"note {n}" for n in range(6))}
    assert version == 7


# Who may


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_purpose_corrects_what_it_opens_and_nothing_else(counsellor, purpose):
    person = counsellor.enrols("Maryam Karimi").person
    known = PURPOSES[purpose]
    role = "supervisor" if "supervisor" in known.roles else next(iter(known.roles))
    colleague = Colleague("paris", role)
    task = colleague.task(person, purpose)
    if known.needs == "approval":
        assert b"still sealed" in browser(colleague).get(f"/files/work/{task}/correct/names").content
        with Colleague("paris", "supervisor").acting():
            access.approve(task)
    for group in GROUPS:
        needs = {"names", "birth"} if group in ("names", "birth") else {group}
        path = f"/files/work/{task}/correct/{group}"
        page = browser(colleague).get(path)
        assert page.status_code == (200 if needs <= set(known.groups) else 404), group
        if page.status_code == 200 and group != "notes":
            assert browser(colleague).post(path, fields(page)).status_code == 302
    shown = browser(colleague).post(f"/files/work/{task}", {"also": ["notes", "documents", "contact"]}).content.decode()
    for group in GROUPS:
        needs = {"names", "birth"} if group in ("names", "birth") else {group}
        assert (f"/correct/{group}" in shown) is (needs <= set(known.groups)), group


def bare_page(answer):
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "", answer.content.decode())


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("office", ["paris", "lyon"])
def test_somebody_else_s_work_and_none_look_alike(counsellor, case, role, office):
    """Role x office x a task of one's own that does not reach, a colleague's, none; for GET and for POST."""
    person, _, paths = case
    colleague = Colleague(office, role)
    client = browser(colleague)
    own = f"/files/work/{colleague.task(person)}/correct/contact"
    reaches = (office, role) == ("paris", "supervisor")
    answers = {}
    for name, path in (
        ("other", paths["contact"]),
        ("own", own),
        ("none", own.replace(own.split("/")[3], str(uuid4()))),
    ):
        for method in ("get", "post"):
            answer = getattr(client, method)(path, {"version": "1", "languages": "fr"} if method == "post" else {})
            answers[name, method] = (answer.status_code, bare_page(answer))
    assert answers["other", "get"] == answers["none", "get"]
    assert answers["other", "post"] == answers["none", "post"]
    assert answers["none", "get"][0] == answers["none", "post"][0] == 404
    if not reaches:
        assert answers["own", "get"] == answers["none", "get"]
        assert answers["own", "post"] == answers["none", "post"]
        assert stored(counsellor, person, "contact")[0] == WHOLE["contact"]
    else:
        assert (answers["own", "get"][0], answers["own", "post"][0]) == (200, 302)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_work_of_one_s_own_that_ended_says_so_and_shows_what_was_typed(counsellor, case, language):
    """As after closing the file in another tab, or when the work's time is over."""
    person, task, paths = case
    client = browser(counsellor)
    client.cookies["language"] = language
    with counsellor.acting():
        access.close_task(task, at=timezone.now())
    typed = {"version": "1", "channels.0.kind": "post", "channels.0.value": "12 rue des Lilas", "languages.0": "fr"}
    answer = client.post(paths["contact"], typed)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "12 rue des Lilas" in page
    assert f"/files/{person}" in page
    assert ("has ended" in page) is (language == "en")
    assert stored(counsellor, person, "contact")[0] == WHOLE["contact"]
    for path in (paths["contact"], f"/files/work/{task}"):
        assert client.get(path).status_code == 409
    colleague = browser(Colleague("paris", "counsellor"))
    assert colleague.post(paths["contact"], typed).status_code == 404, "a colleague's ended work is as none"


@pytest.mark.parametrize("group", ["name", "x", "NAMES", "..", "all"])
def test_a_group_that_there_is_not_is_not_found(counsellor, case, group):
    _, task, _ = case
    assert browser(counsellor).get(f"/files/work/{task}/correct/{group}").status_code == 404


def test_who_is_not_signed_in_and_a_form_from_elsewhere_correct_nothing(counsellor, case):
    person, _, paths = case
    assert browser(None).post(paths["contact"], {"version": "1"}).status_code == 302
    strict = browser(counsellor, enforce_csrf_checks=True)
    for group in ("contact", "notes"):
        assert strict.post(paths[group], {"version": "1", "text": "x"}).status_code == 403
    assert looks(counsellor, person) == []


def test_an_erased_file_is_corrected_no_more(counsellor, supervisor, case):
    person, _, paths = case
    sent = fields(browser(counsellor).get(paths["contact"]))
    erased(person, supervisor)
    assert browser(counsellor).get(paths["contact"]).status_code == 404
    assert browser(counsellor).post(paths["contact"], sent).status_code == 404


@pytest.mark.parametrize("language", ["fr", "es", "ar"])
@pytest.mark.parametrize("group", GROUPS)
def test_the_pages_speak_the_languages(counsellor, case, language, group):
    _, _, paths = case
    text = browser(counsellor, language).get(paths[group]).content.decode()
    assert f'lang="{language}"' in text
    english = "Save the correction|Add the note|Name 1|Given name|Script|Part|Number|Kind|Place of birth|Calendar|How"
    assert not re.search(rf">\s*({english})\s*<", text)


# Who works on a file


def test_a_file_shows_its_team_and_the_reader_s_own_work_on_it(counsellor, case):
    person, task, _ = case
    other = counsellor.task(person, "duplicate_review")
    elsewhere = counsellor.task(counsellor.enrols("Somebody Else").person)
    theirs = Colleague("paris", "supervisor").task(person)
    page = browser(counsellor).get(f"/files/work/{task}").content.decode()
    assert "counsellor of paris" in page
    assert f"/files/work/{other}" in page
    assert str(elsewhere) not in page
    assert str(theirs) not in page
    assert WORDS not in page
