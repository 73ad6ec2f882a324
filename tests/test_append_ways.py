"""An append comes to the same by each way in: few or many at once, with a memory of what is there, worked out ahead."""

from __future__ import annotations

import threading
import uuid
from collections import Counter

import pytest
from django.db import connection, connections, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from wayfare.departures import forecast, queries
from wayfare.departures.operations import add_programme
from wayfare.ledger import operations, registry, rows
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import parsing
from wayfare.ledger.entries.operations import record
from wayfare.ledger.presence import Presence, ids_of
from wayfare.ledger.rules import Ahead, Refused, instant_us
from wayfare.statistics.tests.histories import PROGRAMMES, history

LATEST = instant_us("2027-01-01T00:00:00Z")


def entry(kind="returned", **fields):
    raw = {"entry_id": str(uuid.uuid4()), "kind": kind, "occurred_at": "2026-07-01T10:00:00Z", "source": "desk"}
    if kind == "returned":
        fields.setdefault("person", str(uuid.uuid4()))
    return parsing.parse(raw | fields, programmes=PROGRAMMES, latest_us=LATEST)


def configure():
    for programme in PROGRAMMES.values():
        add_programme(programme.key, programme.title, programme.country, programme.timezone, programme.counts_from)


def one_by_one(batch, presence):
    return [result for one in batch for result in operations.append([one])]


def few(batch, presence):
    return operations.append(batch)


def many(batch, presence):
    return operations.append(batch, presence=presence)


def ahead(batch, presence):
    programmes, ids = queries.programmes_and_ids()
    found = forecast.foresee(programmes, ids, registry.scope("departures"), batch)
    bare = [item if isinstance(item, Refused) else item._replace(known_data=None) for item in batch]
    return operations.append(bare, presence=presence, ahead={"departures": found})


WAYS = [one_by_one, few, many, ahead]


def standing():
    """Return all that the projections hold, and the tally."""
    found = []
    with connection.cursor() as cursor:
        for table in ("counted", "monthcell", "daycell"):
            cursor.execute(f"select * from departures_{table}")
            found.append(sorted(cursor.fetchall(), key=repr))
        cursor.execute("select subject, kind, programme_id, at from departures_finding")
        found.append(sorted(cursor.fetchall(), key=repr))
    return [*found, ledger.tally()]


def sent(seed, length):
    """Return a history with repeats, other content under the same id, and what was refused, in batches."""
    raws = history(seed, people=5, length=length)
    items = [parsing.parse(raw, programmes=PROGRAMMES, latest_us=LATEST) for raw in raws]
    for n, again in enumerate(items[::7]):
        items.insert((n * 13 + seed) % len(items), again)
        other = {**again.data, "source": "another"}
        items.insert((n * 17 + seed) % len(items), parsing.parse(other, programmes=PROGRAMMES, latest_us=LATEST))
        items.insert((n * 5 + seed) % len(items), Refused("sex", "is bad"))
    step = 5 + seed % 40
    return [items[start : start + step] for start in range(0, len(items), step)]


def appended(way, batches):
    """Append batches in one way; return what became of each entry, and what then stands."""
    presence = Presence(1_000)
    with transaction.atomic():
        results = [result[:3] for batch in batches for result in way(batch, presence)]
        found = results, standing()
        transaction.set_rollback(True)
    return found


