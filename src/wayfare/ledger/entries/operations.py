"""Appending entries of any kind: what comes in from outside, and one by its kind for the verbs of rooms."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from wayfare.ledger import operations as ledger
from wayfare.ledger import queries, registry
from wayfare.ledger.entries import own, parsing
from wayfare.ledger.rules import EPOCH, MICROSECOND, Entry, Refused, Result

HORIZON = timedelta(hours=24)
"""How far ahead of the clock an entry may have happened: clocks differ, plans are not departures."""


def latest_us(now: datetime) -> int:
    """Return the latest `occurred_at` that is taken at a moment, in microseconds since 1970."""
    return (now + HORIZON - EPOCH) // MICROSECOND


def record(raws: Iterable[object], *, now: datetime | None = None, writer: str | None = None) -> list[Result]:
    """Read decoded JSON values strictly and append those that are entries, in order, in one transaction.

    A Refused among them stays in its place. `writer`: the only source that may be named, if there is but one.
    `now` is the clock that "more than 24 hours in the future" is held against (default: the database's).
    Returns one result a value; what is refused leaves no trace.
    """
    raws = list(raws)
    named = {raw["programme"] for raw in raws if isinstance(raw, dict) and isinstance(raw.get("programme"), str)}
    known = registry.programmes(named)
    latest = latest_us(now or queries.clock_nearby())
    return ledger.append_together(own.refuse_forged([_read(raw, known, latest, writer) for raw in raws]))


def _read(raw: object, known: Collection[str], latest: int, writer: str | None) -> Entry | Refused:
    if isinstance(raw, Refused):
        return raw
    try:
        entry = parsing.parse(raw, programmes=known, latest_us=latest)
    except Refused as refusal:
        return refusal
    if writer is not None and entry.source != writer:
        return Refused("source", f"is not yours; this token writes as {writer}", entry.entry_id)
    return entry


def append(
    kind: str,
    fields: Mapping[str, Any],
    *,
    source: str,
    occurred_at: datetime,
    entry_id: str | None = None,
    now: datetime | None = None,
) -> Result:
    """Append an entry of a kind, which any room may have declared, within the transaction that is under way.

    `fields`: the kind's own. `source`: who says so. `entry_id`: makes the same call again a duplicate (default: a new
    one). `now`: the clock that "in the future" is held against (default: the database's). Returns the result, accepted
    or duplicate. Raises: Refused, when the fields are not those of the kind, or another entry has this `entry_id`.
    """
    common = {"kind": kind, "source": source, "occurred_at": occurred_at.isoformat()}
    (result,) = append_all([{**fields, **common, "entry_id": entry_id or str(uuid.uuid4())}], now=now)
    return result


def append_own(kind: str, each: Iterable[Mapping[str, Any]], *, occurred_at: datetime) -> list[Result]:
    """Append entries of a kind under this installation's own source, all or none.

    `each`: the kind's own fields, of one entry each. It is within the transaction that is under way: one that changes
    something else besides takes the writers' lock first (`ledger.operations.open_for_writing`), before any other lock.
    Raises: Refused.
    """
    common = {"kind": kind, "source": own.source(), "occurred_at": occurred_at.isoformat()}
    return append_all([{**fields, **common, "entry_id": str(uuid.uuid4())} for fields in each])


def append_all(raws: Sequence[Mapping[str, Any]], *, now: datetime | None = None) -> list[Result]:
    """Append whole entries in order, all or none, within the transaction that is under way.

    `now`, results and refusals: as in `append`.
    """
    named = frozenset(raw["programme"] for raw in raws if isinstance(raw.get("programme"), str))
    programmes, latest = registry.programmes(named), latest_us(now or queries.clock_nearby())
    results = ledger.append([parsing.parse(raw, programmes=programmes, latest_us=latest) for raw in raws])
    for result in results:
        if result.status not in ("accepted", "duplicate"):
            raise Refused(result.field or "entry", result.reason or "is refused", result.entry_id)
    return results
