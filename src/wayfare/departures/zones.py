"""Which version of the time zones the figures stand under, and the recorded act of changing it (`docs/counting.md`).

Every process has the one version that is installed. What is counted was counted with the version on record: PostgreSQL
refuses to count a departure for a connection that has another one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple
from weakref import WeakSet

import psycopg
from django.db import connection, transaction

from wayfare.departures import projection, queries, rules
from wayfare.departures.forecast import Cell
from wayfare.ledger import operations as ledger
from wayfare.ledger import zones
from wayfare.ledger.rules import Refused

COMMAND = "wayfare ledger zones"
BATCH = 2_000
"""Departures that are counted anew together."""


class Act(NamedTuple):
    """A version that was taken into use; `from_version` is empty where none was on record."""

    at: datetime
    from_version: str
    to_version: str
    position: int
    cells: int
    """How many cells by day moved."""


class Moved(NamedTuple):
    """A cell by day that moved, under every dimension."""

    programme: str
    day: str
    nationality: str
    sex: int
    age: str
    destination: str
    evidence: str
    assistance: str
    before: int
    after: int


class Change(NamedTuple):
    """What taking the installed version into use changes, or would change."""

    from_version: str
    to_version: str
    position: int
    cells: list[Moved]


def in_use() -> str:
    """Return the version that the figures stand under; empty if none is on record."""
    with connection.cursor() as cursor:
        cursor.execute("select to_version from departures_zones order by id desc limit 1")
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def in_use_at(position: int) -> str:
    """Return the version in use when the ledger's head was at a position; empty if none was on record."""
    with connection.cursor() as cursor:
        cursor.execute("select from_version from departures_zones where position >= %s order by id limit 1", [position])
        row = cursor.fetchone()
    return str(row[0]) if row else in_use()


def used_since(position: int) -> set[str]:
    """Return every version that was in use when the ledger was at a position, or later."""
    later = {act.to_version for act in history() if act.position >= position}
    return {in_use_at(position), in_use(), *later} - {""}


def difference() -> str:
    """Say what is wrong with the time zones, and the mend; empty if the figures stand under the installed version."""
    used = in_use()
    if used != zones.INSTALLED:
        stand = f"the figures stand under time zones {used}" if used else "no version of the time zones is on record"
        return f"{stand}, {zones.INSTALLED} is installed; run {COMMAND} to see what moves, {COMMAND} adopt to change"
    for one in queries.programmes().values():
        if not zones.known(one.timezone):
            return f"{one.timezone!r}, the time zone of programme {one.key}, is not in {used}; its days cannot be told"
    return ""


def must_agree() -> None:
    """Check that the figures stand under the installed version. Raises: Refused."""
    if problem := difference():
        raise Refused("zones", problem)


def history() -> list[Act]:
    """Return every version that was taken into use, the first one first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select at, from_version, to_version, position, (select count(*) from departures_zonecell where act = z.id)"
            " from departures_zones z order by id"
        )
        return [Act(*row) for row in cursor.fetchall()]


_told: WeakSet[psycopg.Connection[Any]] = WeakSet()


def tell(link: psycopg.Connection[Any]) -> None:
    """Say once on a connection which version this process counts with: PostgreSQL compares it with the record."""
    if link not in _told:
        link.execute("select set_config('wayfare.zones', %s, false)", [zones.INSTALLED])
        _told.add(link)


def _off(programmes: Iterable[tuple[int, rules.Programme]]) -> Iterator[str]:
    """Yield the counted departures whose day is another one by the installed time zones."""
    known = {id_: programme.timezone for id_, programme in programmes}
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            "select departure::text, programme_id, (extract(epoch from exited_at) * 1000000)::bigint, day"
            " from departures_counted"
        )
        while rows := cursor.fetchmany(10_000):
            for departure, programme, at, day in rows:
                if rules.local_day(at, known[programme]) != day:
                    yield departure


def _count_anew(departures: list[str], head: int, keys: dict[int, str]) -> list[Moved]:
    changes: Counter[Cell] = Counter()
    for start in range(0, len(departures), BATCH):
        gone, come = projection.recount(departures[start : start + BATCH], head)
        changes.update(come)
        changes.subtract(gone)
    with connection.cursor() as cursor:
        moved = []
        for cell, change in sorted(changes.items()):
            if change:
                cursor.execute(
                    "select coalesce(sum(departures), 0) from departures_daycell where (programme_id, day, nationality,"
                    " sex, age, destination, evidence, assistance) = (%s, %s, %s, %s, %s, %s, %s, %s)",
                    list(cell),
                )
                after = int(cursor.fetchone()[0])
                moved.append(Moved(keys[cell[0]], cell[1].isoformat(), *cell[2:], after - change, after))
    return moved


def _adopt() -> Change:
    head, _ = ledger.open_for_writing()
    used = in_use()
    if used == zones.INSTALLED:
        return Change(used, used, head, [])
    programmes, ids = queries.programmes_and_ids()
    with connection.cursor() as cursor:
        cursor.execute(
            "insert into departures_zones (from_version, to_version, position) values (%s, %s, %s) returning id",
            [used, zones.INSTALLED, head],
        )
        act = cursor.fetchone()[0]
    off = list(_off((ids[key], programme) for key, programme in programmes.items()))
    moved = _count_anew(off, head, {id_: key for key, id_ in ids.items()})
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into departures_zonecell (act, programme_id, day, nationality, sex, age, destination, evidence,"
            " assistance, before, after) values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [(act, ids[one.programme], *one[1:]) for one in moved],
        )
    return Change(used, zones.INSTALLED, head, moved)


def adopt() -> Change:
    """Take the installed version into use: record the act with the cells that move, and count anew what moves.

    One transaction, under the writers' lock. Nothing happens if it is in use.
    """
    with transaction.atomic():
        return _adopt()


def preview() -> Change:
    """Return what `adopt` would change: it is done, and undone."""
    with transaction.atomic():
        found = _adopt()
        transaction.set_rollback(True)
    return found


def of_table(position: int) -> tuple[str, str | None]:
    """Return the version in use and, where it was another one, the version in use at a position."""
    used, then = in_use(), in_use_at(position)
    return used, then if then not in ("", used) else None
