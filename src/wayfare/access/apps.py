from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Who may come in: tokens, staff, purposes; and the record of every look."""

    name = "wayfare.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the access record logged, logs written with the door's key, and what commands read noted."""
        from wayfare.access.door import log_door
        from wayfare.access.operations import note_read_by_command
        from wayfare.access.source import ACCESS
        from wayfare.ledger import registry
        from wayfare.tlog import writers
        from wayfare.tlog.source import SOURCES

        SOURCES[ACCESS.log] = ACCESS
        writers.prove = log_door
        if note_read_by_command not in registry.readings:
            registry.readings.append(note_read_by_command)
