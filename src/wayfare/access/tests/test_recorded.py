"""Who signs in, who gets which role, who joins a team, what is erased or undone: decided and kept by the database."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta
from uuid import uuid4

import psycopg
import pytest
import rfc8785
from django.db import ProgrammingError, connection, connections, transaction
from django.utils import translation

from wayfare.access import keyfiles, operations, purposes, queries, sentences
from wayfare.access.door import NAME, door, read
from wayfare.access.operations import Within, acting, take_up
from wayfare.access.rules import Forbidden, secret_hash
from wayfare.access.signin import operations as signin
from wayfare.access.signin import queries as queries_of_signin
from wayfare.access.signin import tries
from wayfare.access.signin.passkeys import NewPasskey
from wayfare.access.tests.cast import NOW, WORDS, Colleague, browser, file_of, newest, there
from wayfare.ledger.rules import Refused


def office():
    for name in ("paris", "lyon"):
        operations.set_office(name, name.title(), "Europe/Paris", by=None)


@pytest.fixture
def world(db):
    office()
    return {(where, role): Colleague(where, role) for where in ("paris", "lyon") for role in purposes.ROLES}


def refused(call, *args, **kwargs):
    with pytest.raises(Forbidden), transaction.atomic():
        call(*args, **kwargs)


def kinds(colleague):
    with acting(colleague.secret):
        return [line.kind for line in queries.log_of(limit=1000)]


# The door

BEHIND = (
    "passkey",
    "password",
    "totp",
    "challenge",
    "invitation",
    "recovery",
    "recovery_approval",
    "session",
    "password_tries",
    "device",
)
FORGED = [
    "insert into access_session values (sha256('mine'), '{ada}', now(), now(), now() + interval '1 hour', null, 'passkey')",
    "update access_session set used_at = now(), ended_at = null",
    "insert into access_staff values (gen_random_uuid(), 'Eve', 'eve@example.org', 'paris', 'en', now())",
    "update access_staff set left_at = null",
    "update access_staff set email = 'eve@example.org'",
    "insert into access_role values ('{ada}', 'supervisor')",
    "delete from access_role",
    "insert into access_office values ('rome', 'Rome', 'Europe/Rome')",
    "insert into access_team values ('{person}', '{ada}')",
    "insert into access_passkey values ('\\x01', '{ada}', '', 0, 'mine', now())",
    "insert into access_password values ('{ada}', '', now())",
    "insert into access_totp values ('{ada}', '', 0)",
    "insert into access_challenge values (sha256('x'), now())",
    "insert into access_recovery values (gen_random_uuid(), sha256('x'), '{ada}', 'K', now(), now())",
    "insert into access_recovery_approval values (gen_random_uuid(), '{ada}', gen_random_uuid(), now())",
    "select access_ask_recovery(gen_random_uuid(), sha256('x'), 'ada@example.org', 'K', now(), now())",
    "select access_recover_by_command(gen_random_uuid(), sha256('x'), '{ada}', now(), now() + interval '1 hour')",
    "select access_approve_recovery(gen_random_uuid())",
    "select access_stop_recovery(gen_random_uuid())",
    "select access_use_recovery(sha256('x'), now())",
    "select access_recovery_is_approved(gen_random_uuid())",
    "select access_note_recovery('recovery_used', '{ada}', '{ada}', '{ada}')",
    "select access_approval_obstacle('{ada}', null, null)",
    "select access_take_try('password', sha256('x'), 1, 1)",
    "select access_try_password('{ada}', null)",
    "select access_password_was_right('{ada}', null)",
    "select access_remember_device(sha256('x'), '{ada}', '{{}}', now())",
    "select access_forget_devices('{ada}')",
    "select * from access_pace",
    "insert into access_invitation values (sha256('x'), gen_random_uuid(), 'E', 'e@x.org', 'paris', '{{auditor}}', 'en')",
    "select access_begin_session(sha256('mine'), '{ada}', 'passkey', now(), now() + interval '1 hour')",
    "select access_accept(sha256('x'), now())",
    "select access_invite(sha256('x'), gen_random_uuid(), 'E', 'e@x.org', 'paris', '{{auditor}}', 'en', now(), now())",
    "select access_withdraw('eve@example.org', now())",
    "select access_change_roles('{ada}', '{{supervisor}}', now())",
    "select access_confirm_roles('{ada}', '{{supervisor}}')",
    "select access_refuse_roles('{ada}')",
    "select access_leave('{ada}', now())",
    "select access_end_sessions(null, now())",
    "select access_set_office('rome', 'Rome', 'Europe/Rome')",
    "select access_ask_roles('{ada}', '{ada}', 'paris', '{{supervisor}}')",
    "select inner_pad from access_door",
    "update access_door set inner_pad = outer_pad",
    "insert into access_role_asked values ('{ada}', 'paris', '{{supervisor}}', '{ada}', now())",
    "select roles from access_role_asked",
    "insert into access_words values (1, 'reason', null, sha256('x'), 'x')",
    "delete from access_words",
    "select setval('access_try', 1)",
    "select nextval('access_try')",
]


def test_with_the_application_s_password_nobody_forges_a_colleague_or_a_session(fresh_database):
    """With no session, a counsellor's, and one whose door was open a moment ago in another transaction."""
    office()
    ada, lyon = Colleague("paris", "counsellor"), Colleague("lyon", "supervisor")
    person = file_of(ada)
    signin.accept_with_passkey(
        signin.invite("Bo", "bo@example.org", "paris", ["auditor"], by=None, at=NOW),
        NewPasskey(uuid4().bytes, b"", 0), "", at=NOW,
    )  # fmt: skip
    with door():
        (((proof),),) = read("select current_setting('app.door')")
    with psycopg.connect(fresh_database("wayfare_app"), autocommit=True) as thief:
        for secret in ("", ada.secret, lyon.secret):
            thief.execute("select set_config('app.session', %s, false)", [secret])
            thief.execute("select set_config('app.door', %s, false)", [proof])
            for table in BEHIND:
                expected = 1 if table == "session" and secret else 0
                assert thief.execute(f"select count(*) from access_{table}").fetchone() == (expected,), table
            for statement in FORGED:
                try:
                    thief.execute(statement.format(ada=ada.id, person=person))
                except psycopg.errors.InsufficientPrivilege:
                    continue
                pytest.fail(statement)
    with door(), connection.cursor() as cursor:  # the control: with the door open the same is there
        for table in ("passkey", "invitation", "session"):
            cursor.execute(f"select count(*) from access_{table}")
            assert cursor.fetchone() == (3,), table


