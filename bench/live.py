"""How long after it is sent a confirmation shows in a connected client, with many departures behind.

Fills a home of its own with N counted departures (straight into the ledger and its projections, as their owner),
starts `wayfare up`, registers the departures to come by an import, and sends their confirmations one by one through the
API at a steady rate from several processes, whatever the answers (an open loop). Meanwhile one client reads the API's
live cells and one the page's stream. Prints one JSON object: for both streams the time from sending, and from when it
was due to be sent, to the first event that stands at that confirmation's position or beyond.

    .venv/bin/python bench/live.py [--behind 10000000] [--rate 300] [--seconds 120] [--verify]
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import orjson
import psycopg

SRC = Path(__file__).resolve().parent.parent / "src"
WAYFARE = (sys.executable, "-m", "wayfare.site.cli")
PROCESSES, THREADS = 4, 8
BLOCK = 1_000_000

HISTORY = """
create unlogged table bench_history as
select n, gen_random_uuid() as person, gen_random_uuid() as departure, gen_random_uuid() as enrolment,
  gen_random_uuid() as first, gen_random_uuid() as second, at - interval '20 days' as registered_at, at,
  (at at time zone 'UTC')::date as day,
  (array['AFG','ALB','BGD','BRA','GEO','IRQ','LKA','MAR','MDA','SEN','TUN','UKR'])[1 + mod(n, 12)] as destination,
  (array['pass_scanned','carrier_flown','arrival_confirmed','boarding_pass'])[1 + mod(n, 4)] as evidence
from (select n, date_trunc('second', now() - interval '10 years' + n * (interval '10 years' / %(behind)s)) as at
      from generate_series(0, %(behind)s - 1) n) times
