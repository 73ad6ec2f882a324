"""Races that are won by a lock or a constraint, each with its control: with that taken out, the same race is lost.

| promise | race | control |
| --- | --- | --- |
| positions without gaps, in commit order | `test_append.py` | there, without the lock |
| each entry once, writers at once | here | here, without the lock; without the constraints too |
| the same batch from 64 clients, replies lost | `test_api_race.py` | there, without the lock; without the constraints too |
| two imports of one file at once | `test_import_interrupted.py` | here, without the lock |
| writers who share a transaction get their own answers | here | here: the bad one alone fails |
| the columnar copy, extended by several at once | here | here, without the file lock |
| one keeper a home | `test_embedded.py` | here, without the file lock |
| a token's limit, from several threads | here | here, without the lock |
| a witness's memory, submissions at once | `test_witness.py` | there, with check and record apart |
| 200 kills lose and double nothing | `test_kills.py` | there: what was damaged is noticed |

The writers' lock is taken out in PostgreSQL itself: a function of its name that does nothing stands before it.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest
from django.db import connection, connections

from tests.load import WAYFARE, command, prepare
from tests.test_api_race import WITHOUT_CONSTRAINTS, WITHOUT_LOCK, batch
from tests.test_append import returned
from wayfare.access.rules import Limiter
from wayfare.ledger import operations, queries
from wayfare.ledger.registry import UnknownKind
from wayfare.site import embedded
from wayfare.site.tests.test_embedded import keeper, postmaster, wait
from wayfare.statistics import columns

WRITERS = 6
WITHOUT_FINDINGS_KEY = "alter table departures_finding drop constraint departures_finding_pkey"
"""It refuses a second entry about a person nobody knows, and so nearly always holds what the others did not."""


def at_once(number, work, ready=lambda: None):
    """Run `work(n)` in so many threads that begin together when each is `ready`; return results and problems."""
    barrier = threading.Barrier(number)

    def run(n):
        try:
            ready()
            barrier.wait()
            return work(n), None
        except Exception as problem:  # noqa: BLE001 - a control wants to see it
            return None, problem
        finally:
            connections.close_all()

    with ThreadPoolExecutor(number) as pool:
        done = list(pool.map(run, range(number)))
    return [result for result, problem in done if problem is None], [p for _, p in done if p is not None]


def take_out(conninfo, damage):
    with psycopg.connect(conninfo, autocommit=True) as owner:
        database = owner.info.dbname
        owner.execute(damage.replace("database wayfare", f"database {database}"))


def the_same_entries_by_all(rounds=15):
    """Let all writers append the same entries at once, often; return how often each is stored, and the problems."""
    problems = []
    for _ in range(rounds):  # a control asks for more of them: whether two meet is chance
        entries = [returned() for _ in range(5)]
        problems += at_once(
            WRITERS, lambda _, e=entries: operations.append(e), ready=lambda: connection.ensure_connection()
        )[1]  # else they come one by one
    with connection.cursor() as cursor:
        cursor.execute("select entry_id, count(*) from ledger_entry group by 1")
        return Counter(number for _, number in cursor.fetchall()), problems


def test_writers_at_once_store_each_entry_once(fresh_database):
    stored, problems = the_same_entries_by_all()
    assert problems == []
    assert stored == {1: 75}
    assert queries.head() == 75


def test_control_without_the_lock_a_constraint_has_to_refuse(fresh_database):
    take_out(fresh_database("wayfare_owner"), WITHOUT_LOCK)
    stored, problems = the_same_entries_by_all(rounds=100)
    assert any("duplicate key value" in str(problem) for problem in problems)
    assert stored.keys() == {1}, "the constraints hold what the lock did not"


def test_control_without_the_constraints_too_entries_are_stored_twice(fresh_database):
    take_out(fresh_database("wayfare_owner"), WITHOUT_LOCK + WITHOUT_CONSTRAINTS + WITHOUT_FINDINGS_KEY)
    stored, _ = the_same_entries_by_all(rounds=100)
    assert max(stored) > 1


def test_writers_who_share_a_transaction_get_their_own_answers_and_a_bad_one_fails_alone(fresh_database):
    bad = returned()._replace(kind="unheard_of")
    with pytest.raises(UnknownKind):
        operations.append([bad])  # the control: it does fail
    entries = [[returned() for _ in range(n % 3 + 1)] for n in range(24)]

    def write(n):
        return operations.append_together([*entries[n], bad] if n == 7 else entries[n])

    results, problems = at_once(24, write)
    assert [type(problem) for problem in problems] == [UnknownKind]
    good = [one for n, one in enumerate(entries) if n != 7]
    assert [[r.entry_id for r in result] for result in results] == [[e.entry_id for e in one] for one in good]
    at = {entry.entry_id: entry.position for entry in queries.entries(limit=1_000)}
    assert all(at[r.entry_id] == r.position for result in results for r in result)
    assert sorted(at.values()) == list(range(1, sum(map(len, good)) + 1))


def extended_by_all(folder, rounds=12):
    """Let four extend a columnar copy at once while the ledger grows; return the positions it holds, and the problems."""
    problems = []
    for _ in range(rounds):
        operations.append([returned() for _ in range(200)])
        head = queries.head()
        problems += at_once(4, lambda _, head=head: columns.extend(folder, head))[1]
    held = []
    for path in columns.extend(folder, queries.head()):
        held += pq.read_table(path, columns=["position"]).column(0).to_pylist()
    return held, problems


def test_a_columnar_copy_extended_by_several_at_once_holds_each_entry_once(fresh_database, tmp_path):
    held, problems = extended_by_all(tmp_path / "columns")
    assert problems == []
    assert held == list(range(1, queries.head() + 1))


def test_control_without_the_file_lock_the_columnar_copy_breaks(fresh_database, tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    try:
        held, problems = extended_by_all(tmp_path / "columns")
    except Exception as problem:  # noqa: BLE001 - a file that is broken breaks its reader
        held, problems = [], [problem]
    assert problems or held != list(range(1, queries.head() + 1))


def passed_by_all(limiter):
    """Return how many of 64 requests of one token pass, asked for by eight threads at one moment."""
    passed, _ = at_once(8, lambda _: sum(limiter.wait_seconds("token", lambda: 1000.0) == 0 for _ in range(8)))
    return sum(passed)


class Slow(dict[str, float]):
    """A memory in which others come between reading and writing."""

    def get(self, *arguments):
        found = super().get(*arguments)
        time.sleep(0.001)
        return found


def limiter():
    made = Limiter(per_second=1, burst=10)
    made._due = Slow()
    return made


def test_a_tokens_limit_holds_for_several_threads():
    assert passed_by_all(limiter()) == 10


def test_control_without_the_lock_more_pass_than_the_limit_allows():
    made = limiter()
    made._lock = nullcontext()  # type: ignore[assignment]  # a lock that locks nothing
    assert passed_by_all(made) > 10


KEEP = "import fcntl, sys; from pathlib import Path; {damage}; from wayfare.site.embedded import keep; keep(Path(sys.argv[1]))"


def serves(home):
    """Return the process that serves a home, or None while there is none."""
    try:
        return postmaster(home)
    except (OSError, IndexError, ValueError):
        return None


@pytest.mark.slow
@pytest.mark.parametrize("locked", [True, False], ids=["locked", "control"])
def test_a_second_keeper_leaves_at_once_and_without_the_lock_it_stays(locked):
    program = KEEP.format(damage="pass" if locked else "fcntl.flock = lambda *_: None")
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / "home")
        with embedded.use(home.home):
            server = postmaster(home)
            second = subprocess.Popen(
                [sys.executable, "-c", program, str(home.home)],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
                stderr=subprocess.DEVNULL,
            )
            try:
                left = second.wait(15) == 0
            except subprocess.TimeoutExpired:
                left = False
                second.kill()
                second.wait()
            assert (left and serves(home) == server) is locked, "it left, and left the server alone"
        wait(lambda: not keeper(home), "the keeper ends by itself", 30)
        wait(lambda: not (home.data / "postmaster.pid").exists(), "and PostgreSQL, whoever started it", 30)


def two_imports_collide(environment, file, number):
    """Import a file twice at once; tell whether one met the other, and see that once more ends it either way."""
    file.write_text("".join(json.dumps(entry) + "\n" for entry in batch(3_000)))
    importing = [*WAYFARE, "ledger", "import", str(file), "--chunk", "100"]
    both = [subprocess.Popen(importing, env=environment, stdout=-3, stderr=subprocess.PIPE) for _ in range(2)]
    said = [one.communicate(timeout=180)[1] for one in both]
    code, out, _ = command(environment, "ledger", "import", file, "--json")
    assert code == 0, "even so nothing is there twice, and once more ends it"
    assert json.loads(out.splitlines()[-1])["position"] == 9_000 * number
    if any(one.returncode for one in both):
        assert any(b"duplicate key value" in text for text in said), said
        return True
    return False


@pytest.mark.slow
def test_control_two_imports_at_once_without_the_lock_do_not_both_end_well():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / "home")
        environment = {**os.environ, "WAYFARE_HOME": str(home.home), "PYTHONPATH": os.pathsep.join(sys.path)}
        with embedded.use(home.home):
            prepare(environment)
            take_out(home.conninfo("wayfare_owner"), WITHOUT_LOCK)
            assert any(two_imports_collide(environment, Path(folder) / f"{n}.jsonl", n) for n in range(1, 7))
        wait(lambda: not keeper(home), "the keeper ends by itself", 30)