def test_a_proof_is_of_one_transaction_and_of_the_key(db):
    with transaction.atomic():
        with door():
            assert read("select access_door_open()") == [(True,)]
        with connection.cursor() as cursor:
            cursor.execute("select access_door_open(), access_transaction()")
            closed, this = cursor.fetchone()
            assert not closed, "nor does it stay open within a longer transaction"
            for key in (b"", b"another", keyfiles.path_of(NAME).read_bytes()):
                proof = hmac.new(key, f"wayfare door {this}".encode(), hashlib.sha256).hexdigest()
                cursor.execute("select set_config('app.door', %s, true)", [proof])
                cursor.execute("select access_door_open()")
                assert cursor.fetchone() == (False,)
            right = hmac.new(hashlib.sha256(keyfiles.path_of(NAME).read_bytes()).digest(), f"wayfare door {this}".encode(), hashlib.sha256)  # fmt: skip
            cursor.execute("select set_config('app.door', %s, true), access_door_open()", [right.hexdigest()])
            cursor.execute("select access_door_open()")
            assert cursor.fetchone() == (True,), "the control"
            with pytest.raises(ZeroDivisionError), transaction.atomic(), door():
                raise ZeroDivisionError
        transaction.set_rollback(True)


def test_what_a_session_says_does_not_show_its_secret_to_others_of_its_role(fresh_database):
    office()
    ada = Colleague("paris", "counsellor")
    with psycopg.connect(fresh_database("wayfare_app"), autocommit=True) as thief:
        seen = "select query from pg_stat_activity where usename = current_user and query like '%%app.session%%' and pid <> pg_backend_pid()"
        with acting(ada.secret):
            ((said,),) = thief.execute(seen).fetchall()
            assert ada.secret not in said
            inside = psycopg.ClientCursor(connection.connection)
            inside.execute("select set_config('app.session', %s, true)", [ada.secret])
            ((said,),) = thief.execute(seen).fetchall()  # the control: a statement with its parameters inside shows it
            assert ada.secret in said


