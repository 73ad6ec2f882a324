"""The log of looks is committed to like the ledger: same code, same checks, and what is changed behind it is found."""

from __future__ import annotations

import random
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection, connections, transaction
from django.test import Client

from wayfare.access import operations as access
from wayfare.access import record_checks
from wayfare.access.door import door
from wayfare.access.operations import acting
from wayfare.access.signin import operations as signin
from wayfare.access.signin import queries as accounts
from wayfare.access.signin.passkeys import NewPasskey
from wayfare.access.source import ACCESS
from wayfare.access.tests.cast import NOW, WORDS, Colleague, file_of
from wayfare.tlog import audit, keys, notes, operations, queries, receipts
from wayfare.tlog.source import SOURCES
from wayfare.tlog.verify import verified

LOOKS = 300
LINES = 4 + LOOKS
"""The office that was made, who was invited, accepted and signed in come first."""


@pytest.fixture
def held(tmp_path):
    return keys.opened(tmp_path / "keys", "log.example/access")


@pytest.fixture
def looked(fresh_database, held):
    """Three hundred looks, logged and signed; the owner's hand with the guards taken off."""
    access.set_office("paris", "Paris", "Europe/Paris", by=None)
    counsellor = Colleague("paris", "counsellor")
    person = file_of(counsellor)
    for n in range(LOOKS):
        counsellor.opens(person, "duplicate_review", ["names", "birth"][: 1 + n % 2])
    operations.keep_up(ACCESS, held)
    with connections["owner"].cursor() as owner:
        for table in ("access_log", "log_tile", "log_bundle", "log_head", "log_checkpoint"):
            owner.execute(f"alter table {table} disable trigger user")
            owner.execute(f"create table kept_{table} as select * from {table}")
        yield owner


def test_it_is_one_of_our_logs_and_apart_from_the_ledger_s(looked):
    assert SOURCES["access"] is ACCESS
    assert verified(ACCESS) == (LINES, LINES, [])
    assert queries.head("ledger").size == 0


def changes(chance):
    at = chance.randint(1, LINES)
    byte = f"1 + ({chance.random()} * (length(body) - 1))::int"
    yield (
        "access_log",
        (
            f"update access_log set body = overlay(body placing case substring(body from {byte} for 1) when 'x' then 'y'"
            f" else 'x' end from {byte} for 1) where position = {at}"
        ),
    )
    yield "access_log", f"delete from access_log where position = {at}"
    other = 1 + at % LINES
    yield (
        "access_log",
        (f"update access_log a set body = b.body from access_log b where a.position = {at} and b.position = {other}"),
    )
    yield (
        "log_bundle",
        f"update log_bundle set nonces = set_byte(nonces, {at % 44}, get_byte(nonces, {at % 44}) # 1) where number = {at % 2}",
    )
    yield "log_tile", f"update log_tile set hashes = set_byte(hashes, {at % 32}, get_byte(hashes, {at % 32}) # 4)"


@pytest.mark.parametrize("rounds", [6, pytest.param(100, marks=pytest.mark.slow)])
def test_every_change_of_the_record_is_found(looked, rounds):
    chance, missed = random.Random(4), []
    for _ in range(rounds):
        for table, change in changes(chance):
            looked.execute(change)
            if not verified(ACCESS).differences:
                missed.append(change)
            looked.execute(f"delete from {table}")
            looked.execute(f"insert into {table} select * from kept_{table}")
    assert missed == []
    assert verified(ACCESS).differences == []


BESIDE = {
    "set staff = gen_random_uuid()": "columns of position 9",
    "set person = gen_random_uuid()": "columns of position 9",
    "set groups = '{notes}'": "columns of position 9",
    "set kind = 'approval'": "columns of position 9",
    "set try = 1000": "columns of position 9",
    "set task = gen_random_uuid()": "columns of position 9",
}


