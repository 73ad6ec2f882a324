"""What a room says of itself in its `room.py`, so that site/ composes rooms without naming what is in them. Pure.

A manifest is quick to import: what a room brings stands there as text, `module:name`, and is imported when needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from typing import Any, NamedTuple


class Use(Enum):
    """What a command uses of an installation. Only commands that record something make a home."""

    NOTHING = "no home, no database"
    OWN = "a home that it chooses or makes itself"
    READS = "a home that is there, and its database"
    MAKES = "a home, which it makes if there is none, and its database"


class Command(NamedTuple):
    """Where a command lives, and what it uses: one that changes only what is there already `READS`."""

    target: str
    help: str
    use: Use = Use.READS


@dataclass(frozen=True)
class Room:
    """What a room brings. Every part may be left out."""

    groups: Mapping[str, str] = field(default_factory=dict)
    """Groups of commands that this room begins, each with its help."""
    commands: Mapping[str, Mapping[str, Command]] = field(default_factory=dict)
    """By group, this room's or another's, and name; the group of commands that stand by themselves is empty."""
    entry_types: str = ""
    """The kinds of entry that it declares (`EntryType`)."""
    projections: str = ""
    """What it derives from entries (`registry.Projection`)."""
    pages: str = ""
    """Its pages, with who may come in (`common.web.pages.Page`)."""
    home: str = ""
    """What it shows on home pages, to whom (`access.web.sections.Part`)."""
    navigation: str = ""
    """What the header leads to (`common.web.navigation.Item`)."""
    api: str = ""
    """Its routers, with the tokens that open their calls (`common.web.calls.Mounted`)."""
    purposes: str = ""
    """What files may be opened for besides (`access.purposes.Declared`), by code."""
    checks: Mapping[str, str] = field(default_factory=dict)
    """What `wayfare check` looks at: by name, a function that returns the problem with its mend, or nothing."""
    jobs: tuple[str, ...] = ()
    """Functions that run in the process of the logs, each in a thread, until the event that they are given is set."""


def load(target: str) -> Any:
    """Return what `module:name` names."""
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)
