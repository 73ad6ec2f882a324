"""Civil days for the set-based reading: what Python's time zones say, as tables that any engine can join."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from wayfare.departures.rules import Programme
from wayfare.ledger.rules import EPOCH, MICROSECOND

DAY_US = 86_400_000_000
_SECOND = 1_000_000


def offsets(programmes: Mapping[str, Programme], first: int, last: int) -> pa.Table:
    """Return (zone, utc_day, from_us, to_us, offset_us): the offset of each time zone at each instant of some UTC days.

    One row a zone and day, more only where the clock changes in between: an equality join finds one row each.
    Days count from 1970, `first` to `last`; the rest is microseconds.
    """
    rows: list[tuple[str, int, int, int, int]] = []
    for name in sorted({p.timezone for p in programmes.values()}):
        zone = ZoneInfo(name)
        known = [_offset(zone, day * DAY_US) for day in range(first, last + 2)]
        for day, (now, then) in enumerate(pairwise(known), first):
            start = day * DAY_US
            cuts = [start, start + DAY_US] if now == then else [start, *_changes(zone, start), start + DAY_US]
            rows.extend((name, day, low, high, _offset(zone, low)) for low, high in pairwise(cuts))
    names = ("zone", "utc_day", "from_us", "to_us", "offset_us")
    types = (pa.string(), pa.int64(), pa.int64(), pa.int64(), pa.int64())
    lists = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    return pa.table([pa.array(c, t) for c, t in zip(lists, types, strict=True)], names=names)


def _offset(zone: ZoneInfo, at: int) -> int:
    """Return the offset of a time zone at an instant, both in microseconds."""
    offset = (EPOCH + timedelta(microseconds=at)).astimezone(zone).utcoffset()
    assert offset is not None
    return offset // MICROSECOND


def _changes(zone: ZoneInfo, start: int) -> list[int]:
    """Return the instants within a UTC day at which a zone's offset changes, to the second."""
    found: list[int] = []
    minutes = range(start, start + DAY_US + 1, 60 * _SECOND)
    for low, high in pairwise(minutes):
        if _offset(zone, low) != _offset(zone, high):
            seconds = range(low, high + 1, _SECOND)
            found.extend(two for one, two in pairwise(seconds) if _offset(zone, one) != _offset(zone, two))
    return [cut for cut in found if cut < start + DAY_US]


def days(first: int, last: int) -> pa.Table:
    """Return (number, day, year, mmdd) of the civil days from `first` to `last`, which count from 1970."""
    numbers = pa.array(range(first, last + 1), pa.int32())
    dates = numbers.cast(pa.date32())
    mmdd = pc.add(pc.multiply(pc.month(dates), 100), pc.day(dates))
    arrays = [numbers.cast(pa.int64()), pc.strftime(dates, "%Y-%m-%d"), pc.year(dates).cast(pa.int32())]
    return pa.table([*arrays, mmdd.cast(pa.int32())], names=["number", "day", "year", "mmdd"])
