"""Account recovery: two independent colleagues, a waiting time, and everybody who can stop it.

The attacks of an administrator with invented colleagues, each with its control: with the condition taken out of the
rule in the database, the attack succeeds.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner
from django.db import transaction

from wayfare.access import operations as access
from wayfare.access import queries as staff_queries
from wayfare.access.operations import acting
from wayfare.access.rules import Forbidden
from wayfare.access.signin import cli, operations, queries
from wayfare.access.signin.passkeys import Assertion, NewPasskey
from wayfare.access.signin.rules import NotProved
from wayfare.access.tests import test_duties
from wayfare.access.tests.cast import NOW, Colleague, browser, there
from wayfare.access.tests.test_duties import ATTACKS, Puppet, approvers, owner, take_out

office = test_duties.office
ONE_DAY = timedelta(hours=24, minutes=1)


def passkey():
    return NewPasskey(uuid4().bytes, b"public", 0)


class Cast(dict[str, Colleague]):
    """Colleagues by name, whom commands made: Ada has lost every way to sign in."""

    __getattr__ = dict.__getitem__


@pytest.fixture
def lost(office):
    return Cast(
        ada=office["ada"],
        bo=Colleague("paris", "counsellor"),
        cy=Colleague("paris", "supervisor"),
        di=Colleague("paris", "travel_officer"),
        far=Colleague("lyon", "counsellor"),
        officer=Colleague("lyon", "data_protection_officer"),
    )


def asked(colleague, at=None):
    """Ask for recovery in a colleague's name; return the secret of the asker's page, and the request's id."""
    secret = operations.ask_recovery(queries.email_of(colleague.id), at=at or datetime.now(UTC))
    ((id_,),) = owner("select id from access_recovery where staff = %s order by asked_at desc limit 1", colleague.id)
    return secret, id_


def approve(recovery, who):
    with acting(who.secret):
        return operations.approve_recovery(recovery)


def recover(secret, at=None):
    return operations.recover(secret, passkey(), "", at=at or datetime.now(UTC) + ONE_DAY)


def cannot_recover(secret, at=None):
    with pytest.raises(NotProved, match="recovery"):
        recover(secret, at)


# What is meant to work


@pytest.mark.parametrize("names", [("bo", "cy"), ("cy", "bo"), ("bo", "officer"), ("bo", "di", "cy")])
def test_two_colleagues_one_of_them_senior_let_somebody_in_after_a_day(lost, names):
    secret, recovery = asked(lost.ada)
    assert [approve(recovery, lost[name]) for name in names] == [False] * (len(names) - 1) + [True]
    approved = there(queries.recovery(secret, at=NOW))
    assert timedelta(hours=23) < there(approved.usable_at) - datetime.now(UTC) < ONE_DAY
    cannot_recover(secret, datetime.now(UTC) + timedelta(hours=23))
    assert staff_queries.actor(lost.ada.secret, at=NOW) is not None, "until then nothing of the account changes"
    session = recover(secret)
    assert there(staff_queries.actor(session, at=datetime.now(UTC) + ONE_DAY)).staff == lost.ada.id
    assert staff_queries.actor(lost.ada.secret, at=NOW) is None
    assert len(queries.passkeys(lost.ada.id)) == 1
    assert len(there(queries.last_recovered(lost.ada.id)).by) == len(names)
    cannot_recover(secret)


@pytest.mark.parametrize("names", [(), ("cy",), ("cy", "cy", "cy"), ("bo", "di"), ("bo", "bo")])
def test_less_does_not(lost, names):
    secret, recovery = asked(lost.ada)
    for name in names:
        assert not approve(recovery, lost[name])
    assert there(queries.recovery(secret, at=NOW)).usable_at is None
    cannot_recover(secret)


def test_every_step_is_recorded_and_the_officers_are_told(lost):
    secret, recovery = asked(lost.ada)
    approve(recovery, lost.bo)
    approve(recovery, lost.cy)
    recover(secret)
    ended = asked(lost.ada)[1]
    with acting(lost.bo.secret):
        operations.stop_recovery(ended)
    with acting(lost.officer.secret):
        told = [(one.about, one.staff) for one in staff_queries.notices()]
        lines = [one for one in staff_queries.newest_staff_matters() if one.kind.startswith("recovery")]
    kinds = ["recovery_asked", "recovery_approved", "recovery_approved", "recovery_used", "recovery_asked",
             "recovery_stopped"]  # fmt: skip
    first_of_each = [kind for n, kind in enumerate(kinds) if kind != "recovery_asked" or n == 0]
    assert told == [(kind, lost.ada.id) for kind in first_of_each], "asking again is told once"
    assert [line.kind for line in reversed(lines)] == kinds
    assert [line.staff for line in reversed(lines)] == [None, lost.bo.id, lost.cy.id, lost.ada.id, None, lost.bo.id]
    assert {line.body["about"] for line in lines} == {str(lost.ada.id)}
    assert ["usable_from" in line.body for line in reversed(lines)][:3] == [False, False, True]


