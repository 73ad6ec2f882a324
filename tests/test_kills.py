"""225 kills -9 under load: what was acknowledged is there, once, and what follows from it is right; the log never forks.

Nine rounds of 25, each in a home of its own; three in continuous integration, the others with `-m soak`. Every process
of an installation is killed 25 times in all, at random moments, while clients post and files are imported. Only what an
operator's init system would do is done by the test: start `wayfare up` again when the supervisor itself was killed, and
run an import again that did not end well.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from tests.load import Client, Importer, Watcher, command, faults, prepare
from tests.test_api_race import batch
from wayfare.site import embedded
from wayfare.site.tests.killing import kill
from wayfare.site.tests.test_embedded import keeper, postmaster, wait
from wayfare.site.tests.test_up import Installation, children

TARGETS = ("importer", "reader", "granian", "web worker", "log", "supervisor", "keeper", "postmaster", "backend")
ROUNDS, KILLS = len(TARGETS), 25
SEED = int(os.environ.get("WAYFARE_TEST_SEED", "1"))


class Round:
    """An installation under load, and a hand that kills."""

    def __init__(self, folder, seed):
        self.chance = random.Random(seed)
        self.installation = Installation(folder, WAYFARE_TOKEN_RATE="100000")
        self.environment = self.installation.environment
        token = prepare(self.environment)
        self.clients = [Client(self.installation.port, token, seed * 100 + n) for n in range(4)]
        self.importer = Importer(self.environment, folder, departures=1_000)
        self.watcher = Watcher(self.installation.home)
        self.killed: list[str] = []

    def target(self, name):
        """Return the process to kill, or None while there is none."""
        with suppress(OSError, ValueError, IndexError, StopIteration):
            match name:
                case "importer" | "reader":
                    running = self.importer.process
                    if running is None:
                        return None
                    readers = [c for c in children(running.pid) if b"spawn_main" in _command_line(c)]
                    return (running.pid if name == "importer" else readers[0]) if readers else None
                case "granian":
                    return self.installation.processes()[0] or None
                case "web worker":
                    return self.chance.choice(self.installation.processes()[1])
                case "log":
                    beside = children(self.installation.process.pid)
                    return next(child for child in beside if b"wayfare.ledger.jobs" in _command_line(child))
                case "supervisor":
                    return self.installation.process.pid
                case "keeper":
                    return keeper(self.installation.home) or None
                case "postmaster":
                    return postmaster(self.installation.home)
                case "backend":
                    backends = children(postmaster(self.installation.home))
                    return self.chance.choice([c for c in backends if b"postgres: wayfare_" in _command_line(c)])
        return None

    def kill(self, name):
        """Kill a process that is there, at a random moment of what it does."""
        wait(lambda: self.target(name) is not None, f"there is a {name} to kill")
        time.sleep(self.chance.random() * 0.4)
        wait(lambda: self._killed(self.target(name)), f"{name} is killed")
        self.killed.append(name)
        if name == "supervisor":
            self.installation.process.wait()
            self.installation.start()

    def _killed(self, pid):
        try:
            kill(pid)
        except (ProcessLookupError, TypeError):
            return False
        return True

    def heard(self):
        """Return how often a client was told that its entries are in."""
        return sum(client.answers[200] for client in self.clients)

    def stop(self):
        for thread in (*self.clients, self.importer, self.watcher):
            thread.stopping.set()

    def end(self):
        """Let everybody come to the end of what they have begun; say if somebody cannot."""
        self.stop()
        for thread in (*self.clients, self.importer):
            thread.join(180)
            assert not thread.is_alive(), "what was begun comes to its end"


def _command_line(pid):
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def deck(number):
    """Return the targets of a round, shuffled: over all rounds each comes equally often."""
    whole = [TARGETS[n % len(TARGETS)] for n in range(ROUNDS * KILLS)][number * KILLS : (number + 1) * KILLS]
    random.Random(SEED * 1_000 + number).shuffle(whole)
    return whole


def test_each_process_is_killed_equally_often():
    killed = [name for number in range(ROUNDS) for name in deck(number)]
    assert len(killed) == 225
    assert {name: killed.count(name) for name in TARGETS} == dict.fromkeys(TARGETS, 25)


SHORT = 3
"""Rounds that continuous integration runs; the others are for `-m soak`, by hand."""


@pytest.mark.slow
@pytest.mark.parametrize(
    "number", [*range(SHORT), *(pytest.param(n, marks=pytest.mark.soak) for n in range(SHORT, ROUNDS))]
)
def test_25_kills_under_load_lose_and_double_nothing(number):
    seed = SEED * 1_000 + number
    print(f"WAYFARE_TEST_SEED={SEED}, round {number}")
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        world = Round(folder, seed)
        try:
            for thread in (*world.clients, world.importer, world.watcher):
                thread.start()
            for name in deck(number):
                before = world.heard()
                world.kill(name)
                print(f"{time.monotonic():.2f} killed {name}", flush=True)
                wait(lambda before=before: world.heard() > before, f"entries go in again after {name}")
            world.end()
            acknowledged = {entry: at for client in world.clients for entry, at in client.acknowledged.items()}
            answers = sum((client.answers for client in world.clients), start=Counter())
            print(
                f"killed {len(world.killed)}; {len(acknowledged)} acknowledged to clients, {len(world.importer.files)}"
            )
            print(f"files imported, exit codes {dict(world.importer.codes)}; answers {dict(answers)}")
            assert world.killed == deck(number)
            assert answers.keys() <= {200, 503, None}, "no answer but done, come again, or none"
            assert world.importer.noise == []
            assert world.watcher.end() == []
            assert faults(world.environment, acknowledged, world.importer.files, folder) == []
            print(f"{len(world.watcher.seen)} checkpoints, none of them forked")
        finally:
            world.stop()
            print(world.installation.log.read_text()[-2000:])
            world.installation.stop()


DAMAGE = {
    "absent": "delete from ledger_entry where position = {head}",
    "gap": "delete from ledger_entry where position = 5",
    "twice": "alter table ledger_entry drop constraint ledger_entry_entry_id_key;"
    "create table kept as select * from ledger_entry where position = 8; update kept set position = {head} + 1;"
    "insert into ledger_entry select * from kept",
    "moved": "update ledger_entry set position = -position where position in (10, 11);"
    "update ledger_entry set position = 21 + position where position < 0",
    "order": "",  # by what was moved
    "verify: cells by month": "update departures_monthcell set departures = departures + 1",
    "verify: cells by day": "update departures_daycell set departures = departures + 1",
    "verify: counted departures": "delete from departures_counted where departure in"
    " (select departure from departures_counted limit 1)",
    "verify: findings": "insert into departures_finding (subject, kind, at, position)"
    " values (gen_random_uuid(), 'joined', now(), 1)",
    "verify: tally": "update ledger_tally set entries = entries + 1",
    "verify: ledger: the digest": "update ledger_entry set body = replace(body, 'GIN', 'GHA') where position = 1",
}
"""What is done to the ledger and its projections, by the word that tells it."""


@pytest.mark.slow
def test_control_the_check_notices_what_was_damaged(tmp_path):
    """As owner and with the guards taken off, in a home of its own: whatever could go wrong is noticed and named."""
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / "home")
        environment = {**os.environ, "WAYFARE_HOME": str(home.home)}
        with embedded.use(home.home):
            prepare(environment)
            entries = batch(10)
            file = tmp_path / "entries.jsonl"
            file.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
            assert command(environment, "ledger", "import", file)[0] == 0
            ids = [entry["entry_id"] for entry in entries]
            told = {entry: position for position, entry in enumerate(ids, 1)}
            assert faults(environment, told, [ids], folder) == []
            with psycopg.connect(home.conninfo("wayfare_owner"), autocommit=True) as owner:
                owner.execute("alter table ledger_entry disable trigger user, drop constraint ledger_entry_position")
                for damage in DAMAGE.values():
                    owner.execute(damage.format(head=len(ids)))
            found = faults(environment, told, [ids], folder)
            unnoticed = [name for name in DAMAGE if not any(line.startswith(name) for line in found)]
            assert unnoticed == [], found
        wait(
            lambda: not keeper(home), "the keeper ends by itself: it would write into the folder as that is taken away"
        )
