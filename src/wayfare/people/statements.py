"""Calling the vault's functions in the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from wayfare.access import statements
from wayfare.access.rules import Forbidden


class Stale(Exception):
    """Something changed between reading and writing: a correction, or the epoch; do the same again."""


@contextmanager
def refusals() -> Iterator[None]:
    """Raise what one of the vault's functions refuses: Forbidden, by its word; Stale."""
    try:
        with statements.refusals():
            yield
    except Forbidden as refusal:
        if refusal.code == "epoch_closed":
            raise Stale("epoch") from None
        raise


def called(query: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """Return the rows that one of the vault's functions gives. Raises: as `refusals`."""
    with refusals():
        return statements.rows(query, parameters)
