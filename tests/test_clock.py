"""Clocks that jump: the database's, and an application's that goes wrong by days, as each really happens.

PostgreSQL runs under libfaketime (Debian: `apt-get install libfaketime`), whose clock a file moves while it runs.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import threading
import urllib.request
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.load import Client, command, faults, prepare
from tests.test_api_race import ask, batch
from wayfare.departures import operations as departures
from wayfare.departures import queries
from wayfare.ledger import operations, projections
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import operations as intake
from wayfare.site import embedded
from wayfare.site.tests.test_embedded import answers, keeper, wait
from wayfare.site.tests.test_up import Installation

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)
faked = [pytest.mark.slow, pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")]
KEEPER = """
import os, sys
from pathlib import Path
from wayfare.site.embedded import keep
os.environ |= {"LD_PRELOAD": sys.argv[2], "FAKETIME_TIMESTAMP_FILE": sys.argv[3], "FAKETIME_NO_CACHE": "1",
               "DONT_FAKE_MONOTONIC": "1"}  # for PostgreSQL, not for us
sys.exit(keep(Path(sys.argv[1])))
"""


class World:
    """A home whose database's clock is as far off as we say."""

    def __init__(self, folder):
        self.home = embedded.Home(Path(folder) / "home")
        self.folder = Path(folder)
        self.open_to_all = tempfile.TemporaryDirectory(prefix="wf", dir="/tmp")  # PostgreSQL's account reads the clock
        Path(self.open_to_all.name).chmod(0o711)
        self.clock = Path(self.open_to_all.name) / "clock"
        self.turn("+0")
        self.home.make()
        self.using = self.home.users_lock.open("ab")
        fcntl.flock(self.using, fcntl.LOCK_SH)  # else our keeper ends between two commands, and theirs has a true clock
        self.environment = {**os.environ, "WAYFARE_HOME": str(self.home.home), "PYTHONPATH": os.pathsep.join(sys.path)}
        arguments = [sys.executable, "-c", KEEPER, str(self.home.home), str(LIBRARY), str(self.clock)]
        self.keeper = subprocess.Popen(arguments, env=self.environment, stderr=subprocess.DEVNULL)
        wait(lambda: answers(self.home), "the database answers")
        self.token = prepare(self.environment)

    def turn(self, offset):
        """Set the database's clock off by an offset such as +2d; whoever reads it sees the old or the new, whole."""
        part = self.clock.with_suffix(".part")
        part.write_text(f"{offset}\n")
        part.chmod(0o644)
        part.replace(self.clock)

    def run(self, *arguments, shift=None):
        """Run a command, with the application's own clock off by a shift if so told."""
        off = {} if shift is None else {"LD_PRELOAD": str(LIBRARY), "FAKETIME": shift}
        return command(self.environment | off, *arguments)

    def take(self, entries, shift=None):
        """Import entries; return the answer."""
        file = self.folder / f"{uuid.uuid4()}.jsonl"
        file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
        code, out, err = self.run("ledger", "import", file, "--json", shift=shift)
        assert code in (0, 1), err
        return json.loads(out.splitlines()[-1])

    def check(self, shift=None):
        """Return what `wayfare check` says of the clock."""
        out = self.run("check", "--json", shift=shift)[1]
        return json.loads(out.splitlines()[-1])["problems"].get("clock", "well")

    def recorded(self):
        """Return the day at which each entry was recorded, in position order."""
        code, out, err = self.run("ledger", "export", "-")
        assert code == 0, err
        rows = [json.loads(line) for line in out.splitlines()]
        assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
        return [datetime.fromisoformat(row["recorded_at"]) for row in rows]


@pytest.fixture
def world():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        world = World(folder)
        try:
            yield world
        finally:
            assert world.keeper.poll() is None, "the keeper whose clock we turn was there to the end"
            world.keeper.terminate()
            world.keeper.wait(60)


def at(**ahead):
    """Return a `returned` entry that happened so much ahead of the true clock."""
    moment = (datetime.now(UTC) + timedelta(**ahead)).isoformat()
    return {"entry_id": str(uuid.uuid4()), "kind": "returned", "occurred_at": moment, "source": "office",
            "person": str(uuid.uuid4())}  # fmt: skip


def mark(function):
    for one in faked:
        function = one(function)
    return function


