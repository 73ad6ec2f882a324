from __future__ import annotations

from django.apps import AppConfig


class SiteConfig(AppConfig):
    """Names this room to Django."""

    name = "wayfare.site"
    label = "site"
    default_auto_field = "django.db.models.BigAutoField"
