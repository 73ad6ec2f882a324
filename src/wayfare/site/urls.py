"""Which address leads to which room."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from wayfare.site.api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", api.urls),
]
