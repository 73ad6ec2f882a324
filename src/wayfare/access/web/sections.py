"""Sections of somebody's home page: what a room shows there, to whom, and how much of it waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from wayfare.access.rules import Actor


class Section(NamedTuple):
    """A card of a home page. `template` finds what it shows under `here`."""

    name: str
    """Its id on the page."""
    template: str
    here: Mapping[str, Any]
    waits: int | None = None
    """How much waits in it, for the line at the top of the page; None leaves it out there."""
    counted: str = ""
    """What is counted."""
    late: bool = False


class Part(NamedTuple):
    """Sections that a room has for some of the staff."""

    place: int
    """Where they stand among those of all rooms; the least comes first."""
    for_whom: Callable[[Actor], bool]
    sections: Callable[[Actor], Sequence[Section]]
    """Called within `acting`."""


def has(role: str) -> Callable[[Actor], bool]:
    """Return what tells whether somebody has a role."""
    return lambda actor: role in actor.roles
