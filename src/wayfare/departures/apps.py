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
        """Tell the ledger of this room's kinds, and of the projections to keep in step."""
        from django.db.backends.signals import connection_created

        from wayfare.departures import projection
        from wayfare.departures.kinds import KINDS
        from wayfare.ledger import registry

        registry.register(KINDS, projection.project)
        connection_created.connect(_connected, dispatch_uid="departures.zones")
