"""The rooms that this installation has. A room is added here, and to the order of floors in `pyproject.toml`."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec

from wayfare.common.rooms import Room, load

INSTALLED = [
    "wayfare.tlog",
    "wayfare.witness",
    "wayfare.ledger",
    "wayfare.access",
    "wayfare.people",
    "wayfare.departures",
    "wayfare.statistics",
    "wayfare.site",
]
"""Rooms of lower floors first."""


def manifests() -> list[Room]:
    """Return what the rooms say of themselves, in their order; a room that brings nothing says nothing."""
    return [import_module(f"{name}.room").ROOM for name in INSTALLED if find_spec(f"{name}.room")]


def register() -> None:
    """Make known to lower rooms what rooms declare: entry types, projections, jobs beside the logs, and purposes."""
    from wayfare.access import purposes
    from wayfare.ledger import registry

    for room in manifests():
        types = load(room.entry_types) if room.entry_types else ()
        projections = load(room.projections) if room.projections else ()
        registry.register(types, projections)
        for job in map(load, room.jobs):
            if job not in registry.beside_the_logs:
                registry.beside_the_logs.append(job)
        for code, declared in (load(room.purposes) if room.purposes else {}).items():
            purposes.register(code, declared)
