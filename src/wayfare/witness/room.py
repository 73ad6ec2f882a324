"""The manifest of the witness, which needs no database."""

from __future__ import annotations

from wayfare.common.rooms import Command, Room, Use

ROOM = Room(
    groups={
        "witness": "A witness for the logs of others; it needs no database.",
    },
    commands={
        "witness": {
            "key": Command("wayfare.witness.cli:key", "Show the keys of this witness; make them at first.", Use.OWN),
            "add-log": Command("wayfare.witness.cli:add_log", "Trust keys of a log.", Use.OWN),
            "drop-key": Command("wayfare.witness.cli:drop_key", "Trust a key of a log no more.", Use.OWN),
            "logs": Command("wayfare.witness.cli:logs", "List the logs it knows.", Use.OWN),
        },
    },
)
