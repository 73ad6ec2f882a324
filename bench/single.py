"""How fast single entries go through the operation, durably, against raw single-row commits on as many connections.

Writers are threads of one process on both sides: those of the operation each record one confirmation at a time
(`ledger.entries.operations.record`: validated, hashed, counted, projected, committed); the raw ones each insert one row
of the same size into a table with three indexes, one commit a row. The sides take turns, several times; the operation
once more with the process beside it that keeps the log (`wayfare.ledger.jobs`), up to date at first. Prints one
JSON object.

    .venv/bin/python bench/single.py [--writers 8] [--seconds 5] [--rounds 3]
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

from home import installation

MOST_WRITERS = 40
"""Each has a connection on either side."""
NOW = "2026-07-01T10:00:00+02:00"


def common(kind: str) -> dict[str, Any]:
    return {"entry_id": str(uuid.uuid4()), "kind": kind, "occurred_at": NOW, "source": "desk-1"}


def registered(number: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return enrolments and registrations for confirmations to come."""
    found = []
    for _ in range(number):
        person = str(uuid.uuid4())
        told = {"person": person, "programme": "fra", "nationality": "GEO", "sex": 1, "birth_date": "1990-05"}
        to_leave = {"departure": str(uuid.uuid4()), "person": person, "programme": "fra", "destination": "GEO"}
        found.append((common("enrolled") | told, common("departure_registered") | to_leave | {"assistance": []}))
    return found


def race(writers: int, seconds: float, step: Callable[[int], None]) -> tuple[float, float]:
    """Let writers call `step` for some seconds; return calls a second and the 99th percentile in milliseconds."""
    took: list[list[float]] = [[] for _ in range(writers)]
    start = threading.Barrier(writers + 1)
    until = [0.0]

    def write(writer: int) -> None:
        from django.db import connections

        step(writer)
        start.wait()
        while (now := time.perf_counter()) < until[0]:
            step(writer)
            took[writer].append(time.perf_counter() - now)
        connections.close_all()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
    for thread in threads:
        thread.start()
    until[0] = time.perf_counter() + seconds + 1
    start.wait()
    until[0] = time.perf_counter() + seconds
    for thread in threads:
        thread.join()
    every = sorted(one for some in took for one in some)
    return len(every) / seconds, every[int(len(every) * 0.99)] * 1000


@contextlib.contextmanager
def keeping_the_log() -> Iterator[None]:
    """Have the log kept, once it has caught up with the ledger."""
    from wayfare.ledger import jobs
    from wayfare.ledger.source import LEDGER
    from wayfare.tlog import operations

    operations.keep_up(LEDGER, jobs.opened())
    process = subprocess.Popen([sys.executable, "-m", "wayfare.ledger.jobs"])
    try:
        time.sleep(1)
        yield
    finally:
        process.terminate()
        process.wait()


def raw(writers: int) -> Callable[[int], None]:
    """Return a step that commits one row on the writer's own connection."""
    import psycopg
    from django.conf import settings

    from wayfare.site import embedded

    where = embedded.Home(settings.WAYFARE_HOME).conninfo("wayfare_owner")
    links = [psycopg.connect(where, autocommit=True) for _ in range(writers)]
    links[0].execute(
        "create table if not exists bench_raw (id uuid primary key, number bigserial unique, at timestamptz not null,"
        " subject uuid not null, body text not null, digest bytea not null)"
    )
    links[0].execute("create index if not exists bench_raw_subject on bench_raw (subject)")
    body, digest = json.dumps(common("departure_confirmed") | {"departure": NOW, "evidence": NOW}), bytes(32)

    def step(writer: int) -> None:
        row = (uuid.uuid4(), NOW, uuid.uuid4(), body, digest)
        links[writer].execute(
            "insert into bench_raw (id, at, subject, body, digest) values (%s, %s, %s, %s, %s)", row, prepare=True
        )

    return step


def operation(to_come: list[str]) -> Callable[[int], None]:
    """Return a step that records one confirmation."""
    from wayfare.ledger.entries.operations import record

    def step(_: int) -> None:
        about = {"departure": to_come.pop(), "evidence": "pass_scanned", "place": "CDG"}
        (result,) = record([common("departure_confirmed") | about])
        assert result.status == "accepted", result

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    if not 1 <= asked.writers <= MOST_WRITERS:
        parser.error(f"--writers {asked.writers}: from 1 to {MOST_WRITERS}; the server takes a hundred connections")
    with installation():
        from django.conf import settings

        from wayfare.departures.operations import add_programme
        from wayfare.ledger import jobs, queries
        from wayfare.ledger.entries.operations import record
        from wayfare.ledger.source import LEDGER
        from wayfare.tlog.operations import keep_up

        settings.DATABASES["default"]["OPTIONS"]["pool"]["max_size"] = asked.writers + 1
        add_programme("fra", "France", "FRA", "Europe/Paris")
        to_come: list[str] = []
        while len(to_come) < 10_000 * asked.seconds * asked.rounds:
            people = registered(5_000)
            record([entry for pair in people for entry in pair])
            to_come += [registration["departure"] for _, registration in people]
        before = queries.head()
        keep_up(LEDGER, jobs.opened())
        commits, confirm = raw(asked.writers), operation(to_come)
        rounds = []
        for _ in range(asked.rounds):
            bare, alone = race(asked.writers, asked.seconds, commits), race(asked.writers, asked.seconds, confirm)
            with keeping_the_log():
                rounds.append((bare, alone, race(asked.writers, asked.seconds, confirm)))
        print(
            json.dumps(
                {
                    "writers": asked.writers,
                    "behind": before,
                    "raw_commits_per_second": [round(one[0]) for one, _, _ in rounds],
                    "entries_per_second": [round(other[0]) for _, other, _ in rounds],
                    "ratio": round(statistics.median(other[0] / one[0] for one, other, _ in rounds), 3),
                    "ratio_with_the_log": round(
                        statistics.median(third[0] / other[0] for _, other, third in rounds), 3
                    ),
                    "p99_milliseconds": round(statistics.median(other[1] for _, other, _ in rounds), 1),
                }
            )
        )


if __name__ == "__main__":
    main()
