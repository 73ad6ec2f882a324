"""Statements that are sent together or ahead of their turn do what they would do one by one, or nothing."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection, transaction

from wayfare.common.postgres.statements import ahead, in_one_trip, run

PUT = "insert into trip values (%s)"


@pytest.fixture
def kept(fresh_database):
    """Gives a function that returns the numbers that were committed."""
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as owner:
        owner.execute("create table trip (n int primary key)")
        owner.execute("grant select, insert on trip to wayfare_app")
        yield lambda: [n for (n,) in owner.execute("select n from trip order by n")]


def put(numbers):
    with transaction.atomic(), ahead() as queue:
        for n in numbers:
            queue.send(PUT, [n])


def usable():
    return run("select 1") == [(1,)]


def test_a_trip_gives_the_rows_of_each_statement_and_is_committed(kept):
    with in_one_trip((PUT, [1]), ("select n, 'a' from trip where n = %s", [1]), ("select 2", [])) as rows:
        assert rows == [[], [(1, "a")], [(2,)]]
    assert kept() == [1]
    assert usable()


def test_after_a_trip_the_commit_is_on_disk_and_the_session_is_as_before(kept):
    with in_one_trip(
        (PUT, [1]), ("select pg_current_wal_insert_lsn(), current_setting(%s)", ["synchronous_commit"])
    ) as (
        _,
        ((written, setting),),
    ):
        assert setting == "off"  # for the trip alone, which a transaction after it brings to the disk
    assert run("select pg_current_wal_flush_lsn() >= %s::pg_lsn, current_setting('synchronous_commit')", [written]) == [
        (True, "on")
    ]


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_statement_that_fails_undoes_the_whole_trip(kept, wrong):
    statements = [(PUT, [n]) for n in range(3)]
    statements[wrong] = ("select 1 / (%s::int - 1)", [1])
    with pytest.raises(psycopg.errors.DivisionByZero), in_one_trip(*statements):
        pytest.fail("what is within is not begun")
    assert kept() == []
    assert usable()


def test_what_fails_within_does_not_undo_the_trip(kept):
    with pytest.raises(ZeroDivisionError), in_one_trip((PUT, [1])):
        raise ZeroDivisionError
    assert kept() == [1]
    assert usable()


def test_a_commit_that_is_refused_is_told(kept, fresh_database):
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as owner:
        owner.execute("alter table trip add m int references trip (n) deferrable initially deferred")
        owner.execute("grant insert (m) on trip to wayfare_app")
    with pytest.raises(psycopg.errors.ForeignKeyViolation), in_one_trip(("insert into trip values (%s, %s)", [1, 7])):
        pass
    assert kept() == []
    assert usable()


def test_a_trip_is_no_part_of_a_transaction(kept):
    with transaction.atomic(), pytest.raises(RuntimeError, match="under way"), in_one_trip((PUT, [1])):
        pass
    assert usable()


def test_a_connection_that_breaks_on_a_trip_is_not_used_again(kept):
    with (
        pytest.raises(psycopg.OperationalError),
        in_one_trip((PUT, [1]), ("select pg_terminate_backend(pg_backend_pid())", [])),
    ):
        pytest.fail("what is within is not begun")
    connection.ensure_connection()
    assert usable()
    assert kept() == []


def test_what_is_sent_ahead_is_done_in_order(kept):
    with transaction.atomic(), ahead() as queue:
        for n in (1, 2, 3):
            queue.send("insert into trip select coalesce(max(n), 0) + %s from trip", [n])
    assert kept() == [1, 3, 6]


def test_what_is_asked_between_sees_what_was_sent_before(kept):
    with transaction.atomic(), ahead() as queue:
        for n in (1, 2, 3):
            assert queue.run("select count(*) from trip where n < %s", [10]) == [(n - 1,)]
            queue.send(PUT, [n])
    assert kept() == [1, 2, 3]


def test_what_failed_ahead_is_told_to_who_asks_next(kept):
    def twice():
        with transaction.atomic(), ahead() as queue:
            queue.send(PUT, [1])
            queue.send(PUT, [1])
            queue.run("select 1", [])
            pytest.fail("the second failed")

    with pytest.raises(psycopg.errors.UniqueViolation):
        twice()
    assert kept() == []
    assert usable()


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_what_fails_ahead_is_told_and_undoes_all(kept, wrong):
    numbers = [7, 1, 2, 3]
    numbers[wrong + 1] = 7
    with pytest.raises(psycopg.errors.UniqueViolation):
        put(numbers)
    assert kept() == []
    assert usable()


def test_what_fails_meanwhile_undoes_all_and_leaves_no_answer_behind(kept):
    with pytest.raises(ZeroDivisionError):
        put(1 // one for one in [1, 0])
    assert kept() == []
    assert usable()


def test_bytes_are_sent_as_they_are_and_all_else_as_text(kept):
    connection.ensure_connection()
    assert run("select %s::bytea, %s::int + 1", [b"\0\\\xff", 4]) == [(b"\0\\\xff", 5)]
