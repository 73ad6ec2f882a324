"""The page of a case team: who may see it, join it and change it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from wayfare.access import queries as access
from wayfare.access.operations import acting
from wayfare.people.tests.cast import WORDS, Colleague, browser


def on_it(colleague, person):
    with acting(colleague.secret):
        return set(access.team(person))


@pytest.fixture
def case(counsellor):
    return counsellor.enrols("Maryam Karimi")


def test_a_colleague_joins_in_words_and_what_was_typed_stays(counsellor, case):
    bo = Colleague("paris", "counsellor")
    door = f"/files/{case.person}/team"
    page = browser(bo).get(door).content.decode()
    assert case.case_number in page
    assert "counsellor of paris" in page
    short = browser(bo).post(door, {"reason": "for <fun>"})
    assert short.status_code == 422
    assert "Say in a sentence why you join this team." in short.content.decode()
    assert "for &lt;fun&gt;" in short.content.decode()
    assert on_it(bo, case.person) == {counsellor.id}
    assert browser(bo).post(door, {"reason": WORDS}).status_code == 302
    assert on_it(bo, case.person) == {counsellor.id, bo.id}
    assert browser(bo).post(door, {"sure": "yes", "do": "leave", "staff": str(counsellor.id)}).status_code == 404
    assert browser(bo).post(door, {"sure": "yes", "do": "leave"}).status_code == 302
    assert on_it(bo, case.person) == {counsellor.id}


def test_a_supervisor_puts_colleagues_of_the_office_on_it_and_takes_them_off(counsellor, case, supervisor):
    officer, elsewhere = Colleague("paris", "travel_officer"), Colleague("lyon", "counsellor")
    door, boss = f"/files/{case.person}/team", browser(supervisor)
    page = boss.get(door).content.decode()
    assert str(officer.id) in page
    assert str(elsewhere.id) not in page
    assert boss.post(door, {"staff": str(officer.id)}).status_code == 302
    assert boss.post(door, {"sure": "yes", "do": "leave", "staff": str(counsellor.id)}).status_code == 302
    assert on_it(supervisor, case.person) == {officer.id}
    for wrong in ("nobody", str(uuid4())):
        assert boss.post(door, {"staff": wrong}).status_code == 404, wrong
    assert on_it(supervisor, case.person) == {officer.id}


def test_another_office_and_nobody_look_alike(case):
    for role in ("counsellor", "supervisor"):
        stranger = browser(Colleague("lyon", role))
        answers = {
            (door.status_code, door.content.replace(str(person).encode(), b""))
            for person in (case.person, uuid4())
            for door in (
                stranger.get(f"/files/{person}/team"),
                stranger.post(f"/files/{person}/team", {"reason": WORDS}),
            )
        }
        assert len(answers) == 1
        assert answers.pop()[0] == 404
    for role in ("travel_officer", "auditor", "administrator", "statistician", "verifier"):
        assert browser(Colleague("paris", role)).get(f"/files/{case.person}/team").status_code == 404
