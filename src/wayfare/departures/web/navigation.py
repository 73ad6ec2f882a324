"""What the header leads to in this room."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError
from django.utils.translation import gettext_lazy

from wayfare.access.rules import NOTHING, Actor, reader
from wayfare.common.web.navigation import Item, always
from wayfare.departures import queries


def reads_some(actor: Actor) -> bool:
    """Tell whether somebody reads the exact figures of a programme that there is."""
    reading = reader(actor)
    if reading == NOTHING:
        return False
    try:
        return bool(queries.readable(reading)[0])
    except DatabaseError:  # the page that says so has this header too
        return False


def _everybody_reads() -> bool:
    """Tell whether this is a demo, in which everybody reads exact figures."""
    return bool(settings.DEMO)


ITEMS = (
    Item(50, "departures-all", gettext_lazy("Departures"), reads_some, _everybody_reads, under=("departures",)),
    Item(55, "home", gettext_lazy("Programmes"), for_guests=always),
)
