"""A section of somebody's home page: what a room shows there, and how much of it waits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


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
