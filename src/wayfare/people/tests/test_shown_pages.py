"""Who looked, as the person sees it: in their language and in plain words, for staff to show or print."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import pytest

from wayfare.access import operations as access
from wayfare.access import queries
from wayfare.access.purposes import OPENERS, ROLES
from wayfare.people.tests.cast import NOW, WORDS, Colleague, browser, erased


def lines(page):
    text = re.sub(r"\s+", " ", page.content.decode())
    return [re.sub(r"<[^>]+>", "", one) for one in re.findall(r'<li class="wf-way__item.*?</li>', text)]


@pytest.fixture
def case(counsellor):
    """A file with two looks into it; the task for the first is still in hand."""
    made = counsellor.enrols("Maryam Karimi")
    for groups, purpose in ((("names", "birth"), "case_work"), (("names", "contact"), "support_at_request")):
        with counsellor.looks(made.person, *groups, purpose=purpose):
            pass
    return made


def test_each_look_says_when_who_by_role_what_why_and_until_when(counsellor, case):
    page = browser(counsellor).get(f"/files/{case.person}/looks")
    first, second = lines(page)
    assert (
        "counsellor of paris (Counsellor) opened names and date of birth, nationality and sex to work on the case."
        in first
    )
    assert "because help was asked for" in second
    assert WORDS in second
    assert re.search(r"\d+ \w+ 20\d\d, \d\d:\d\d", first)
    assert "It can be opened for this until" in first
    assert case.case_number in page.content.decode()
    assert "Maryam" not in page.content.decode(), "the page opens nothing"
    assert page.headers["Cache-Control"] == "no-store"


def test_to_show_them_is_no_look(counsellor, case):
    client = browser(counsellor)
    assert len(lines(client.get(f"/files/{case.person}/looks"))) == 2
    assert len(lines(client.get(f"/files/{case.person}/looks"))) == 2


@pytest.mark.parametrize(
    ("language", "heading", "direction"),
    [
        ("fr", "Qui a consulté votre dossier", "ltr"),
        ("es", "Quién consultó su expediente", "ltr"),
        ("ar", "من اطّلع على ملفك", "rtl"),
    ],
)
def test_it_is_in_the_person_s_language_and_the_line_for_staff_in_theirs(
    counsellor, case, language, heading, direction
):
    page = browser(counsellor).get(f"/files/{case.person}/looks?language={language}")
    text = page.content.decode()
    assert f'<html lang="{language}" dir="{direction}">' in text
    assert heading in text
    assert page.headers["Content-Language"] == language
    assert '<div class="wf-bar" lang="en" dir="ltr">' in text
    assert "Back to files" in text
    for one in ("fr", "es", "ar", "en"):
        assert f'href="?language={one}"' in text
    assert not re.search(r">[^<]*(opened|look|Case number|until)[^<]*<", text.split("</div>", 3)[-1]), (
        "nothing is left in English"
    )
    assert "Who looked at your file" in browser(counsellor).get(f"/files/{case.person}/looks").content.decode()


def test_a_language_that_we_do_not_speak_is_left_aside(counsellor, case):
    page = browser(counsellor, "fr").get(f"/files/{case.person}/looks?language=tlh")
    assert '<html lang="fr"' in page.content.decode()


def test_what_is_held_back_is_not_shown_by_anybody(counsellor, supervisor, case):
    officer = Colleague("lyon", "data_protection_officer")
    with officer.acting():
        first = next(one.position for one in queries.log_of(case.person) if one.kind == "look")
        access.hold_back(first, NOW + timedelta(days=9), "Article 23, order of 3 May")
    for colleague in (counsellor, supervisor, officer):
        page = browser(colleague).get(f"/files/{case.person}/looks")
        assert len(lines(page)) == 1
        assert "Article 23" not in page.content.decode()
    assert f"entry {first} " in browser(supervisor).get("/staff/looks").content.decode(), (
        "the control: they may read it there"
    )


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("office", ["paris", "lyon"])
def test_forbidden_and_absent_look_alike(case, role, office):
    client = browser(Colleague(office, role))
    answers = []
    for person in (case.person, uuid4()):
        page = client.get(f"/files/{person}/looks")
        answers.append((page.status_code, page.content.decode().replace(str(person), "")))
    may = role == "data_protection_officer" or (office, role) == ("paris", "supervisor")
    assert answers[0][0] == (200 if may else 404)
    assert answers[1][0] == 404
    assert (answers[0] == answers[1]) is not may
    assert role in OPENERS or not may


def test_of_an_erased_person_the_looks_remain_for_supervisors_and_officers(counsellor, supervisor, case):
    erased(case.person, supervisor)
    page = browser(supervisor).get(f"/files/{case.person}/looks")
    assert len(lines(page)) == 2
    assert case.case_number not in page.content.decode()
    assert WORDS not in page.content.decode(), "the words of a reason went with the erasure"
    assert browser(Colleague("lyon", "data_protection_officer")).get(f"/files/{case.person}/looks").status_code == 200
    assert browser(counsellor).get(f"/files/{case.person}/looks").status_code == 404


def test_who_is_not_signed_in_goes_to_sign_in(case):
    assert browser(None).get(f"/files/{case.person}/looks").status_code == 302


def test_words_that_look_like_a_page_are_shown_as_words(counsellor, case):
    with counsellor.acting():
        task = access.take_up(
            counsellor.id, case.person, "support_at_request", reason="<b>because</b> she asked", at=NOW
        )
        access.look(task, ["names"])
    text = browser(counsellor).get(f"/files/{case.person}/looks").content.decode()
    assert "&lt;b&gt;because" in text
