"""The pages of departures and programmes."""

from __future__ import annotations

from wayfare.access.purposes import FIGURE_READERS
from wayfare.common.web.pages import OPEN, SIGN_IN, Page
from wayfare.departures import web

PAGES = (
    Page("", web.home, "home", OPEN),
    Page("departures/", web.page, "departures-all", SIGN_IN, FIGURE_READERS),
    Page("departures/choose", web.choose, "departures-choose", {"GET": 302}),
    Page("departures/<slug:key>/", web.page, "departures", SIGN_IN, FIGURE_READERS),
    Page("language", web.language, "language", {"GET": 302}),
)