def test_nobody_acts_where_somebody_acts_already(world):
    ada, bo = world["paris", "counsellor"], world["lyon", "counsellor"]
    with acting(ada.secret):
        for who in (ada, bo):
            with pytest.raises(Within), transaction.atomic(), acting(who.secret):
                pytest.fail("two acted at once")
        with connection.cursor() as cursor:
            cursor.execute("select access_actor()")
            assert cursor.fetchone() == (ada.id,), "who acted goes on"
    with acting(bo.secret):
        pass


def test_a_session_left_alone_is_not_woken_by_whoever_has_its_secret(fresh_database):
    office()
    ada = Colleague("paris", "counsellor")
    with connections["owner"].cursor() as owner:
        for minutes, lasts in ((31, False), (9, True)):
            owner.execute("update access_session set used_at = now() - make_interval(mins => %s)", [minutes])
            operations.note_session_use(ada.secret)
            owner.execute("select used_at > now() - interval '1 minute' from access_session")
            assert owner.fetchone() == (lasts,)


# Roles


def roles_of(staff):
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(array_agg(role order by role), '{}') from access_role where staff = %s", [staff]
        )
        return cursor.fetchone()[0]


def test_a_role_that_an_administrator_gives_waits_for_a_second_colleague(world):
    admin, ada = world["paris", "administrator"], world["paris", "counsellor"]
    assert operations.change_roles(ada.id, ["counsellor", "supervisor"], by=admin.secret, at=NOW)
    assert roles_of(ada.id) == ["counsellor"]
    wanted = ["supervisor"]
    for who in (
        admin, ada, world["paris", "counsellor"], world["lyon", "supervisor"], world["paris", "auditor"],
        world["paris", "travel_officer"],
    ):  # fmt: skip
        with acting(who.secret):
            refused(operations.confirm_roles, ada.id, wanted)
    second = world["paris", "supervisor"]
    with acting(second.secret):
        refused(operations.confirm_roles, ada.id, ["supervisor", "auditor"])
        ((asked),) = queries.roles_asked()
        assert (asked.staff, asked.roles, asked.by) == (ada.id, ("supervisor",), admin.id)
        operations.confirm_roles(ada.id, wanted)
        assert queries.roles_asked() == []
        refused(operations.confirm_roles, ada.id, wanted)
    assert roles_of(ada.id) == ["counsellor", "supervisor"]
    assert kinds(admin)[-2:] == ["roles", "confirmed"]


@pytest.mark.parametrize(
    ("where", "role"), [("paris", "supervisor"), ("lyon", "data_protection_officer"), ("lyon", "administrator")]
)
@pytest.mark.parametrize("first", ["confirmed", "accepted"])
def test_who_is_invited_has_their_roles_once_a_second_colleague_confirmed(world, where, role, first):
    admin, second = world["paris", "administrator"], world[where, role]
    link = signin.invite("Cy", "cy@example.org", "paris", ["counsellor"], by=admin.secret, at=NOW)
    with acting(second.secret):
        (asked,) = queries.roles_asked()
        assert asked.name == "Cy"
    if first == "confirmed":
        with acting(second.secret):
            operations.confirm_roles(asked.staff, asked.roles)
    cy = there(queries.actor(signin.accept_with_passkey(link, NewPasskey(b"cy", b"", 0), "", at=NOW), at=NOW))
    if first == "accepted":
        assert cy.roles == set()
        with acting(second.secret):
            operations.confirm_roles(asked.staff, asked.roles)
    assert roles_of(cy.staff) == ["counsellor"]


