from __future__ import annotations

from django.apps import AppConfig


class ToyConfig(AppConfig):
    """Who is on which flight."""

    name = "tests.toy_room"
    label = "toy_room"
