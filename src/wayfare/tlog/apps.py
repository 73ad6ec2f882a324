from __future__ import annotations

from django.apps import AppConfig


class TlogConfig(AppConfig):
    """Transparency logs over tables that rooms above append to."""

    name = "wayfare.tlog"
    label = "tlog"
    default_auto_field = "django.db.models.BigAutoField"
    sql_prefixes = ("log",)
