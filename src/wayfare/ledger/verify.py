"""Verifying the ledger's table, and every projection by another implementation."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection

from wayfare.ledger import queries, registry
from wayfare.ledger.source import columns_differ

NAMED = 20
"""Differences of one sort that are named one by one; the rest are counted."""
_BAD = "digest is distinct from sha256(convert_to(body, 'UTF8'))"


def _ledger_differences(head: int) -> Iterator[str]:
    """Name positions that are missing, rows whose digest is not that of their body, and a tally that is off."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"select kind, count(*), count(*) filter (where {_BAD}) from ledger_entry where position <= %s"  # noqa: S608
            " group by kind",
            [head],
        )
        kinds = {kind: (entries, bad) for kind, entries, bad in cursor.fetchall()}
        if sum(entries for entries, _ in kinds.values()) != head:
            cursor.execute(
                "select before + 1, position - 1 from (select position, lag(position, 1, 0::bigint) over (order by"
                " position) as before from ledger_entry where position <= %s) p where position <> before + 1 limit %s",
                [head, NAMED],
            )
            for first, last in cursor.fetchall():
                yield f"ledger: positions {first} to {last} are missing"
        if any(bad for _, bad in kinds.values()):
            cursor.execute(
                f"select position from ledger_entry where position <= %s and {_BAD} order by position limit %s",  # noqa: S608
                [head, NAMED],
            )
            for (position,) in cursor.fetchall():
                yield f"ledger: the digest at position {position} is not that of its entry"
            if (more := sum(bad for _, bad in kinds.values()) - NAMED) > 0:
                yield f"ledger: the digests at {more} more positions are not those of their entries"
        yield from (f"ledger: {one}" for one in columns_differ(head))
        tally = queries.tally()
        for kind in sorted(tally.keys() | kinds.keys()):
            there = kinds.get(kind, (0, 0))[0]
            if tally.get(kind, 0) != there:
                yield f"tally: {kind}: {tally.get(kind, 0)} is written, {there} are in the ledger"


def _projection_differences(head: int) -> Iterator[str]:
    """Yield what is wrong with each projection: by the recount that a room registered, or else by its own check."""
    for name, projection in registry.projections.items():
        if recount := registry.recounts.get(name):
            yield from recount(head)
        elif problem := projection.check():
            yield f"{name}: {problem}"


def differences() -> tuple[int, list[str]]:
    """Verify positions, digests, columns and tally, and recount every projection; return the position and differences.

    As of one moment.
    """
    with queries.one_look():
        head = queries.head()
        return head, [*_ledger_differences(head), *_projection_differences(head)]
