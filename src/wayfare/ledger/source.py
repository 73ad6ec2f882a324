"""The ledger as what a log commits to: every entry, position by position."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DataError, connection

from wayfare.ledger import queries
from wayfare.ledger.entries.types import EntryType
from wayfare.ledger.registry import kinds
from wayfare.tlog.health import Extent
from wayfare.tlog.source import SOURCES, in_table

_INSTANT = "split_part(substr(body, strpos(body, '\"occurred_at\":\"') + 15, 60), '\"', 1)"
_SAME = {
    "entry_id": "strpos(body, '\"entry_id\":\"' || entry_id || '\"') > 0",
    "kind": "strpos(body, '\"kind\":' || to_json(kind)) > 0",
    "source": "strpos(body, '\"source\":' || to_json(source)) > 0",
    "occurred_at": f"occurred_at = (case when length({_INSTANT}) <= 32 then {_INSTANT}"
    rf" else regexp_replace({_INSTANT}, '(\.\d{{6}})\d+', '\1') end)::timestamptz",
    "digest": "digest = sha256(convert_to(body, 'UTF8'))",
}
"""Whether a column is what the canonical text says. There a name with its quotes and colon stands for itself: in a
value, a quote has a backslash before it."""


def _references() -> str:
    """Return whether subject and object are what the text says, by kind."""
    whens = [f"when '{kind.name}' then {_reference(kind)}" for kind in kinds.values()]
    return f"case kind {' '.join(whens)} else true end" if whens else "true"


def _reference(kind: EntryType) -> str:
    if kind.subject == kind.object:  # a pair
        return f"strpos(body, '\"{kind.subject}\":[\"' || subject || '\",\"' || object || '\"]') > 0"
    of_subject = f"strpos(body, '\"{kind.subject}\":\"' || subject || '\"') > 0"
    if kind.object is None:
        return f"{of_subject} and object is null"
    told = f"strpos(body, '\"{kind.object}\":\"' || object || '\"') > 0"
    left_out = f"object is null and strpos(body, '\"{kind.object}\":') = 0"
    return f"{of_subject} and case when {left_out} then true else {told} end"


def columns_differ(up_to: int | None = None) -> Iterator[str]:
    """Yield the first entry, if any, whose columns are not what its committed text says.

    The projections, the columnar copy and the tables of today read the columns. `recorded_at` alone is in no text.
    """
    same = _SAME | {"subject or object": _references()}
    off = " or ".join(f"({one}) is not true" for one in same.values())
    extent = "" if up_to is None else f" where position <= {up_to:d}"
    try:
        yield from _first_differing(same, off, extent)
    except DataError as problem:
        yield f"the text of an entry that is not signed yet cannot be read: {problem}"


def _first_differing(same: dict[str, str], off: str, extent: str) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"select min(position) filter (where {off}), count(*) filter (where {off})"  # noqa: S608 - fixed texts
            f" from ledger_entry{extent}"
        )
        ((first, number),) = cursor.fetchall()
        if first is None:
            return
        which = ", ".join(f"({one}) is not true" for one in same.values())
        cursor.execute(f"select {which} from ledger_entry where position = %s", [first])  # noqa: S608 - fixed texts
        names = [name for name, differs in zip(same, cursor.fetchone(), strict=True) if differs]
    more = f", and so at {number - 1} more positions" if number > 1 else ""
    yield f"{', '.join(names)} of position {first} is not what its text says{more}"


def extent(after: int) -> Extent:
    """Return how far the ledger goes, and since when what follows a position waits."""
    waiting = queries.entries(after, limit=1)
    return Extent(queries.head(), waiting[0].recorded_at if waiting else None)


LEDGER = in_table("ledger", "ledger_entry")._replace(beside=columns_differ)
SOURCES[LEDGER.log] = LEDGER
