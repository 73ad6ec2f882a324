"""The manifest of site: an installation as a whole."""

from __future__ import annotations

from wayfare.common.rooms import Command, Room, Use

ROOM = Room(
    commands={
        "": {
            "demo": Command(
                "wayfare.site.demo.command:demo", "A living example programme in a home of its own.", Use.OWN
            ),
            "up": Command("wayfare.site.up:up", "Run database, web and live updates until stopped.", Use.OWN),
            "check": Command("wayfare.site.check:check", "Say whether this installation is well."),
            "backup": Command("wayfare.site.backup_cli:backup_", "Back up the database; the keys apart, sealed."),
            "restore": Command("wayfare.site.backup_cli:restore_", "Restore a backup into a new home.", Use.OWN),
            "test": Command("wayfare.site.testing:test", "Run the project's checks and tests.", Use.NOTHING),
        },
        "witness": {
            "run": Command("wayfare.site.witness:run", "Answer logs until stopped.", Use.OWN),
        },
    },
    pages="wayfare.site.pages:PAGES",
    navigation="wayfare.site.pages:ITEMS",
    home="wayfare.site.home:PARTS",
)