def test_an_administrator_makes_nobody_alone_not_even_by_a_colleague_they_invented(world):
    admin = world["paris", "administrator"]
    link = signin.invite("Eve", "eve@example.org", "paris", ["administrator"], by=admin.secret, at=NOW)
    secret = signin.accept_with_passkey(link, NewPasskey(b"eve", b"", 0), "", at=NOW)
    eve = there(queries.actor(secret, at=NOW))
    assert operations.change_roles(admin.id, ["administrator", "supervisor"], by=admin.secret, at=NOW)
    with acting(secret):
        refused(operations.confirm_roles, admin.id, ["supervisor"])
        refused(operations.confirm_roles, eve.staff, ["administrator"])
    refused(operations.change_roles, admin.id, ["supervisor"], by=secret, at=NOW)
    assert roles_of(eve.staff) == []


def test_what_is_taken_is_gone_at_once_and_what_waited_is_forgotten(world):
    admin, ada = world["lyon", "administrator"], world["paris", "counsellor"]
    assert operations.change_roles(ada.id, ["auditor"], by=admin.secret, at=NOW)
    assert roles_of(ada.id) == []
    assert queries.actor(ada.secret, at=NOW) is None, "sessions end"
    assert operations.change_roles(ada.id, ["statistician"], by=admin.secret, at=NOW)
    with acting(world["paris", "supervisor"].secret):
        refused(operations.confirm_roles, ada.id, ["auditor"])
        operations.refuse_roles(ada.id)
        assert queries.roles_asked() == []
        refused(operations.confirm_roles, ada.id, ["statistician"])
    assert operations.change_roles(ada.id, ["statistician"], by=admin.secret, at=NOW)
    assert operations.leave(ada.id, by=admin.secret, at=NOW)
    with acting(world["paris", "supervisor"].secret):
        refused(operations.confirm_roles, ada.id, ["statistician"])
    assert not operations.leave(ada.id, by=admin.secret, at=NOW)
    assert kinds(admin)[-5:] == ["roles", "roles", "refused", "roles", "left"]
    with acting(world["lyon", "data_protection_officer"].secret):
        assert [one.about for one in queries.notices()] == ["roles"] * 3


def test_a_command_gives_roles_at_once_and_is_named_as_one(world):
    ada = world["paris", "counsellor"]
    assert not operations.change_roles(ada.id, ["auditor"], by=None, at=NOW)
    assert roles_of(ada.id) == ["auditor"]
    with acting(world["lyon", "auditor"].secret):
        line = queries.newest_staff_matters(limit=1)[0]
    assert (line.kind, line.staff, line.body["given"], line.body["taken"]) == ("roles", None, "auditor", "counsellor")
    assert sentences.sentence(line, {ada.id: "Ada"}, "UTC") == (
        "A command on the machine took these roles from Ada: Counsellor."
        " A command on the machine gave these roles to Ada: Auditor."
    )


def test_only_an_administrator_administers(world):
    ada = world["paris", "counsellor"]
    for (where, role), one in world.items():
        if role == "administrator" or one is ada:
            continue
        refused(operations.change_roles, ada.id, ["auditor"], by=one.secret, at=NOW)
        refused(operations.leave, ada.id, by=one.secret, at=NOW)
        refused(operations.end_sessions, ada.id, by=one.secret, at=NOW)
        refused(operations.set_office, "rome", "Rome", "Europe/Rome", by=one.secret)
        refused(signin.invite, "X", f"{where}{role}@example.org", "paris", ["auditor"], by=one.secret, at=NOW)
        refused(signin.withdraw, "x@example.org", by=one.secret, at=NOW)
    assert roles_of(ada.id) == ["counsellor"]