def test_the_officers_read_who_approved_and_whether_that_is_enough(lost):
    _, recovery = asked(lost.ada)
    approve(recovery, lost.bo)
    page = notices_of(lost.officer)
    assert "counsellor of paris approved account recovery for counsellor of paris. This is one of the two" in page
    assert "It can be used" not in page
    approve(recovery, lost.cy)
    page = notices_of(lost.officer)
    both = "counsellor of paris and supervisor of paris approved account recovery for counsellor of paris. These are the two"
    assert both in page
    operations.recover_by_command(lost.di.id, at=NOW)
    assert "A command on the machine approved account recovery for travel_officer of paris." in notices_of(lost.officer)


def notices_of(officer, language="en"):
    return re.sub(
        r"\s+", " ", re.sub(r"<[^>]+>", "", browser(officer, language).get("/staff/requests").content.decode())
    )


@pytest.mark.parametrize("name", ["ada", "far"])
def test_neither_oneself_nor_who_does_not_know_them_approves(lost, name):
    _, recovery = asked(lost.ada)
    with pytest.raises(Forbidden), transaction.atomic():
        approve(recovery, lost[name])


@pytest.mark.parametrize("approved", [False, True])
@pytest.mark.parametrize("name", ["ada", "bo", "officer"])
def test_one_objection_ends_it_until_it_is_used(lost, name, approved):
    secret, recovery = asked(lost.ada)
    approve(recovery, lost.cy)
    if approved:
        assert approve(recovery, lost.di)
    with acting(lost[name].secret):
        operations.stop_recovery(recovery)
    with pytest.raises(Forbidden), transaction.atomic():
        approve(recovery, lost.di)
    assert queries.recovery(secret, at=NOW) is None
    cannot_recover(secret)


def test_who_has_no_role_or_another_office_neither_sees_nor_stops_it(lost, office):
    _, recovery = asked(lost.ada)
    for who in (Puppet(office["admin"], "supervisor"), lost.far):
        with acting(who.secret):
            assert queries.recoveries(who.id) == []
            with pytest.raises(Forbidden), transaction.atomic():
                operations.stop_recovery(recovery)


def test_the_account_s_owner_stops_it_on_their_page_with_the_means_they_have(lost):
    _, recovery = asked(lost.ada)
    approve(recovery, lost.cy)
    approve(recovery, lost.bo)
    client = browser(lost.ada)
    assert "whoever asked can make a new passkey" in client.get("/staff/me").content.decode()
    answer = client.post("/staff/me", {"do": "not-me", "recovery": str(recovery)})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/staff/me?done=stopped")
    assert "The account recovery is stopped" in client.get("/staff/me?done=stopped").content.decode()
    assert "The account recovery is stopped" not in client.get("/staff/me").content.decode()
    assert owner("select stopped_by from access_recovery where id = %s", recovery) == [(lost.ada.id,)]


def test_it_runs_out_a_day_after_it_is_asked_and_a_day_after_it_can_be_used(lost):
    _, old = asked(lost.ada, datetime.now(UTC) - timedelta(hours=24))
    with pytest.raises(Forbidden), transaction.atomic():
        approve(old, lost.bo)
    secret, recovery = asked(lost.ada)
    approve(recovery, lost.bo)
    approve(recovery, lost.cy)
    cannot_recover(secret, datetime.now(UTC) + timedelta(hours=48, minutes=1))
    assert recover(secret, datetime.now(UTC) + timedelta(hours=47, minutes=59))


def test_the_waiting_time_is_a_limit_that_the_owner_sets(lost):
    owner("update access_limits set recovery_wait_hours = 0")
    secret, recovery = asked(lost.ada)
    approve(recovery, lost.bo)
    approve(recovery, lost.cy)
    assert recover(secret, datetime.now(UTC) + timedelta(seconds=5))


def test_an_approval_needs_a_sign_in_of_the_last_minutes(lost):
    _, recovery = asked(lost.ada)
    owner("update access_session set began_at = began_at - interval '15 minutes' where staff = %s", lost.bo.id)
    with pytest.raises(Forbidden, match="not_fresh"), transaction.atomic():
        approve(recovery, lost.bo)


