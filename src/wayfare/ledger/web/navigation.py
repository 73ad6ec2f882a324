"""What the header leads to in this room."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from wayfare.common.web.navigation import Item, always

ITEMS = (Item(85, "log", gettext_lazy("Public log"), for_guests=always),)
