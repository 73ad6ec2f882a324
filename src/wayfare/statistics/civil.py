"""Civil days for the set-based reading: what Python's time zones say, as tables that any engine can join."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from wayfare.departures.rules import Programme
from wayfare.ledger.rules import EPOCH, MICROSECOND

DAY_US = 86_400_000_000
_SECOND = 1_000_000


def days(programmes: Mapping[str, Programme], first: int, last: int) -> pa.Table:
    """Return (of_zone, utc_day, from_us, to_us, day, number): the civil days of each time zone in some UTC days.

    UTC days count from 1970, `first` to `last`. A row is a stretch of one of them that is of one civil day, about two
    a UTC day: an equality join finds few. `day` is text, `number` the same as yyyymmdd; the stretch is microseconds.
    """
    rows: list[tuple[str, int, int, int, int]] = []
    moments = [EPOCH + timedelta(days=day) for day in range(first, last + 2)]
    for name in sorted({p.timezone for p in programmes.values()}):
        zone = ZoneInfo(name)
        known = [_of_moment(zone, moment) for moment in moments]
        for day, (offset, next_offset) in enumerate(pairwise(known), first):
            start, end = day * DAY_US, (day + 1) * DAY_US
            cuts = [start, end] if offset == next_offset else [start, *_changes(zone, start), end]
            for low, high in pairwise(cuts):
                rows.extend((name, day, *stretch) for stretch in _stretches(low, high, _offset(zone, low)))
    names = ("of_zone", "utc_day", "from_us", "to_us")
    columns = list(zip(*rows, strict=True)) if rows else [()] * (len(names) + 1)
    types = [pa.string(), *[pa.int64()] * 3]
    arrays = [pa.array(column, type_) for column, type_ in zip(columns, types, strict=False)]
    dates = pa.array(columns[-1], pa.int32()).cast(pa.date32())
    number = pc.add(pc.multiply(pc.year(dates), 10000), pc.add(pc.multiply(pc.month(dates), 100), pc.day(dates)))
    return pa.table([*arrays, pc.strftime(dates, "%Y-%m-%d"), number.cast(pa.int32())], names=[*names, "day", "number"])


def _stretches(low: int, high: int, offset: int) -> Iterator[tuple[int, int, int]]:
    """Cut a stretch of one offset by civil days: (from, to, civil day since 1970)."""
    for day in range((low + offset) // DAY_US, (high - 1 + offset) // DAY_US + 1):
        midnight = day * DAY_US - offset
        yield max(low, midnight), min(high, midnight + DAY_US), day


def _of_moment(zone: ZoneInfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // MICROSECOND


def _offset(zone: ZoneInfo, at: int) -> int:
    """Return the offset of a time zone at an instant, both in microseconds."""
    return _of_moment(zone, EPOCH + timedelta(microseconds=at))


def _changes(zone: ZoneInfo, start: int) -> list[int]:
    """Return the instants within a UTC day at which a zone's offset changes, to the second."""
    spans = [(start, start + DAY_US)]
    for step in (3600 * _SECOND, 60 * _SECOND, _SECOND):  # looks closer where it changes, not everywhere
        cuts = [pair for low, high in spans for pair in pairwise(range(low, high + 1, step))]
        spans = [(low, high) for low, high in cuts if _offset(zone, low) != _offset(zone, high)]
    return [high for _, high in spans if high < start + DAY_US]