def test_roles_are_confirmed_on_the_page(world):
    admin, ada, second = (world["paris", role] for role in ("administrator", "counsellor", "supervisor"))
    operations.change_roles(ada.id, ["counsellor", "auditor"], by=admin.secret, at=NOW)
    own = browser(admin).get("/staff/requests").content.decode()
    assert "Somebody else has to confirm this" in own
    assert 'name="confirm"' not in own
    answer = {"confirm": str(ada.id), "roles": "auditor"}
    assert browser(admin).post("/staff/requests", answer).status_code == 404
    assert browser(world["lyon", "supervisor"]).post("/staff/requests", answer).status_code == 404
    page = browser(second).get("/staff/requests").content.decode()
    assert "Confirm these roles" in page
    assert browser(second).post("/staff/requests", answer | {"roles": "supervisor"}).status_code == 404
    assert browser(second).post("/staff/requests", answer).status_code == 302
    assert roles_of(ada.id) == ["auditor", "counsellor"]
    operations.change_roles(ada.id, ["counsellor", "auditor", "verifier"], by=admin.secret, at=NOW)
    assert browser(admin).post("/staff/requests", {"refuse": str(ada.id)}).status_code == 302, "one's own is taken back"
    assert "Confirm these roles" not in browser(second).get("/staff/requests").content.decode()


def test_who_watches_reads_what_was_done_to_staff(world):
    for (_, role), one in world.items():
        answer = browser(one).get("/staff/matters")
        assert answer.status_code == (200 if role in purposes.WATCHERS else 404), role
        if answer.status_code == 200:
            assert "signed in." in answer.content.decode()
            assert answer.headers["Cache-Control"] == "no-store"


# Teams


def test_who_joins_a_team_that_others_are_on_says_why_and_is_on_the_record(world):
    ada, boss = world["paris", "counsellor"], world["paris", "supervisor"]
    bo = Colleague("paris", "counsellor")
    person = file_of(ada)
    with acting(ada.secret):
        operations.join_team(person, ada.id)  # nobody is on it yet
        refused(operations.join_team, person, bo.id)
    with acting(bo.secret):
        with pytest.raises(Refused, match=r"^reason: is missing"), transaction.atomic():
            operations.join_team(person, bo.id, why=" covers ")
        operations.join_team(person, bo.id, why=WORDS)
        operations.join_team(person, bo.id)  # once is enough
        refused(operations.leave_team, person, ada.id)
    assert bo.opens(person)
    for stranger in (world["lyon", "supervisor"], world["paris", "auditor"], world["paris", "travel_officer"]):
        with acting(stranger.secret):
            refused(operations.join_team, person, stranger.id, why=WORDS)
            refused(operations.leave_team, person, bo.id)
    with acting(boss.secret):
        refused(operations.join_team, person, uuid4())
        operations.leave_team(person, bo.id)
        operations.join_team(person, world["paris", "travel_officer"].id)
        lines = [line for line in newest(person) if line.kind == "team"]
    with pytest.raises(Forbidden):
        bo.opens(person)
    assert [(line.staff, line.body["joined"], line.body.get("reason", "")) for line in reversed(lines)] == [
        (ada.id, "yes", ""), (bo.id, "yes", WORDS), (boss.id, "no", ""), (boss.id, "yes", ""),
    ]  # fmt: skip


# Words, erasure


