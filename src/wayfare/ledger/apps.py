from __future__ import annotations

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    """Append, positions, references; knows nothing of migration."""

    name = "wayfare.ledger"
    label = "ledger"
    default_auto_field = "django.db.models.BigAutoField"
    sql_prefixes = ("ledger", "log")

    def ready(self) -> None:
        """Have the ledger logged."""
        from wayfare.ledger.log.source import SOURCES
        from wayfare.ledger.source import LEDGER

        SOURCES[LEDGER.log] = LEDGER
