"""The example's feed: what it sends is right, and it outlives a restart of the database."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from wayfare.departures import feed, operations
from wayfare.ledger import projections
from wayfare.ledger import queries as ledger
from wayfare.site import embedded
from wayfare.site.tests.test_embedded import answers, keeper, postmaster, wait


@pytest.mark.django_db
def test_every_history_is_taken_whole_and_all_kinds_of_trouble_come_by():
    operations.add_programme("fra", "France", "FRA", "Europe/Paris")
    chance, now = random.Random(1), datetime.now(UTC)
    statuses = [
        result.status for _ in range(200) for result in operations.record(feed.history(chance, "fra", now), now=now)
    ]
    assert set(statuses) == {"accepted", "duplicate"}, "some are sent twice, none is refused"
    found = projections.status()
    assert found["entries"]["departure_withdrawn"] > 0
    assert found["pending"] > 0, "some wait for their registration"
    assert found["anomalies"]["confirmed_after_withdrawal"] > 0
    assert found["not_counted"]["word_only"] > 0


@pytest.mark.django_db
def test_without_a_programme_it_waits():
    class Stop(threading.Event):
        turns = 0

        def wait(self, timeout=None):
            assert timeout is not None
            assert 0.5 <= timeout <= 1.5
            self.turns += 1
            return self.turns > 3

    assert feed.run(Stop(), random.Random(1), pause_seconds=1.0) == 0
    assert ledger.head() == 0


def head(home):
    try:
        with psycopg.connect(home.conninfo()) as connection:
            return connection.execute("select coalesce(max(position), 0) from ledger_entry").fetchone()[0]
    except psycopg.OperationalError:
        return None


@pytest.mark.slow
def test_it_outlives_a_restart_of_the_database_and_stops_when_told():
    with tempfile.TemporaryDirectory(prefix="wf") as folder:
        home = embedded.Home(Path(folder) / "home")
        environment = {**os.environ, "WAYFARE_HOME": str(home.home), "PYTHONPATH": os.pathsep.join(sys.path)}
        environment["DJANGO_SETTINGS_MODULE"] = "wayfare.site.settings"
        programme = ("--key", "fra", "--title", "France", "--country", "FRA", "--timezone", "Europe/Paris")
        with embedded.use(home.home):
            command = [sys.executable, "-m", "wayfare.site.cli", "programme", "add", *programme]
            subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
            running = subprocess.Popen([sys.executable, "-m", "wayfare.departures.feed"], env=environment)
            try:
                wait(lambda: (head(home) or 0) > 0, "entries come")
                os.kill(postmaster(home), signal.SIGKILL)
                wait(lambda: not answers(home), "the database is away")
                wait(lambda: answers(home), "the database is back")
                before = head(home)
                wait(lambda: (head(home) or 0) > before, "entries come again")
                assert running.poll() is None, "it is the same process"
            finally:
                running.terminate()
            assert running.wait(30) == 0, "it stops cleanly when told"
        wait(lambda: not keeper(home), "the keeper ends by itself", 30)
