from __future__ import annotations

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Who people are: sealed, opened for a purpose, never opened unseen."""

    name = "wayfare.people"
    label = "people"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Tell the access record's pages how files are named, and how many steps of searches were undone."""
        from wayfare.access import naming
        from wayfare.access.queries import OTHERS_UNDONE
        from wayfare.people import queries

        naming.register(queries.files_named, queries.person_numbered)
        if queries.undone not in OTHERS_UNDONE:
            OTHERS_UNDONE.append(queries.undone)
