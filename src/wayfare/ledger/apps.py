from __future__ import annotations

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Append, positions, references; knows nothing of migration."""

    name = "wayfare.ledger"
    label = "ledger"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have the ledger logged."""
        from wayfare.ledger.source import LEDGER
        from wayfare.tlog.source import SOURCES

        SOURCES[LEDGER.log] = LEDGER
