"""Appending an entry by the name of its kind, for the verbs of any room."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from wayfare.ledger import operations as ledger
from wayfare.ledger import queries, registry
from wayfare.ledger.entries import parsing
from wayfare.ledger.rules import EPOCH, MICROSECOND, Refused, Result

HORIZON = timedelta(hours=24)
"""How far ahead of the clock an entry may have happened: clocks differ, plans are not departures."""


def latest_us(now: datetime) -> int:
    """Return the latest `occurred_at` that is taken at a moment, in microseconds since 1970."""
    return (now + HORIZON - EPOCH) // MICROSECOND


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
    raw = {**fields, **common, "entry_id": entry_id or str(uuid.uuid4())}
    named = frozenset({raw["programme"]}) if isinstance(raw.get("programme"), str) else frozenset()
    latest = latest_us(now or queries.clock_nearby())
    (result,) = ledger.append([parsing.parse(raw, programmes=registry.programmes(named), latest_us=latest)])
    if result.status not in ("accepted", "duplicate"):
        raise Refused(result.field or "entry", result.reason or "is refused", result.entry_id)
    return result
