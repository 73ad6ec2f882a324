"""One section of a home page."""

from __future__ import annotations

from tests.toy_room import projection
from wayfare.access.rules import Actor
from wayfare.access.web.sections import Part, Section, has


def _sections(actor: Actor) -> list[Section]:
    return [Section("toy", "toy_room/section.html", {"flights": projection.flights()})]


PARTS = (Part(45, has("travel_officer"), _sections),)
