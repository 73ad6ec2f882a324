"""Civil days for the set-based reading: what Python's time zones say, as tables that any engine can join."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from wayfare.departures.rules import Programme
from wayfare.ledger.rules import EPOCH, MICROSECOND

DAY_US = 86_400_000_000
WEEK_US = 7 * DAY_US
_SECOND = 1_000_000


def offsets(programmes: Mapping[str, Programme], first: int, last: int) -> pa.Table:
    """Return (zone, week, from_us, to_us, offset_us): the offset of each time zone at each instant of some weeks.

    One row a zone and week, more only where the clock changes in between: an equality join finds about one row
    each. Weeks of seven UTC days count from 1970, `first` to `last`; the rest is microseconds.
    """
    rows: list[tuple[str, int, int, int, int]] = []
    moments = [EPOCH + timedelta(days=day) for day in range(7 * first, 7 * (last + 1) + 1)]
    for name in sorted({p.timezone for p in programmes.values()}):
        zone = ZoneInfo(name)
        known = [_of_moment(zone, moment) for moment in moments]
        for n, week in enumerate(range(first, last + 1)):
            start, end = week * WEEK_US, (week + 1) * WEEK_US
            steady = len(set(known[7 * n : 7 * n + 8])) == 1
            cuts = [start, end] if steady else [start, *_changes(zone, start), end]
            rows.extend((name, week, low, high, _offset(zone, low)) for low, high in pairwise(cuts))
    names = ("zone", "week", "from_us", "to_us", "offset_us")
    lists = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    types = [pa.string(), *[pa.int64()] * 4]
    return pa.table([pa.array(c, t) for c, t in zip(lists, types, strict=True)], names=names)


def _of_moment(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // MICROSECOND


def _offset(zone: ZoneInfo, at: int) -> int:
    """Return the offset of a time zone at an instant, both in microseconds."""
    return _of_moment(zone, EPOCH + timedelta(microseconds=at))


def _changes(zone: ZoneInfo, start: int) -> list[int]:
    """Return the instants within a week at which a zone's offset changes, to the second."""
    spans = [(start, start + WEEK_US)]
    for step in (DAY_US, 3600 * _SECOND, 60 * _SECOND, _SECOND):  # looks closer where it changes, not everywhere
        cuts = [pair for low, high in spans for pair in pairwise(range(low, high + 1, step))]
        spans = [(low, high) for low, high in cuts if _offset(zone, low) != _offset(zone, high)]
    return [high for _, high in spans if high < start + WEEK_US]


def days(first: int, last: int) -> pa.Table:
    """Return (number, day, year, mmdd) of the civil days from `first` to `last`, which count from 1970."""
    numbers = pa.array(range(first, last + 1), pa.int32())
    dates = numbers.cast(pa.date32())
    mmdd = pc.add(pc.multiply(pc.month(dates), 100), pc.day(dates))
    arrays = [numbers.cast(pa.int64()), pc.strftime(dates, "%Y-%m-%d"), pc.year(dates).cast(pa.int32())]
    return pa.table([*arrays, mmdd.cast(pa.int32())], names=["number", "day", "year", "mmdd"])
