"""Lines of the access log from months gone by, which nobody but the owner of the tables can write."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connections

SOMEBODY = UUID(int=7)


def months(position: int, month: str, counts: dict[str, int]) -> Iterable[tuple[Any, ...]]:
    """Yield rows of a month, by purpose or `approved`, from a position on; some seconds apart from its first day."""
    year, number = (int(part) for part in month.split("-"))
    whats = [what for what, n in counts.items() for _ in range(n)]
    for n, what in enumerate(whats):
        kind = "approval" if what == "approved" else "look"
        at = datetime(year, number, 1 + n // 50_000, n % 50_000 // 3600, n % 3600 // 60, n % 60, tzinfo=UTC)
        purpose = "break_glass" if what == "approved" else what
        staff = str(uuid4())
        body: dict[str, Any] = {
            "at": at.isoformat(),
            "groups": [],
            "kind": kind,
            "person": str(SOMEBODY),
            "staff": staff,
        }
        body |= {"for": staff, "position": position + n, "purpose": purpose, "reason": "", "basis": ""}
        yield position + n, at, kind, staff, SOMEBODY, [], uuid4(), json.dumps(body)


def write(history: dict[str, dict[str, int]]) -> dict[str, int]:
    """Write a history, by month, after what is there; return the last position of each month."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("select coalesce(max(position), 0) from access_log")
        (last,) = cursor.fetchone()
        ends = {}
        for month, counts in history.items():
            found = list(months(last + 1, month, counts))
            cursor.executemany(
                "insert into access_log values (%s, %s, %s, %s, %s, %s, %s, %s, pg_current_xact_id(), now(),"
                " pg_postmaster_start_time())",
                found,
            )
            last = ends[month] = last + len(found)
        return ends
