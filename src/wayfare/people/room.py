"""The manifest of people: who people are, sealed."""

from __future__ import annotations

from wayfare.common.rooms import Command, Room

ROOM = Room(
    groups={
        "people": "The vault: the keys under which people's files are sealed; erasing a person.",
    },
    commands={
        "people": {
            "epochs": Command("wayfare.people.cli:epochs", "List the epochs of the master key."),
            "rotate": Command("wayfare.people.cli:rotate", "Begin a new master key and move everything to it."),
            "rewrap": Command("wayfare.people.cli:rewrap", "Go on moving everything to the newest master key."),
            "erase": Command("wayfare.people.cli:erase", "Ask that a person is erased; a second person decides."),
            "erase-epoch": Command("wayfare.people.cli:erase_epoch", "Destroy the master key of an epoch that ended."),
            "keys": Command("wayfare.people.cli:keys", "Say how the master keys are kept; seal them in a token."),
        },
    },
    entry_types="wayfare.people.kinds:ENTRY_TYPES",
    checks={"vault": "wayfare.people.checks:vault"},
    pages="wayfare.people.web.urls:PAGES",
    navigation="wayfare.people.web.navigation:ITEMS",
    home="wayfare.people.web.home:PARTS",
)
