"""What the live page shows, as of one ledger position."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from wayfare.access.rules import Reader
from wayfare.departures import queries, zones
from wayfare.departures.rules import EVIDENCE, Programme
from wayfare.ledger import queries as ledger

EVERYTHING = "all"
"""The key that stands for all programmes."""


class Cells(NamedTuple):
    """Counted departures of one programme, or of all, around a moment; all as of `position`.

    Of all programmes, `today`, `yesterday`, `month`, `year` and the sums by destination and evidence are at every
    moment the sums of the programmes' own. Where one month runs in some programmes and the next in others, `days` go
    from the first of the earlier to the last day that has begun somewhere.
    """

    programme: str
    position: int
    at: str
    timezone: str
    zones: str
    """The version of the time zones that the days were made with."""
    present: bool
    """Whether the month shown is the one that runs now."""
    first_day: str
    """Of the month shown."""
    today: int
    yesterday: int
    month: int
    year: int
    """Of the year that the month shown belongs to."""
    own_days: dict[str, int]
    """Each day that is today for some of the programmes, and for how many of them; earliest first."""
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
    """The key is not that of a programme that the reader may read."""


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
    """A scan that waits for its registration names no programme yet: it shows with every programme only."""
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


class _SameDay(NamedTuple):
    """Programmes for which it is the same day."""

    today: date
    ids: list[int]


def _by_day(chosen: Mapping[str, Programme], ids: Mapping[str, int], now: datetime) -> list[_SameDay]:
    """Group programmes by what day it is for them, earliest first; there is at least one group.

    Between the ends of the world at most three days run at once.
    """
    groups: dict[date, list[int]] = {}
    for key, programme in chosen.items():
        groups.setdefault(now.astimezone(ZoneInfo(programme.timezone)).date(), []).append(ids[key])
    return [_SameDay(*group) for group in sorted((groups or {now.astimezone(UTC).date(): []}).items())]


class _Shown(NamedTuple):
    """The month to show: `first` and `last` are the same but where two months run at once."""

    first: date
    last: date
    present: bool

    def begins(self, today: date) -> date:
        """Return the first day of the month as a programme sees it for which it is a certain day."""
        return today.replace(day=1) if self.present else self.first

    def ends(self, today: date) -> date:
        """Return the last day of it that such a programme counts."""
        return min(today, month_before(self.begins(today), -1) - timedelta(days=1))


def _shown(groups: Sequence[_SameDay], month: date | None) -> _Shown:
    earliest, latest = (group.today.replace(day=1) for group in (groups[0], groups[-1]))
    if month is None or month.replace(day=1) >= latest:
        return _Shown(earliest, latest, True)
    return _Shown(month.replace(day=1), month.replace(day=1), False)


class _Sums:
    """What groups of programmes add up to."""

    def __init__(self, shown: _Shown) -> None:
        self.shown = shown
        self.per_day: Counter[date] = Counter()
        self.per_month: Counter[date] = Counter()
        self.destinations: Counter[str] = Counter()
        self.evidences: Counter[str] = Counter()
        self.today = self.yesterday = self.year = 0

    def add(self, group: _SameDay) -> None:
        """Add programmes for which it is the same day; each to its own today, in its own month and year."""
        today, first, last = group.today, self.shown.begins(group.today), self.shown.ends(group.today)
        for day, destination, evidence, number in _day_cells(group.ids, self.shown.first - timedelta(days=6), last):
            self.per_day[day] += number
            if day >= first:
                self.destinations[destination] += number
                self.evidences[evidence] += number
            if self.shown.present:
                self.today += number if day == today else 0
                self.yesterday += number if day == today - timedelta(days=1) else 0
        since = min(month_before(self.shown.last, 11), first.replace(month=1))
        per_month = _months(group.ids, since, min(today, first.replace(month=12, day=31)))
        self.per_month.update(per_month)
        self.year += sum(number for start, number in per_month.items() if start.year == first.year)


def cells(key: str, now: datetime | None = None, month: date | None = None, *, reader: Reader) -> Cells:
    """Return what stands for a programme's key, or for `all` that the reader may read, in one consistent look.

    Today is that of the programme's time zone; of all programmes together, that of each. `month`: the first day of
    the month to show, the present one if none is given or it is still to come.
    Raises: NoSuchProgramme.
    """
    now = now or datetime.now(UTC)
    with ledger.one_look():
        position = ledger.head()
        programmes, ids = queries.readable(reader)
        everything = key == EVERYTHING
        if not everything and key not in programmes:
            raise NoSuchProgramme(key)
        chosen = programmes if everything else {key: programmes[key]}
        groups = _by_day(chosen, ids, now)
        shown = _shown(groups, month)
        sums = _Sums(shown)
        for group in groups:
            sums.add(group)
        used = zones.in_use()
        findings, oldest = _findings([ids[one] for one in chosen], everything and reader.everything)
    timezone = "UTC" if everything else programmes[key].timezone
    first, until = shown.first, shown.ends(groups[-1].today)
    return Cells(
        programme=key,
        position=position,
        at=now.astimezone(ZoneInfo(timezone)).isoformat(timespec="seconds"),
        timezone=timezone,
        zones=used,
        present=shown.present,
        first_day=first.isoformat(),
        today=sums.today,
        yesterday=sums.yesterday,
        month=sums.destinations.total(),
        year=sums.year,
        own_days={group.today.isoformat(): len(group.ids) for group in groups},
        days=[sums.per_day[first + timedelta(days=n)] for n in range((until - first).days + 1)],
        before=[sums.per_day[first - timedelta(days=n)] for n in range(6, 0, -1)],
        months=[sums.per_month[month_before(shown.last, n)] for n in range(11, -1, -1)],
        by_destination=sorted(sums.destinations.items(), key=lambda item: (-item[1], item[0])),
        by_evidence=[(evidence, sums.evidences[evidence]) for evidence in EVIDENCE if sums.evidences[evidence]],
        findings=findings,
        oldest_pending=oldest,
    )


def overview(now: datetime, *, reader: Reader) -> tuple[int, list[Line]]:
    """Return a ledger position and, as of it, what counts of each programme that the reader may read.

    Each in its own time zone.
    """
    with ledger.one_look():
        position = ledger.head()
        programmes, ids = queries.readable(reader)
        days = [now.astimezone(ZoneInfo(programme.timezone)).date() for programme in programmes.values()]
        with connection.cursor() as cursor:
            cursor.execute(
                "select id, today, month, month + earlier from unnest(%s::int[], %s::date[]) as p (id, now),"
                " lateral (select coalesce(sum(departures), 0)::bigint as month,"
                " coalesce(sum(departures) filter (where day = now), 0)::bigint as today from departures_daycell"
                " where programme_id = id and day between date_trunc('month', now::timestamp)::date and now) of_month,"
                " lateral (select coalesce(sum(departures), 0)::bigint as earlier from departures_monthcell"
                " where programme_id = id and month >= date_trunc('year', now::timestamp)::date"
                " and month < date_trunc('month', now::timestamp)::date) of_year",
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
