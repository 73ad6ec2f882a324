"""Many clients at once against the real server, with replies lost: nothing is lost, nothing counts twice, no 500."""

from __future__ import annotations

import http.client
import json
import os
import random
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from wayfare.site.tests import template

CLIENTS = 64
PREPARE = """
import json, sys, subprocess
from datetime import UTC, datetime
from wayfare.site import runtime
runtime.bring_up()
from wayfare.access.operations import issue_token
from wayfare.departures.operations import add_programme
add_programme("fra", "France", "FRA", "Europe/Paris")
print(issue_token(source="office", scopes=["ledger:write", "ledger:read", "statistics:exact"], at=datetime.now(UTC))[1], flush=True)
import psycopg
from wayfare.site import embedded, settings
with psycopg.connect(embedded.Home(settings.WAYFARE_HOME).conninfo("wayfare_owner"), autocommit=True) as owner:
    owner.execute(sys.argv[2])
from wayfare.site.up import web
web = subprocess.Popen(web(int(sys.argv[1]), "127.0.0.1").command)
sys.stdin.read()
web.terminate()
web.wait()
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


WITHOUT_LOCK = """
do $do$
declare name text; locks text := 'perform pg_advisory_xact_lock(writers_lock);';
begin
  foreach name in array array['ledger_open', 'ledger_look'] loop
    assert position(locks in pg_get_functiondef(name::regproc)) > 0;
    execute replace(pg_get_functiondef(name::regproc), locks, '');
  end loop;
end $do$;
"""
"""Takes the writers' lock out of the functions that open an append."""
WITHOUT_CONSTRAINTS = """
alter table ledger_entry drop constraint ledger_entry_pkey;
alter table ledger_entry drop constraint ledger_entry_entry_id_key;
create index on ledger_entry (position);
create index on ledger_entry (entry_id);
"""


@contextmanager
def serving(folder, damage=""):
    """Run a server of its own, because what is committed to a ledger stays; give its port and a token."""
    template.fill(folder)
    port = free_port()
    env = {**os.environ, "WAYFARE_HOME": str(folder), "WAYFARE_TOKEN_RATE": "100000"}
    command = [sys.executable, "-c", PREPARE, str(port), damage]
    process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    token = process.stdout.readline().strip()
    for _ in range(600):
        try:
            if ask(port, token, "GET", "/api/v1/health")[0] == 200:
                break
        except OSError:
            time.sleep(0.1)
    yield port, token
    process.communicate("")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("race")) as served:
        yield served


def ask(port, token, method, path, body=None, listen=True, accept="*/*"):
    """Send one request on a connection of its own; without listening, drop the reply when it begins to come."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": accept}
        connection.request(method, path, body, headers)
        if not listen:
            connection.sock.recv(1)  # the server answers, so what it did is committed; what it says is lost
            return None, None
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def hang_up(port, token, path, body):
    """Send one request and leave before it is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    connection.request("POST", path, body, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"})
    connection.close()


def batch(departures):
    """Return the entries of so many departures that count."""
    entries = []
    for _ in range(departures):
        person, departure = str(uuid.uuid4()), str(uuid.uuid4())
        common = {"source": "office", "occurred_at": "2026-07-01T12:00:00Z"}
        entries += [
            {
                **common, "entry_id": str(uuid.uuid4()), "kind": "enrolled", "person": person, "programme": "fra",
                "nationality": "GIN", "sex": 1, "birth_date": "1990",
            },
            {
                **common, "entry_id": str(uuid.uuid4()), "kind": "departure_registered", "person": person,
                "departure": departure, "programme": "fra", "destination": "GIN", "assistance": [],
            },
            {
                **common, "entry_id": str(uuid.uuid4()), "kind": "departure_confirmed", "departure": departure,
                "occurred_at": "2026-07-02T12:00:00Z", "evidence": "pass_scanned",
            },
        ]  # fmt: skip
    return entries


def send_until_heard(port, token, entries, seed):
    """Send a batch, lose some replies before or after they were made, and repeat until one is heard."""
    chance = random.Random(seed)
    body = json.dumps(entries)
    for _ in range(chance.choice((0, 1, 2))):
        if chance.random() < 0.5:
            hang_up(port, token, "/api/v1/ledger/entries", body)
        else:
            ask(port, token, "POST", "/api/v1/ledger/entries", body, listen=False)
    status, answer = ask(port, token, "POST", "/api/v1/ledger/entries", body)
    assert status == 200, (status, answer)
    results = json.loads(answer)
    assert [result["entry_id"] for result in results] == [entry["entry_id"] for entry in entries]
    assert {result["status"] for result in results} <= {"accepted", "duplicate"}
    return [result["position"] for result in results]


def stored(port, token):
    """Return every entry, read page by page."""
    entries, after = [], 0
    while after is not None:
        page = json.loads(ask(port, token, "GET", f"/api/v1/ledger/entries?after={after}&limit=997")[1])
        entries += page["entries"]
        after = page["next"]
    return entries


def race(server, shared_departures, own_departures):
    """Let every client send the same batch and one of its own, at once; check what is there afterwards."""
    port, token = server
    before = stored(port, token)
    shared = batch(shared_departures)
    own = [batch(own_departures) for _ in range(CLIENTS)]

    def client(number):
        told = send_until_heard(port, token, shared, number)
        send_until_heard(port, token, own[number], 1000 + number)
        return told

    with ThreadPoolExecutor(CLIENTS) as pool:
        told = list(pool.map(client, range(CLIENTS)))
    assert all(positions == told[0] for positions in told), "all are told the same positions"
    after = stored(port, token)
    assert [entry["position"] for entry in after] == list(range(1, len(after) + 1))
    fresh = Counter(entry["entry_id"] for entry in after[len(before) :])
    sent = [entry["entry_id"] for entries in (shared, *own) for entry in entries]
    assert fresh == Counter(sent)
    status, table = ask(port, token, "GET", "/api/v1/programmes/fra/table?by=month", accept="text/csv")
    assert (status, table.decode()) == (200, f"month,departures\n2026-07,{len(after) // 3}\n")


@pytest.mark.slow
def test_64_clients_send_the_same_at_once(server):
    race(server, shared_departures=10, own_departures=1)


@pytest.mark.slow
@pytest.mark.parametrize("damage", [WITHOUT_LOCK, WITHOUT_LOCK + WITHOUT_CONSTRAINTS], ids=["lock", "and constraints"])
def test_control_without_the_lock_the_race_is_lost(tmp_path, damage):
    """Without the writers' lock clients are told 500; without the constraints too, entries are there twice."""
    with serving(tmp_path / "home", damage) as served:

        def races():
            for _ in range(10):  # whether two meet is chance, and who meets may not have been listening
                race(served, shared_departures=10, own_departures=1)

        with pytest.raises(AssertionError):
            races()


@pytest.mark.slow
def test_64_clients_send_much_at_once(server):
    race(server, shared_departures=1000, own_departures=100)
