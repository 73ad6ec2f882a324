"""What the live page shows, as of one ledger position."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from wayfare.departures import queries
from wayfare.departures.rules import EVIDENCE, Programme
from wayfare.ledger import queries as ledger

EVERYTHING = "all"
"""The key that stands for all programmes."""


class Cells(NamedTuple):
    """Counted departures of one programme, or of all, around a moment; all as of `position`."""

    programme: str
    position: int
    at: str
    timezone: str
    present: bool
    """Whether the month shown is the one that runs now."""
    first_day: str
    """Of the month shown."""
    today: int
    month: int
    year: int
    """Of the year that the month shown belongs to."""
    days: list[int]
    """Of the month shown: to its end, or to today."""
    before: list[int]
    """Of the six days before it, for means of seven days."""
    months: list[int]
    """Of the twelve months up to the one shown."""
    by_destination: list[tuple[str, int]]
    by_evidence: list[tuple[str, int]]
    findings: dict[str, int]
    oldest_pending: str | None


class Line(NamedTuple):
    """A programme, and what counts of it now."""

    programme: Programme
    today: int
    month: int
    year: int


class NoSuchProgramme(LookupError):
    """The key is not that of a configured programme."""


def _day_cells(ids: list[int], first: date, last: date) -> list[tuple[date, str, str, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "select day, destination, evidence, sum(departures)::bigint from departures_daycell"
            " where programme_id = any(%s) and day between %s and %s group by 1, 2, 3",
            [ids, first, last],
        )
        return list(cursor.fetchall())


def _months(ids: list[int], first: date, last: date) -> Counter[date]:
    """Return departures by the first day of their month, from the first day of a month to any day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select month, sum(departures)::bigint from departures_monthcell"
            " where programme_id = any(%(ids)s) and month >= %(first)s and month < %(broken)s group by 1"
            " union all select %(broken)s, sum(departures)::bigint from departures_daycell"
            " where programme_id = any(%(ids)s) and day between %(broken)s and %(last)s having count(*) > 0",
            {"ids": ids, "first": first, "broken": last.replace(day=1), "last": last},
        )
        return Counter(dict(cursor.fetchall()))


def _findings(ids: list[int], everything: bool) -> tuple[dict[str, int], str | None]:
    """A scan that waits for its registration names no programme yet: it shows with all programmes only."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select kind, count(*), min(at) from departures_finding"
            " where programme_id = any(%s) or (%s and programme_id is null) group by kind",
            [ids, everything],
        )
        rows = cursor.fetchall()
    oldest = min((at for kind, _, at in rows if kind == "waits_for_registration"), default=None)
    return {kind: number for kind, number, _ in rows}, oldest.isoformat() if oldest else None


def month_before(first: date, months: int) -> date:
    """Return the first day of the month so many months before the one that starts on `first`."""
    number = first.year * 12 + first.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def cells(key: str, now: datetime | None = None, month: date | None = None) -> Cells:
    """Return what stands for a programme's key, or for `all`, in one consistent look.

    Today is that of the programme's time zone; of all programmes together, that of UTC. `month`: the first day of
    the month to show, the present one if none is given or it is still to come.
    Raises: NoSuchProgramme.
    """
    now = now or datetime.now(UTC)
    with ledger.one_look():
        position = ledger.head()
        programmes, ids = queries.programmes_and_ids()
        everything = key == EVERYTHING
        if not everything and key not in programmes:
            raise NoSuchProgramme(key)
        chosen = list(ids.values()) if everything else [ids[key]]
        timezone = "UTC" if everything else programmes[key].timezone
        today = now.astimezone(ZoneInfo(timezone)).date()
        first = min(month or today, today).replace(day=1)
        last = min(today, month_before(first, -1) - timedelta(days=1))
        rows = _day_cells(chosen, first - timedelta(days=6), last)
        per_month = _months(chosen, month_before(first, 11), min(today, first.replace(month=12, day=31)))
        findings, oldest = _findings(chosen, everything)
    per_day: Counter[date] = Counter()
    destinations: Counter[str] = Counter()
    evidences: Counter[str] = Counter()
    for day, destination, evidence, number in rows:
        per_day[day] += number
        if day >= first:
            destinations[destination] += number
            evidences[evidence] += number
    return Cells(
        programme=key,
        position=position,
        at=now.astimezone(ZoneInfo(timezone)).isoformat(timespec="seconds"),
        timezone=timezone,
        present=last == today,
        first_day=first.isoformat(),
        today=per_day[today] if last == today else 0,
        month=destinations.total(),
        year=sum(number for start, number in per_month.items() if start.year == first.year),
        days=[per_day[first + timedelta(days=n)] for n in range(last.day)],
        before=[per_day[first - timedelta(days=n)] for n in range(6, 0, -1)],
        months=[per_month[month_before(first, n)] for n in range(11, -1, -1)],
        by_destination=sorted(destinations.items(), key=lambda item: (-item[1], item[0])),
        by_evidence=[(evidence, evidences[evidence]) for evidence in EVIDENCE if evidences[evidence]],
        findings=findings,
        oldest_pending=oldest,
    )


def overview(now: datetime) -> tuple[int, list[Line]]:
    """Return a ledger position and, as of it, what counts of each programme; each in its own time zone."""
    with ledger.one_look():
        position = ledger.head()
        programmes, ids = queries.programmes_and_ids()
        days = [now.astimezone(ZoneInfo(programme.timezone)).date() for programme in programmes.values()]
        with connection.cursor() as cursor:
            cursor.execute(
                "select id, today, month, month + earlier from unnest(%s::int[], %s::date[]) as p (id, now),"
                " lateral (select coalesce(sum(departures), 0)::bigint as month,"
                " coalesce(sum(departures) filter (where day = now), 0)::bigint as today from departures_daycell"
                " where programme_id = id and day between date_trunc('month', now)::date and now) of_month,"
                " lateral (select coalesce(sum(departures), 0)::bigint as earlier from departures_monthcell"
                " where programme_id = id and month >= date_trunc('year', now)::date"
                " and month < date_trunc('month', now)::date) of_year",
                [list(ids.values()), days],
            )
            found = {id_: numbers for id_, *numbers in cursor.fetchall()}
    return position, [Line(programme, *found[ids[key]]) for key, programme in programmes.items()]


def as_json(found: Cells) -> dict[str, Any]:
    """Return the cells as the API sends them."""
    whole = found._asdict()
    whole["by_destination"] = dict(found.by_destination)
    whole["by_evidence"] = dict(found.by_evidence)
    whole["pending"] = sum(n for kind, n in found.findings.items() if kind.startswith("waits_"))
    whole["anomalies"] = {kind: n for kind, n in found.findings.items() if kind == "confirmed_after_withdrawal"}
    return whole
