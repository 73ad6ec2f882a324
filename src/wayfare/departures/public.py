"""What everybody may read of a programme until statistics are published: closed periods, rounded, none below 10.

A month is closed 7 days after its end, a year 3 months after its end, by the clock of the programme's zone: most late
reports are in by then. So the last closed month is never part of the last closed year, and one cannot be taken from
the other. `docs/counting.md` says what this does not hold against.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from wayfare.departures import queries
from wayfare.departures.rules import Programme

SMALLEST = 10
"""A figure below it is not shown, nor whether it is zero."""
STEP = 5
MONTH_WAITS = timedelta(days=7)
YEAR_WAITS_MONTHS = 3


class Shown(NamedTuple):
    """A closed period and its protected figure; None for any figure below 10."""

    first: date
    figure: int | None


class PublicLine(NamedTuple):
    """A programme, with its last closed month and its last closed year."""

    programme: Programme
    month: Shown
    year: Shown


def rounded(exact: int) -> int | None:
    """Return a figure rounded to the nearest 5, None if it is below 10."""
    return None if exact < SMALLEST else (exact + STEP // 2) // STEP * STEP


def closed_month(today: date) -> date:
    """Return the first day of the last closed month."""
    return ((today - MONTH_WAITS).replace(day=1) - timedelta(days=1)).replace(day=1)


def closed_year(today: date) -> date:
    """Return the first day of the last closed year."""
    return date(today.year - (1 if today.month > YEAR_WAITS_MONTHS else 2), 1, 1)


def closed(now: datetime) -> list[PublicLine]:
    """Return every programme with its protected figures."""
    programmes, ids = queries.programmes_and_ids()
    days = [now.astimezone(ZoneInfo(one.timezone)).date() for one in programmes.values()]
    months, years = [closed_month(day) for day in days], [closed_year(day) for day in days]
    with connection.cursor() as cursor:
        cursor.execute(
            "select id, (select coalesce(sum(departures), 0)::bigint from departures_monthcell c"
            " where c.programme_id = id and c.month = of_month),"
            " (select coalesce(sum(departures), 0)::bigint from departures_monthcell c where c.programme_id = id"
            " and c.month >= of_year and c.month < of_year + interval '1 year')"
            " from unnest(%s::int[], %s::date[], %s::date[]) as p (id, of_month, of_year)",
            [list(ids.values()), months, years],
        )
        found = {id_: (rounded(month), rounded(year)) for id_, month, year in cursor.fetchall()}
    return [
        PublicLine(programme, Shown(month, found[ids[key]][0]), Shown(year, found[ids[key]][1]))
        for (key, programme), month, year in zip(programmes.items(), months, years, strict=True)
    ]
