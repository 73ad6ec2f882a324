"""What the header leads to in this room."""

from __future__ import annotations

from django.utils.translation import gettext_lazy

from wayfare.common.web.navigation import Item

_FILES = ("file", "file-work", "file-enrol", "file-correct", "file-team", "file-take-up", "file-erase")
ITEMS = (Item(20, "files", gettext_lazy("Files"), lambda actor: actor.opens, under=_FILES),)
