from __future__ import annotations

from django.apps import AppConfig
from django.db.backends.base.base import BaseDatabaseWrapper


def _connected(connection: BaseDatabaseWrapper, **_: object) -> None:
    from wayfare.departures import zones

    zones.tell(connection.connection)


class DeparturesConfig(AppConfig):
    """Registration, confirmations, the counting rule."""

    name = "wayfare.departures"
    label = "departures"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register this room's kinds of entry and its projection with the ledger."""
        from django.db.backends.signals import connection_created

        from wayfare.departures.kinds import KINDS
        from wayfare.departures.projections import DEPARTURES
        from wayfare.ledger import registry

        registry.register(KINDS.values(), [DEPARTURES])
        connection_created.connect(_connected, dispatch_uid="departures.zones")
