"""The manifest of statistics: tables of counted departures."""

from __future__ import annotations

from wayfare.common.rooms import Command, Room

ROOM = Room(
    groups={
        "stats": "Tables.",
    },
    commands={
        "stats": {
            "table": Command("wayfare.statistics.cli:table", "Count departures or persons by dimensions."),
            "publish": Command("wayfare.statistics.cli:publish", "Write a table with its proof."),
            "verify": Command("wayfare.statistics.cli:verify_table", "Recount a published table and check its proof."),
        },
    },
    pages="wayfare.statistics.web.urls:PAGES",
    api="wayfare.statistics.api:ROUTERS",
    navigation="wayfare.statistics.web.navigation:ITEMS",
)
