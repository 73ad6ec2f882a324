"""Appending: idempotent, without gaps, in commit order, and for ever."""

from __future__ import annotations

import random
import threading
import time
import uuid
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from django.db import connection, connections, transaction

from wayfare.ledger import operations, queries
from wayfare.ledger.entries import parsing
from wayfare.ledger.rules import Refused, digest, instant_us

LATEST = instant_us("2026-12-01T00:00:00Z")


def returned(entry_id: str | None = None, at: str = "2026-07-01T10:00:00Z", person: str | None = None, **more):
    raw = {
        "entry_id": entry_id or str(uuid.uuid4()),
        "kind": "returned",
        "occurred_at": at,
        "source": "desk",
        "person": person or str(uuid.uuid4()),
    }
    return parsing.parse(raw | more, programmes=(), latest_us=LATEST)


@pytest.mark.django_db
class TestAppend:
    def test_positions_follow_the_order_given(self):
        entries = [returned() for _ in range(5)]
        results = operations.append(entries)
        assert [(r.status, r.position) for r in results] == [("accepted", n) for n in range(1, 6)]
        assert [e.entry_id for e in queries.entries()] == [e.entry_id for e in entries]
        assert queries.tally() == {"returned": 5}

    def test_stored_form_and_digest(self):
        entry = returned(at="2026-07-01T10:00:00.25+02:00")
        before = datetime.now(UTC) - timedelta(seconds=5)
        operations.append([entry])
        (stored,) = queries.entries()
        assert stored.body.encode() == entry.body
        assert '"occurred_at":"2026-07-01T10:00:00.25+02:00"' in stored.body
        assert stored.occurred_at == datetime(2026, 7, 1, 8, 0, 0, 250_000, tzinfo=UTC)
        assert before < stored.recorded_at < datetime.now(UTC) + timedelta(seconds=5)
        with connection.cursor() as cursor:
            cursor.execute("select digest, subject::text, object from ledger_entry")
            found, subject, other = cursor.fetchone()
        assert (bytes(found), subject, other) == (digest(entry.body), entry.subject, None)

    def test_the_same_again_is_a_duplicate(self):
        entry = returned()
        operations.append([entry])
        same_instant = returned(entry.entry_id, "2026-07-01T12:00:00+02:00", entry.subject)
        results = operations.append([entry, same_instant, entry])
        assert [(r.status, r.position) for r in results] == [("duplicate", 1)] * 3
        assert queries.head() == 1

    def test_other_content_is_a_conflict(self):
        entry = returned()
        operations.append([entry])
        results = operations.append([returned(entry.entry_id), returned()])
        assert [r.status for r in results] == ["conflict", "accepted"]
        assert (results[0].field, results[1].position) == ("entry_id", 2)
        assert queries.entries()[0].body.encode() == entry.body

    def test_one_batch_may_hold_everything(self):
        entry = returned()
        results = operations.append([entry, Refused("sex", "is bad", "x"), entry, returned(entry.entry_id), returned()])
        assert [r.status for r in results] == ["accepted", "rejected", "duplicate", "conflict", "accepted"]
        assert [r.position for r in results] == [1, None, 1, 1, 2]

    def test_nothing_of_nothing(self):
        assert operations.append([]) == []
        assert queries.head() == 0

    def test_a_failing_projection_leaves_nothing_behind(self):
        with pytest.raises(KeyError), transaction.atomic():
            operations.append([returned()._replace(kind="unheard_of")])
        assert queries.head() == 0
        assert operations.append([returned()])[0].position == 1


@pytest.mark.django_db
@pytest.mark.parametrize("statement", ["update ledger_entry set source = 'x'", "delete from ledger_entry"])
def test_the_application_cannot_change_a_row(statement):
    operations.append([returned()])
    with (
        pytest.raises(Exception, match="permission denied"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "statement",
    [
        "grant update on ledger_entry to wayfare_app",
        "truncate ledger_entry",
        "alter table ledger_entry disable trigger all",
        "drop trigger ledger_entry_append_only on ledger_entry",
        "set session_replication_role = replica",
        "set role wayfare_owner",
        "alter role wayfare_app superuser",
        "create or replace function ledger_is_append_only() returns trigger language plpgsql as 'begin return new; end'",
    ],
)
def test_the_application_cannot_give_itself_the_right(statement):
    with transaction.atomic(), connection.cursor() as cursor:
        try:
            with transaction.atomic():
                cursor.execute(statement)
        except Exception as problem:  # noqa: BLE001 - PostgreSQL names each refusal its own way
            assert "permission denied" in str(problem) or "must be owner" in str(problem)
        cursor.execute(
            "select has_table_privilege('wayfare_app', 'ledger_entry', 'update, delete, truncate'), current_user"
        )
        assert cursor.fetchone() == (False, "wayfare_app")


@pytest.mark.parametrize(
    "statement", ["update ledger_entry set source = 'x'", "delete from ledger_entry", "truncate ledger_entry"]
)
def test_a_trigger_says_so_to_the_owner(fresh_database, statement):
    operations.append([returned()])
    with psycopg.connect(fresh_database("wayfare_owner"), autocommit=True) as owner:
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="ledger_is_append_only"):
            owner.execute(statement)
    assert queries.head() == 1


def _write_and_follow(writers: int, each: int) -> tuple[list[int], list[BaseException]]:
    """Let writers append at once while a reader follows; return what the reader saw, and what went wrong."""
    seen: list[int] = []
    problems: list[BaseException] = []
    done = threading.Event()

    def write(seed: int) -> None:
        chance = random.Random(seed)
        try:
            for _ in range(each):
                with transaction.atomic():
                    operations.append([returned() for _ in range(chance.randint(1, 3))])
                    if chance.random() < 0.1:
                        transaction.set_rollback(True)
                    time.sleep(chance.random() / 500)
        except Exception as problem:  # noqa: BLE001 - the control of this test wants to see it
            problems.append(problem)
        finally:
            connections.close_all()

    def follow() -> None:
        while True:
            last_round = done.is_set()
            seen.extend(e.position for e in queries.entries(seen[-1] if seen else 0))
            if last_round:
                connections.close_all()
                return

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    reader = threading.Thread(target=follow)
    for thread in (reader, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    return seen, problems


def test_a_reader_never_sees_a_hole(fresh_database):
    seen, problems = _write_and_follow(6, 40)
    assert problems == []
    assert seen == list(range(1, queries.head() + 1))
    assert len(seen) > 200


def test_control_without_the_lock_the_race_is_lost(fresh_database, monkeypatch):
    """With the writers' lock taken out, positions collide: the test above can fail."""

    class EachItsOwn:
        def __str__(self) -> str:
            return str(random.getrandbits(62))

    monkeypatch.setattr(operations, "LOCK", EachItsOwn())
    _, problems = _write_and_follow(6, 40)
    assert any("ledger_entry_pkey" in str(problem) for problem in problems)
