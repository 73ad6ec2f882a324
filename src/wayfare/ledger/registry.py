"""What the rooms above tell the ledger: their kinds of entry, and what to keep in step with it.

The ledger is the lowest floor, so it cannot import those who use it; they register when they start.
"""

from __future__ import annotations

from collections.abc import Callable

from wayfare.ledger.rules import Connected, Fresh, Kind

Projector = Callable[[Fresh, list[Connected]], None]
"""Called inside the append's transaction, before the new entries are written, with what is new and with every stored
entry that references connect to those of it that are `touched`. Its statements go through `statements.run`."""

kinds: dict[str, Kind] = {}
projectors: list[Projector] = []

Reading = Callable[[int, int], None]
"""Told of the first and last position, before a command on this machine shows whole entries of the ledger."""
readings: list[Reading] = []


def register(new_kinds: dict[str, Kind], projector: Projector) -> None:
    """Make kinds known to the ledger and keep a projection in step with it; twice is as once."""
    kinds.update(new_kinds)
    if projector not in projectors:
        projectors.append(projector)


def note_reading(first: int, last: int) -> None:
    """Have the rooms above put on record that a command reads entries, committed when this returns."""
    for note in readings:
        note(first, last)
