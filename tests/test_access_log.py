"""The log of looks is committed to like the ledger: same code, same checks, and what is changed behind it is found."""

from __future__ import annotations

import random
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, connections
from django.test import Client

from wayfare.access import operations as access
from wayfare.access.source import ACCESS
from wayfare.access.tests.cast import Colleague, file_of
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
