"""Which address leads to which room: the pages of all rooms, and the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from wayfare.common.rooms import load
from wayfare.common.web.pages import Page, patterns
from wayfare.site import rooms
from wayfare.site.api import api

PAGES: list[Page] = [page for room in rooms.manifests() if room.pages for page in load(room.pages)]
urlpatterns: list[URLPattern | URLResolver] = [*patterns(PAGES), path("api/v1/", api.urls)]
