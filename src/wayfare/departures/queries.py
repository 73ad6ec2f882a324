"""Reading programmes and what stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any, NamedTuple

from django.db import connection

from wayfare.access.rules import Reader
from wayfare.common.postgres.statements import run
from wayfare.departures.rules import ANOMALIES, Programme
from wayfare.ledger.registry import Offered

_PROGRAMMES = "select id, key, title, country, timezone, counts_from from departures_programme order by key"


def _by_key(rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[int, Programme]]:
    return {
        key: (id_, Programme(key, country, timezone, counts_from, title))
        for id_, key, title, country, timezone, counts_from in rows
    }


def _load() -> dict[str, tuple[int, Programme]]:
    with connection.cursor() as cursor:
        cursor.execute(_PROGRAMMES)
        return _by_key(cursor.fetchall())


class _Remembered(NamedTuple):
    programmes: dict[str, Programme]
    ids: dict[str, int]


_remembered: dict[tuple[str, str], _Remembered] = {}
"""Programmes that are committed, by database: a programme never changes, so what is known of one holds for ever."""


def configured(keys: Set[str]) -> tuple[dict[str, Programme], dict[str, int]]:
    """Return programmes and their row ids by key, among them those of `keys` that are configured; cheap when known."""
    where = connection.settings_dict["HOST"], connection.settings_dict["NAME"]
    known = _remembered.get(where)
    if known is None or not keys <= known.ids.keys():
        rows = _by_key(run(_PROGRAMMES)) if connection.in_atomic_block else _load()
        known = _Remembered(*_apart(rows))
        if not connection.in_atomic_block:  # what a transaction under way has added may yet be undone
            _remembered[where] = known
    return known


def _apart(rows: Mapping[str, tuple[int, Programme]]) -> tuple[dict[str, Programme], dict[str, int]]:
    return {key: row[1] for key, row in rows.items()}, {key: row[0] for key, row in rows.items()}


def programmes_and_ids() -> tuple[dict[str, Programme], dict[str, int]]:
    """Return the configured programmes, and their row ids, by key."""
    return _apart(_load())


def readable(reader: Reader) -> tuple[dict[str, Programme], dict[str, int]]:
    """Return the programmes whose exact figures somebody may read, and their row ids, by key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select p.id, key, title, country, timezone, counts_from from departures_programme p"
            " left join departures_programme_office o on o.programme_id = p.id where %s or o.office = %s order by key",
            [reader.everything, reader.office],
        )
        return _apart(_by_key(cursor.fetchall()))


def offices() -> dict[str, str]:
    """Return the office of each programme that has one, by the programme's key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select key, office from departures_programme_office o join departures_programme p on p.id = o.programme_id"
        )
        return dict(cursor.fetchall())


def offered(office: str) -> list[Offered]:
    """Return the programmes to choose from in an office: its own first, each group by title."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select key, title, o.office is not null from departures_programme p"
            " left join departures_programme_office o on o.programme_id = p.id and o.office = %s"
            " order by o.office is null, title, key",
            [office],
        )
        return [Offered(*row) for row in cursor.fetchall()]


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
    """Return pending references, anomalies by kind, and what does not count though nothing is wrong."""
    found = findings()
    return {
        "pending": pending(),
        "anomalies": {kind: n for kind, n in found.items() if kind in ANOMALIES},
        "not_counted": {kind: n for kind, n in found.items() if kind in ("joined", "word_only")},
    }
