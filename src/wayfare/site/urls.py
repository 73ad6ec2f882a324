"""Which address leads to which room."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from wayfare.departures import web
from wayfare.ledger import web as log
from wayfare.site.api import api

urlpatterns: list[URLPattern | URLResolver] = [
    path("", web.home, name="home"),
    path("departures/", web.page, name="departures-all"),
    path("departures/choose", web.choose, name="departures-choose"),
    path("departures/<slug:key>/", web.page, name="departures"),
    path("language", web.language, name="language"),
    path("log/", log.page, name="log"),
    path("log/checkpoint", log.checkpoint, name="log-checkpoint"),
    path("log/keys", log.keys, name="log-keys"),
    path("log/tile/<path:path>", log.tile, name="log-tile"),
    path("log/access/checkpoint", log.checkpoint, {"log": "access"}, name="access-log-checkpoint"),
    path("log/access/keys", log.keys, {"log": "access"}, name="access-log-keys"),
    path("log/access/tile/<path:path>", log.tile, {"log": "access"}, name="access-log-tile"),
    path("api/v1/", api.urls),
]
