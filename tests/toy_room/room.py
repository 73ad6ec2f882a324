"""The manifest of the toy room."""

from __future__ import annotations

from wayfare.common.rooms import Command, Room

ROOM = Room(
    groups={"toy": "Flights."},
    commands={"toy": {"seats": Command("tests.toy_room.cli:seats", "Count the seats of each flight.")}},
    entry_types="tests.toy_room.kinds:ENTRY_TYPES",
    projections="tests.toy_room.projection:PROJECTIONS",
    pages="tests.toy_room.urls:PAGES",
    api="tests.toy_room.api:ROUTERS",
    home="tests.toy_room.home:PARTS",
    navigation="tests.toy_room.urls:ITEMS",
    purposes="tests.toy_room.purposes:PURPOSES",
    checks={"flights": "tests.toy_room.projection:check"},
    jobs=("tests.toy_room.jobs:watch",),
)
