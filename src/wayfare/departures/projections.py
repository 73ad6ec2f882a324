"""What this room keeps in step with the ledger: counted departures, the cells of figures, and findings."""

from __future__ import annotations

from functools import partial

from django.db import connection

from wayfare.departures import projection, queries, rules, zones
from wayfare.departures.forecast import foresee
from wayfare.ledger import registry


def _rebuild(head: int) -> None:
    """Count the whole ledger anew. Raises: Refused, when the installed time zones are not those in use."""
    zones.must_agree()
    projection.rebuild(head)


def _check() -> str:
    """Return what is wrong with the time zones, or with the sums of the cells."""
    if problem := zones.difference():
        return problem
    with connection.cursor() as cursor:
        cursor.execute(
            "select (select count(*) from departures_counted),"
            " (select coalesce(sum(departures), 0) from departures_monthcell),"
            " (select coalesce(sum(departures), 0) from departures_daycell)"
        )
        counted, months, days = cursor.fetchone()
    if not counted == months == days:
        return f"{counted} counted, {months} in cells by month, {days} by day; run wayfare ledger rebuild"
    return ""


def _precount() -> registry.Precount:
    """Return what counts the entries of an import ahead, under the programmes that are configured now."""
    return partial(foresee, *queries.programmes_and_ids(), registry.scope(projection.NAME))


DEPARTURES = registry.Projection(
    name=projection.NAME,
    kinds=rules.KINDS,
    follows=rules.FOLLOWS,
    project=projection.project,
    rebuild=_rebuild,
    check=_check,
    precount=_precount,
    status=queries.status,
    ready=zones.must_agree,
)
PROJECTIONS = (DEPARTURES,)