def test_words_are_committed_to_and_go_with_the_person(fresh_database):
    office()
    ada, officer = Colleague("paris", "counsellor"), Colleague("lyon", "data_protection_officer")
    person, other = file_of(ada), file_of(ada)
    for one in (person, other):
        ada.opens(one, "support_at_request")

    def bodies():
        with connections["owner"].cursor() as owner:
            owner.execute("select body from access_log where person is not null order by position")
            return [body for (body,) in owner.fetchall()]

    before = bodies()
    assert all(WORDS not in body and rfc8785.dumps(json.loads(body)) == body.encode() for body in before)
    with acting(officer.secret):
        assert [line.body["reason"] for line in newest()] == [WORDS, WORDS]
    with connections["owner"].cursor() as owner:  # as the vault's own function does
        owner.execute("update access_file set erased_at = now() where person = %s", [person])
        owner.execute("select count(*) from access_task where person = %s and reason <> ''", [person])
        assert owner.fetchone() == (0,)
        owner.execute("select count(*) from access_words where person = %s", [person])
        assert owner.fetchone() == (0,)
    assert bodies()[:-1] == before, "nothing that was committed to changes"
    with acting(officer.secret):
        erasure, second, first = newest()
        assert (erasure.kind, erasure.person, erasure.staff) == ("erasure", person, None)
        assert (first.body["reason"], second.body["reason"]) == ("", WORDS)


def test_words_that_are_not_those_that_were_committed_to_are_not_told(fresh_database):
    office()
    ada, officer = Colleague("paris", "counsellor"), Colleague("lyon", "data_protection_officer")
    ada.opens(file_of(ada), "support_at_request")
    with connections["owner"].cursor() as owner:
        owner.execute("update access_words set words = 'a lie that is longer'")
    with acting(officer.secret):
        assert newest()[0].body["reason"] == ""


def test_whoever_may_not_read_a_line_does_not_read_its_words(world):
    ada, stranger = world["paris", "counsellor"], world["lyon", "supervisor"]
    ada.opens(file_of(ada), "support_at_request")
    for who, seen in ((ada, 1), (stranger, 0), (world["paris", "supervisor"], 1), (world["paris", "administrator"], 0)):
        with acting(who.secret), connection.cursor() as cursor:
            cursor.execute("select count(*) from access_words")
            assert cursor.fetchone() == (seen,)


# Every line has its sentence


