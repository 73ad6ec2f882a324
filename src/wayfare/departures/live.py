"""What the live page shows, as of one ledger position."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from wayfare.departures import queries
from wayfare.departures.rules import EVIDENCE
from wayfare.ledger import queries as ledger

EVERYTHING = "all"
"""The key that stands for all programmes."""


class Cells(NamedTuple):
    """Counted departures of one programme, or of all, around a moment; all as of `position`."""

    programme: str
    position: int
    at: str
    timezone: str
    today: int
    month: int
    year: int
    days: list[int]
    """Of the present month, from its first day to today."""
    by_destination: list[tuple[str, int]]
    by_evidence: list[tuple[str, int]]
    findings: dict[str, int]
    oldest_pending: str | None


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


def _year(ids: list[int], first: date, last: date) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "select coalesce(sum(departures), 0) from departures_daycell"
            " where programme_id = any(%s) and day between %s and %s",
            [ids, first, last],
        )
        return int(cursor.fetchone()[0])


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


def cells(key: str, now: datetime | None = None) -> Cells:
    """Return what stands for a programme's key, or for `all`, in one consistent look.

    Today is that of the programme's time zone; of all programmes together, that of UTC.
    Raises: NoSuchProgramme.
    """
    now = now or datetime.now(UTC)
    with transaction.atomic():
        with connection.cursor() as cursor:
            if not connection.savepoint_ids:
                cursor.execute("set transaction isolation level repeatable read, read only")
        position = ledger.head()
        programmes, ids = queries.programmes_and_ids()
        everything = key == EVERYTHING
        if not everything and key not in programmes:
            raise NoSuchProgramme(key)
        chosen = list(ids.values()) if everything else [ids[key]]
        timezone = "UTC" if everything else programmes[key].timezone
        today = now.astimezone(ZoneInfo(timezone)).date()
        month = today.replace(day=1)
        rows = _day_cells(chosen, month, today)
        year = _year(chosen, today.replace(month=1, day=1), today)
        findings, oldest = _findings(chosen, everything)
    per_day: Counter[date] = Counter()
    destinations: Counter[str] = Counter()
    evidences: Counter[str] = Counter()
    for day, destination, evidence, number in rows:
        per_day[day] += number
        destinations[destination] += number
        evidences[evidence] += number
    return Cells(
        programme=key,
        position=position,
        at=now.astimezone(ZoneInfo(timezone)).isoformat(timespec="seconds"),
        timezone=timezone,
        today=per_day[today],
        month=per_day.total(),
        year=year,
        days=[per_day[month + timedelta(days=n)] for n in range(today.day)],
        by_destination=sorted(destinations.items(), key=lambda item: (-item[1], item[0])),
        by_evidence=[(evidence, evidences[evidence]) for evidence in EVIDENCE if evidences[evidence]],
        findings=findings,
        oldest_pending=oldest,
    )


def as_json(found: Cells) -> dict[str, Any]:
    """Return the cells as the API sends them."""
    whole = found._asdict()
    whole["by_destination"] = dict(found.by_destination)
    whole["by_evidence"] = dict(found.by_evidence)
    whole["pending"] = sum(n for kind, n in found.findings.items() if kind.startswith("waits_"))
    whole["anomalies"] = {kind: n for kind, n in found.findings.items() if kind == "confirmed_after_withdrawal"}
    return whole
