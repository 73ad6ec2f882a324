"""Calling the vault's functions in the database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wayfare.access import statements
from wayfare.access.rules import Forbidden


class Stale(Exception):
    """Something changed between reading and writing: a correction, or the epoch; do the same again."""


def called(query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows that one of the vault's functions gives.

    Raises: Forbidden, by the word that it refuses with; Stale.
    """
    try:
        return statements.called(query, parameters)
    except Forbidden as refusal:
        if refusal.code == "epoch_closed":
            raise Stale("epoch") from None
        raise
