"""Seats by flight, in step with the ledger. It follows flights: whoever is on one flight belongs together here."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection

from wayfare.ledger import queries, registry
from wayfare.ledger.rules import Connected, Fresh

_KIND = "toy_boarded"
_ADD = (
    "insert into toy_room_flight as known values (%s, %s) on conflict (flight) do update set seats = known.seats + %s"
)


def _project(news: Fresh, connected: Sequence[Connected]) -> None:
    with connection.cursor() as cursor:
        for _, entry in news.entries:
            cursor.execute(_ADD, [entry.object, 1, 1])


def _rebuild(head: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("delete from toy_room_flight")
        for groups in queries.by_component(head, registry.scope("toy_flights")):
            for group in groups:
                cursor.execute(_ADD, [group[0].object, len(group), len(group)])


def flights() -> dict[str, int]:
    """Return the seats of each flight."""
    with connection.cursor() as cursor:
        cursor.execute("select flight::text, seats from toy_room_flight order by flight")
        return dict(cursor.fetchall())


def check() -> str:
    """Return what is wrong with the sums, or nothing."""
    said, counted = queries.tally().get(_KIND, 0), sum(flights().values())
    return "" if said == counted else f"{said} on board but {counted} seats; run wayfare ledger rebuild"


PROJECTIONS = (
    registry.Projection(
        name="toy_flights",
        kinds=frozenset({_KIND}),
        follows=frozenset({"flight"}),
        project=_project,
        rebuild=_rebuild,
        check=check,
        status=lambda: {"toy": {"flights": len(flights())}},
    ),
)
