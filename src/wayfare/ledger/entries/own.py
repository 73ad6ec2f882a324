"""The source under which this installation's own pages and commands write: `wayfare-` and 8 hexadecimal digits.

It is made with the database and stays with it, in backups too. Nobody else writes under it: what comes in by POST or
import and names it is refused, except for an exact duplicate of what the ledger holds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.db import connection

from wayfare.common.postgres.literals import array
from wayfare.ledger.rules import Entry, Refused

REPORTED = "-reported"
"""What the source of departures that were reported after they happened has besides."""
_FORM = re.compile(rf"wayfare-[0-9a-f]{{8}}(?:{REPORTED})?", re.ASCII)
_REASON = "is this installation's own: only its pages and commands write as {}, and the ledger holds no such entry"


def source() -> str:
    """Return this installation's own source."""
    with connection.cursor() as cursor:
        cursor.execute("select source from ledger_own")
        return str(cursor.fetchone()[0])


def is_own(name: str) -> bool:
    """Tell whether a source is this installation's own, or that of departures which were reported to it."""
    return _FORM.fullmatch(name) is not None and name.removesuffix(REPORTED) == source()


def refuse_forged(entries: Sequence[Entry | Refused]) -> Sequence[Entry | Refused]:
    """Return entries from outside, with a refusal in the place of each that claims to be this installation's own.

    One whose `entry_id` the ledger holds stays: it is a duplicate, or a conflict. Where there is none to refuse, what
    is returned is `entries` itself.
    """
    named = {entry.source for entry in entries if isinstance(entry, Entry)}
    if not any(map(_FORM.fullmatch, named)):
        return entries
    mine = {name for name in named if is_own(name)}
    claimed = {n: one for n, one in enumerate(entries) if isinstance(one, Entry) and one.source in mine}
    known = _known([one.entry_id for one in claimed.values()])
    forged = {n: one for n, one in claimed.items() if one.entry_id not in known}
    return [_refusal(forged[n]) if n in forged else one for n, one in enumerate(entries)] if forged else entries


def _refusal(entry: Entry) -> Refused:
    return Refused("source", _REASON.format(entry.source), entry.entry_id)


def _known(ids: Sequence[str]) -> set[str]:
    """Return those of some entry ids that the ledger holds: one probe of the index an id."""
    if not ids:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "select s.id::text from unnest(%s::uuid[]) as s(id),"
            " lateral (select from ledger_entry l where l.entry_id = s.id offset 0) e",
            [array(ids)],
        )
        return {known for (known,) in cursor.fetchall()}