@pytest.mark.parametrize("language", ["en", "fr", "es", "ar"])
def test_every_kind_of_line_has_a_sentence(fresh_database, language):
    office()
    admin, boss, ada, officer = (
        Colleague("paris", role) for role in ("administrator", "supervisor", "counsellor", "data_protection_officer")
    )
    person = file_of(ada)
    with acting(ada.secret):
        operations.join_team(person, ada.id)
        task = take_up(ada.id, person, "break_glass", reason=WORDS, at=NOW)
    with acting(boss.secret):
        operations.approve(task)
        operations.join_team(person, boss.id)
        operations.leave_team(person, ada.id)
        operations.leave_team(person, boss.id)
    look = ada.opens(person, "break_glass", task=task)
    with acting(officer.secret):
        operations.hold_back(look, NOW + timedelta(days=30), "art. 60-1 of the code")
    link = signin.invite("Cy", "cy@example.org", "lyon", ["counsellor"], by=admin.secret, at=NOW)
    signin.withdraw("cy@example.org", by=admin.secret, at=NOW)
    assert link
    operations.change_roles(ada.id, ["counsellor", "auditor"], by=admin.secret, at=NOW)
    with acting(boss.secret):
        operations.confirm_roles(ada.id, ["auditor"])
    operations.change_roles(ada.id, ["auditor", "verifier"], by=admin.secret, at=NOW)
    with acting(boss.secret):
        operations.refuse_roles(ada.id)
    operations.change_roles(ada.id, ["auditor"], by=admin.secret, at=NOW)
    operations.end_sessions(ada.id, by=admin.secret, at=NOW)
    ed = Colleague("paris", "counsellor")
    for _ in range(2):
        signin.ask_recovery(queries_of_signin.email_of(ed.id), at=NOW)
    with acting(ed.secret):
        first, second = queries_of_signin.own_recoveries(ed.id)
        signin.stop_recovery(first.id)
    with acting(boss.secret):
        signin.approve_recovery(second.id)
    link = signin.recover_by_command(ed.id, at=NOW)
    signin.recover(link, NewPasskey(b"ed", b"", 0), "", at=NOW)
    for _ in range(61):
        tries.try_password(ed.id, None)
    with acting(admin.secret):
        tries.unblock_password(ed.id)
    operations.leave(ada.id, by=admin.secret, at=NOW)
    with acting(officer.secret):
        refused_one = take_up(officer.id, person, "break_glass", reason=WORDS, at=NOW)
        for decide in (operations.withdraw_erasure, lambda _: None):
            request = operations.ask_erasure(person, "asked", WORDS)
            decide(request)
    with acting(boss.secret):
        operations.refuse_emergency(refused_one, WORDS)
        operations.refuse_erasure(request, WORDS)
    with door():
        request = operations.ask_erasure(person, "asked", WORDS, asked_for=officer.id)
    with acting(officer.secret):
        operations.confirm_erasure(request)
    operations.note_ledger_read(1, 9, 9)
    token, _ = operations.issue_token(source="office", scopes=["read"], at=NOW)
    operations.revoke_token(token.id, at=NOW)
    with operations.administering(None):
        operations.note_programme_office("france", "paris")
    with connections["owner"].cursor() as owner:
        about = f"null, '{person}', '{{names}}', null, '{{\"ground\": \"asked\"}}'"  # as the vault's own functions do
        owner.execute(f"select access_write('correction', {about}), access_write('erasure_approved', {about})")
        owner.execute("update access_file set erased_at = now() where person = %s", [person])
        owner.execute("select pg_get_constraintdef(oid) from pg_constraint where conname = 'access_log_kind_check'")
        known = {word.split("'")[1] for word in owner.fetchone()[0].split("::text") if "'" in word}
    with acting(officer.secret), translation.override(language):
        lines = queries.log_of(limit=1000)
        names = queries.staff_names(sentences.named(lines))
        said = {line.kind: sentences.sentence(line, names, "UTC") for line in lines}
    assert set(said) == known
    assert all(sentence and "%(" not in sentence for sentence in said.values())
    if language != "en":
        with acting(officer.secret), translation.override("en"):
            assert not {kind for kind, one in said.items() if one == sentences.sentence(next(line for line in lines if line.kind == kind), names, "UTC")}  # fmt: skip


def test_a_session_is_begun_with_the_door_alone(db):
    with pytest.raises(ProgrammingError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select access_begin_session(%s, %s, 'passkey', now(), now())", [secret_hash("mine"), uuid4()])


def test_a_transaction_that_goes_on_seeing_the_past_is_nobody_s(fresh_database):
    """A thief with the application's password begins one while a session is alive, and looks once it has ended."""
    office()
    ada = Colleague("paris", "counsellor")
    person = file_of(ada)
    with acting(ada.secret):
        operations.join_team(person, ada.id)
        task = take_up(ada.id, person, "case_work", at=NOW)
    looks = "select place from access_look(%s, '{names}', 'page')"

    def after_its_end(level):
        secret = operations.begin_session(ada.id, "passkey", at=NOW)
        with psycopg.connect(fresh_database("wayfare_app")) as thief:
            thief.execute(f"set transaction isolation level {level}")
            thief.execute("select set_config('app.session', %s, true)", [secret])
            thief.execute("select from access_task")
            operations.end_session(secret, at=NOW)
            try:
                return thief.execute(looks, [task]).fetchone() is not None
            except psycopg.errors.InsufficientPrivilege:
                return False
            finally:
                thief.rollback()

    assert not any(after_its_end(level) for level in ("read committed", "repeatable read", "serializable"))
    with connections["owner"].cursor() as owner:  # the control
        owner.execute("select pg_get_functiondef('access_actor'::regproc)")
        text = owner.fetchone()[0]
        owner.execute(text.replace("current_setting('transaction_isolation') = 'read committed'", "true"))
    assert after_its_end("repeatable read")
    assert not after_its_end("read committed")
