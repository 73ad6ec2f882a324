from __future__ import annotations

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Who people are: sealed, opened for a purpose, never opened unseen."""

    name = "wayfare.people"
    label = "people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the pages of the access record how files are named."""
        from wayfare.access import naming
        from wayfare.people import queries

        naming.register(queries.files_named, queries.person_numbered)
