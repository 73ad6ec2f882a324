"""The projections that rooms keep in step with the ledger, all of them: their status, their check, their rebuilding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import transaction

from wayfare.ledger import operations, queries, registry


def status() -> dict[str, Any]:
    """Return position, entries by kind, pending references, anomalies by kind, and what else projections tell."""
    whole: dict[str, Any] = {"position": queries.head(), "entries": queries.tally(), "pending": 0, "anomalies": {}}
    for projection in registry.projections.values():
        for name, told in projection.status().items():
            whole[name] = whole.get(name, 0) + told if isinstance(told, int) else whole.get(name, {}) | told
    return whole


def pending() -> int:
    """Return how many entries wait for something they refer to."""
    return sum(projection.status().get("pending", 0) for projection in registry.projections.values())


def problems() -> Iterator[str]:
    """Yield what a quick look finds wrong with the tally or a projection, each with its mend."""
    head, entries = queries.head(), sum(queries.tally().values())
    if head != entries:
        yield f"{head} positions but {entries} entries tallied; run wayfare ledger rebuild"
    for projection in registry.projections.values():
        if problem := projection.check():
            yield problem


def check() -> str:
    """Return all problems as `wayfare check` shows them; empty if there is none."""
    return "; ".join(problems())


def rebuild() -> int:
    """Throw the tally and every projection away and make them anew from the ledger; return the head's position.

    One transaction, under the writers' lock. Raises: Refused, when a projection cannot be made under what is installed.
    """
    with transaction.atomic():
        head, _ = operations.open_for_writing()
        operations.recount_tally()
        for projection in registry.projections.values():
            projection.rebuild(head)
    return head
