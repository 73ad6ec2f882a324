"""Master keys turn over while people work; what an epoch that was destroyed sealed, opens nowhere again."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connections, transaction

from wayfare.access import operations as access
from wayfare.ledger.rules import Refused
from wayfare.people import epochs, installed, operations, queries
from wayfare.people.masterkeys import MasterKeyProblem
from wayfare.people.sealing import SealRefusal
from wayfare.people.statements import Stale
from wayfare.people.tests import cast
from wayfare.people.tests.cast import NOW, Colleague, file_data

NAMES = [f"Maryam Karimi{letter}" for letter in "abcdefghijkl"]


@pytest.fixture
def people(counsellor):
    return [counsellor.enrols(name).person for name in NAMES]


@pytest.fixture
def owner(vault):
    with psycopg.connect(vault("wayfare_owner"), autocommit=True) as connection:
        yield connection


def opens(colleague, person):
    with colleague.looks(person, "names", "notes") as opened:
        return opened.groups["names"].shown().text()


def found(colleague, text):
    return [one.person for one in queries.search(colleague.secret, text).found]


def turned_over(**more):
    epoch = epochs.begin()
    epochs.rewrap(epoch, **more)
    return epoch


def test_after_a_turn_everything_opens_and_is_found_and_the_old_key_is_not_needed(people, counsellor, keys_folder):
    before = found(counsellor, NAMES[3])
    assert turned_over(batch=5) == 2
    old, new = epochs.states()
    assert (old.keys, old.tokens, old.marks) == (0, 0, 0)
    assert (new.keys, new.marks) == (len(people), len(people))
    epochs.destroy(1)
    assert not (keys_folder / "epoch-1").exists()
    assert [opens(counsellor, person) for person in people] == NAMES
    assert found(counsellor, NAMES[3]) == before != []


def test_between_the_epochs_people_are_opened_found_and_enrolled(people, counsellor):
    epochs.begin()
    late = counsellor.enrols("Maryam Zandi").person
    assert opens(counsellor, people[0]) == NAMES[0]
    assert set(found(counsellor, "Maryam")) == {*people, late}
    task = counsellor.task(people[1])
    with counsellor.acting():
        operations.correct(task, "names", file_data("Maryam Nuri")["names"], version=1, at=NOW)
    assert found(counsellor, "Maryam Nuri")[0] == people[1]
    epochs.rewrap(2)
    epochs.destroy(1)
    assert set(found(counsellor, "Maryam")) == {*people, late}
    assert opens(counsellor, people[1]) == "Maryam Nuri"


@pytest.mark.parametrize("stop_after", [1, 3, 4, 6, 8])
def test_broken_off_it_goes_on_where_it_stopped(people, counsellor, stop_after):
    class Broken(Exception):
        pass

    told = []

    def stop(what, moved):
        told.append((what, moved))
        if len(told) == stop_after:
            raise Broken

    epoch = epochs.begin()
    with pytest.raises(Broken):
        epochs.rewrap(epoch, batch=5, progress=stop)
    assert [opens(counsellor, person) for person in people] == NAMES
    assert found(counsellor, NAMES[0])
    with pytest.raises(Refused, match="rewrap"):
        epochs.destroy(1)
    epochs.rewrap(epoch, batch=5)
    epochs.destroy(1)
    assert [opens(counsellor, person) for person in people] == NAMES


def test_an_epoch_in_use_or_unknown_is_not_destroyed(people, keys_folder):
    for epoch in (1, 7):
        with pytest.raises(Refused, match="not one that ended"):
            epochs.destroy(epoch)
    assert (keys_folder / "epoch-1").exists()


def test_a_destruction_that_was_broken_off_is_ended_by_the_next(people, keys_folder):
    turned_over()
    installed.master_keys().destroy_epoch(1)  # and the process ended before the database was told
    assert epochs.states()[0].destroyed_at is None
    epochs.destroy(1)
    assert epochs.states()[0].destroyed_at is not None


def test_a_beginning_that_was_broken_off_makes_no_epoch_too_many(people):
    assert installed.master_keys().begin_epoch() == 2  # and the process ended before the database was told
    assert epochs.begin() == 2
    assert [state.epoch for state in epochs.states()] == [1, 2]


def test_the_first_epoch_may_be_begun_before_anybody_is_enrolled(vault):
    assert epochs.begin() == 1
    assert epochs.begin() == 2


def test_nobody_writes_in_an_epoch_that_ended(people, counsellor, owner, monkeypatch):
    epochs.begin()
    monkeypatch.setattr(operations, "current_epoch", lambda: 1)  # read just before the turn
    with pytest.raises(Stale), counsellor.acting():
        operations.enrol(file_data("Late"), at=NOW)
    assert owner.execute("select count(*) from people_person").fetchone() == (len(people),)


def test_a_turn_waits_for_who_is_writing_in_the_old_epoch(people, counsellor):
    """What was wrapped under the old epoch and is not yet committed is there when the turn looks for what to move."""
    begun, go_on = threading.Event(), threading.Event()

    def slow():
        try:
            with counsellor.acting():
                made = operations.enrol(file_data("Slow"), at=NOW)
                access.join_team(made.person, counsellor.id)
                begun.set()
                go_on.wait(10)
            return made.person
        finally:
            connections.close_all()

    def turn():
        try:
            return turned_over()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as threads:
        late = threads.submit(slow)
        assert begun.wait(10)
        turning = threads.submit(turn)
        time.sleep(0.5)
        assert not turning.done()
        go_on.set()
        person = late.result()
        assert turning.result() == 2
    epochs.destroy(1)
    assert opens(counsellor, person) == "Slow"


# What a backup of the database gives ------------------------------------------------------------------------------------


def kept(owner):
    """Return the tables of a backup: what the database held of keys, sealed values, tokens and marks."""
    return {
        name: owner.execute(f"select * from people_{name}").fetchall() for name in ("key", "sealed", "token", "mark")
    }


def put_back(owner, backup):
    owner.execute("update people_person set erased_at = null, case_number = 'AAAA-0000' where erased_at is not null")
    owner.execute("update access_file set erased_at = null")
    for name, rows in backup.items():
        owner.execute(f"delete from people_{name}")
        with owner.cursor() as cursor:
            cursor.executemany(f"insert into people_{name} values ({', '.join(['%s'] * len(rows[0]))})", rows)


@pytest.fixture
def erased(people, counsellor, supervisor, owner):
    """Somebody who was erased after a backup."""
    backup = kept(owner)
    cast.erased(people[0], supervisor)
    return people[0], backup


def test_the_backup_opens_while_its_epoch_lives(erased, counsellor, owner):
    """The control: until the epoch is destroyed, last week's key table brings the person back."""
    person, backup = erased
    put_back(owner, backup)
    with counsellor.acting():
        access.join_team(person, counsellor.id)
    assert opens(counsellor, person) == NAMES[0]
    assert person in found(counsellor, NAMES[0])


