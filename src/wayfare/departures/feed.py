"""`python -m wayfare.departures.feed`: the example's departures of today, until stopped.

For about a minute one comes every few seconds; then they come at the usual pace of each programme.
"""

from __future__ import annotations

import logging
import random
import signal
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import django
from django.db import Error, connection

django.setup()

from wayfare.departures import queries  # noqa: E402 - Django first
from wayfare.ledger.entries import operations as intake  # noqa: E402

log = logging.getLogger(__name__)
SOURCE = "example-feed"
QUICK = 15
"""Departures that come soon after the start."""
WEEKS = 8
DAY_SECONDS = 86_400.0
LOOK_AGAIN_SECONDS = 1800.0
"""So long at most is waited for a departure: then the pace may be another day's."""
LEAST = 0.01
"""The pace by which a programme is chosen that has none."""
DESTINATIONS = ("AFG", "ALB", "BGD", "BRA", "GEO", "IRQ", "LKA", "MAR", "MDA", "SEN", "TUN", "UKR")


def history(chance: random.Random, programme: str, now: datetime) -> list[dict[str, Any]]:
    """Return the entries of one departure that is confirmed now, now and then with trouble."""
    person, departure = str(uuid.uuid4()), str(uuid.uuid4())
    destination = chance.choice(DESTINATIONS)

    def entry(kind: str, at: datetime, **fields: Any) -> dict[str, Any]:
        common = {"entry_id": str(uuid.uuid4()), "kind": kind, "source": SOURCE}
        return {**common, "occurred_at": at.isoformat(timespec="seconds"), **fields}

    told = entry(
        "enrolled",
        now - timedelta(days=60),
        person=person,
        programme=programme,
        nationality=destination,
        sex=chance.choice((1, 2)),
        birth_date=f"{chance.randint(1950, 2020)}-{chance.randint(1, 12):02}",
    )
    registered = entry(
        "departure_registered",
        now - timedelta(days=9),
        departure=departure,
        person=person,
        programme=programme,
        destination=destination,
        assistance=chance.choice((["cash"], [], ["cash", "reintegration"])),
    )
    evidence = chance.choices(("pass_scanned", "carrier_flown", "arrival_confirmed", "self_reported"), (70, 20, 6, 4))[
        0
    ]
    scan = entry("departure_confirmed", now, departure=departure, evidence=evidence)
    trouble = chance.random()
    if trouble < 0.06:
        return [told, scan]  # the office is late: the scan waits for its registration
    if trouble < 0.10:
        return [told, registered, entry("departure_withdrawn", now - timedelta(days=1), departure=departure), scan]
    if trouble < 0.25:
        again = entry("departure_confirmed", now, departure=departure, evidence="carrier_flown")
        return [told, registered, scan, again, scan]
    return [told, registered, scan]


def usual_pace(now: datetime) -> dict[str, float]:
    """Return how many departures each programme counts on such a day: the mean of this weekday in the weeks before."""
    programmes, ids = queries.programmes_and_ids()
    found = {}
    for key, programme in programmes.items():
        today = now.astimezone(ZoneInfo(programme.timezone)).date()
        days = [today - timedelta(weeks=week) for week in range(1, WEEKS + 1)]
        with connection.cursor() as cursor:
            cursor.execute(
                "select coalesce(sum(departures), 0)::bigint from departures_daycell"
                " where programme_id = %s and day = any(%s)",
                [ids[key], days],
            )
            found[key] = cursor.fetchone()[0] / WEEKS
    return found


def next_in(pace: dict[str, float], chance: random.Random) -> float:
    """Return after how many seconds the next departure comes at a pace a day, at most `LOOK_AGAIN_SECONDS`."""
    total = sum(pace.values())
    return min(chance.expovariate(total / DAY_SECONDS), LOOK_AGAIN_SECONDS) if total else LOOK_AGAIN_SECONDS


def run(stop: threading.Event, chance: random.Random, pause_seconds: float = 4.0, quick: int = QUICK) -> int:
    """Record departures until told to stop; return how many. Outlives a restart of the database.

    The first `quick` come one after the other, so that whoever looks sees them move: about a minute. The others come at
    the usual pace of each programme.
    """
    recorded = 0
    pause = pause_seconds * chance.uniform(0.5, 1.5)
    while not stop.wait(pause):
        in_time = pause < LOOK_AGAIN_SECONDS
        pause = pause_seconds * chance.uniform(0.5, 1.5)
        try:
            now = datetime.now(UTC)
            pace = usual_pace(now)
            if pace and in_time:
                (key,) = chance.choices(list(pace), [one or LEAST for one in pace.values()])
                intake.record(history(chance, key, now))
                recorded += 1
            if recorded >= quick:
                pause = next_in(pace, chance)
        except Error as problem:
            log.warning("the example waits for the database: %s", problem)
            connection.close()  # Django keeps a dead connection until told; the next turn opens a new one
    return recorded


def main() -> None:
    """Run until SIGTERM or SIGINT."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    run(stop, random.Random())  # noqa: S311 - for play, not for secrets


if __name__ == "__main__":
    main()