def disagreement(way, seed, length):
    with transaction.atomic():
        configure()
        batches = sent(seed, length)
        results, stands = appended(way, batches)
        expected_results, expected = appended(one_by_one, batches)
        transaction.set_rollback(True)
    return results != expected_results or stands != expected


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS[1:])
def test_every_way_comes_to_the_same(way):
    @settings(max_examples=settings().max_examples // 4)
    @given(st.integers(0, 2**32), st.integers(10, 90))
    def hold(seed, length):
        assert not disagreement(way, seed, length)

    hold()


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", ["components", "presence"])
def test_control_a_wrong_forecast_or_memory_is_found(wrong, monkeypatch):
    if wrong == "components":  # each entry taken for a component of its own
        honest = forecast.foresee

        def foresee(programmes, ids, scope, items):
            return Ahead(list(range(len(items))), honest(programmes, ids, scope, items).forecast)

        monkeypatch.setattr(forecast, "foresee", foresee)
    else:  # nothing is ever there
        monkeypatch.setattr(Presence, "perhaps", lambda self, ids: ids[:, 0] != ids[:, 0])

    def fails(seed):
        try:
            return disagreement(ahead, seed, 60)
        except Exception:  # noqa: BLE001 - what is taken for absent collides when it is written
            return True

    assert any(fails(seed) for seed in range(10))


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("reason", ['say "no"', "back\\slash", "{a,b}", "null", "é – العربية 🙂", "'; drop", "\\x00"])
def test_any_text_is_stored_as_it_was_sent(way, reason):
    one = entry("departure_withdrawn", departure=str(uuid.uuid4()), reason=reason, source="null")
    way([one], Presence(10))
    (stored,) = ledger.entries()
    assert stored.body.encode() == one.body
    assert stored.source == "null"
    with connection.cursor() as cursor:
        cursor.execute("select digest = sha256(convert_to(body, 'UTF8')), object is null from ledger_entry")
        assert cursor.fetchone() == (True, True)


@pytest.mark.django_db
def test_a_large_component_moves_by_a_single_entry():
    """150 departures of one human being change with one correction, on the way for few."""
    configure()
    person = str(uuid.uuid4())
    told = {"person": person, "programme": "paris", "nationality": "GEO", "sex": 1, "birth_date": "1990"}
    said = [entry("enrolled", **told)]
    for n in range(150):
        departure, day = str(uuid.uuid4()), f"20{n // 12 + 10}-{n % 12 + 1:02}"
        travels = {"departure": departure, "person": person, "programme": "paris", "destination": "GEO"}
        said.append(entry("departure_registered", **travels, assistance=[], occurred_at=f"{day}-01T10:00:00Z"))
        confirms = {"departure": departure, "evidence": "pass_scanned"}
        said.append(entry("departure_confirmed", **confirms, occurred_at=f"{day}-09T10:00:00Z"))
    operations.append(said)
    operations.append(
        [entry("facts_corrected", person=person, facts={"nationality": "ARM"}, occurred_at="2026-07-02T10:00:00Z")]
    )
    with connection.cursor() as cursor:
        cursor.execute("select nationality, repeats, count(*) from departures_counted group by 1, 2")
        assert cursor.fetchall() == [("ARM", True, 150)]
        cursor.execute("select nationality, sum(departures) from departures_monthcell group by 1")
        assert cursor.fetchall() == [("ARM", 150)]


@given(st.sets(st.uuids(), min_size=1, max_size=60), st.sets(st.uuids(), max_size=60))
def test_what_was_noted_is_never_taken_for_absent(noted, others):
    presence = Presence(60)
    presence.add(ids_of(list(map(str, noted))))
    assert presence.perhaps(ids_of([str(one) for one in noted])).all()


def test_what_is_absent_is_seldom_looked_for():
    presence = Presence(10_000)
    presence.add(ids_of([str(uuid.uuid4()) for _ in range(30_000)]))
    perhaps = presence.perhaps(ids_of([str(uuid.uuid4()) for _ in range(30_000)]))
    assert perhaps.mean() < 0.02


def test_a_memory_hears_of_what_others_wrote_and_forgets_what_was_undone(fresh_database):
    presence = Presence(1_000)
    mine, theirs, undone = entry(), entry(), entry()
    operations.append([mine], presence=presence)
    operations.append([theirs])
    with transaction.atomic():
        operations.append([undone], presence=presence)
        transaction.set_rollback(True)
    again = operations.append([mine, theirs, undone, entry()], presence=presence)
    assert [(one.status, one.position) for one in again] == [
        ("duplicate", 1),
        ("duplicate", 2),
        ("accepted", 3),
        ("accepted", 4),
    ]
    assert presence.position == 4


@given(st.sampled_from(sorted(registry.kinds)), st.integers(0, 2**32))
def test_a_row_gives_back_its_canonical_form(kind, seed):
    for raw in history(seed, length=40):
        one = parsing.parse(raw, programmes=PROGRAMMES, latest_us=LATEST)
        assert rows.body_of(one.tail, one.kind, one.source, one.object) == one.body
        assert one._replace(known_data=None).data == one.data


class TestWritersTogether:
    """Threads that write at the same moment share a transaction."""

    def together(self, writes):
        """Run functions at once, each in a thread of its own; return what each returned or raised."""
        start, outcomes = threading.Barrier(len(writes)), [None] * len(writes)

        def run(n):
            start.wait()
            try:
                outcomes[n] = writes[n]()
            except BaseException as problem:  # noqa: BLE001 - an outcome too
                outcomes[n] = problem
            finally:
                connections.close_all()

        threads = [threading.Thread(target=run, args=(n,)) for n in range(len(writes))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        return outcomes

    def test_each_gets_the_results_of_its_own(self, fresh_database):
        mine = [[entry() for _ in range(n % 4)] for n in range(24)]
        outcomes = self.together([lambda batch=batch: operations.append_together(batch) for batch in mine])
        for batch, results in zip(mine, outcomes, strict=True):
            assert [(one.entry_id, one.status) for one in results] == [(one.entry_id, "accepted") for one in batch]
        places = sorted(one.position for results in outcomes for one in results)
        assert places == list(range(1, sum(map(len, mine)) + 1))

    def test_one_that_fails_fails_alone(self, fresh_database):
        good = [[entry()] for _ in range(8)]
        bad = [entry()._replace(kind="unheard_of")]
        outcomes = self.together([lambda b=batch: operations.append_together(b) for batch in (*good, bad)])
        assert isinstance(outcomes[-1], KeyError)
        assert [one[0].status for one in outcomes[:-1]] == ["accepted"] * 8
        assert ledger.head() == 8

    def test_an_interrupted_leader_leaves_nobody_waiting(self, fresh_database, monkeypatch):
        calls = Counter()
        honest = operations.append

        def interrupted(entries, **kwargs):
            calls["append"] += 1
            if calls["append"] == 1:
                raise KeyboardInterrupt
            return honest(entries, **kwargs)

        monkeypatch.setattr(operations, "append", interrupted)
        outcomes = self.together([lambda: operations.append_together([entry()]) for _ in range(8)])
        assert sum(isinstance(one, KeyboardInterrupt) for one in outcomes) == 1
        assert all(isinstance(one, list | RuntimeError | KeyboardInterrupt) for one in outcomes)
        assert any(isinstance(one, list) for one in outcomes) or calls["append"] == 1
        assert operations.append_together([entry()])[0].status == "accepted"

    def test_a_programme_added_meanwhile_is_known_at_once(self, fresh_database):
        told = {"person": str(uuid.uuid4()), "programme": "late", "nationality": "GEO", "sex": 1, "birth_date": None}
        raw = {**entry("returned").data, "kind": "enrolled", **told}
        assert record([raw])[0].field == "programme"
        add_programme("late", "Late", "FRA", "Europe/Paris")
        assert record([raw])[0].status == "accepted"
