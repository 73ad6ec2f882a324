from __future__ import annotations

from django.apps import AppConfig


class StatisticsConfig(AppConfig):
    """Names this room to Django."""

    name = "wayfare.statistics"
    label = "statistics"
    default_auto_field = "django.db.models.BigAutoField"
