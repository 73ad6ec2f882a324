"""Reading programmes and what stands."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from wayfare.departures.rules import ANOMALIES, Programme
from wayfare.ledger import queries as ledger


def clock() -> datetime:
    """Return the database's clock, the one that every process of an installation shares."""
    with connection.cursor() as cursor:
        cursor.execute("select clock_timestamp()")
        moment = cursor.fetchone()[0]
        assert isinstance(moment, datetime)
        return moment


def _load() -> dict[str, tuple[int, Programme]]:
    with connection.cursor() as cursor:
        cursor.execute("select id, key, title, country, timezone, counts_from from departures_programme order by key")
        return {
            key: (id_, Programme(key, country, timezone, counts_from, title))
            for id_, key, title, country, timezone, counts_from in cursor.fetchall()
        }


def programmes_and_ids() -> tuple[dict[str, Programme], dict[str, int]]:
    """Return the configured programmes, and their row ids, by key."""
    rows = _load()
    return {key: row[1] for key, row in rows.items()}, {key: row[0] for key, row in rows.items()}


def programmes() -> dict[str, Programme]:
    """Return the configured programmes by key."""
    return {key: programme for key, (_, programme) in _load().items()}


def programme_ids() -> dict[str, int]:
    """Return the row ids of the configured programmes by key."""
    return {key: id_ for key, (id_, _) in _load().items()}


def pending() -> int:
    """Return how many entries wait for something they refer to."""
    with connection.cursor() as cursor:
        cursor.execute(r"select count(distinct subject) from departures_finding where kind like 'waits\_%'")
        return int(cursor.fetchone()[0])


def findings() -> dict[str, int]:
    """Return the number of findings of each kind."""
    with connection.cursor() as cursor:
        cursor.execute("select kind, count(*) from departures_finding group by kind order by kind")
        return dict(cursor.fetchall())


def status() -> dict[str, Any]:
    """Return the ledger's position, entries by kind, pending references, anomalies by kind, what else stands apart."""
    found = findings()
    return {
        "position": ledger.head(),
        "entries": ledger.tally(),
        "pending": pending(),
        "anomalies": {kind: n for kind, n in found.items() if kind in ANOMALIES},
        "not_counted": {kind: n for kind, n in found.items() if kind in ("joined", "word_only")},
    }
