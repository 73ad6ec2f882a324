"""Separation of duties: an administrator with invented colleagues is one person, and no approval of theirs counts.

Each condition of `access_approval_obstacle` has its attack and its control: with the condition taken out of the function
in the database, the same attack succeeds.
"""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
from django.db import connections, transaction

from wayfare.access import operations, queries
from wayfare.access.operations import acting, take_up
from wayfare.access.rules import Forbidden
from wayfare.access.signin import operations as signin
from wayfare.access.signin.passkeys import NewPasskey
from wayfare.access.tests.cast import NOW, WORDS, Colleague, browser, file_of, there

ANY_SENIOR = ["administrator", "data_protection_officer", "supervisor"]


def owner(statement, *parameters):
    """Run a statement as the owner of the tables; return its rows."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else []


def take_out(word):
    """Take one condition out of the rule, as a careless change would."""
    ((text,),) = owner("select pg_get_functiondef('access_approval_obstacle'::regproc)")
    changed = re.sub(rf"return '{word}';", "null;", text)
    assert changed != text
    owner(changed.replace("%", "%%"))


def age(staff, days=8):
    """Let an account and its roles be as old as that."""
    owner("update access_staff set joined_at = joined_at - make_interval(days => %s) where id = %s", days, staff)
    owner("update access_role set since = since - make_interval(days => %s) where staff = %s", days, staff)


class Puppet:
    """An account that an administrator invited and came in with alone; its roles wait, or were confirmed by `second`."""

    def __init__(self, admin, *roles, second=None, days=0):
        self.email = f"{uuid4()}@example.org"
        link = signin.invite("Puppet", self.email, "paris", roles, by=admin.secret, at=NOW)
        self.secret = signin.accept_with_passkey(link, NewPasskey(uuid4().bytes, b"", 0), "", at=NOW)
        self.id = there(queries.actor(self.secret, at=NOW)).staff
        if second is not None:
            confirm(second, self.id, roles)
        age(self.id, days)


def signs_in(who):
    """Sign somebody in again, whose sessions ended with a change of roles."""
    who.secret = operations.begin_session(who.id, "passkey", at=NOW)


def confirm(who, staff, roles):
    with acting(who.secret):
        operations.confirm_roles(staff, roles)


@pytest.fixture
def office(fresh_database):
    """Colleagues whom commands on the machine made."""
    for name in ("paris", "lyon"):
        operations.set_office(name, name.title(), "Europe/Paris", by=None)
    return {
        "conninfo": fresh_database("wayfare_app"),
        "admin": Colleague("paris", "administrator", "data_protection_officer"),
        "other admin": Colleague("paris", "administrator"),
        "boss": Colleague("paris", "supervisor"),
        "ada": Colleague("paris", "counsellor"),
    }


def approvers(office):
    """Accounts that an administrator controls or has at hand, each with the word by which its approval is refused."""
    admin, boss, other = office["admin"], office["boss"], office["other admin"]
    left = Colleague("paris", "supervisor")
    operations.leave(left.id, by=None, at=NOW)
    recovered = Colleague("paris", "supervisor")
    owner("insert into access_recovery (id, hash, staff, code, asked_at, expires_at, confirmed_at, usable_at, link_ends_at, used_at)"
          " values (gen_random_uuid(), sha256('x'), %s, 'K', now(), now(), now(), now(), now(), now() - interval '1 day')",
          recovered.id)  # fmt: skip
    given = Puppet(other, "counsellor", second=boss, days=8)
    operations.change_roles(given.id, ["counsellor", "supervisor"], by=admin.secret, at=NOW)
    confirm(boss, given.id, ["supervisor"])
    young = Puppet(other, "counsellor")
    operations.change_roles(young.id, ["supervisor"], by=None, at=NOW)
    signs_in(given)
    signs_in(young)
    return {
        "the administrator": (admin, "own_request"),
        "a puppet whose roles wait": (Puppet(admin, "supervisor", days=8), "no_role"),
        "a puppet with roles since yesterday": (Puppet(other, "supervisor", second=boss, days=1), "account_too_new"),
        "an account that is young, its role by a command": (young, "account_too_new"),
        "a puppet of their own, long confirmed": (Puppet(admin, "supervisor", second=boss, days=8), "not_independent"),
        "an old account with a role since today": (given, "role_too_new"),
        "who has left": (left, "has_left"),
        "who was recovered yesterday": (recovered, "recovered_lately"),
    }


ATTACKS = [
    "the administrator", "a puppet whose roles wait", "a puppet with roles since yesterday",
    "an account that is young, its role by a command", "a puppet of their own, long confirmed",
    "an old account with a role since today", "who has left", "who was recovered yesterday",
]  # fmt: skip


def obstacle(approver, parties, needed=("supervisor", "data_protection_officer", "administrator")):
    ((word,),) = owner(
        "select access_approval_obstacle(%s, %s, %s)", approver.id, needed and list(needed), [one.id for one in parties]
    )
    return word


def test_the_rule_names_what_stands_in_the_way_and_each_condition_alone_does(office):
    found = approvers(office)
    assert sorted(found) == sorted(ATTACKS)
    for said, (who, word) in found.items():
        assert obstacle(who, [office["admin"]]) == word, said
    take_out("account_too_new")  # of who is young with young roles, the second condition holds as well
    assert obstacle(found["a puppet with roles since yesterday"][0], [office["admin"]]) == "role_too_new"
    for word in ("own_request", "no_role", "role_too_new", "not_independent", "has_left", "recovered_lately"):
        take_out(word)
    for said, (who, _) in found.items():
        assert obstacle(who, [office["admin"]]) is None, said
    assert obstacle(office["boss"], [office["admin"]]) is None, "the control: an independent colleague may"


def test_who_invited_a_party_is_not_independent_of_it_either(office):
    puppet = Puppet(office["admin"], "supervisor", second=office["boss"], days=8)
    assert obstacle(office["admin"], [puppet]) == "not_independent"
    assert obstacle(office["boss"], [puppet]) is None, "who confirmed a colleague's roles did not invent them"
    two = Puppet(office["admin"], "supervisor", second=office["boss"], days=8)
    assert obstacle(puppet, [two]) is None, "one administrator invites everybody in a small office"
    assert obstacle(puppet, [two, office["admin"]]) == "not_independent", "but not where they have a part themselves"


def test_a_role_of_any_kind_is_enough_where_none_is_named_and_none_is_not(office):
    assert obstacle(office["ada"], [office["admin"]], needed=None) is None
    assert obstacle(office["ada"], [office["admin"]]) == "no_role"
    assert obstacle(Puppet(office["admin"], "counsellor", days=8), [office["ada"]], needed=None) == "no_role"


def test_the_time_is_a_limit_that_the_owner_sets(office):
    puppet = Puppet(office["other admin"], "supervisor", second=office["boss"], days=3)
    assert obstacle(puppet, [office["admin"]]) == "account_too_new"
    owner("update access_limits set settled_days = 2")
    assert obstacle(puppet, [office["admin"]]) is None


# Every door that takes an approval


def roles_are_confirmed(office, who):
    """The administrator asks to be a supervisor, too; somebody confirms."""
    admin = office["admin"]
    if not owner("select from access_role_asked where staff = %s", admin.id):
        operations.change_roles(
            admin.id, ["administrator", "data_protection_officer", "supervisor"], by=admin.secret, at=NOW
        )
        signs_in(admin)
    confirm(who, admin.id, ["supervisor"])


def an_emergency_is_approved(office, who):
    """The administrator, who is a data-protection officer as well, wants into any file at once."""
    admin, person = office["admin"], file_of(office["ada"])
    with acting(admin.secret):
        task = take_up(admin.id, person, "break_glass", reason=WORDS, at=NOW)
    with acting(who.secret):
        operations.approve(task)
    with acting(admin.secret):
        assert operations.look(task, ["names"])


@pytest.mark.parametrize("door", [roles_are_confirmed, an_emergency_is_approved])
@pytest.mark.parametrize("attack", [one for one in ATTACKS if one != "the administrator"])
def test_no_door_takes_an_approval_that_does_not_count(office, door, attack):
    who, word = approvers(office)[attack]
    with pytest.raises(Forbidden) as refused, transaction.atomic():
        door(office, who)
    seen = refused.value.code
    assert seen == word or (attack in ("a puppet whose roles wait", "who has left") and seen == "not_yours")


@pytest.mark.parametrize("door", [roles_are_confirmed, an_emergency_is_approved])
@pytest.mark.parametrize(
    "attack", ["a puppet of their own, long confirmed", "an old account with a role since today", "who was recovered yesterday"]
)  # fmt: skip
def test_control_without_its_condition_the_door_takes_it(office, door, attack):
    who, word = approvers(office)[attack]
    take_out(word)
    door(office, who)


@pytest.mark.parametrize("door", [roles_are_confirmed, an_emergency_is_approved])
def test_an_independent_colleague_s_approval_counts(office, door):
    door(office, office["boss"])


def test_an_administrator_approves_nothing_of_their_own_with_any_role(office):
    for door in (roles_are_confirmed, an_emergency_is_approved):
        with pytest.raises(Forbidden), transaction.atomic():
            door(office, office["admin"])


def test_nobody_holds_back_an_entry_about_their_own_look(office):
    """An officer opens a file, and then keeps that from its person."""
    officer, person = office["admin"], file_of(office["ada"])
    own, other = (who.opens(person, "legal_duty") for who in (officer, office["boss"]))
    until = NOW + 2 * operations.SESSION
    with acting(officer.secret), pytest.raises(Forbidden, match="own_request"), transaction.atomic():
        operations.hold_back(own, until, "art. 60-1 of the code")
    with acting(officer.secret):
        assert operations.hold_back(other, until, "art. 60-1 of the code")
    take_out("own_request")
    with acting(officer.secret):
        assert operations.hold_back(own, until, "art. 60-1 of the code"), "the control"


def test_nobody_holds_back_a_look_that_they_approved(office):
    """An officer approves an emergency, and then keeps the look from its person."""
    officer, asker = office["admin"], Colleague("lyon", "counsellor")
    person = file_of(office["ada"])
    with acting(asker.secret):
        task = take_up(asker.id, person, "break_glass", reason=WORDS, at=NOW)
    with acting(officer.secret):
        operations.approve(task)
    look, until = asker.opens(person, task=task), NOW + 2 * operations.SESSION
    with acting(officer.secret), pytest.raises(Forbidden, match="own_request"), transaction.atomic():
        operations.hold_back(look, until, "art. 60-1 of the code")
    with acting(Colleague("lyon", "data_protection_officer").secret):
        assert operations.hold_back(look, until, "art. 60-1 of the code"), "the control"


def test_beyond_the_first_period_a_look_is_held_back_by_another_officer(office):
    """Else one officer extends a hold alone, year after year; a shorter one in between changes nothing."""
    one, two = office["admin"], Colleague("lyon", "data_protection_officer")
    look = office["boss"].opens(file_of(office["ada"]), "legal_duty")

    def hold(officer, days):
        try:
            with acting(officer.secret), transaction.atomic():
                operations.hold_back(look, NOW + timedelta(days=days), "art. 60-1 of the code")
        except Forbidden as problem:
            return problem.code
        return "held"

    assert [hold(one, 90), hold(one, 30), hold(one, 90)] == ["held"] * 3, "within the first period"
    assert hold(one, 91) == "own_request"
    owner("update access_hold set until = now() - interval '1 day'")  # as when the period is over
    assert hold(one, 91) == "own_request", "and not again later either"
    mine = Puppet(one, "data_protection_officer", second=office["boss"], days=8)
    assert hold(mine, 91) == "not_independent"
    assert hold(two, 91) == "held"
    assert [hold(two, 92), hold(one, 92)] == ["own_request", "held"]
    ((text,),) = owner("select pg_get_functiondef('access_hold_back'::regproc)")
    without = text.replace("case when last_second > longest.until then longest.officer end", "null")
    assert without != text
    owner(without)
    assert hold(one, 93) == "held", "the control"


def test_who_was_refused_does_not_open_the_task_again(office):
    """With the application's password and their own session; another supervisor would not know of the refusal."""
    asker, boss = Colleague("lyon", "counsellor"), office["boss"]
    person = file_of(office["ada"])
    with acting(asker.secret):
        task = take_up(asker.id, person, "break_glass", reason=WORDS, at=NOW)
    with acting(boss.secret):
        operations.refuse_emergency(task, "nobody is in danger here")
    again = "update access_task set closed_at = null where id = %s"
    with psycopg.connect(office["conninfo"], autocommit=True) as thief:
        thief.execute("select set_config('app.session', %s, false)", [asker.secret])
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="not_yours"):
            thief.execute(again, [task])
        owner("drop trigger access_task_stays_closed on access_task")
        assert thief.execute(again, [task]).rowcount == 1, "the control"
    with acting(boss.secret):
        operations.approve(task)


def test_the_page_says_why_an_approval_does_not_count(office):
    puppet = Puppet(office["admin"], "supervisor", second=office["boss"], days=8)
    person = file_of(office["ada"])
    with acting(office["admin"].secret):
        task = take_up(office["admin"].id, person, "break_glass", reason=WORDS, at=NOW)
    answer = browser(puppet).post("/staff/requests", {"approve": str(task)})
    assert answer.status_code == 403
    assert "One of the people concerned invited you" in answer.content.decode()
    assert owner("select approved_by from access_task where id = %s", task) == [(None,)]
    assert browser(office["boss"]).post("/staff/requests", {"approve": str(task)}).status_code == 302
