from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Who may come in: tokens, staff, purposes; and the record of every look."""

    name = "wayfare.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the looks logged beside the ledger."""
        from wayfare.access.source import ACCESS
        from wayfare.ledger.log.source import SOURCES

        SOURCES[ACCESS.log] = ACCESS
