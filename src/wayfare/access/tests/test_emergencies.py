"""Emergency access: who asks waits, a second person approves or refuses in words, and the asker is told."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest
from django.db import transaction

from wayfare.access import operations, queries
from wayfare.access.operations import acting, take_up
from wayfare.access.purposes import ROLES
from wayfare.access.rules import Forbidden
from wayfare.access.tests.cast import NOW, WORDS, Colleague, browser, file_of
from wayfare.ledger.rules import Refused


@pytest.fixture
def world(db):
    for office in ("paris", "lyon"):
        operations.set_office(office, office.title(), "Europe/Paris", by=None)
    return {(office, role): Colleague(office, role) for office in ("paris", "lyon") for role in ROLES}


@pytest.fixture
def asked(world):
    """Gives the asker, the task and the file."""
    asker, person = world["lyon", "counsellor"], file_of(world["paris", "counsellor"])
    with acting(asker.secret):
        return asker, take_up(asker.id, person, "break_glass", reason=WORDS, at=NOW), person


def refuses(colleague, task, why=WORDS):
    try:
        with transaction.atomic(), acting(colleague.secret):
            operations.refuse_emergency(task, why)
    except Forbidden:
        return False
    return True


def test_a_refusal_is_in_words_on_record_and_told_and_the_file_stays_shut(world, asked):
    asker, task, person = asked
    supervisor = world["paris", "supervisor"]
    for nobody in (asker, world["paris", "counsellor"], world["paris", "administrator"], world["lyon", "auditor"]):
        assert not refuses(nobody, task)
    with pytest.raises(Refused, match=r"^why: is missing"):
        refuses(supervisor, task, "no")
    assert refuses(supervisor, task, "Ask her counsellor, who is here today.")
    assert not refuses(world["lyon", "data_protection_officer"], task), "once is for good"
    with pytest.raises(Forbidden), transaction.atomic(), acting(world["lyon", "supervisor"].secret):
        operations.approve(task)
    with pytest.raises(Forbidden), transaction.atomic():
        asker.opens(person, task=task)
    with acting(world["lyon", "data_protection_officer"].secret):
        (entry,) = queries.log_of(person)
    assert (entry.kind, entry.staff, entry.body["for"]) == ("refusal", supervisor.id, str(asker.id))
    with acting(asker.secret):
        (told,) = queries.own_notices()
    assert (told.about, told.who, told.person) == ("emergency_refused", "supervisor of paris", person)
    assert told.words == "Ask her counsellor, who is here today."
    for other in (supervisor, world["paris", "counsellor"]):
        with acting(other.secret):
            assert queries.own_notices() == []


def test_an_approval_is_told_and_a_notice_is_marked_by_its_reader_alone(world, asked):
    asker, task, person = asked
    with acting(world["paris", "supervisor"].secret):
        operations.approve(task)
    with acting(asker.secret):
        (told,) = queries.own_notices()
    assert (told.about, told.who, told.words) == ("emergency_approved", "supervisor of paris", "")
    assert asker.opens(person, task=task), "the control: it opens now"
    browser(world["paris", "supervisor"]).post("/staff/notices", {"seen": str(told.id)})
    with acting(asker.secret):
        assert queries.own_notices() == [told]
    assert browser(asker).post("/staff/notices", {"seen": str(told.id)}).status_code == 302
    with acting(asker.secret):
        assert queries.own_notices() == []


def test_the_approver_reads_who_asks_with_role_and_office_and_since_when(world, asked):
    page = browser(world["paris", "supervisor"]).get("/staff/requests").content.decode()
    for said in ("counsellor of lyon", "Counsellor", "Lyon", WORDS, "Approve emergency access", "Refuse"):
        assert said in page


def test_who_acts_on_the_page_gets_a_confirmation_of_it_and_nobody_else_does(world, asked):
    _, task, person = asked
    client = browser(world["paris", "supervisor"])
    short = client.post("/staff/requests", {"decline": str(task), "why": "no"})
    assert short.status_code == 422
    assert "Say in a sentence why" in short.content.decode()
    done = client.post("/staff/requests", {"decline": str(task), "why": WORDS})
    address = done.headers["Location"]
    assert "supervisor of paris refused counsellor of lyon emergency access" in client.get(address).content.decode()
    with acting(world["lyon", "data_protection_officer"].secret):
        (entry,) = queries.log_of(person)
    assert address == f"/staff/requests?done={entry.position}"
    for other in ("supervisor", "data_protection_officer", "administrator"):
        assert "refused counsellor of lyon" not in browser(world["lyon", other]).get(address).content.decode()
    for hidden in (uuid4(), task):
        assert client.post("/staff/requests", {"decline": str(hidden), "why": WORDS}).status_code == 404


def test_words_that_are_not_those_that_were_committed_to_are_not_told(fresh_database):
    for office in ("paris", "lyon"):
        operations.set_office(office, office.title(), "Europe/Paris", by=None)
    asker, person = Colleague("lyon", "counsellor"), file_of(Colleague("paris", "counsellor"))
    with acting(asker.secret):
        task = take_up(asker.id, person, "break_glass", reason=WORDS, at=NOW)
    with acting(Colleague("paris", "supervisor").secret):
        operations.refuse_emergency(task, WORDS)
    with acting(asker.secret):
        assert [one.words for one in queries.own_notices()] == [WORDS], "the control"
    with psycopg.connect(fresh_database("wayfare_owner")) as owner:
        owner.execute("update access_words set words = 'a lie that is longer'")
    with acting(asker.secret):
        assert [one.words for one in queries.own_notices()] == [""]


def test_nobody_reads_what_waits_but_its_asker_and_who_may_decide(world, asked):
    for (office, role), colleague in world.items():
        with acting(colleague.secret):
            seen = len(queries.waiting_for_approval())
        may = role in ("supervisor", "data_protection_officer") or (office, role) == ("lyon", "counsellor")
        assert seen == may, (office, role)


def test_with_the_application_s_password_alone_no_notice_is_written_or_read(fresh_database):
    for office in ("paris", "lyon"):
        operations.set_office(office, office.title(), "Europe/Paris", by=None)
    asker, supervisor = Colleague("lyon", "counsellor"), Colleague("paris", "supervisor")
    person = file_of(Colleague("paris", "counsellor"))
    with acting(asker.secret):
        task = take_up(asker.id, person, "break_glass", reason=WORDS, at=NOW)
    with acting(supervisor.secret):
        operations.refuse_emergency(task, WORDS)
    with psycopg.connect(fresh_database("wayfare_app"), autocommit=True) as thief:
        assert thief.execute("select count(*) from access_own_notices()").fetchone() == (0,)
        assert thief.execute("select count(*) from access_notice").fetchone() == (0,)
        assert thief.execute("select count(*) from access_emergencies_waiting()").fetchone() == (0,)
        for attack in (
            f"select access_tell('{asker.id}', 'emergency_approved', '{person}', 1)",
            f"select access_refuse_emergency('{task}', 'because I say so')",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                thief.execute(attack)
