"""What the header leads to in this room."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from wayfare.common.web.navigation import Item
from wayfare.departures.web.navigation import reads_some

ITEMS = (Item(52, "tables", gettext_lazy("Table builder"), reads_some),)
