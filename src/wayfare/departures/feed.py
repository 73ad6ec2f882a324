"""`python -m wayfare.departures.feed`: the example's departures of today, one every second or two, until stopped."""

from __future__ import annotations

import logging
import random
import signal
import threading
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import django
from django.db import Error, connection

django.setup()

from wayfare.departures import operations, queries  # noqa: E402 - Django first

log = logging.getLogger(__name__)
SOURCE = "example-feed"
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


def run(stop: threading.Event, chance: random.Random, pause_seconds: float = 1.5) -> int:
    """Record departures until told to stop; return how many. Outlives a restart of the database."""
    recorded = 0
    while not stop.wait(pause_seconds * chance.uniform(0.5, 1.5)):
        try:
            keys = list(queries.programmes())
            if keys:
                operations.record(history(chance, chance.choice(keys), datetime.now(UTC)))
                recorded += 1
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
