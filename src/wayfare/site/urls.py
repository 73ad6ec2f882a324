"""Which address leads to which room."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from wayfare.departures import web
from wayfare.site.api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("", web.home, name="home"),
    path("departures/", web.page, name="departures-all"),
    path("departures/choose", web.choose, name="departures-choose"),
    path("departures/<slug:key>/", web.page, name="departures"),
    path("language", web.language, name="language"),
    path("api/v1/", api.urls),
]