def test_what_stands_beside_the_text_is_held_against_it(looked):
    for change, found in BESIDE.items():
        looked.execute(f"update access_log {change} where position = 9")
        (said,) = verified(ACCESS).differences
        assert found in said, change
        looked.execute("delete from access_log")
        looked.execute("insert into access_log select * from kept_access_log")
    assert verified(ACCESS).differences == []


def test_words_that_are_not_what_was_committed_to_are_found_unless_they_went_with_their_person(looked, held):
    counsellor = Colleague("paris", "counsellor")
    person, other = file_of(counsellor), file_of(counsellor)
    spoken = [counsellor.opens(one, "support_at_request") for one in (person, other)]
    operations.keep_up(ACCESS, held)
    looked.execute("create table kept_access_words as select * from access_words")
    for change in (
        "update access_words set words = words || '.' where position = %s",
        "update access_words set nonce = sha256(nonce) where position = %s",
        "delete from access_words where position = %s",
    ):
        looked.execute(change, [spoken[1]])
        (said,) = verified(ACCESS).differences
        assert f"the reason of position {spoken[1]} is missing" in said
        looked.execute("delete from access_words")
        looked.execute("insert into access_words select * from kept_access_words")
    looked.execute("update access_file set erased_at = now() where person = %s", [person])
    looked.execute("select position from access_words where position = any (%s)", [spoken])
    assert looked.fetchall() == [(spoken[1],)]
    assert verified(ACCESS).differences == []


@pytest.fixture
def decided(fresh_database, held):
    """What lines of the record decide, one of each; the owner's hand."""
    for office in ("paris", "lyon"):
        access.set_office(office, office.title(), "Europe/Paris", by=None)
    officer, boss, admin = (
        Colleague("paris", role) for role in ("data_protection_officer", "supervisor", "administrator")
    )
    ada, far = Colleague("paris", "counsellor"), Colleague("lyon", "counsellor")
    person, erased = file_of(ada), file_of(ada)
    with acting(ada.secret):
        access.join_team(person, ada.id)
    access.change_roles(ada.id, ["counsellor", "travel_officer"], by=admin.secret, at=NOW)
    with acting(boss.secret):
        access.confirm_roles(ada.id, ["travel_officer"])
    access.change_roles(far.id, ["counsellor", "verifier"], by=None, at=NOW)
    access.change_roles(far.id, ["counsellor"], by=None, at=NOW)
    far.secret = access.begin_session(far.id, "passkey", at=NOW)
    with acting(far.secret):
        task = access.take_up(far.id, person, "break_glass", reason=WORDS, at=NOW)
    with acting(boss.secret):
        access.approve(task)
    look = far.opens(person, task=task)
    with acting(officer.secret):
        access.hold_back(look, NOW + timedelta(days=30), "art. 60-1 of the code")
        access.hold_back(look, NOW + timedelta(days=20), "art. 60-1 of the code")
    gone = Colleague("lyon", "verifier")
    access.leave(gone.id, by=None, at=NOW)
    _decide_erasures(erased, officer, boss)
    _recover(ada, boss, officer)
    stopped, _ = _asked_recovery(far)
    with acting(far.secret):
        signin.stop_recovery(stopped)
    access.change_roles(Colleague("lyon", "verifier").id, ["verifier", "auditor"], by=admin.secret, at=NOW)
    token, _ = access.issue_token(source="office", scopes=["read"], at=NOW, days=9)
    access.revoke_token(access.issue_token(source="office", scopes=["write"], at=NOW)[0].id, at=NOW)
    operations.keep_up(ACCESS, held)
    with connections["owner"].cursor() as owner:
        yield owner, {"ada": ada.id, "boss": boss.id, "far": far.id, "gone": gone.id, "task": task, "token": token.id}


def _decide_erasures(person, officer, boss):
    for _ in range(2):
        with acting(officer.secret):
            request = access.ask_erasure(person, "asked", WORDS)
        with acting(boss.secret):
            access.refuse_erasure(request, WORDS)
    with door():
        request = access.ask_erasure(person, "asked", WORDS, asked_for=officer.id)
    with acting(officer.secret):
        access.confirm_erasure(request)


