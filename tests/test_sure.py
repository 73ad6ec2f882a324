"""What cannot be taken back is asked once more: the first click changes nothing, and says what the second will do."""

from __future__ import annotations

from datetime import UTC, datetime
from html import unescape

import psycopg
import pytest

from wayfare.access import operations as access
from wayfare.access.signin import operations as signin
from wayfare.people.tests import conftest
from wayfare.people.tests.cast import WORDS, Colleague, browser

vault, keys_folder = conftest.vault, conftest.keys_folder
token, tokens_folder = conftest.token, conftest.tokens_folder  # for the cases with keys in a token
counsellor, supervisor = conftest.counsellor, conftest.supervisor


def counted(vault, query):
    with psycopg.connect(vault("wayfare_owner")) as owner:
        return owner.execute(query).fetchone()[0]


class Case:
    """A form that takes something away: where it is sent, what it holds, and what is left before and after."""

    def __init__(self, client, path, form, left, says):
        self.client, self.path, self.form, self.left, self.says = client, path, form, left, says


def sessions(vault, counsellor, supervisor):
    boss = browser(Colleague("paris", "administrator"))
    return Case(boss, "/staff/people", {}, "select count(*) from access_session where ended_at is null", "signed out")


def leaving(vault, counsellor, supervisor):
    boss = browser(Colleague("paris", "administrator"))
    left = "select count(*) from access_staff where left_at is null"
    return Case(
        boss,
        f"/staff/people/{counsellor.id}",
        {"do": "leave"},
        left,
        "They can open nothing from their next request on",
    )


def ending(vault, counsellor, supervisor):
    boss = browser(Colleague("paris", "administrator"))
    left = "select count(*) from access_session where ended_at is null"
    return Case(boss, f"/staff/people/{counsellor.id}", {"do": "end"}, left, "signed out everywhere")


def invitation(vault, counsellor, supervisor):
    boss = browser(Colleague("paris", "administrator"))
    signin.invite("Ada", "ada@example.org", "paris", ["auditor"], by=None, at=datetime.now(UTC))
    staff = counted(vault, "select staff from access_invitation where email = 'ada@example.org'")
    left = "select count(*) from access_invitation where withdrawn_at is null"
    return Case(boss, f"/staff/people/{staff}", {"do": "withdraw"}, left, "The link they were given stops working")


def team(vault, counsellor, supervisor):
    person = counsellor.enrols("Maryam Karimi").person
    with supervisor.acting():
        access.join_team(person, supervisor.id)
    left = "select count(*) from access_team"
    form = {"do": "leave", "staff": str(counsellor.id)}
    return Case(browser(supervisor), f"/files/{person}/team", form, left, "no longer open this file")


def request(vault, counsellor, supervisor):
    person = counsellor.enrols("Maryam Karimi").person
    task = counsellor.task(person, "break_glass")
    left = "select count(*) from access_task where closed_at is null"
    return Case(browser(counsellor), f"/files/work/{task}/seal", {"do": "withdraw"}, left, "Nobody can approve it")


@pytest.mark.parametrize("made", [sessions, leaving, ending, invitation, team, request])
def test_the_first_click_asks_and_the_second_does_it(vault, made, counsellor, supervisor):
    case = made(vault, counsellor, supervisor)
    before = counted(vault, case.left)
    asked = case.client.post(case.path, case.form)
    page = unescape(asked.content.decode())
    assert asked.status_code == 200
    assert case.says in page
    assert 'name="sure" value="yes"' in page
    assert all(f'name="{name}" value="{value}"' in page for name, value in case.form.items()), "the same form again"
    assert counted(vault, case.left) == before, "nothing is done yet"
    assert case.client.post(case.path, case.form | {"sure": "yes"}).status_code == 302
    assert counted(vault, case.left) < before


def test_sealing_what_is_open_asks_nothing(counsellor, supervisor):
    person = counsellor.enrols("Maryam Karimi").person
    assert WORDS
    assert browser(counsellor).post(f"/files/work/{counsellor.task(person)}/seal").status_code == 302