def test_once_the_epoch_is_destroyed_the_backup_opens_nothing(erased, counsellor, supervisor, owner):
    person, backup = erased
    turned_over()
    epochs.destroy(1)
    put_back(owner, backup)
    with pytest.raises(MasterKeyProblem) as problem:
        opens(supervisor, person)
    assert problem.value.code == "no_epoch"
    assert found(counsellor, NAMES[0]) == []


def test_an_old_key_under_the_new_epoch_s_number_does_not_open(erased, supervisor, owner):
    person, backup = erased
    turned_over()
    epochs.destroy(1)
    put_back(owner, backup)
    owner.execute("update people_key set epoch = 2")
    with pytest.raises(SealRefusal):
        opens(supervisor, person)


def test_the_erased_are_not_moved_and_not_brought_back_by_a_turn(erased, owner):
    person, _ = erased
    turned_over()
    for name in ("key", "sealed", "token", "mark"):
        assert owner.execute(f"select count(*) from people_{name} where person = %s", [person]).fetchone() == (0,)


def test_a_turn_and_an_erasure_at_once_end_with_the_person_erased(people, supervisor, owner):
    def erase(person):
        try:
            return cast.erased(person, supervisor, officer)
        finally:
            connections.close_all()

    officer = Colleague("lyon", "data_protection_officer")
    epoch = epochs.begin()
    with ThreadPoolExecutor(4) as threads:
        done = [threads.submit(erase, person) for person in people]
        epochs.rewrap(epoch, batch=2)
        assert all(one.result() for one in done)
    assert all(row[-1] is None for rows in kept(owner).values() for row in rows), "but for signs, which are nobody's"


def test_the_owner_reads_no_name_while_it_moves_everything(people, vault):
    """The control of the owner: it has every row, and with an empty folder of keys opens none."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("select count(*) from people_key")
        assert cursor.fetchone() == (len(people),)
        cursor.execute("select string_agg(s::text, '') from people_sealed s")
        assert "Karimi" not in cursor.fetchone()[0]
