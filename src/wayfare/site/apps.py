from __future__ import annotations

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Names this room to Django."""

    name = "wayfare.site"
    label = "site"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register with the ledger what the rooms bring, and compile the languages into the home if there is one.

        A language is compiled if its catalogue is newer than its compiled form.
        """
        from django.conf import settings

        from wayfare.site import homes, rooms
        from wayfare.site.translations import compile_all

        rooms.register()
        if homes.exists(settings.WAYFARE_HOME):
            compile_all(settings.LOCALE_PATHS[0])
