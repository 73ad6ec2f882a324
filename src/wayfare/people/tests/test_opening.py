"""Opening in one trip is opening: the same line in the log, the same policies, the same file; and no look, no file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import connections, transaction

from wayfare.access import operations as access
from wayfare.access.purposes import GROUPS
from wayfare.access.rules import Forbidden
from wayfare.people import operations
from wayfare.people.masterkeys import MasterKeyProblem
from wayfare.people.sealing import SealRefusal
from wayfare.people.tests.cast import Colleague


@pytest.fixture
def owner(vault):
    with psycopg.connect(vault("wayfare_owner"), autocommit=True) as connection:
        yield connection


def looks(owner):
    """Return the looks on the record, without what no two of them share."""
    query = "select position, staff, person, groups, task, body::jsonb - %s::text[] from access_log where kind = 'look'"
    return owner.execute(query + " order by position", [["at", "position", "try", "reason", "basis"]]).fetchall()


@pytest.fixture
def task(counsellor):
    return counsellor.task(counsellor.enrols("Maryam Karimi").person)


@pytest.mark.parametrize("groups", [GROUPS, ("names",), ("notes", "birth")])
def test_it_opens_what_two_steps_open_and_leaves_the_same_line(owner, counsellor, task, groups):
    once = operations.open_once(counsellor.secret, task, groups)
    with counsellor.acting():
        twice = operations.opened(task, groups)
    assert (once.groups, once.versions) == (twice.groups, twice.versions)
    assert (once.look.person, once.look.groups) == (twice.look.person, twice.look.groups)
    first, second = looks(owner)
    assert (first[0], second[0]) == (once.look.position, twice.look.position)
    assert first[1:] == second[1:]


REFUSED: dict[str, Any] = {
    "no_session": lambda secret, task: ("", task, ["names"]),
    "not_yours": lambda secret, task: (secret, uuid4(), ["names"]),
    "group_not_for_purpose": lambda secret, task: (secret, task, ["names", 'x","names']),
    "unknown_way": lambda secret, task: (secret, task, ["names"], "window"),
}


@pytest.mark.parametrize("word", REFUSED)
def test_what_is_refused_is_read_by_nobody_and_leaves_no_line(owner, counsellor, task, word):
    with pytest.raises(Forbidden) as refused:
        operations.open_once(*REFUSED[word](counsellor.secret, task))
    assert refused.value.code == word
    assert looks(owner) == []
    assert operations.open_once(counsellor.secret, task, ["names"]).groups


def test_nothing_asked_for_is_refused(owner, counsellor, task):
    with pytest.raises(Forbidden):
        operations.open_once(counsellor.secret, task, [])
    assert looks(owner) == []


def test_the_policies_decide_in_the_function_too(vault, owner, counsellor, task):
    """The control: with a look that the record does not have, the function gives nothing."""
    owner.execute("create or replace function access_look(wanted_task uuid, wanted text[], how text, out place bigint,"
                  " out whose uuid) language sql as $$ select 1, person from access_task where id = wanted_task $$")  # fmt: skip
    with psycopg.connect(vault("wayfare_app")) as app:
        app.execute("select set_config('app.session', %s, true)", [counsellor.secret])
        query = "select count(*) from people_opened(%s, '{names}', 'page')"
        assert app.execute(query, [task]).fetchone() == (0,)
    owner.execute("alter table people_key disable row level security")
    owner.execute("alter table people_sealed disable row level security")
    with psycopg.connect(vault("wayfare_app")) as app:
        app.execute("select set_config('app.session', %s, true)", [counsellor.secret])
        assert app.execute(query, [task]).fetchone() == (1,)


def test_the_session_ends_with_the_trip(vault, counsellor, task):
    operations.open_once(counsellor.secret, task, ["names"])
    with transaction.atomic(), connections["default"].cursor() as cursor:
        cursor.execute("select current_setting('app.session', true), access_actor(), count(*) from people_key")
        assert cursor.fetchone() == ("", None, 0)


def test_what_does_not_open_leaves_its_look(owner, counsellor, task):
    owner.execute("alter table people_sealed disable trigger user")
    owner.execute("update people_sealed set sealed = overlay(sealed placing 'xyz' from 40) where grp = 'notes'")
    with pytest.raises(SealRefusal) as refused:
        operations.open_once(counsellor.secret, task, ["names", "notes"])
    assert refused.value.code == "not_opened"
    owner.execute("delete from people_sealed where grp = 'notes'")
    with pytest.raises(SealRefusal, match="missing"):
        operations.open_once(counsellor.secret, task, ["names", "notes"])
    assert len(looks(owner)) == 2
    assert operations.open_once(counsellor.secret, task, ["names"]).groups


def test_without_the_master_key_nothing_opens(owner, counsellor, task, keys_folder):
    (keys_folder / "epoch-1").unlink()
    with pytest.raises(MasterKeyProblem):
        operations.open_once(counsellor.secret, task, ["names"])


def test_where_policies_bind_nobody_nothing_is_opened(vault, owner, counsellor, task):
    owner.execute("alter table access_log disable row level security")
    with pytest.raises(access.Unbound):
        operations.open_once(counsellor.secret, task, ["names"])


def test_within_a_longer_transaction_it_is_a_part_of_that(owner, counsellor, task):
    with transaction.atomic():
        assert operations.open_once(counsellor.secret, task, ["names"]).groups
        transaction.set_rollback(True)
    assert looks(owner) == []


def test_many_at_once_have_each_a_line_of_their_own_without_gaps(owner, counsellor):
    people = [counsellor.enrols("Nur").person for _ in range(3)]
    cast = [(one, one.task(person)) for one in [counsellor, Colleague("paris", "supervisor")] for person in people]

    def opens(n):
        colleague, task = cast[n % len(cast)]
        try:
            return operations.open_once(colleague.secret, task, ["names", "birth"]).look.position
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        positions = sorted(pool.map(opens, range(24)))
    assert positions == [line[0] for line in looks(owner)] == list(range(positions[0], positions[0] + 24))
    times = [at for (at,) in owner.execute("select at from access_log order by position")]
    assert times == sorted(times)
