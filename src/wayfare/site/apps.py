from __future__ import annotations

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Names this room to Django."""

    name = "wayfare.site"
    label = "site"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Compile the languages whose catalogue is newer than its compiled form, into the home if there is one."""
        from django.conf import settings

        from wayfare.site import homes
        from wayfare.site.translations import compile_all

        if homes.exists(settings.WAYFARE_HOME):
            compile_all(settings.LOCALE_PATHS[0])