def test_asking_for_nobody_looks_the_same_and_nobody_sees_it(lost):
    real, nobody = asked(lost.ada)[0], operations.ask_recovery("nobody@example.org", at=datetime.now(UTC))
    first, second = (there(queries.recovery(secret, at=NOW)) for secret in (real, nobody))
    assert (first.usable_at, len(first.code)) == (second.usable_at, len(second.code))
    with acting(lost.cy.secret):
        assert len(queries.recoveries(lost.cy.id)) == 1
    cannot_recover(nobody)


def test_after_a_recovery_no_earlier_way_and_no_other_request_opens(lost):
    other = asked(lost.ada)[0]
    secret, recovery = asked(lost.ada)
    ((id_,),) = owner("select id from access_passkey where staff = %s", lost.ada.id)
    approve(recovery, lost.cy)
    approve(recovery, lost.officer)
    recover(secret)
    cannot_recover(other)
    with pytest.raises(NotProved, match="no_passkey"):
        operations.sign_in_with_passkey(Assertion(bytes(id_), lost.ada.id, 0), at=NOW)


# The attacks: an administrator becomes a colleague


def attack(request, *accomplices):
    """Whoever asked in the victim's name lets these accounts approve; a day later they are in. Nothing stays if not."""
    secret, recovery = request
    with transaction.atomic():
        for one in accomplices:
            approve(recovery, one)
        return recover(secret)


def becomes(request, victim, *accomplices):
    session = attack(request, *accomplices)
    assert there(staff_queries.actor(session, at=datetime.now(UTC) + ONE_DAY)).staff == victim.id


def does_not(word, request, *accomplices):
    with pytest.raises((Forbidden, NotProved)) as refused:
        attack(request, *accomplices)
    assert getattr(refused.value, "code", None) == word


@pytest.fixture
def victim(office):
    return Colleague("paris", "data_protection_officer")


SETTLED = "an old account with a role since today"
"""Any role of its own is enough beside a senior one; what it may not be is the senior one."""


@pytest.mark.parametrize("said", [one for one in ATTACKS if one not in ("the administrator", SETTLED)])
def test_an_administrator_does_not_become_a_colleague_with(office, victim, said):
    accomplice, word = approvers(office)[said]
    if word == "not_independent":  # alone it would count: not beside the administrator's, which shows at the end
        word = "recovery"
    if said in ("a puppet whose roles wait", "who has left"):
        word = "not_yours"
    does_not(word, asked(victim), office["admin"], accomplice)


@pytest.mark.parametrize("said", ["a puppet of their own, long confirmed", "who was recovered yesterday"])
def test_control_without_its_condition_the_attack_succeeds(office, victim, said):
    accomplice, word = approvers(office)[said]
    take_out(word)
    becomes(asked(victim), victim, office["admin"], accomplice)


def test_a_senior_role_since_today_is_none_yet(office, victim):
    accomplice, word = approvers(office)[SETTLED]
    request, ada = asked(victim), office["ada"]
    does_not("recovery", request, ada, accomplice)
    take_out(word)
    becomes(request, victim, ada, accomplice)  # the control


def test_control_a_puppet_of_yesterday_succeeds_without_the_two_conditions_of_time(office, victim):
    accomplice = Puppet(office["other admin"], "supervisor", second=office["boss"], days=1)
    request = asked(victim)
    for word in ("account_too_new", "role_too_new"):
        does_not(word, request, office["admin"], accomplice)
        take_out(word)
    becomes(request, victim, office["admin"], accomplice)


def test_control_without_the_conditions_of_roles_a_puppet_whose_roles_wait_succeeds(office, victim):
    """As found: the puppet's approval counted though no second colleague had confirmed anything."""
    puppet, request = Puppet(office["admin"], "counsellor"), asked(victim)
    does_not("not_yours", request, office["admin"], puppet)
    ((text,),) = owner("select pg_get_functiondef('access_knows'::regproc)")
    without = text.replace("exists (select from access_role where staff = access_actor())", "true")
    assert without != text
    owner(without)
    for word in ("no_role", "account_too_new", "role_too_new"):
        does_not(word, request, office["admin"], puppet)
        take_out(word)
    does_not("recovery", request, office["admin"], puppet)
    take_out("not_independent")
    becomes(request, victim, office["admin"], puppet)


def test_two_puppets_are_nobody_whether_their_administrator_approves_or_not(office, victim):
    admin, request = office["admin"], asked(victim)
    waiting = [Puppet(admin, "supervisor") for _ in range(2)]
    young = [Puppet(admin, "supervisor", second=office["boss"], days=6) for _ in range(2)]
    old = [Puppet(admin, "supervisor", second=office["boss"], days=8) for _ in range(2)]
    does_not("not_yours", request, *waiting)
    does_not("account_too_new", request, *young)
    does_not("not_independent", asked(admin), *old)  # the administrator recovers their own account by them
    becomes(request, victim, *old)  # what is left: a second colleague confirmed both, and that for a week