def _asked_recovery(who):
    secret = signin.ask_recovery(accounts.email_of(who.id), at=datetime.now(UTC))
    with connections["owner"].cursor() as owner:
        owner.execute("select id from access_recovery where staff = %s", [who.id])
        ((recovery,),) = owner.fetchall()
    return recovery, secret


def _recover(who, *approvers):
    recovery, secret = _asked_recovery(who)
    for one in approvers:
        with acting(one.secret):
            signin.approve_recovery(recovery)
    signin.recover(secret, NewPasskey(b"key", b"public", 0), "", at=datetime.now(UTC) + timedelta(hours=25))


ALTERED = {
    "access_role": [
        "insert into access_role values ('{ada}', 'data_protection_officer', now(), null)",
        "delete from access_role where staff = '{boss}'",
        "update access_role set since = since - interval '8 days' where confirmed_by is not null",
        "update access_role set confirmed_by = null where confirmed_by is not null",
        "update access_role set confirmed_by = '{far}' where confirmed_by is not null",
        "update access_role set role = 'auditor' where staff = '{far}'",
    ],
    "access_invitation": [
        "update access_invitation set invited_by = '{boss}' where staff = '{ada}'",
        "update access_invitation set roles = '{{auditor}}' where staff = '{ada}'",
        "delete from access_invitation where staff = '{ada}'",
    ],
    "access_staff": [
        "update access_staff set left_at = null where id = '{gone}'",
        "update access_staff set left_at = now() where id = '{boss}'",
        "update access_staff set joined_at = joined_at - interval '8 days' where id = '{far}'",
        "update access_staff set office = 'paris' where id = '{far}'",
        "insert into access_staff values (gen_random_uuid(), 'x', 'x', 'paris', 'en', now())",
    ],
    "access_task": [
        "update access_task set approved_by = '{gone}' where id = '{task}'",
        "update access_task set approved_by = null where id = '{task}'",
        "update access_task set approved_at = approved_at + interval '1 second' where id = '{task}'",
        "update access_task set person = gen_random_uuid() where id = '{task}'",
        "update access_task set staff = '{gone}' where id = '{task}'",
        "update access_task set purpose = 'legal_duty' where id = '{task}'",
    ],
    "access_hold": [
        "update access_hold set until = until + interval '1 year'",
        "update access_hold set basis = 'another'",
        "delete from access_hold",
        "insert into access_hold values (1, now() + interval '9 years', '')",
    ],
    "access_erasure": [
        "update access_erasure set asked_by = '{boss}' where outcome is null",
        "update access_erasure set confirmed_at = null where outcome is null",
        "update access_erasure set outcome = 'withdrawn' where outcome = 'refused'",
        "update access_erasure set decided_by = '{far}' where outcome = 'refused'",
        "update access_erasure set ground = 'unlawful'",
        "delete from access_erasure where outcome is null",
    ],
    "access_recovery_approval": [
        "update access_recovery_approval set staff = '{far}' where staff = '{boss}'",
        "delete from access_recovery_approval where staff = '{boss}'",
    ],
    "access_recovery": [
        "update access_recovery set used_at = used_at - interval '8 days'",
        "update access_recovery set used_at = null",
        "update access_recovery set by_command = true",
        "update access_recovery set usable_at = usable_at - interval '1 hour'",
        "update access_recovery set stopped_at = null where stopped_at is not null",
    ],
    "access_role_asked": [
        "update access_role_asked set confirmed_by = '{boss}', confirmed_at = now()",
        "update access_role_asked set roles = '{{administrator}}'",
        "update access_role_asked set asked_by = '{far}'",
        "insert into access_role_asked values ('{far}', 'lyon', '{{auditor}}', '{boss}', now(), '{ada}', now())",
    ],
    "access_team": [
        "delete from access_team",
        "insert into access_team select person, '{boss}' from access_team limit 1",
    ],
    "access_token": [
        "update access_token set revoked_at = null",
        "update access_token set revoked_at = now()",
        "update access_token set expires_at = null where id = '{token}'",
        "update access_token set scopes = 'ledger:own ledger:read' where id = '{token}'",
        "update access_token set source = 'other' where id = '{token}'",
        "insert into access_token values ('ab', sha256('known'), 'x', 'ledger:read', now())",
        "delete from access_token where id = '{token}'",
    ],
}


