from __future__ import annotations

from django.apps import AppConfig


class PeopleConfig(AppConfig):
    """Who people are: sealed, opened for a purpose, never opened unseen."""

    name = "wayfare.people"
    label = "people"
    default_auto_field = "django.db.models.BigAutoField"