def test_whoever_invited_somebody_is_not_independent_of_them_either(office):
    puppet = Puppet(office["admin"], "supervisor", second=office["boss"], days=8)
    does_not("not_independent", asked(puppet), office["admin"])


def test_an_administrator_recovers_nobody_alone_not_even_themself(office, victim):
    admin = office["admin"]
    does_not("recovery", asked(victim), admin, admin)
    does_not("not_yours", asked(admin), admin)


def test_an_approver_who_leaves_or_is_recovered_meanwhile_does_not_count_any_more(lost):
    for who, spoil in (
        (lost.bo, lambda: access.leave(lost.bo.id, by=None, at=NOW)),
        (lost.di, lambda: recover(operations.recover_by_command(lost.di.id, at=NOW), NOW)),
    ):
        secret, recovery = asked(lost.ada)
        approve(recovery, who)
        assert approve(recovery, lost.cy)
        spoil()
        cannot_recover(secret)


def test_with_the_application_s_password_and_their_own_session_nobody_forges_an_approval(office, victim):
    """As the application's role, in SQL, with the session of an administrator who has a puppet."""
    admin, puppet = office["admin"], Puppet(office["admin"], "supervisor", second=office["boss"], days=8)
    secret, recovery = asked(victim)
    with psycopg.connect(office["conninfo"], autocommit=True) as thief:
        thief.execute("select set_config('app.session', %s, false)", [admin.secret])
        assert thief.execute("select access_approve_recovery(%s)", [recovery]).fetchone() == (False,)
        for statement in (
            "insert into access_recovery_approval values (%(r)s, %(v)s, %(p)s, now())",
            "update access_recovery set confirmed_at = now(), usable_at = now(), link_ends_at = now() + interval '1 day'",
            "select access_recover_by_command(gen_random_uuid(), sha256('x'), %(v)s, now(), now() + interval '1 day')",
            "update access_limits set settled_days = 0, recovery_wait_hours = 0",
            "update access_invitation set invited_by = null",
            "update access_role set since = now() - interval '1 year', confirmed_by = null",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                thief.execute(statement, {"r": recovery, "v": victim.id, "p": puppet.id})
        thief.execute("select set_config('app.session', %s, false)", [puppet.secret])
        assert thief.execute("select access_approve_recovery(%s)", [recovery]).fetchone() == (False,)
    cannot_recover(secret)


# Pages and commands


def test_on_the_page_a_colleague_approves_and_sees_what_is_missing(office, lost):
    _, recovery = asked(lost.ada)
    client = browser(lost.bo)
    assert client.post("/staff/recoveries", {"recovery": str(recovery), "do": "approve"}).status_code == 302
    assert "You have approved this" in client.get("/staff/recoveries").content.decode()
    second = browser(lost.cy)
    second.post("/staff/recoveries", {"recovery": str(recovery), "do": "approve"})
    assert "It can be used from" in second.get("/staff/recoveries").content.decode()
    _, third = asked(lost.bo)
    recover(operations.recover_by_command(lost.cy.id, at=NOW), NOW)
    lost.cy.secret = access.begin_session(lost.cy.id, "passkey", at=NOW)
    answer = browser(lost.cy).post("/staff/recoveries", {"recovery": str(third), "do": "approve"})
    assert answer.status_code == 403
    assert "Your account was recovered too recently" in answer.content.decode()


def test_the_owner_sees_stops_and_recovers_by_command(lost):
    def run(command, *arguments):
        return CliRunner().invoke(command, arguments)

    email = queries.email_of(lost.ada.id)
    secret, recovery = asked(lost.ada)
    approve(recovery, lost.bo)
    (row,) = json.loads(run(cli.recoveries, "--json").stdout)["recoveries"]
    assert (row["id"], row["email"], row["approvals"], row["usable_from"]) == (str(recovery), email, 1, None)
    assert run(cli.stop_recovery, str(recovery)).exit_code == 0
    assert queries.recovery(secret, at=NOW) is None
    assert run(cli.stop_recovery, str(recovery)).exit_code == 2
    assert run(cli.recover, "nobody@example.org").exit_code == 2
    link = run(cli.recover, email, "--address", "https://wayfare.example").stdout.strip()
    assert link.startswith("https://wayfare.example/staff/recover/")
    assert recover(link.rsplit("/", 1)[1], datetime.now(UTC))
    assert there(queries.last_recovered(lost.ada.id)).by == ()
