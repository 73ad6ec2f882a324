"""A log of many parts is grown and verified by several processes; it is the same log, whatever happens to them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from django.db import connections

from tests.test_log import checked
from wayfare.ledger.source import LEDGER
from wayfare.site.tests.test_embedded import alive, wait
from wayfare.site.tests.test_up import children
from wayfare.tlog import keys, merkle, operations, parts, queries, tiles
from wayfare.tlog.parts import Source
from wayfare.tlog.verify import verified

SIZE = 8 * parts.SIZE + 300
FILL = """
insert into ledger_entry (position, entry_id, kind, occurred_at, recorded_at, source, subject, body, digest)
select n, gen_random_uuid(), 'returned', now(), now(), 'test', gen_random_uuid(), '{"n":' || n || '}', decode(repeat('00', 32), 'hex')
from generate_series(1, %s) n
"""


@pytest.fixture
def owner(fresh_database):
    """A ledger of more than eight parts, and the owner's hand with the guards taken off."""
    with connections["owner"].cursor() as owner:
        owner.execute(FILL, [SIZE])
        for table in ("ledger_entry", "log_tile", "log_bundle"):
            owner.execute(f"alter table {table} disable trigger user")
        yield owner


@pytest.fixture
def held(tmp_path):
    return keys.opened(tmp_path / "keys", "log.example/ledger")


def is_the_log_of_the_ledger(held):
    """Tell it by another way than the code that made it: one process, leaf by leaf."""
    checkpoint = checked("ledger", held.verifiers)
    edge, stored = tiles.Edge(), queries.leaves("ledger", 0, SIZE)
    edge.extend([merkle.leaf_hash(one) for one in parts.cut(stored.commitments)])
    bodies = LEDGER.bodies(0, SIZE)
    made = parts.part(parts.cut(stored.nonces), bodies)
    assert len(set(parts.cut(stored.nonces))) == SIZE, "no nonce is used twice"
    assert bodies == [b'{"n":%d}' % n for n in range(1, SIZE + 1)]
    assert made.commitments == parts.cut(stored.commitments)
    assert (edge.size, edge.root()) == (checkpoint.size, checkpoint.root) == (SIZE, checkpoint.root)
    return True


BARE = LEDGER._replace(beside=tuple)
"""The log of bodies that are no entries: there are no columns to compare them with."""


def in_a_hand():
    return multiprocessing.parent_process() is not None


def deadly(after, limit):
    """In a process beside the first: be killed at the seventh part."""
    if in_a_hand() and after == 6 * parts.SIZE:
        os.kill(os.getpid(), signal.SIGKILL)
    return LEDGER.bodies(after, limit)


def overtaking(after, limit):
    """In a process beside the first: grow the log oneself before the sixth part is given."""
    if in_a_hand() and after == 5 * parts.SIZE:
        operations.grow(LEDGER)
    return LEDGER.bodies(after, limit)


def test_a_log_that_is_far_behind_is_made_by_many_and_is_the_same(owner, held):
    heard: list[int] = []
    signed = operations.keep_up(LEDGER, held)
    assert signed is not None
    assert signed.size == SIZE
    assert is_the_log_of_the_ledger(held)
    assert verified(BARE, tell=heard.append) == (SIZE, SIZE, [])
    assert heard == [*range(parts.SIZE, SIZE, parts.SIZE), SIZE]
    assert operations.keep_up(LEDGER, held) is None


@pytest.mark.slow
def test_a_log_that_ends_with_a_part_is_signed_to_its_end(owner, held):
    owner.execute("delete from ledger_entry where position > %s", [8 * parts.SIZE])
    signed = operations.keep_up(LEDGER, held)
    assert signed is not None
    assert signed.size == 8 * parts.SIZE == queries.signed_size("ledger")
    assert verified(BARE) == (8 * parts.SIZE, 8 * parts.SIZE, [])


@pytest.mark.slow
@pytest.mark.parametrize("bodies", [deadly, overtaking])
def test_it_is_the_same_log_when_a_hand_is_killed_and_when_somebody_else_grows_it(owner, held, bodies, caplog):
    operations.keep_up(Source("ledger", bodies), held)
    assert is_the_log_of_the_ledger(held)
    assert ("was killed" in caplog.text) is (bodies is deadly)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            "update ledger_entry set body = '{}' where position in (100000, 120000)",
            "position 100000 differs from",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "delete from ledger_entry where position = 100000", "position 100000 differs from", marks=pytest.mark.slow
        ),
        pytest.param(
            "delete from ledger_entry where position = 98304",
            "position 98304 is committed to, and is no more",
            marks=pytest.mark.slow,
        ),
        ("delete from log_bundle where number = 300", "position 76801 is the first that is missing"),
        pytest.param(
            "delete from log_tile where level = 0 and number = 300",
            "position 76801 is the first under a hash",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "delete from log_tile where level = 2", "position 1 is the first under a hash", marks=pytest.mark.slow
        ),
        pytest.param(
            "update log_tile set hashes = overlay(hashes placing '\\x00' from 33) where level = 1 and number = 1",
            "position 65793 is the first under a hash that differs, in tile/1/001",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_differs_is_found_by_many_first_position_first(owner, held, change, said):
    operations.keep_up(LEDGER, held)
    owner.execute(change)
    (found, *_) = verified(BARE).differences
    assert found.startswith(said)
    (found, *_) = verified(BARE._replace(bodies=deadly)).differences
    assert found.startswith(said), "also when one of them is killed"


def test_an_error_of_the_database_is_told_and_leaves_nobody_behind(fresh_database):
    before = set(children(os.getpid()))
    with pytest.raises(psycopg.errors.UndefinedTable, match="no_such_table"):
        list(parts.in_order(failing, [(n,) for n in range(9)], shared=True))
    wait(lambda: set(children(os.getpid())) <= before | resource_trackers(), "nobody is left")


def dying(number):
    if number == 0 and in_a_hand():
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.mark.parametrize("late", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (36, 39))])
def test_no_job_is_lost_whenever_a_hand_is_killed(fresh_database, late):
    """Also while others are being handed out: `late` of them come when the pool is broken already."""

    def jobs():
        for number in range(40):
            if number == 40 - late:
                time.sleep(6)
            yield (number,)

    assert list(parts.in_order(dying, jobs(), shared=True)) == list(range(40))


def resource_trackers():
    """Return Python's own process that follows what processes share; it stays."""
    return {c for c in children(os.getpid()) if b"resource_tracker" in Path(f"/proc/{c}/cmdline").read_bytes()}


def failing(number):
    from django.db import connection

    connection.ensure_connection()
    connection.connection.execute("select from no_such_table" if number == 3 else "select 1")
    return number


ORPHANS = """
import os, time
from wayfare.site import runtime
if __name__ == "__main__":
    runtime.set_up_django()
    from wayfare.tlog import parts
    for _ in parts.in_order(time.sleep, [(0.1,), *[(600,)] * 5], shared=True):
        print("at work", flush=True)
"""


def test_nobody_outlives_a_process_that_is_killed(tmp_path):
    script = tmp_path / "orphans.py"
    script.write_text(ORPHANS)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    first = subprocess.Popen([sys.executable, str(script)], env=environment, stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None
    assert first.stdout.readline() == "at work\n"
    hands = children(first.pid)
    assert hands
    first.kill()
    first.wait()
    wait(lambda: not any(map(alive, hands)), "they end with it", 20)
