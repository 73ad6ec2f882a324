from __future__ import annotations

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """Who may come in: tokens bound to a source, and how often."""

    name = "wayfare.access"
    label = "access"
    default_auto_field = "django.db.models.BigAutoField"
