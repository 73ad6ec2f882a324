"""The example's feed: what it sends is right, and it outlives a restart of the database."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from wayfare.departures import feed, operations
from wayfare.ledger import projections
from wayfare.ledger import queries as ledger
from wayfare.ledger.entries import operations as intake
from wayfare.site import embedded
from wayfare.site.tests.killing import kill
from wayfare.site.tests.test_embedded import answers, keeper, postmaster, wait


@pytest.mark.django_db
def test_every_history_is_taken_whole_and_all_kinds_of_trouble_come_by():
    operations.add_programme("fra", "France", "FRA", "Europe/Paris")
    chance, now = random.Random(1), datetime.now(UTC)
    statuses = [
        result.status for _ in range(200) for result in intake.record(feed.history(chance, "fra", now), now=now)
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


class Turns(threading.Event):
    """Lets a number of turns pass at once, and notes how long each would have waited."""

    def __init__(self, number):
        super().__init__()
        self.number, self.waits = number, []

    def wait(self, timeout=None):
        self.waits.append(timeout)
        return len(self.waits) > self.number


@pytest.mark.django_db
def test_a_minute_moves_and_then_departures_come_at_the_usual_pace():
    operations.add_programme("fra", "France", "FRA", "Europe/Paris")
    turns = Turns(40)
    assert feed.run(turns, random.Random(1), quick=15) == 15, "nobody left on such a day before: none comes after them"
    assert 30 <= sum(turns.waits[:15]) <= 90
    assert set(turns.waits[16:]) == {feed.LOOK_AGAIN_SECONDS}


@pytest.mark.django_db
def test_the_pace_is_that_of_the_same_weekday_in_the_weeks_before():
    operations.add_programme("fra", "France", "FRA", "Europe/Paris")
    operations.add_programme("aus", "Australia", "AUS", "Australia/Sydney")
    chance, now = random.Random(1), datetime(2026, 11, 27, 12, tzinfo=UTC)
    for days, number in ((0, 9), (1, 9), (7, 40), (56, 40), (63, 9)):
        for _ in range(number):
            intake.record(feed.history(chance, "fra", now - timedelta(days=days)), now=now)
    with connection.cursor() as cursor:
        cursor.execute(
            "select sum(departures) from departures_daycell where day in (%s, %s)",
            [date(2026, 11, 20), date(2026, 10, 2)],
        )
        counted = int(cursor.fetchone()[0])
    assert 60 <= counted <= 80
    assert feed.usual_pace(now) == {"aus": 0, "fra": counted / 8}


def test_waits_are_as_long_as_the_pace_says():
    chance = random.Random(1)
    waits = [feed.next_in({"fra": 96.0, "aus": 192.0}, chance) for _ in range(4000)]
    assert sum(waits) / len(waits) == pytest.approx(300, rel=0.1), "288 a day are one in 300 s"
    assert max(waits) <= feed.LOOK_AGAIN_SECONDS
    assert feed.next_in({"fra": 0.0}, chance) == feed.LOOK_AGAIN_SECONDS


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
                kill(postmaster(home))
                wait(lambda: not answers(home), "the database is away")
                wait(lambda: answers(home), "the database is back")
                before = head(home)
                wait(lambda: (head(home) or 0) > before, "entries come again")
                assert running.poll() is None, "it is the same process"
            finally:
                running.terminate()
            assert running.wait(30) == 0, "it stops cleanly when told"
        wait(lambda: not keeper(home), "the keeper ends by itself", 30)
