from __future__ import annotations

from django.apps import AppConfig


class DeparturesConfig(AppConfig):
    """Registration, confirmations, the counting rule."""

    name = "wayfare.departures"
    label = "departures"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the ledger of this room's kinds, and of the projections to keep in step."""
        from wayfare.departures import projection
        from wayfare.departures.kinds import KINDS
        from wayfare.ledger import registry

        registry.register(KINDS, projection.project)
