"""The manifest of the ledger and its log."""

from __future__ import annotations

from wayfare.common.rooms import Command, Room, Use

ROOM = Room(
    groups={
        "ledger": "The ledger: what happened.",
        "log": "The log: anyone can check what was recorded.",
    },
    commands={
        "ledger": {
            "import": Command("wayfare.ledger.entries.cli:import_", "Append the entries of files.", Use.MAKES),
            "export": Command("wayfare.ledger.entries.cli:export", "Write entries to a file."),
            "status": Command("wayfare.ledger.projections_cli:status", "Show where the ledger stands."),
            "rebuild": Command("wayfare.ledger.projections_cli:rebuild", "Make the projections anew from the ledger."),
            "verify": Command("wayfare.ledger.projections_cli:verify", "Recount everything another way and compare."),
        },
        "log": {
            "checkpoint": Command("wayfare.ledger.cli:checkpoint", "Print the latest signed checkpoint."),
            "keys": Command("wayfare.ledger.cli:keys", "Print the keys that sign the log."),
            "prove": Command("wayfare.ledger.cli:prove", "Write the receipt of an entry."),
            "check": Command("wayfare.ledger.cli:check", "Check a receipt without asking anyone.", Use.NOTHING),
            "consistency": Command("wayfare.ledger.cli:consistency", "Prove that one size continues another."),
            "verify": Command("wayfare.ledger.cli:verify", "Recompute a log from the rows that it commits to."),
            "export": Command("wayfare.ledger.cli:export", "Write the log as files to publish."),
            "audit": Command("wayfare.ledger.cli:audit", "Check somebody's log from outside.", Use.NOTHING),
            "rotate": Command("wayfare.ledger.cli:rotate", "Make new keys for the log."),
        },
    },
    checks={"projections": "wayfare.ledger.projections:check"},
    pages="wayfare.ledger.web.urls:PAGES",
    navigation="wayfare.ledger.web.navigation:ITEMS",
)