@mark
def test_the_databases_clock_jumps_back_and_forth(world):
    told, files = {}, []
    for offset in ("+0", "-3d", "+2d", "+0"):
        world.turn(offset)
        entries = batch(20)
        assert world.take(entries)["accepted"] == 60
        files.append([entry["entry_id"] for entry in entries])
        told |= {entry: len(told) + n for n, entry in enumerate(files[-1], 1)}
        assert ("apart" in world.check()) == (offset != "+0"), "check says when the clock is wrong"
    days = [(moment - datetime.now(UTC)).total_seconds() / 86_400 for moment in world.recorded()]
    assert [round(day) for day in days[::60]] == [0, -3, 2, 0], "an entry keeps the moment that the database had"
    assert faults(world.environment, told, files, world.clock.parent) == []


@mark
def test_check_says_that_the_last_entry_was_recorded_in_the_future(world):
    world.turn("+2d")
    world.take([at()])
    world.turn("+0")
    assert "jumped back" in world.check()
    world.take([at()])
    assert world.check() == "well", "what is recorded now is right again"


@mark
@pytest.mark.parametrize("shift", [None, "+3d", "-3d"])
def test_more_than_24_hours_ahead_is_judged_by_the_databases_clock(world, shift):
    answer = world.take([at(hours=23), at(hours=25)], shift)
    assert (answer["accepted"], answer["rejected"]) == (1, 1)
    world.turn("+2d")
    assert world.take([at(hours=25), at(hours=71), at(hours=73)], shift)["accepted"] == 2
    world.turn("-2d")
    assert world.take([at(), at(hours=-25)], shift)["accepted"] == 1


@mark
@pytest.mark.parametrize("shift", ["+3d", "-3d"])
def test_check_says_when_the_applications_clock_is_wrong(world, shift):
    assert world.check() == "well"
    assert "259200 s apart" in world.check(shift).replace("259199", "259200").replace("259201", "259200")


@mark
def test_clients_and_the_live_page_go_on_while_the_databases_clock_jumps(world):
    """No client is told 429 or 500, and each jump's confirmations reach a page that stays open."""
    folder = world.folder
    installation = Installation(folder, WAYFARE_TOKEN_RATE="100000")
    client = Client(installation.port, world.token, seed=1, pause_seconds=0.1)
    positions: list[int] = []

    def watch():
        with suppress(OSError, ValueError):
            address = f"http://127.0.0.1:{installation.port}/api/v1/programmes/fra/live"
            asked = urllib.request.Request(address, headers={"Authorization": f"Bearer {world.token}"})
            with urllib.request.urlopen(asked, timeout=60) as stream:
                for line in stream:
                    if line.startswith(b"data: "):
                        positions.append(json.loads(line[6:])["position"])

    threading.Thread(target=watch, daemon=True).start()
    try:
        client.start()
        for offset in ("+0", "-3d", "+2d", "-1h", "+0"):
            world.turn(offset)
            seen, heard = len(positions), client.answers[200]
            wait(lambda heard=heard: client.answers[200] > heard + 5, f"entries go in at {offset}")
            wait(lambda seen=seen: len(positions) > seen + 1, f"the live page moves at {offset}")
        client.stopping.set()
        client.join(60)
        assert client.answers.keys() <= {200, None}
        assert positions == sorted(positions)
        last = max(client.acknowledged.values())
        wait(lambda: positions[-1] >= last, "the page comes to the last position")
        assert ask(installation.port, world.token, "GET", "/api/v1/health")[0] == 200
        assert faults(world.environment, client.acknowledged, [], folder) == []
    finally:
        installation.process.terminate()
        installation.process.wait(30)
        assert keeper(installation.home) == 0, "the database is kept by this test"


def test_what_is_recorded_earlier_than_before_comes_after_it(fresh_database):
    """Positions are the order, whatever the clock says: the count as of a position does not look at it."""
    departures.add_programme("fra", "France", "FRA", "Europe/Paris")
    known, latest = frozenset(queries.programmes()), intake.latest_us(datetime.now(UTC))
    now = datetime.now(UTC)
    for number, moment in enumerate((now, now - timedelta(days=400), now + timedelta(days=400)), 1):
        entries = [intake._read(entry, known, latest, None) for entry in batch(2)]
        results = operations.append(entries, at=moment)
        assert [result.position for result in results] == list(range(6 * number - 5, 6 * number + 1))
        assert ledger.entries(limit=100)[-1].recorded_at == moment
    assert projections.status()["position"] == 18
    assert projections.status()["pending"] == 0