"""
ENTRIES = """
insert into ledger_entry (position, entry_id, occurred_at, recorded_at, kind, source, subject, object, body, digest)
select position, entry_id, occurred_at, occurred_at, kind, 'office', subject, object, body, sha256(body::bytea) from (
  select 3 * n + 2 as position, first as entry_id, registered_at as occurred_at, 'departure_registered' as kind,
    departure as subject, person as object,
    format('{"assistance":[],"departure":"%%s","destination":"%%s","entry_id":"%%s",'
    '"kind":"departure_registered","occurred_at":"%%s","person":"%%s","programme":"fra","source":"office"}',
    departure, destination, first, to_char(registered_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), person) as body
  from bench_history where n >= %(low)s and n < %(high)s
  union all
  select 3 * n + 3, second, at, 'departure_confirmed', departure, null,
    format('{"departure":"%%s","entry_id":"%%s","evidence":"%%s","kind":"departure_confirmed","occurred_at":"%%s",'
    '"source":"office"}', departure, second, evidence, to_char(at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
  from bench_history where n >= %(low)s and n < %(high)s
  union all
  select 3 * n + 1, enrolment, registered_at, 'enrolled', person, null,
    format('{"birth_date":null,"entry_id":"%%s","kind":"enrolled","nationality":"%%s","occurred_at":"%%s",'
    '"person":"%%s","programme":"fra","sex":1,"source":"office"}',
    enrolment, destination, to_char(registered_at, 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), person)
  from bench_history where n >= %(low)s and n < %(high)s
) rows order by position
"""
PROJECTIONS = """
insert into departures_counted (departure, programme_id, cluster, exited_at, day, nationality, sex, age, destination,
  evidence, assistance, repeats)
  select departure, p.id, person, at, day, destination, 1, 'UNK', destination, evidence, 'none', false
  from bench_history, departures_programme p;
insert into departures_monthcell (programme_id, month, nationality, sex, age, destination, evidence, assistance,
  departures)
  select programme_id, date_trunc('month', day)::date, nationality, sex, age, destination, evidence, assistance,
    count(*)
  from departures_counted group by 1, 2, 3, 4, 5, 6, 7, 8;
insert into departures_daycell (programme_id, day, nationality, sex, age, destination, evidence, assistance, departures)
  select programme_id, day, nationality, sex, age, destination, evidence, assistance, count(*)
  from departures_counted group by 1, 2, 3, 4, 5, 6, 7, 8;
insert into ledger_tally (kind, entries) select kind, count(*) from ledger_entry group by kind;
drop table bench_history
"""


def say(text: str) -> None:
    print(f"{datetime.now(UTC):%H:%M:%S} {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def without_indexes(owner: psycopg.Connection[Any], tables: tuple[str, ...]) -> Iterator[None]:
    """Drop the indexes and keys of tables, and make them again afterwards, all at once: much faster than row by row."""
    keys = owner.execute(
        "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
        " where contype in ('p', 'u') and conrelid = any(%s::regclass[])",
        [list(tables)],
    ).fetchall()
    indexes = owner.execute(
        "select indexname, indexdef from pg_indexes where tablename = any(%s) and indexname <> all(%s)",
        [list(tables), [name for _, name, _ in keys]],
    ).fetchall()
    for table, name, _ in keys:
        owner.execute(f'alter table {table} drop constraint "{name}"')
    for name, _ in indexes:
        owner.execute(f'drop index "{name}"')
    yield
    for table, name, definition in keys:
        owner.execute(f'alter table {table} add constraint "{name}" {definition}')
    for _, definition in indexes:
        owner.execute(definition)


def fill(conninfo: str, behind: int) -> None:
    """Put so many counted departures of the last ten years into an empty ledger, each with its three entries."""
    with psycopg.connect(conninfo, autocommit=True, cursor_factory=psycopg.ClientCursor) as owner:
        owner.execute("set timezone to 'UTC'; set synchronous_commit to off; set maintenance_work_mem to '1GB'")
        version = "(select to_version from departures_zones order by id desc limit 1)"
        owner.execute(f"select set_config('wayfare.zones', {version}, false)")
        owner.execute(HISTORY, {"behind": behind})
        with without_indexes(owner, ("ledger_entry", "departures_counted")):
            for low in range(0, behind, BLOCK):
                owner.execute(ENTRIES, {"low": low, "high": min(low + BLOCK, behind)})
                say(f"{min(low + BLOCK, behind):,} departures are in the ledger")
            owner.execute(PROJECTIONS)
            say("the projections are filled")
        say("the indexes are made")
        owner.execute("vacuum analyze ledger_entry")
        owner.execute("vacuum analyze departures_counted")
    with psycopg.connect(conninfo, autocommit=True) as owner:
        owner.execute("vacuum analyze departures_daycell")
        owner.execute("vacuum analyze departures_monthcell")


def to_come(number: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the entries of departures that are enrolled and registered, and their confirmations."""
    before: list[dict[str, Any]] = []
    confirmations: list[dict[str, Any]] = []
    for n in range(number):
        person, departure = str(uuid.uuid4()), str(uuid.uuid4())
        common = {"source": "office", "occurred_at": f"2026-01-{1 + n % 28:02}T09:00:00Z"}
        destination = ("AFG", "GEO", "IRQ", "MAR")[n % 4]
        before += [
            {**common, "entry_id": str(uuid.uuid4()), "kind": "enrolled", "person": person, "programme": "fra",
             "nationality": destination, "sex": 1, "birth_date": "1990-05"},
            {**common, "entry_id": str(uuid.uuid4()), "kind": "departure_registered", "person": person,
             "departure": departure, "programme": "fra", "destination": destination, "assistance": ["cash"]},
        ]  # fmt: skip
        confirmations.append({"source": "office", "entry_id": str(uuid.uuid4()), "kind": "departure_confirmed",
                              "departure": departure, "evidence": "pass_scanned"})  # fmt: skip
    return before, confirmations


Sent = tuple[float, float, float, int, int]
"""When it was due, sent and answered (seconds of the machine's monotonic clock), the status, the position."""


def send(port: int, token: str, entries: list[dict[str, Any]], start: float, rate: float, into: Any) -> None:
    """Be one client process: send each entry when it is due, over connections that stay open."""
    taken, lock, sent = iter(enumerate(entries)), threading.Lock(), list[Sent]()

    def run() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        while True:
            with lock:
                number, entry = next(taken, (0, None))
            if entry is None:
                return
            due = start + number / rate
            time.sleep(max(0.0, due - time.monotonic()))
            begun, status, position = time.monotonic(), 0, 0
            try:
                now = datetime.now(UTC).isoformat(timespec="milliseconds")
                connection.request(
                    "POST", "/api/v1/ledger/entries", orjson.dumps({**entry, "occurred_at": now}), headers
                )
                answer = connection.getresponse()
                status, body = answer.status, answer.read()
                position = orjson.loads(body)[0]["position"] if status == 200 else 0
            except (OSError, http.client.HTTPException):
                connection.close()
            sent.append((due, begun, time.monotonic(), status, position or 0))

    threads = [threading.Thread(target=run) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    into.send(sent)


STATISTICIAN = """
from wayfare.site import runtime
runtime.set_up_django()
from wayfare.access import operations
from wayfare.access.tests.cast import taken_on
from wayfare.departures.operations import set_programme_office
operations.set_office("paris", "Paris", "Europe/Paris", by=None)
set_programme_office("fra", "paris")
print(taken_on("Ada", "ada@example.org", "paris", ("statistician",))[1])
"""


def statistician() -> str:
    """Take on somebody who may watch the page; return their session's secret."""
    made = subprocess.run([sys.executable, "-c", STATISTICIAN], check=True, capture_output=True, text=True)
    return made.stdout.strip()


def watch(port: int, path: str, headers: dict[str, str], into: Any) -> None:
    """Be a connected client: note when which position was shown, until the other end of the pipe speaks."""
    seen: list[tuple[int, float]] = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers)
    stream = connection.getresponse()
    assert stream.status == 200, stream.status
    into.send("connected")
    position = 0
    while not into.poll():
        line = stream.readline()
        if line.startswith(b"id: "):
            position = int(line[4:])
        elif line == b"\n" and position > (seen[-1][0] if seen else 0):  # the event is whole
            seen.append((position, time.monotonic()))
    into.send(seen)


def spread(values: list[float]) -> dict[str, float]:
    """Return median, p95, p99 and the greatest of some seconds, in milliseconds."""
    values = sorted(values)
    at = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
    found = {name: values[min(len(values) - 1, int(len(values) * part))] for name, part in at.items()}
    return {name: round(value * 1000, 1) for name, value in {**found, "max": values[-1]}.items()}


def shown(sent: list[Sent], seen: list[tuple[int, float]]) -> dict[str, Any]:
    """Return how long each confirmation took to show, from sending and from when it was due."""
    positions = [position for position, _ in seen]
    since_sent, since_due, never = [], [], 0
    for due, begun, _, status, position in sent:
        if status != 200:
            continue
        place = bisect_left(positions, position)
        if place == len(seen):
            never += 1
            continue
        since_sent.append(seen[place][1] - begun)
        since_due.append(seen[place][1] - due)
    return {"since_sent_ms": spread(since_sent), "since_due_ms": spread(since_due), "never": never, "events": len(seen)}


def run(home: Path, port: int, token: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Register, confirm, watch; return what was measured."""
    number = int(arguments.rate * arguments.seconds)
    before, confirmations = to_come(number)
    file = home.parent / "before.jsonl"
    file.write_bytes(b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in before))
    subprocess.run([*WAYFARE, "ledger", "import", str(file)], check=True, stdout=subprocess.DEVNULL)
    say(f"{number:,} departures are registered")
    context = get_context("spawn")
    watchers = {}
    by_token = {"Authorization": f"Bearer {token}"}
    by_session = {"Cookie": f"wayfare_session={statistician()}"}
    for name, path, headers in (
        ("api", "/api/v1/programmes/fra/live", by_token),
        ("page", "/departures/fra/live?language=en", by_session),
    ):
        ours, theirs = context.Pipe()
        process = context.Process(target=watch, args=(port, path, headers, theirs), daemon=True)
        process.start()
        assert ours.recv() == "connected"
        watchers[name] = (process, ours)
    start = time.monotonic() + 3
    clients = []
    for n in range(PROCESSES):
        ours, theirs = context.Pipe()
        part = confirmations[n::PROCESSES]
        offset = start + n / arguments.rate
        process = context.Process(target=send, args=(port, token, part, offset, arguments.rate / PROCESSES, theirs))
        process.start()
        clients.append((process, ours))
    sent: list[Sent] = [one for _, ours in clients for one in ours.recv()]
    time.sleep(2)
    streams = {}
    for name, (process, ours) in watchers.items():
        ours.send("stop")
        streams[name] = shown(sent, ours.recv()) if ours.poll(40) else "the stream went silent"
        process.terminate()
    good = [one for one in sent if one[3] == 200]
    ended = max(one[2] for one in sent) - min(one[1] for one in sent)
    return {
        "offered_per_second": arguments.rate,
        "reached_per_second": round(len(good) / ended, 1),
        "answers": dict(Counter(str(one[3]) for one in sent)),
        "answered_ms": spread([one[2] - one[1] for one in good]),
        "shown": streams,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--behind", type=int, default=10_000_000, help="departures there before")
    parser.add_argument("--rate", type=float, default=300.0, help="confirmations a second")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--verify", action="store_true", help="recount everything at the end")
    arguments = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="wayfare-bench-") as temporary:
        home = Path(temporary) / "home"
        os.environ |= {"WAYFARE_HOME": str(home), "PYTHONPATH": str(SRC), "WAYFARE_TOKEN_RATE": "100000"}
        sys.path.insert(0, str(SRC))
        from wayfare.site import embedded

        using = embedded.use(home)
        programme = ("--key", "fra", "--title", "France", "--country", "FRA", "--timezone", "UTC")
        subprocess.run([*WAYFARE, "programme", "add", *programme], check=True, stdout=subprocess.DEVNULL)
        scopes = ("--scope", "ledger:write", "--scope", "ledger:own", "--scope", "statistics:exact")
        made = subprocess.run(
            [*WAYFARE, "token", "add", "--source", "office", *scopes], check=True, capture_output=True
        )
        fill(embedded.Home(home).conninfo("wayfare_owner"), arguments.behind)
        up = subprocess.Popen([*WAYFARE, "up", "--port", str(port)], stdout=subprocess.DEVNULL)
        try:
            for _ in range(600):
                with contextlib.suppress(OSError):
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                time.sleep(0.1)
            measured = run(home, port, made.stdout.decode().strip(), arguments)
            if arguments.verify:
                done = subprocess.run([*WAYFARE, "ledger", "verify"], stdout=sys.stderr, check=False)
                measured["verified"] = done.returncode == 0
        finally:
            up.terminate()
            up.wait()
            using.close()
            time.sleep(embedded.IDLE_SECONDS + 3)  # the keeper ends before its home goes
        print(json.dumps({"behind": arguments.behind, "seconds": arguments.seconds, **measured}))


if __name__ == "__main__":
    main()