def found_after(owner, change):
    """Return what verification finds after a change of the database's owner, which is undone."""
    with transaction.atomic(using="owner"):
        owner.execute(change)
        assert owner.rowcount, change
        found = verified(ACCESS).differences
        transaction.set_rollback(True, using="owner")
    return found


def test_what_lines_decide_is_compared_with_them_row_by_row(decided):
    """The owner of the database alters a row alone: each is found, by the name of its table. The control: none is."""
    owner, named = decided
    assert verified(ACCESS).differences == []
    assert {*ALTERED} == {*FOUND_AS}
    assert {*FOUND_AS.values()} == {what for what, _, _ in record_checks.CHECKS}, "each check has rows that are altered"
    missed = []
    for table, changes in ALTERED.items():
        for change in changes:
            found = found_after(owner, change.format(**named))
            if not any(one.startswith(FOUND_AS[table]) and one.endswith("the access record says") for one in found):
                missed.append((change, found))
    assert missed == []
    assert verified(ACCESS).differences == []


FOUND_AS = {
    "access_role": "the role",
    "access_invitation": "the invitation of colleague",
    "access_role_asked": "the request for roles of",
    "access_staff": "the account of colleague",
    "access_task": "the approval of task",
    "access_hold": "the hold of position",
    "access_erasure": "the erasure",
    "access_recovery_approval": "an approval of account recovery",
    "access_recovery": "account recovery",
    "access_team": "the case team",
    "access_token": "the API token",
}


def test_a_look_has_a_receipt_that_anyone_can_check(looked, held):
    body = ACCESS.bodies(6, 1)[0]
    proof = str(queries.receipt("access", 6, body)).encode()
    found = receipts.check(proof, held.verifiers)
    said = dict(receipts.fields(found.extra))
    assert found.leaf == 6
    assert (said["kind"], said["purpose"], said["position"]) == ("look", "duplicate_review", "7")


def test_an_auditor_needs_nothing_but_the_address_and_the_key(looked, held):
    client = Client(HTTP_HOST="localhost")

    def read(path):
        answer = client.get(f"/log/access/{path}")
        assert answer.status_code == 200, path
        return answer.content

    assert set(read("keys").decode().splitlines()) == {str(one) for one in held.verifiers}
    found = audit.audit(read, held.verifiers)
    assert (found.checkpoint.size, found.checkpoint.origin) == (LINES, "log.example/access")
    looked.execute("update log_bundle set commitments = set_byte(commitments, 40, get_byte(commitments, 40) # 1)")
    with pytest.raises(audit.Untrue):
        audit.audit(read, held.verifiers)


@contextmanager
def as_application(fresh_database):
    with psycopg.connect(fresh_database("wayfare_app"), autocommit=True) as link:
        yield link


def test_growing_the_log_gives_the_application_s_role_no_look_to_read(looked, fresh_database, held):
    with as_application(fresh_database) as link:
        assert link.execute("select count(*) from access_log").fetchone() == (0,)
        assert link.execute("select size from log_head where log = 'access'").fetchone() == (LINES,)
    with connection.cursor() as cursor:
        cursor.execute("select current_user, (select count(*) from access_log)")
        assert cursor.fetchone() == ("wayfare_app", 0)
    note = queries.latest("access")
    assert note is not None
    assert notes.parse_checkpoint(note.text).size == LINES
