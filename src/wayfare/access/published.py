"""What everybody may read of visits to files: how many, what for, how often in an emergency; whole months, no ids."""

from __future__ import annotations

import csv
import io
from functools import lru_cache
from typing import NamedTuple

from django.db import connection

from wayfare.access.figures import COLUMNS, SMALL, Figures, figures
from wayfare.access.statements import rows
from wayfare.ledger.rules import Refused


class Published(NamedTuple):
    """The figures as of a position of the access log; of the months that were over then."""

    position: int
    """0 for an empty log."""
    until: str
    """The first month that was not over, YYYY-MM; empty for an empty log."""
    figures: Figures


def published(as_of: int | None = None) -> Published:
    """Return the figures as of a position, or of the last one. The same position gives the same figures for ever.

    Raises: Refused, for a position that there is not.
    """
    ((position, month),) = rows("select place, month from access_month_at(%s)", [as_of]) or [(None, None)]
    if position is None:
        if as_of:
            raise Refused("as_of", f"{as_of} is no position of the access log; leave it out for the last one")
        return Published(0, "", figures({}, "0001-01"))
    ((newest,),) = rows("select month from access_month_at(null)")
    until = f"{month:%Y-%m}"
    counted = dict(_counted(str(connection.settings_dict["NAME"]), f"{newest:%Y-%m-01}"))
    return Published(position, until, figures(counted, until))


@lru_cache(maxsize=4)
def _counted(database: str, before: str) -> tuple[tuple[tuple[str, str], int], ...]:
    """Return the counts of whole months, which never change: the log is read through once a month."""
    return tuple(((f"{month:%Y-%m}", what), n) for month, what, n in rows("select * from access_counted(%s)", [before]))


def as_csv(found: Published) -> bytes:
    """Return every figure as CSV: a line for each period and column; empty where a count is not told."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["as_of", "period", "what", "count", "kept_back"])
    for period in (*found.figures.periods(True), *found.figures.periods(False)):
        for column in COLUMNS:
            n = found.figures.told(period, column)
            why = "" if n is not None else _why(found.figures, period, column)
            writer.writerow([found.position, period, column, "" if n is None else n, why])
    return text.getvalue().encode()


def _why(found: Figures, period: str, column: str) -> str:
    return f"under {SMALL}" if found.counts[period, column] < SMALL else "so that no other follows"
