"""One purpose."""

from __future__ import annotations

from wayfare.access.purposes import Declared, Purpose

PURPOSES = {
    "toy_boarding": Declared(
        Purpose(("names",), {"travel_officer": "office"}, 2), "Boarding", "to let the person board"
    ),
}
