"""The manifest of departures: programmes, and the counting rule."""

from __future__ import annotations

from wayfare.common.rooms import Command, Room, Use

ROOM = Room(
    groups={
        "programme": "Programmes: what is counted where.",
    },
    commands={
        "": {
            "simulate": Command(
                "wayfare.departures.simulate_cli:simulate", "Make departure histories with known truth.", Use.NOTHING
            ),
        },
        "programme": {
            "add": Command("wayfare.departures.cli:add", "Configure a programme.", Use.MAKES),
            "list": Command("wayfare.departures.cli:list_", "List the configured programmes."),
            "office": Command("wayfare.departures.cli:office", "Name the office whose staff read its exact figures."),
            "import": Command("wayfare.departures.cli:import_", "Configure the programmes of a JSON list.", Use.MAKES),
        },
        "ledger": {
            "zones": Command("wayfare.departures.zones_cli:group", "Show or change the version of the time zones."),
        },
    },
    entry_types="wayfare.departures.kinds:ENTRY_TYPES",
    projections="wayfare.departures.projections:PROJECTIONS",
    pages="wayfare.departures.web.urls:PAGES",
    navigation="wayfare.departures.web.navigation:ITEMS",
    home="wayfare.departures.web.programmes:PARTS",
)
