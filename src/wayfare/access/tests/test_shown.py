"""What a person sees of the looks into their file: none that is held back, every other; asked for by who may ask."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import transaction

from wayfare.access import operations, queries
from wayfare.access.operations import acting, hold_back, take_up
from wayfare.access.purposes import PURPOSES, ROLES
from wayfare.access.rules import Forbidden
from wayfare.access.shown import shown_by_staff
from wayfare.access.tests.cast import NOW, WORDS, Colleague, file_of
from wayfare.access.visits import hour


@pytest.fixture
def world(db):
    for office in ("paris", "lyon"):
        operations.set_office(office, office.title(), "Europe/Paris", by=None)
    return {(office, role): Colleague(office, role) for office in ("paris", "lyon") for role in ROLES}


def shown(colleague, person):
    with acting(colleague.secret):
        return shown_by_staff(person)


def positions(colleague, person):
    return [entry.position for one in shown(colleague, person) for entry in one.entries]


def may(colleague, person):
    try:
        with transaction.atomic():
            shown(colleague, person)
    except Forbidden as problem:
        assert problem.code == "not_yours"
        return False
    return True


def test_who_may_show_it(world):
    """Role x office x with work in hand or not x a file, another one, none."""
    person, other = (file_of(world["paris", "counsellor"]) for _ in range(2))
    for (office, role), colleague in world.items():
        standing = role == "data_protection_officer" or (role == "supervisor" and office == "paris")
        assert may(colleague, person) is standing, (office, role)
        assert not may(colleague, uuid4())
        for purpose, known in PURPOSES.items():
            with acting(colleague.secret):
                task = take_up(colleague.id, person, purpose, reason=WORDS, basis=WORDS, at=NOW)
            scope = known.roles.get(role)
            opens = known.needs != "approval" and (scope == "any" or (scope == "office" and office == "paris"))
            assert may(colleague, person) is (standing or opens), (office, role, purpose)
            assert may(colleague, other) is standing, "work on another file"
            with acting(colleague.secret):
                operations.close_task(task, at=NOW)
            assert may(colleague, person) is standing, "the work is over"


def test_one_of_the_case_team_shows_it_and_an_approved_emergency_does(world):
    person = file_of(world["paris", "counsellor"])
    of_team, far, supervisor = world["paris", "counsellor"], world["lyon", "counsellor"], world["paris", "supervisor"]
    with acting(of_team.secret):
        operations.join_team(person, of_team.id)
        take_up(of_team.id, person, "case_work", at=NOW)
    assert may(of_team, person)
    with acting(far.secret):
        task = take_up(far.id, person, "break_glass", reason=WORDS, at=NOW)
    assert not may(far, person)
    with acting(supervisor.secret):
        operations.approve(task)
    assert may(far, person)
    far.opens(person, "break_glass", task=task)
    (look,) = shown(far, person)
    assert (look.who, look.roles, look.second) == ("counsellor of lyon", ("counsellor",), "supervisor of paris")
    assert (look.purpose, look.groups, look.why) == ("break_glass", ("names",), WORDS)


def test_what_is_held_back_is_not_there_until_it_is_over(fresh_database):
    """A supervisor reads a held look in the log, and shows none of it."""
    operations.set_office("paris", "Paris", "Europe/Paris", by=None)
    counsellor, supervisor, officer = (
        Colleague("paris", role) for role in ("counsellor", "supervisor", "data_protection_officer")
    )
    person = file_of(counsellor)
    looks = [counsellor.opens(person, "duplicate_review") for _ in range(3)]
    assert positions(supervisor, person) == looks
    with acting(officer.secret):
        hold_back(looks[1], NOW + timedelta(days=30), "Article 23, order of 3 May")
    for colleague in (supervisor, officer):
        assert positions(colleague, person) == [looks[0], looks[2]]
        with acting(colleague.secret):
            assert looks[1] in [one.position for one in queries.log_of(person)], "it stays in the log"
    with psycopg.connect(fresh_database("wayfare_owner")) as owner:
        owner.execute("update access_hold set until = now() - interval '1 minute'")
    assert sorted(positions(supervisor, person)) == looks
    (held,) = [one for one in shown(supervisor, person) if one.held]
    assert [entry.position for entry in held.entries] == [looks[1]]
    assert held.held.basis == "Article 23, order of 3 May"


def test_looks_for_one_task_within_an_hour_are_one_visit_and_none_is_lost(world):
    counsellor = world["paris", "counsellor"]
    person = file_of(counsellor)
    with acting(counsellor.secret):
        task = take_up(counsellor.id, person, "duplicate_review", at=NOW)
    looks = [counsellor.opens(person, groups=("names",), task=task) for _ in range(3)]
    looks += [counsellor.opens(person, groups=("names", "birth"), task=task)]
    looks += [counsellor.opens(person, groups=("names",), task=task)]
    found = shown(world["paris", "supervisor"], person)
    assert [entry.position for one in found for entry in one.entries] == looks
    assert len(found) == len({hour(entry.at) for one in found for entry in one.entries})
    assert sum(one.openings for one in found) == 5
    if len(found) == 1:  # but for a test at the full hour
        assert (found[0].groups, found[0].corrected) == (("names", "birth"), ())
    assert found[0].open_until == NOW + timedelta(hours=PURPOSES["duplicate_review"].hours)
    other = counsellor.opens(person, "duplicate_review")
    assert [entry.position for entry in shown(world["paris", "supervisor"], person)[-1].entries] == [other], "a task"


def test_the_role_is_the_one_by_which_they_could_look_and_none_if_they_have_others_now(world):
    travel = world["paris", "travel_officer"]
    person = file_of(world["paris", "counsellor"])
    travel.opens(person, "travel_booking")
    assert shown(world["paris", "supervisor"], person)[0].roles == ("travel_officer",)
    operations.change_roles(travel.id, ["auditor"], by=None, at=NOW)
    assert shown(world["paris", "supervisor"], person)[0].roles == ()


def test_other_files_and_other_lines_are_not_in_it(world):
    counsellor, supervisor = world["paris", "counsellor"], world["paris", "supervisor"]
    one, other = file_of(counsellor), file_of(counsellor)
    look = counsellor.opens(one, "duplicate_review")
    counsellor.opens(other, "duplicate_review")
    with acting(counsellor.secret):
        task = take_up(counsellor.id, one, "break_glass", reason=WORDS, at=NOW)
    with acting(supervisor.secret):
        operations.approve(task)
    assert positions(supervisor, one) == [look], "what was approved and never looked at is no look"


def test_without_a_session_there_is_nothing(world):
    person = file_of(world["paris", "counsellor"])
    for secret in ("", "x"):
        with pytest.raises(Forbidden), transaction.atomic(), acting(secret):
            shown_by_staff(person)
